"""``hazina hedge``, as an operator types it: how it stands, what it cost, on and off; and what `doctor` says."""

from __future__ import annotations

import json
import subprocess
import sys

import psycopg
import pytest
from pydantic import SecretStr
from tests.contexts.conftest import outside
from tests.ops.bank import environment

from hazina.hedging import Mode
from hazina.kernel.db import Database
from hazina.ops import Trouble, hedge
from hazina.ops.doctor import Verdict, providers
from hazina.ops.serve import beside_others
from hazina.settings import Settings

__all__ = ["outside"]

OWED = """
set session_replication_role = replica;
update ledger.account set balance = balance - 1234567 where id = 12;
update ledger.account set balance = balance - 500 where id = 4;
"""
BILLS = """
insert into hedge_bill (id, kind, at, msats, fee_msats, short_cents, said)
values ('1', 2, now(), -5000000, -5000000, 1000000, ''), ('2', 4, now(), 1234000, 0, 0, ''),
       ('3', 2, now(), 99000000, -1000000, -400000, ''), ('4', 5, now(), -7000, -7000, 0, '')
"""


@pytest.fixture
def bank(db: Database, outside: Settings, program_url: str) -> Settings:
    return outside.model_copy(update={"database_url": SecretStr(program_url), "unsafe_database": True})


def said(bank: Settings, *, as_json: bool = False) -> str:
    lines: list[str] = []
    hedge.show(bank, lines.append, as_json=as_json)
    return "\n".join(lines)


def switched(bank: Settings, mode: Mode) -> str:
    lines: list[str] = []
    hedge.switch(bank, mode, lines.append)
    return "\n".join(lines)


def test_off_the_risk_is_the_banks_and_on_it_must_be_seen(bank: Settings, owner_url: str) -> None:
    with psycopg.connect(owner_url) as connection:
        connection.execute(OWED.encode())
    text = said(bank)
    assert "hedge          off" in text and "USD 12,345.67: the risk of bitcoin's price is the bank's" in text
    assert "USD 12,350.67 in dollars, USD 5.00 of it against dollars" in text
    machine = json.loads(said(bank, as_json=True))
    assert machine["riskIsTheBanks"] and (machine["owedCents"], machine["mode"]) == (1_234_567, "off")
    assert "A worker keeps it" in switched(bank, Mode.ON)
    text = said(bank)
    assert "hedge          on, by command line" in text and "no worker has looked" in text and "risk" not in text
    assert "is being closed" in switched(bank, Mode.CLOSING)
    text = switched(bank, Mode.OFF)
    assert "Of USD 12,345.67 owed for bitcoin the risk of bitcoin's price is the bank's." in text


def test_the_report_adds_up(bank: Settings, owner_url: str) -> None:
    with psycopg.connect(owner_url) as connection:
        connection.execute(BILLS)
    lines: list[str] = []
    hedge.report(bank, 7, lines.append)
    day = lines[1].split()
    assert day[1:] == ["100,000", "1,234", "-6,007", "95,227", "USD", "14,000.00"]
    lines.clear()
    hedge.report(bank, 7, lines.append, as_json=True)
    (row,) = json.loads(lines[0])["days"]
    assert row["total_msats"] == 95_227_000 and row["traded_cents"] == 1_400_000


def test_half_a_setting_and_no_node_are_plain_sentences(bank: Settings) -> None:
    command = [sys.executable, "-m", "hazina.cli", "hedge", "on", "--data", str(bank.data)]
    assert bank.database_url is not None and bank.sandbox_url is not None
    done = subprocess.run(
        command,
        env=environment(
            DATABASE_URL=bank.database_url.get_secret_value(),
            HAZINA_UNSAFE_DATABASE="true",
            HAZINA_SANDBOX_URL=bank.sandbox_url,
            HAZINA_HEDGING__KEY="k",  # neither secret nor passphrase
        ),
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 1 and "hedging.secret: is missing." in done.stderr and "Traceback" not in done.stderr
    with pytest.raises(Trouble, match="No Bitcoin node is set"):
        hedge.address(bank, print)


def test_doctor_says_whose_the_risk_is(bank: Settings, owner_url: str) -> None:
    with psycopg.connect(owner_url) as connection:
        connection.execute(OWED.encode())
    for mode, verdict, words in (
        (Mode.OFF, Verdict.WARN, "USD 12,345.67 that customers have for bitcoin, the risk of its price is the bank's"),
        (Mode.ON, Verdict.BAD, "blind: no worker has looked"),
    ):
        switched(bank, mode)
        with beside_others(bank) as (settings, place):
            (found,) = [one for one in providers(settings, place) if one.name == "hedge"]
        assert found.verdict is verdict and words in found.said and found.mend
