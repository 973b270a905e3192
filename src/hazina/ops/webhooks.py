"""What operators do about callbacks, and who pays the rewards of quizzes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

from hazina.kernel.clock import SystemClock
from hazina.kernel.db import Database
from hazina.kernel.errors import Refusal
from hazina.learn import Funder, Funding, State
from hazina.ops import Trouble, keys
from hazina.ops.database import Place
from hazina.ops.stopping import Say
from hazina.settings import Settings
from hazina.webhooks import Delivery, Endpoint, Office

T = TypeVar("T")


def listed(settings: Settings, place: Place, say: Say) -> None:
    """Endpoints of all accounts, newest first."""
    found = _office(settings, place, lambda office: office.all())
    for one in found:
        say(_endpoint(one))
    if not found:
        say("No callback endpoints yet. Customers add them, over the API or at /callbacks.")


def _endpoint(one: Endpoint) -> str:
    state = f"off: {one.disabled_why}" if one.disabled_why else f"{one.waiting:,} waiting" if one.waiting else "on"
    return f"{one.id}  account {one.account_id}  {state:14}  {one.url}"


def log(settings: Settings, place: Place, endpoint: str, say: Say) -> None:
    """:raises Trouble: there is no such endpoint."""
    for one in _office(settings, place, lambda office: office.log_of(_id(endpoint))):
        say(_delivery(one))


def _delivery(one: Delivery) -> str:
    last = one.error or (f"status {one.status}" if one.status else "")
    state = one.state.name.lower().replace("_", " ")
    return f"{one.id}  {one.created_at:%Y-%m-%d %H:%M:%S}  {one.event_type:20} {state:10} tries {one.tries}  {last}"


def replay(settings: Settings, place: Place, delivery: str, say: Say) -> None:
    """:raises Trouble: there is no such delivery."""
    _office(settings, place, lambda office: office.replay_of(_id(delivery)))
    say("It waits again, before all others of its endpoint. A running bank sends it within seconds.")


def rotate(settings: Settings, place: Place, endpoint: str, say: Say) -> None:
    """:raises Trouble: there is no such endpoint."""
    _office(settings, place, lambda office: office.rotate_of(_id(endpoint)))
    say("It has a new secret, which its owner reads at /callbacks. For a day the one before signs too.")


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Trouble(f"{text} is no id: `hazina webhooks list` and `hazina webhooks log` show them.") from None


def _office(settings: Settings, place: Place, act: Callable[[Office], Awaitable[T]]) -> T:
    return _with(place, lambda db: act(Office(db, SystemClock(), keys.known(settings))))


def _with(place: Place, act: Callable[[Database], Awaitable[T]]) -> T:
    async def main() -> T:
        db = Database(place.url, size=1)
        await db.open()
        try:
            return await act(db)
        except Refusal as refusal:
            raise Trouble(str(refusal)) from None
        finally:
            await db.close()

    return asyncio.run(main())


# --- the funder ---


def show_funder(place: Place, say: Say) -> None:
    """Who pays, what is left, and how many were paid."""
    found, counted = _funding(place, _looked)
    if found is None:
        say("Nobody pays rewards: quizzes can be done, not claimed.")
    else:
        say(f"{found.username or found.account_id} pays rewards, and has {found.sats:,} sat.")
    for state, n in sorted(counted.items()):
        say(f"{state.name.lower():12}{n:>9,}")


async def _looked(funding: Funding) -> tuple[Funder | None, dict[State, int]]:
    return await funding.funder(), await funding.counted()


def set_funder(place: Place, name: str, say: Say) -> None:
    """``name``: a customer's username.

    :raises Trouble: there is no such customer.
    """
    _funding(place, lambda funding: funding.choose(name))
    show_funder(place, say)


def remove_funder(place: Place, say: Say) -> None:
    _funding(place, lambda funding: funding.set(None))
    show_funder(place, say)


def _funding(place: Place, act: Callable[[Funding], Awaitable[T]]) -> T:
    return _with(place, lambda db: act(Funding(db, SystemClock())))
