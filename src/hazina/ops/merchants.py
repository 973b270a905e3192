"""What operators do about the map, and what customers have written. Each asks the database directly: the bank need
not run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

from hazina.accounts import Feedback
from hazina.kernel.audit import Audit
from hazina.kernel.clock import SystemClock
from hazina.kernel.db import Database
from hazina.kernel.vault import Vault
from hazina.merchants import Merchant, Merchants, MerchantUnknown
from hazina.ops import Trouble, keys
from hazina.ops.database import Place
from hazina.ops.stopping import Say
from hazina.settings import Settings

T = TypeVar("T")


def listed(settings: Settings, place: Place, which: str, say: Say) -> None:
    """``which``: pending, map or inactive."""
    asked: dict[str, Callable[[Merchants], Awaitable[list[Merchant]]]] = {
        "pending": lambda merchants: merchants.pending(),
        "map": lambda merchants: merchants.markers(),
        "inactive": lambda merchants: merchants.inactive(),
    }
    found = _run(settings, place, asked[which])
    for one in found:
        say(_line(one))
    if not found:
        say({"pending": "None waits.", "map": "The map is empty.", "inactive": "All are active."}[which])


def _line(one: Merchant) -> str:
    at = f"{one.place.latitude:.5f},{one.place.longitude:.5f}"
    return f"{one.id}  {one.created_at:%Y-%m-%d}  {at:22} {one.username:24} {one.title}"


def approve(settings: Settings, place: Place, merchant_id: str, operator: str, say: Say) -> None:
    """:raises Trouble: there is no such merchant."""
    found = _run(settings, place, lambda merchants: merchants.approve(_id(merchant_id), operator))
    say(f"{found.title} is on the map.")


def delete(settings: Settings, place: Place, merchant_id: str, operator: str, say: Say) -> None:
    """:raises Trouble: there is no such merchant."""
    found = _run(settings, place, lambda merchants: merchants.delete(_id(merchant_id), operator))
    say(f"{found.title} is off the map.")


def feedback(place: Place, limit: int, say: Say) -> None:
    async def main() -> None:
        db = Database(place.url, size=2)
        await db.open()
        try:
            found = await Feedback(db, SystemClock()).newest(limit)
        finally:
            await db.close()
        for at, account_id, text in found:
            say(f"{at:%Y-%m-%d %H:%M}  account {account_id}\n{_plain(text)}\n")
        if not found:
            say("Nobody has written.")

    asyncio.run(main())


def _plain(text: str) -> str:
    """What a stranger wrote, without what a terminal would obey."""
    return "".join(c if c.isprintable() or c == "\n" else "�" for c in text)


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise MerchantUnknown from None


def _run(settings: Settings, place: Place, verb: Callable[[Merchants], Awaitable[T]]) -> T:
    known = keys.known(settings)

    async def main() -> T:
        db = Database(place.url, size=2)
        await db.open()
        try:
            return await verb(Merchants(db, SystemClock(), Audit(Vault(known))))
        except MerchantUnknown as refusal:
            raise Trouble(str(refusal)) from None
        finally:
            await db.close()

    return asyncio.run(main())
