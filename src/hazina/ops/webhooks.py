"""What operators do about callbacks, and who pays the rewards of quizzes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

from hazina.kernel.clock import SystemClock
from hazina.kernel.db import Database
from hazina.kernel.errors import Refusal
from hazina.learn import Funder, Learn
from hazina.ops import Trouble, keys, serve
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
    async def main() -> T:
        db = Database(place.url, size=1)
        await db.open()
        try:
            return await act(Office(db, SystemClock(), keys.known(settings)))
        except Refusal as refusal:
            raise Trouble(str(refusal)) from None
        finally:
            await db.close()

    return asyncio.run(main())


# --- the funder ---


def show_funder(settings: Settings, say: Say) -> None:
    _funder(settings, lambda learn, _: learn.funder(), None, say)


def set_funder(settings: Settings, name: str, say: Say) -> None:
    """``name``: a customer's username or phone number.

    :raises Trouble: there is no such customer.
    """

    async def act(learn: Learn, account_id: UUID | None) -> Funder | None:
        await learn.set_funder(account_id)
        return await learn.funder()

    _funder(settings, act, name, say)


def remove_funder(settings: Settings, say: Say) -> None:
    async def act(learn: Learn, _: UUID | None) -> Funder | None:
        await learn.set_funder(None)
        return None

    _funder(settings, act, None, say)


def _funder(
    settings: Settings,
    act: Callable[[Learn, UUID | None], Awaitable[Funder | None]],
    name: str | None,
    say: Say,
) -> None:
    async def main() -> tuple[Funder | None, dict[str, int]]:
        await bank.start()
        try:
            wallet = await bank.accounts.default_wallet(name, None) if name is not None else None
            found = await act(bank.learn, wallet.account_id if wallet else None)
            return found, {state.name.lower(): n for state, n in (await bank.learn.counted()).items()}
        except Refusal as refusal:
            raise Trouble(str(refusal)) from None
        finally:
            await bank.stop()

    with serve.beside_others(settings) as (settings, place):
        bank = serve.built(settings, place)
        found, counted = asyncio.run(main())
    if found is None:
        say("Nobody pays rewards: quizzes can be done, not claimed.")
    else:
        say(f"{found.username or found.account_id} pays rewards, and has {found.sats:,} sat.")
    for state, n in sorted(counted.items()):
        say(f"{state:12}{n:>9,}")
