"""Addresses, outputs, rates and the log of events in the database: plain functions, transaction first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg.types.json import Jsonb

from hazina.chain.model import Address, ChainEvent, EventKind, Output, OutputState, PayoutNews, TransferNews
from hazina.kernel.background import lock_number
from hazina.kernel.db import Tx

EVENTS_MAX = 1_000
PENDING_SHOWN_MAX = 100

# --- addresses --------------------------------------------------------------------------------------


async def address(tx: Tx, text: str) -> Address | None:
    return await tx.one(
        Address,
        "select address, owner, created_at, used_at from chain_address where address = %(address)s",
        {"address": text},
    )


# --- outputs ----------------------------------------------------------------------------------------

_OUTPUT: LiteralString = """
select txid, vout, address, owner, sats, height, needed, coinbase, state, seen_at from chain_output
"""


def _output(*r: Any) -> Output:
    v = [*r]
    v[8] = OutputState(r[8])
    return Output(*v)


async def pending_outputs(tx: Tx, owners: Sequence[UUID]) -> list[Output]:
    """Seen and not settled, newest first."""
    return await tx.rows(
        _output,
        _OUTPUT + " where state = 0 and owner = any(%(owners)s) order by seen_at desc limit %(limit)s",
        {"owners": list(owners), "limit": PENDING_SHOWN_MAX},
    )


# --- the log of events ------------------------------------------------------------------------------

LOG_LOCK = lock_number("chain:events")


async def emit(
    tx: Tx,
    kind: EventKind,
    at: datetime,
    *,
    output: Output | None = None,
    payout: PayoutNews | None = None,
    transfer: TransferNews | None = None,
) -> None:
    """Tell of something in the commit in which it happens. Writers of the log stand in line until their
    commits, so that readers who follow ``seq`` miss nothing: emit last, after every row is locked."""
    assert sum(one is not None for one in (output, payout, transfer)) == 1, "an event tells of one thing"
    await tx.execute("select pg_advisory_xact_lock(%(lock)s)", {"lock": LOG_LOCK})
    await tx.execute(
        "insert into chain_event (kind, at, body) values (%(kind)s, %(at)s, %(body)s)",
        {"kind": kind.value, "at": at, "body": Jsonb(_body(output or payout or transfer))},
    )


async def events_after(tx: Tx, after: int, limit: int) -> list[ChainEvent]:
    """In order of ``seq``, which is the order of commits; at most ``EVENTS_MAX``."""
    return await tx.rows(
        _event,
        "select seq, kind, at, body from chain_event where seq > %(after)s order by seq limit %(limit)s",
        {"after": after, "limit": min(limit, EVENTS_MAX)},
    )


def _body(told: Output | PayoutNews | TransferNews | None) -> dict[str, Any]:
    if isinstance(told, Output):
        return {
            "txid": told.txid, "vout": told.vout, "address": told.address,
            "owner": None if told.owner is None else str(told.owner),
            "sats": told.sats, "height": told.height, "needed": told.confirmations_needed, "coinbase": told.coinbase,
        }  # fmt: skip
    if isinstance(told, PayoutNews):
        return {
            "payout": str(told.payout_id), "txid": told.txid, "vout": told.vout, "fee_share": told.fee_share_sats,
            "reason": told.reason,
        }  # fmt: skip
    assert told is not None
    return {
        "transfer": str(told.transfer_id), "direction": told.direction, "sats": told.sats, "fee": told.fee_sats,
        "txid": told.txid,
    }  # fmt: skip


_STATE_TOLD = {
    EventKind.OUTPUT_SEEN: OutputState.SEEN,
    EventKind.OUTPUT_SETTLED: OutputState.SETTLED,
    EventKind.OUTPUT_UNSETTLED: OutputState.SEEN,
    EventKind.OUTPUT_DROPPED: OutputState.DROPPED,
}


def _event(seq: int, kind: int, at: datetime, body: dict[str, Any]) -> ChainEvent:
    told = EventKind(kind)
    if told in _STATE_TOLD:
        owner = None if body["owner"] is None else UUID(body["owner"])
        output = Output(
            body["txid"], body["vout"], body["address"], owner, body["sats"], body["height"], body["needed"],
            body["coinbase"], _STATE_TOLD[told],
        )  # fmt: skip
        return ChainEvent(seq, told, at, output=output)
    if "payout" in body:
        news = PayoutNews(UUID(body["payout"]), body["txid"], body["vout"], body["fee_share"], body["reason"])
        return ChainEvent(seq, told, at, payout=news)
    moved = TransferNews(UUID(body["transfer"]), body["direction"], body["sats"], body["fee"], body["txid"])
    return ChainEvent(seq, told, at, transfer=moved)
