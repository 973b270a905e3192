"""The keys as an operator handles them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from pydantic import SecretStr

from hazina.identity import FactorKind, Identity
from hazina.kernel.clock import ManualClock
from hazina.kernel.crypto import Keys
from hazina.kernel.db import Database
from hazina.kernel.keyfile import keys_in
from hazina.ops import Trouble, doctor, keys
from hazina.ops.database import Place
from hazina.settings import Settings

T = TypeVar("T")


class Mute:
    async def send(self, to: str, body: str, *, whatsapp: str | None = None) -> None:
        raise AssertionError("nothing is sent here")


async def in_thread(work: Callable[[], T]) -> T:
    """Commands have event loops of their own."""
    return await asyncio.to_thread(work)


async def customer(db: Database, clock: ManualClock, with_keys: Keys) -> None:
    identity = Identity(db, clock, Mute(), with_keys)
    await identity.open_keys()
    async with db.transaction() as tx:
        await identity.links.begin(tx, FactorKind.NOSTR, "ab" * 32)


async def test_rotate_and_rewrap(db: Database, owner_url: str, clock: ManualClock, tmp_path: Path) -> None:
    settings, place = Settings.model_validate({"data": tmp_path}), Place(db.url, owner_url, None)
    said: list[str] = []
    await customer(db, clock, keys_in(tmp_path))
    await in_thread(lambda: keys.listed(settings, place, said.append))
    assert [line.split() for line in said] == [["kek-1", "1", "people", "wraps", "what", "is", "new"]]
    await in_thread(lambda: keys.rotate(settings, place, said.append))
    await in_thread(lambda: keys.rewrap(settings, place, said.append))
    assert said[-1] == "1 people's keys are wrapped by kek-2 now."
    said.clear()
    await in_thread(lambda: keys.listed(settings, place, said.append))
    assert [line.split()[:2] for line in said] == [["kek-1", "0"], ["kek-2", "1"]]
    assert not any(key.hex() in "".join(said) for key in keys_in(tmp_path).wrapping.values())


async def test_wrong_and_lost_keys(db: Database, owner_url: str, clock: ManualClock, tmp_path: Path) -> None:
    settings, place = Settings.model_validate({"data": tmp_path}), Place(db.url, owner_url, None)
    await customer(db, clock, keys_in(tmp_path))
    finding = await in_thread(lambda: doctor.personal(place, settings))
    assert finding.verdict is doctor.Verdict.WELL
    for text in (Keys.fresh().as_text(), "damaged"):
        (tmp_path / "keys").write_text(text)
        finding = await in_thread(lambda: doctor.personal(place, settings))
        assert finding.verdict is doctor.Verdict.BAD and finding.mend
        with pytest.raises(Trouble):
            await in_thread(lambda: keys.rewrap(settings, place, print))
    (tmp_path / "keys").unlink()
    with pytest.raises(Trouble, match="There is no"):
        await in_thread(lambda: keys.listed(settings, place, print))
    assert not (tmp_path / "keys").exists(), "looking makes none"


async def test_keys_of_the_settings_are_not_written(db: Database, owner_url: str, tmp_path: Path) -> None:
    own = Keys.fresh()
    settings = Settings.model_validate({"data": tmp_path, "keys": SecretStr(own.as_text())})
    with pytest.raises(Trouble, match="print-new"):
        keys.rotate(settings, Place(db.url, owner_url, None), print)
    said: list[str] = []
    keys.print_new(settings, said.append)
    assert Keys.parse(own.as_text() + said[0]).active == "kek-2"
    assert list(tmp_path.iterdir()) == []
