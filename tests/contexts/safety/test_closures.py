"""Closing is one step, lifting takes two operators, and all of it is written down."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest

from hazina.kernel.clock import ManualClock
from hazina.kernel.db import Database
from hazina.kernel.errors import Refusal
from hazina.kernel.ids import new_id
from hazina.ledger import Books, Code, Unit
from hazina.safety import (
    CLAIMS,
    InvalidOperatorName,
    LiftNeedsAnother,
    NotClosed,
    OperatorRefused,
    OperatorTaken,
    PassphraseTooShort,
    Rail,
    Safety,
    leaving,
    stopping,
)

AMINA, BARAKA = "bahari ya shaba", "punda wa mchanga"


@pytest.fixture
async def safety(db: Database, clock: ManualClock) -> Safety:
    safety = Safety(db, clock)
    await safety.add_operator("amina", AMINA, by="test")
    await safety.add_operator("baraka", BARAKA, by="test")
    return safety


async def stopped(db: Database, rail: Rail = Rail.LIGHTNING) -> str | None:
    async with db.transaction() as tx:
        found = await stopping(tx, rail)
    return found.by if found else None


async def test_two_operators_lift(db: Database, safety: Safety) -> None:
    await safety.close(Rail.LIGHTNING, by="I5", reason="The node differs.")
    assert await stopped(db) == "I5"
    asked = await safety.lift(Rail.LIGHTNING, "amina", AMINA)
    assert not asked.done and await stopped(db) == "I5"
    assert (await safety.lift(Rail.LIGHTNING, "baraka", BARAKA)).done
    assert await stopped(db) is None
    said = [(line.what, line.by) for line in reversed(await safety.log())]
    assert said[2:] == [("closed", "I5"), ("lift asked for", "amina"), ("lifted", "baraka")]


async def test_one_operator_twice_does_not_lift(db: Database, safety: Safety, clock: ManualClock) -> None:
    await safety.close(Rail.BANK, by="I1", reason="x")
    await safety.lift(Rail.BANK, "amina", AMINA)
    with pytest.raises(LiftNeedsAnother):
        await safety.lift(Rail.BANK, "amina", AMINA)
    clock.advance(timedelta(hours=2))  # the request has ended: another wish is a new request
    assert not (await safety.lift(Rail.BANK, "amina", AMINA)).done
    clock.advance(timedelta(hours=1))
    assert not (await safety.lift(Rail.BANK, "baraka", BARAKA)).done
    assert await stopped(db) == "I1"


async def test_a_new_reason_voids_a_request(db: Database, safety: Safety) -> None:
    await safety.close(Rail.LIGHTNING, by="I5", reason="x")
    await safety.lift(Rail.LIGHTNING, "amina", AMINA)
    await safety.close(Rail.LIGHTNING, by="I6", reason="y")
    assert not (await safety.lift(Rail.LIGHTNING, "baraka", BARAKA)).done
    (closure,) = await safety.closures()
    assert (closure.by, closure.reason, closure.lift_asked_by) == ("I5", "x", "baraka")


@pytest.mark.parametrize(
    ("name", "secret"), [("amina", BARAKA), ("nobody", AMINA), ("amina", ""), ("amina", "x" * 10**6)]
)
async def test_who_is_no_operator_is_refused_and_noted(safety: Safety, name: str, secret: str) -> None:
    await safety.close(Rail.BANK, by="I1", reason="x")
    with pytest.raises(OperatorRefused):
        await safety.lift(Rail.BANK, name, secret)
    assert (await safety.log(1))[0].what == "operator refused"


async def test_a_removed_operator_lifts_nothing(safety: Safety) -> None:
    await safety.close(Rail.BANK, by="I1", reason="x")
    await safety.remove_operator("amina", by="test")
    with pytest.raises(OperatorRefused):
        await safety.lift(Rail.BANK, "amina", AMINA)
    with pytest.raises(OperatorTaken):
        await safety.add_operator("amina", AMINA, by="test")


async def test_what_is_refused(safety: Safety) -> None:
    refused: list[tuple[type[Refusal], str, str]] = [
        (PassphraseTooShort, "chausiku", "short"),
        (InvalidOperatorName, "Chausiku", AMINA),
        (InvalidOperatorName, "x" * 41, AMINA),
        (OperatorTaken, "baraka", AMINA),
    ]
    for refusal, name, secret in refused:
        with pytest.raises(refusal):
            await safety.add_operator(name, secret, by="test")
    with pytest.raises(NotClosed):
        await safety.lift(Rail.BANK, "amina", AMINA)


async def test_the_bank_closes_every_rail_and_a_rail_only_itself(db: Database, safety: Safety) -> None:
    await safety.close(Rail.LIGHTNING, by="x", reason="x")
    assert await stopped(db, Rail.BANK) is None
    await safety.close(Rail.BANK, by="y", reason="y")
    for name, secret in (("amina", AMINA), ("baraka", BARAKA)):
        await safety.lift(Rail.LIGHTNING, name, secret)
    assert await stopped(db) == "y"


async def test_the_claim_is_decided_in_the_commit_of_any_process(db: Database, safety: Safety) -> None:
    one, two = Books(db, claims=CLAIMS), Books(db, claims=CLAIMS)
    await one.open()
    await two.open()
    try:
        for books in (one, two):
            assert (await books.commit(Unit(new_id(), claims=(leaving(Rail.LIGHTNING),)))).ok
        await safety.close(Rail.BANK, by="I2", reason="x")
        for books in (one, two):
            result = await books.commit(Unit(new_id(), claims=(leaving(Rail.LIGHTNING),)))
            assert (result.code, result.claim, result.detail["rail"]) == (Code.SKIPPED, "leaving", "bank")
    finally:
        await one.close()
        await two.close()


PAST_THE_PROGRAM = (
    "delete from closure",
    "truncate closure cascade",
    "update closure set lifted_by = 'baraka', lifted_at = since",
    "update closure set lift_asked_by = 'amina', lift_until = since + interval '1h', lifted_by = 'baraka',"
    " lifted_at = since",
    "update closure set reason = 'nothing'",
    "delete from safety_log",
    "update safety_log set by = 'nobody'",
    "truncate safety_log",
    "delete from operator",
)


@pytest.mark.parametrize("statement", PAST_THE_PROGRAM)
async def test_the_database_itself_refuses(owner_url: str, safety: Safety, statement: str) -> None:
    await safety.close(Rail.BANK, by="I1", reason="x")
    with psycopg.connect(owner_url) as connection, pytest.raises(psycopg.errors.Error) as refused:
        connection.execute(statement.encode())
    assert refused.value.sqlstate in ("42501", "23514")
