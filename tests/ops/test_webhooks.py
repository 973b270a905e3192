"""``hazina webhooks``, on a database whose bank does not run; secrets survive a change of the bank's keys."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from tests.ops.bank import hazina

from hazina.kernel.clock import SystemClock
from hazina.kernel.db import Database
from hazina.kernel.keyfile import keys_in
from hazina.webhooks import Office, message_id


async def test_webhooks_are_listed_replayed_and_rotated(db: Database, program_url: str, tmp_path: Path) -> None:
    office = Office(db, SystemClock(), keys_in(tmp_path))
    place = {"DATABASE_URL": program_url, "HAZINA_DATA": str(tmp_path)}
    endpoint, delivery = uuid4(), uuid4()

    def webhooks(*arguments: str) -> str:
        done = hazina("webhooks", *arguments, **place)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "No callback endpoints yet" in webhooks("list")
    async with db.transaction() as tx:
        await tx.execute(
            """insert into webhook_endpoint (id, account_id, url, secret, created_at, failures)
            values (%(id)s, %(account)s, 'https://shop.example/hook', '\\x00', now(), 3)""",
            {"id": endpoint, "account": uuid4()},
        )
        await tx.execute(
            """insert into webhook_delivery (id, endpoint_id, event_type, body, state, created_at, ended_at)
            values (%(id)s, %(endpoint)s, 'send.onchain', '{}', 2, now(), now())""",
            {"id": delivery, "endpoint": endpoint},
        )
        first = await office.renew(tx, endpoint)
    assert "https://shop.example/hook" in webhooks("list")
    assert "given up" in webhooks("log", str(endpoint)) and message_id(delivery) == f"msg_{delivery.hex}"
    assert "sends it within seconds" in webhooks("replay", str(delivery))
    assert "waiting" in webhooks("log", str(endpoint)) and "1 waiting" in webhooks("list")
    said = webhooks("rotate", str(endpoint))
    assert "whsec_" not in said
    async with db.transaction() as tx:
        second = await office.secret(tx, endpoint)
    assert second.startswith("whsec_") and second != first
    assert hazina("keys", "rotate", **place).returncode == 0
    done = hazina("keys", "rewrap", **place)
    assert done.returncode == 0, done.stderr
    keys = keys_in(tmp_path)
    newest = keys.without(next(iter(keys.wrapping)))
    async with db.transaction() as tx:
        assert await Office(db, SystemClock(), newest).secret(tx, endpoint) == second
    funder = [hazina("funder", *said, **place) for said in (("show",), ("set", "nobody"), ("remove",))]
    assert [done.returncode for done in funder] == [0, 1, 0] and "Nobody pays" in funder[0].stdout
    assert funder[1].stderr.startswith("hazina: ") and "Traceback" not in funder[1].stderr
    for wrong in (("log", str(uuid4())), ("replay", str(uuid4())), ("rotate", "none")):
        done = hazina("webhooks", *wrong, **place)
        assert done.returncode == 1 and done.stderr.startswith("hazina: ") and "Traceback" not in done.stderr
