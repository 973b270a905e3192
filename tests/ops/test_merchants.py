"""``hazina merchants`` and ``hazina feedback``, on a database whose bank does not run."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID, uuid4

from tests.ops.bank import hazina

from hazina.accounts import Feedback
from hazina.kernel.audit import Audit
from hazina.kernel.clock import SystemClock
from hazina.kernel.db import Database
from hazina.kernel.keyfile import keys_in
from hazina.kernel.vault import Vault
from hazina.merchants import Merchants

CUSTOMER = """
with made as (insert into person (id, created_at) values (%(id)s, now())),
    account as (insert into account (id, user_id, username, level, status, default_wallet_id, display_currency,
        created_at) values (%(id)s, %(id)s, 'amina', 1, 'active', %(id)s, 'USD', now()))
insert into wallet (id, account_id, asset, ledger_account, created_at) values (%(id)s, %(id)s, 1, 4711, now())
"""


async def test_an_operator_looks_at_places_and_reads_what_customers_write(
    db: Database, program_url: str, tmp_path: Path
) -> None:
    place = {"DATABASE_URL": program_url, "HAZINA_DATA": str(tmp_path)}
    vault, account_id = Vault(keys_in(tmp_path)), uuid4()
    async with db.transaction() as tx:
        await tx.execute(CUSTOMER, {"id": account_id})
        await tx.execute(
            "insert into feedback (id, account_id, text, created_at) values (%(id)s, %(a)s, %(text)s, now())",
            {"id": uuid4(), "a": account_id, "text": "Asante\x1b[2J sana"},
        )
    merchants = Merchants(db, SystemClock(), Audit(vault))
    made = await merchants.suggest("amina", "Duka la Amina", -1.3133, 36.7876, None)

    def run(*arguments: str, code: int = 0) -> str:
        done = hazina(*arguments, **place)
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    listed = run("merchants", "list")
    assert str(made.id) in listed and "-1.31330,36.78760" in listed and "Duka la Amina" in listed
    assert "on the map" in run("merchants", "approve", str(made.id), "--operator", "zawadi")
    assert [one.id for one in await merchants.markers()] == [made.id]
    assert "no such merchant" in run("merchants", "delete", str(UUID(int=5)), "--operator", "zawadi", code=1)
    said = run("feedback")
    assert "Asante" in said and "\x1b" not in said and str(account_id) in said
    assert len(await Feedback(db, SystemClock()).newest(10)) == 1
