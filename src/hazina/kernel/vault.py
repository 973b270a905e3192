"""Persons' keys in the database. Steps only; ``kernel.crypto`` does the sealing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast
from uuid import UUID

from hazina.kernel.crypto import BadKeys, Keys, PersonKey
from hazina.kernel.db import Tx

REWRAP_BATCH = 500
_KEY = "person key"


@dataclass(frozen=True, slots=True)
class Vault:
    keys: Keys

    async def new(self, tx: Tx, person_id: UUID) -> PersonKey:
        """A key for somebody who has none."""
        key, name, wrapped = self.keys.new_person(person_id)
        tx.kept[_KEY, person_id] = key
        await tx.execute(
            "insert into person_key (person_id, kek_id, wrapped) values (%(id)s, %(name)s, %(wrapped)s)",
            {"id": person_id, "name": name, "wrapped": wrapped},
        )
        return key

    async def key_of(self, tx: Tx, person_id: UUID) -> PersonKey | None:
        """None: there never was one, or it was destroyed."""
        if (kept := tx.kept.get((_KEY, person_id))) is not None:
            return cast(PersonKey, kept)
        found = await tx.one(
            lambda name, wrapped: (name, wrapped),
            "select kek_id, wrapped from person_key where person_id = %(id)s and wrapped is not null",
            {"id": person_id},
        )
        if found is None:
            return None
        key = tx.kept[_KEY, person_id] = self.keys.unwrap(person_id, *found)
        return key

    async def destroy(self, tx: Tx, person_id: UUID) -> bool:
        """For good. False: there was none (any more)."""
        tx.kept.pop((_KEY, person_id), None)
        query = "update person_key set wrapped = null where person_id = %(id)s and wrapped is not null"
        return await tx.execute(query, {"id": person_id}) == 1

    async def rewrap(self, tx: Tx) -> int:
        """Bring some keys that an older key wraps under the active one; how many. What they sealed stays as
        it is. 0: all are."""
        old = await tx.rows(
            lambda id_, name, wrapped: (id_, name, wrapped),
            """select person_id, kek_id, wrapped from person_key
            where wrapped is not null and kek_id <> %(active)s order by person_id limit %(n)s for update skip locked""",
            {"active": self.keys.active, "n": REWRAP_BATCH},
        )
        for person_id, name, wrapped in old:
            fresh = self.keys.wrap(person_id, self.keys.unwrap(person_id, name, wrapped).key)
            await tx.execute(
                "update person_key set kek_id = %(name)s, wrapped = %(wrapped)s where person_id = %(id)s",
                {"name": self.keys.active, "wrapped": fresh, "id": person_id},
            )
        return len(old)

    async def check(self, tx: Tx) -> None:
        """See that these are the keys of this database; remember new ones. Raises BadKeys."""
        for name, mark in self.keys.marks().items():
            await tx.execute(
                "insert into key_mark (name, mark) values (%(name)s, %(mark)s) on conflict do nothing",
                {"name": name, "mark": mark},
            )
        known = await marks(tx)
        for name, mark in self.keys.marks().items():
            if known[name] != mark:
                raise BadKeys(f"the key {name} is another than the one that this database was written with")
        needed = await tx.rows(str, "select distinct kek_id from person_key where wrapped is not null")
        if missing := set(needed) - set(self.keys.wrapping):
            raise BadKeys(f"the key {min(missing)} is not among those that the bank was given")


async def marks(tx: Tx) -> dict[str, bytes]:
    return dict(await tx.rows(lambda name, mark: (name, mark), "select name, mark from key_mark"))
