"""The proof must bite: each of these faults, put into the functions on purpose, has to be noticed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest
from tests.ledger.conftest import LEDGER_SQL
from tests.ledger.proof import all_at_once, one_after_the_other


@dataclass(frozen=True, slots=True)
class Mutant:
    file: str
    right: str
    wrong: str
    alone: bool = True
    """False: shows only when many work at once."""


WALK, POST = "2_walk.sql", "3_post.sql"

MUTANTS = {
    "no lock": Mutant(POST, "order by t.id for update) q", "order by t.id) q", alone=False),
    "the payer is not locked": Mutant(
        POST,
        """from (select * from ledger.account t where t.id = any (p_src || p_dst) order by t.id for update) q;""",
        """from (select * from ledger.account t where t.id = any (p_src || p_dst) order by t.id) q;
        perform 1 from ledger.account t where t.id = any (p_dst) order by t.id for update;""",
        alone=False,
    ),
    "holds are not taken back": Mutant(
        WALK, "if l_op[k] = 2 then h_state[h] := -1; h_opened[h] := 0;", "if l_op[k] = 2 then null;"
    ),
    "held money is not taken back": Mutant(WALK, "a_held[k] := a_held[k] - e_held[e_count];", ""),
    "a credit is not taken back": Mutant(
        WALK,
        "a_balance[k] := a_balance[k] - e_amount[e_count];",
        "a_balance[k] := a_balance[k] - least(e_amount[e_count], 0);",
    ),
    "an ended hold stays ended": Mutant(WALK, "h_state[h] := 0; h_closed[h] := 0; h_taken[h] := 0;", "null;"),
    "the floor ignores held money": Mutant(
        WALK, "elsif a_balance[s] - a_held[s] - x < a_floor[s]", "elsif a_balance[s] - x < a_floor[s]"
    ),
    "a post in part releases only its part": Mutant(
        WALK, "reserved := -h_amount[h];", "reserved := case o when 3 then -x else -h_amount[h] end;"
    ),
    "a replay ignores the hold's id": Mutant(POST, " and t.ref = p_ref[u.a:u.z]", ""),
    "a replay inside a batch ignores the hold's id": Mutant(
        WALK, "and l_ref[t_first[twin]:t_last[twin]] = l_ref[first:last]", ""
    ),
    "a replay inside a batch is forgotten": Mutant(
        POST, "if (select count(*) <> count(distinct u) from unnest(p_id) u) then", "if false then"
    ),
    "a skipped replay does not exist": Mutant(POST, "t.id is null or u.code = 30", "t.id is null or u.code in (3, 30)"),
    "no price is asked": Mutant(WALK, "elsif a_asset[s] = bitcoin and not t_priced[i] then c := 16;", ""),
    "the expected seq is ignored": Mutant(WALK, "t_code[i] := 4;\n            continue;", "null;"),
    "the time is that of the transaction's begin": Mutant(
        POST, "clock := clock_timestamp();", "clock := now();", alone=False
    ),
}


@pytest.fixture
def with_mutants(books_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(books_url, autocommit=True) as connection:
        yield connection
        for part in (WALK, POST):
            connection.execute((LEDGER_SQL / part).read_text(), prepare=False)


@pytest.mark.parametrize("name", MUTANTS)
async def test_is_noticed(name: str, with_mutants: psycopg.Connection, books_url: str) -> None:
    mutant = MUTANTS[name]
    source = (LEDGER_SQL / mutant.file).read_text()
    assert mutant.right in source, "the mutant fits the source"
    with_mutants.execute(source.replace(mutant.right, mutant.wrong, 1), prepare=False)
    try:
        wrong = await one_after_the_other(books_url, range(8), 30, Counter()) if mutant.alone else []
        wrong = wrong or await all_at_once(books_url, range(1000, 1004), connections=8, batches=15)
    except psycopg.Error as error:
        wrong = [f"{type(error).__name__}: {error}"]
    except AssertionError as error:
        wrong = [f"not even the start: {error}"]
    assert wrong, f"nobody noticed: {name}"
    print(f"{name}: {wrong[0][:150]}")
