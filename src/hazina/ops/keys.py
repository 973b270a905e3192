"""The keys of what is personal: which there are, and a new one that wraps the others' work from now on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from hazina import links
from hazina.kernel import keyfile
from hazina.kernel.audit import Audit
from hazina.kernel.clock import SystemClock
from hazina.kernel.crypto import BadKeys, Keys
from hazina.kernel.db import Database, Tx
from hazina.kernel.vault import Vault
from hazina.oauth import OAuth
from hazina.ops import Trouble
from hazina.ops.database import Place
from hazina.ops.stopping import Say
from hazina.settings import Settings
from hazina.webhooks import Office

T = TypeVar("T")


def known(settings: Settings) -> Keys:
    """:raises Trouble: they cannot be read."""
    try:
        if settings.keys is not None:
            return Keys.parse(settings.keys.get_secret_value())
        return Keys.parse((settings.data / keyfile.NAME).read_text())
    except FileNotFoundError:
        raise Trouble(f"There is no {settings.data / keyfile.NAME}, and the setting keys_file names none.") from None
    except (BadKeys, OSError) as error:
        raise Trouble(f"The keys cannot be read: {error}.") from None


def check(settings: Settings, place: Place) -> str:
    """Whether the keys are those of the database; what to say of them.

    :raises Trouble: they are not.
    """
    keys = known(settings)
    waiting = _run(place, keys, lambda tx, vault: _checked(tx, vault))
    return f"{len(keys.wrapping)} wrapping keys, {keys.active} for what is new" + (
        f"; {waiting} people's phones are not sealed yet: start the bank once" if waiting else ""
    )


async def _checked(tx: Tx, vault: Vault) -> int:
    await vault.check(tx)
    waiting: int = await tx.value("select count(*) from phone_to_move")
    return waiting


def listed(settings: Settings, place: Place, say: Say) -> None:
    """Names only, each with how many people's keys it wraps."""
    keys = known(settings)
    used = dict(_run(place, keys, lambda tx, _: _used(tx)))
    for name in keys.wrapping:
        active = "   wraps what is new" if name == keys.active else ""
        say(f"{name:12}{used.get(name, 0):>9,} people{active}")


async def _used(tx: Tx) -> list[tuple[str, int]]:
    return await tx.rows(
        lambda name, n: (name, n),
        "select kek_id, count(*) from person_key where wrapped is not null group by kek_id",
    )


def rotate(settings: Settings, place: Place, say: Say) -> None:
    """A new wrapping key in the data folder's file. Processes take it up when they are started again.

    :raises Trouble: the keys are not in the data folder.
    """
    if settings.keys is not None:
        raise Trouble("The keys come from the settings: add a line there with `hazina keys print-new`, then rewrap.")
    keys = known(settings).with_new()
    keyfile.replace(settings.data, keys)
    say(f"{keys.active} wraps what is new, in every process that is started from now on.")
    say(f"The file before is {keyfile.NAME}.old. Restart all processes, then run `hazina keys rewrap`.")


def print_new(settings: Settings, say: Say) -> None:
    """The line to add to a keys file that lies elsewhere."""
    keys = known(settings).with_new()
    say(f"{keys.active} {keys.wrapping[keys.active].hex()}")


def rewrap(settings: Settings, place: Place, say: Say) -> None:
    """Bring every person's key, keys that sign tokens and zaps, and secrets of callbacks under the newest one. The bank
    may run."""
    keys = known(settings)

    async def all_of_them(db: Database) -> int:
        vault, done = Vault(keys), 0
        oauth = OAuth(db, SystemClock(), Audit(vault), settings.origin, keys)
        try:
            await oauth.reseal_keys()
        finally:
            await oauth.close()
        await Office(db, SystemClock(), keys).reseal()
        async with db.transaction() as tx:
            await links.reseal(tx, keys)
        async with db.transaction() as tx:
            await vault.check(tx)
        while some := await db.again(vault.rewrap):
            done += some
        return done

    done = _with(place, all_of_them)
    say(f"{done:,} people's keys are wrapped by {keys.active} now.")


def _run(place: Place, keys: Keys, step: Callable[[Tx, Vault], Awaitable[T]]) -> T:
    async def one(db: Database) -> T:
        async with db.transaction() as tx:
            return await step(tx, Vault(keys))

    return _with(place, one)


def _with(place: Place, work: Callable[[Database], Awaitable[T]]) -> T:
    async def main() -> T:
        db = Database(place.url, size=1)
        await db.open()
        try:
            return await work(db)
        finally:
            await db.close()

    try:
        return asyncio.run(main())
    except BadKeys as error:
        raise Trouble(f"These are not the keys of this database: {error}.") from None
