"""The life of a deposit as a table and as rules; fee rates; blocks as bytes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hazina.chain import EventKind, FeeRate, Output, OutputState, Policy, Speed, flow
from hazina.chain.flow import LIFE, Event, advanced, sighted
from hazina.chain.model import Found, Standing, chosen_rate, confirmations_needed, quoted
from hazina.kernel import blocks
from hazina.kernel.bolt11 import Network

LIVES_PAGE = Path(__file__).parents[2] / "docs" / "deposit-lives.md"
AT = datetime(2026, 3, 1, tzinfo=UTC)
POLICY = Policy()
SEEN, SETTLED, DROPPED, DUST = OutputState

# What an event means where it changes nothing: every pair is either in the table or has its reason here.
NOTHING = {
    (SEEN, Event.SIGHT): "seen again",
    (SEEN, Event.SHALLOW): "not deep enough, as before",
    (SETTLED, Event.SIGHT): "in a block, as before",
    (SETTLED, Event.DEEP): "told once",
    (SETTLED, Event.VANISH): "cannot be: it loses its depth first",
    (DROPPED, Event.DEEP): "cannot be: it is sighted first",
    (DROPPED, Event.SHALLOW): "nothing was told that could be taken back",
    (DROPPED, Event.VANISH): "told once",
    **{(DUST, event): "dust has no life" for event in Event},
}


def test_every_state_has_an_answer_to_every_event() -> None:
    pairs = {(state, event) for state in OutputState for event in Event}
    assert pairs == set(LIFE) | set(NOTHING) and not set(LIFE) & set(NOTHING)
    for state, event in NOTHING:
        assert flow.after(state, event) is None


def test_the_drawing_in_the_docs_is_the_table() -> None:
    assert LIVES_PAGE.read_text() == flow.drawing(), "write what hazina.chain.flow.drawing() says into it"


def test_a_told_settlement_can_always_be_taken_back_and_told_again() -> None:
    """SETTLED and UNSETTLED alternate on every walk through the table."""
    for state, event in LIFE:
        to, kind = LIFE[state, event]
        assert (kind is EventKind.OUTPUT_SETTLED) == (to is SETTLED)
        assert (kind is EventKind.OUTPUT_UNSETTLED) == (state is SETTLED)


def found(n: int, height: int | None, sats: int = 50_000, vout: int = 0, *, coinbase: bool = False) -> Found:
    return Found(f"{n:064x}", vout, f"address-{n}", UUID(int=n), sats, height, coinbase)


def known(outputs: list[Output]) -> dict[tuple[str, int], Output]:
    return {(one.txid, one.vout): one for one in outputs}


@pytest.mark.parametrize(
    ("sats", "needed"), [(1, 2), (1_000_000, 2), (1_000_001, 3), (10_000_000, 3), (10_000_001, 6), (10**15, 6)]
)
def test_onc_01_depth_by_amount(sats: int, needed: int) -> None:
    assert confirmations_needed(sats, False, POLICY) == needed
    assert confirmations_needed(sats, True, POLICY) == 101


def test_onc_04_outputs_of_one_transaction_wait_for_its_sum() -> None:
    pieces = [found(1, 10, 1_000_000, vout) for vout in range(11)]
    changes = advanced({}, pieces, 9, 10, AT, POLICY)
    assert {one.output.confirmations_needed for one in changes} == {6}


def test_onc_05_dust_is_kept_and_not_told() -> None:
    (change,) = advanced({}, [found(1, 10, 4_999)], 9, 30, AT, POLICY)
    assert change.output.state is DUST and change.told == ()
    (again,) = advanced(known([change.output]), [], 5, 31, AT, POLICY)
    assert again.output.height is None and again.told == ()
    assert sighted({}, [found(1, None, 4_999)], [], AT, POLICY) == []


def test_a_mempool_look_drops_only_what_has_no_block() -> None:
    inside = replace(advanced({}, [found(1, 10)], 9, 10, AT, POLICY)[0].output)
    outside = sighted({}, [found(2, None)], [], AT, POLICY)[0].output
    have = known([inside, outside])
    changes = sighted(have, [], have, AT, POLICY)
    assert [(one.output.txid, one.told) for one in changes] == [(outside.txid, (EventKind.OUTPUT_DROPPED,))]


def test_a_look_that_shows_nothing_new_changes_nothing() -> None:
    output = sighted({}, [found(1, None)], [], AT, POLICY)[0].output
    assert sighted(known([output]), [found(1, None)], [], AT, POLICY) == []
    mined = advanced(known([output]), [found(1, 10)], 9, 10, AT, POLICY)[0].output
    assert mined.state is SEEN and mined.height == 10
    assert advanced(known([mined]), [], 10, 10, AT, POLICY) == []


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[int, int, dict[int, int]]]:
    """Reorganisations: the fork, the new tip, and where in the new blocks which transactions stand."""
    steps, tip, where = [], 100, dict[int, int]()
    for _ in range(draw(st.integers(1, 12))):
        fork = tip - draw(st.integers(0, min(8, tip - 90)))
        end = max(fork, tip) + draw(st.integers(1, 4))
        kept = {n: height for n, height in where.items() if height <= fork}
        new = {n: draw(st.integers(fork + 1, end)) for n in draw(st.sets(st.integers(1, 4))) if n not in kept}
        where, tip = kept | new, end
        steps.append((fork, end, new))
    return steps


@given(histories(), st.booleans())
def test_f13_what_is_credited_is_what_is_deep_in_the_chain(
    steps: list[tuple[int, int, dict[int, int]]], looks: bool
) -> None:
    """Whatever the chain does: a follower who adds at SETTLED and takes away at UNSETTLED has exactly what stands
    deep enough in the chain of that moment, and never hears the same twice in a row."""
    have: dict[tuple[str, int], Output] = {}
    where: dict[int, int] = {}
    heard: dict[str, list[EventKind]] = {}
    for fork, tip, new in steps:
        where = {n: height for n, height in where.items() if height <= fork} | new
        changes = advanced(have, [found(n, height) for n, height in sorted(new.items())], fork, tip, AT, POLICY)
        if looks:
            have = have | known([one.output for one in changes])
            lost = [key for key, one in have.items() if one.height is None and one.state is SEEN]
            changes += sighted(have, [], lost, AT, POLICY)
        for change in changes:
            have[change.output.txid, change.output.vout] = change.output
            heard.setdefault(change.output.txid, []).extend(change.told)
        for n in range(1, 5):
            kinds = heard.get(f"{n:064x}", [])
            assert all(one is not two for one, two in pairwise(kinds))
            weight = kinds.count(EventKind.OUTPUT_SETTLED) - kinds.count(EventKind.OUTPUT_UNSETTLED)
            assert weight == (n in where and tip - where[n] + 1 >= 2)


# --- the watch's own standing -----------------------------------------------------------------------


def standing(**changes: object) -> Standing:
    return replace(Standing(100, 100, 100, False, AT, AT, AT), **changes)  # type: ignore[arg-type]  # a test's short cut


def test_f12_trouble_is_told_within_two_minutes() -> None:
    soon = AT + timedelta(minutes=2)
    well = standing(looked_at=soon, done_at=soon, moved_at=soon)
    assert well.trouble(soon, POLICY) is None
    assert "not answered" in (standing().trouble(soon, POLICY) or "")
    assert "stuck" in (replace(well, headers=103, moved_at=AT).trouble(soon, POLICY) or "")
    assert "catching up" in (replace(well, catching_up=True).trouble(soon, POLICY) or "")
    assert "behind" in (replace(well, node_height=98, headers=98).trouble(soon, POLICY) or "")
    assert "the watch is at" in (replace(well, done_at=AT).trouble(soon, POLICY) or "")
    assert replace(well, headers=103).trouble(soon, POLICY) is None, "a block comes after its header"
    late = AT + timedelta(hours=2)
    quiet = standing(looked_at=late, done_at=late)
    assert "no new block" in (quiet.trouble(late, POLICY) or "")
    assert quiet.trouble(late, Policy.of(Network.REGTEST)) is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"headers": 103, "moved_at": AT}, "stuck at block 100 of 103"),
        ({"catching_up": True, "headers": 900}, "catching up: block 100 of 900"),
        ({"node_height": 98, "headers": 98}, "behind the bank's 100"),
    ],
)
def test_f12_payouts_wait_for_a_node_that_does_not_know_todays_chain(changes: dict[str, Any], said: str) -> None:
    now = AT + timedelta(hours=2)
    quiet = standing(looked_at=AT, done_at=AT)
    assert quiet.trouble(now, POLICY) and quiet.astray(now, POLICY) is None, "silence and a long gap are other things"
    astray = replace(quiet, **changes)
    assert said in (astray.astray(now, POLICY) or "")
    assert said in (replace(astray, looked_at=now).trouble(now, POLICY) or "")


# --- fees -------------------------------------------------------------------------------------------


def test_onc_09_rates_have_a_floor_a_cap_and_a_fallback() -> None:
    assert chosen_rate(None, 1_000, POLICY) == POLICY.rate_fallback
    assert chosen_rate(20_000, 1_000, POLICY) == 20_000
    assert chosen_rate(10, 100, POLICY) == POLICY.rate_floor
    assert chosen_rate(2_000, 30_000, POLICY) == 30_000, "what the mempool takes at least"
    assert chosen_rate(10**9, 1_000, POLICY) == POLICY.rate_cap


@given(st.integers(1, 10**6), st.integers(22, 34))
def test_a_quote_is_never_below_the_rate(rate: int, script: int) -> None:
    quote = quoted(FeeRate(Speed.FAST, rate, True, AT), script)
    assert quote.miner_sats * 1_000 >= quote.vbytes * rate > (quote.miner_sats - 1) * 1_000


# --- blocks -----------------------------------------------------------------------------------------

GENESIS = bytes.fromhex(
    "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3"
    "888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c0101000000010000000000000000000000000000000000000000000000000000"
    "000000000000ffffffff4d04ffff001d0104455468652054696d65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e2062"
    "72696e6b206f66207365636f6e64206261696c6f757420666f722062616e6b73ffffffff0100f2052a01000000434104678afdb0fe554827"
    "1967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5f"
    "ac00000000"
)


def test_the_first_block_is_read() -> None:
    block = blocks.read(GENESIS)
    assert block.hash == "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"
    assert block.previous == "0" * 64
    assert block.txid(0) == "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b"
    assert [(one.n, one.vout, one.sats, len(one.script)) for one in block.outputs] == [(0, 0, 50 * 10**8, 67)]


@given(st.integers(0, len(GENESIS) - 1))
def test_a_block_that_is_cut_is_refused(size: int) -> None:
    with pytest.raises(blocks.BlockUnreadable):
        blocks.read(GENESIS[:size])
    with pytest.raises(blocks.BlockUnreadable):
        blocks.read(GENESIS + b"\0" * (size + 1))


@given(st.binary(max_size=400), st.integers(80, len(GENESIS)))
def test_no_bytes_do_more_than_be_refused(junk: bytes, keep: int) -> None:
    for raw in (junk, GENESIS[:keep] + junk):
        try:
            blocks.read(raw)
        except blocks.BlockUnreadable:
            continue
