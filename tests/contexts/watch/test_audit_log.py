"""The night's look follows the audit log's chain."""

from __future__ import annotations

import psycopg
from tests.contexts.watch.conftest import Town

from hazina.kernel import audit


async def test_a_line_that_was_changed_is_found_at_night(town: Town, owner_url: str) -> None:
    async with town.whole.bank.db.transaction() as tx:
        assert await audit.link(tx) > 0, "people logged in"
    assert await town.night() == {}
    with psycopg.connect(owner_url) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute("update audit set result = 'refused' where id = (select min(id::text)::uuid from audit)")
    assert await town.night() == {"audit-chain": "I8"}
