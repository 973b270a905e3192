"""Addresses, outputs, rates and the log of events in the database: plain functions, transaction first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg.types.json import Jsonb

from hazina.chain.model import (
    COINBASE_CONFIRMATIONS,
    Address,
    ChainEvent,
    EventKind,
    FeeRate,
    Output,
    OutputState,
    PayoutNews,
    Place,
    Speed,
    Standing,
    TransferNews,
)
from hazina.kernel.background import lock_number
from hazina.kernel.db import Tx

EVENTS_MAX = 1_000
PENDING_SHOWN_MAX = 100

# --- the hot wallet and its addresses ---------------------------------------------------------------


async def wallet(tx: Tx) -> tuple[str, str] | None:
    """Name and receiving descriptor of the bank's hot wallet; None before it was first opened."""
    return await tx.one(lambda name, descriptor: (name, descriptor), "select name, descriptor from chain_wallet")


async def keep_wallet(tx: Tx, name: str, descriptor: str, now: datetime) -> None:
    await tx.execute(
        """insert into chain_wallet (name, descriptor, opened_at) values (%(name)s, %(descriptor)s, %(now)s)
        on conflict do nothing""",
        {"name": name, "descriptor": descriptor, "now": now},
    )


_ADDRESS: LiteralString = "select address, owner, created_at, used_at from chain_address"


async def address(tx: Tx, text: str) -> Address | None:
    return await tx.one(Address, _ADDRESS + " where address = %(address)s", {"address": text})


async def address_of_request(tx: Tx, request: UUID) -> Address | None:
    return await tx.one(Address, _ADDRESS + " where request = %(request)s", {"request": request})


async def newest_address(tx: Tx, owner: UUID) -> Address | None:
    """The last that was asked for."""
    return await tx.one(
        Address,
        _ADDRESS + " where owner = %(owner)s and request is not null order by place desc limit 1",
        {"owner": owner},
    )


async def learn(tx: Tx, addresses: Sequence[tuple[str, bytes, int, UUID | None, UUID | None]], now: datetime) -> int:
    """Add (text, script, place, owner, request); how many were new. Where two were made for one request, at the
    same moment, the first is its answer and the others are spare ones of the owner."""
    rows = [
        {"address": text, "script": script.hex(), "place": place, "owner": owner and str(owner),
         "request": request and str(request)}
        for text, script, place, owner, request in addresses
    ]  # fmt: skip
    return await tx.execute(
        """
        insert into chain_address (address, script, place, owner, request, created_at)
        select address, decode(script, 'hex'), place, owner,
            case when row_number() over (partition by request order by place) = 1
                and not exists (select 1 from chain_address a where a.request = r.request) then request end, %(now)s
        from jsonb_to_recordset(%(rows)s)
            as r(address text, script text, place int, owner uuid, request uuid)
        where not exists (select 1 from chain_address a where a.address = r.address)
        order by place on conflict (address) do nothing
        """,
        {"rows": Jsonb(rows), "now": now},
    )


async def last_place(tx: Tx) -> int:
    """The highest place of an address that we know; -1 when there is none."""
    return int(await tx.value("select coalesce(max(place), -1) from chain_address"))


async def addresses_from(tx: Tx, place: int, limit: int) -> list[tuple[str, int, UUID | None, UUID | None]]:
    """Text, place, owner and request of the addresses from ``place`` on, in their order."""
    return await tx.rows(
        lambda text, place, owner, request: (text, place, owner, request),
        """select address, place, owner, request from chain_address where place >= %(place)s
        order by place limit %(limit)s""",
        {"place": place, "limit": limit},
    )


async def unknown_places(tx: Tx, made: int, limit: int) -> list[int]:
    """Places under ``made`` of which we have no address, lowest first."""
    if await tx.value("select count(*) from chain_address where place < %(made)s", {"made": made}) == made:
        return []
    return await tx.rows(
        int,
        """select n from generate_series(0, %(made)s - 1) as n
        where not exists (select 1 from chain_address where place = n) order by n limit %(limit)s""",
        {"made": made, "limit": limit},
    )


async def ours(tx: Tx, scripts: Sequence[bytes]) -> dict[bytes, tuple[str, UUID | None]]:
    """Those of these scripts that are ours: address and owner."""
    found = await tx.rows(
        lambda script, text, owner: (bytes(script), (text, owner)),
        "select script, address, owner from chain_address where script = any(%(scripts)s)",
        {"scripts": list(scripts)},
    )
    return dict(found)


async def our_addresses(tx: Tx, texts: Sequence[str]) -> dict[str, UUID | None]:
    """Those of these addresses that are ours, with their owners."""
    found = await tx.rows(
        lambda text, owner: (text, owner),
        "select address, owner from chain_address where address = any(%(texts)s)",
        {"texts": list(texts)},
    )
    return dict(found)


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


async def output(tx: Tx, txid: str, vout: int) -> Output | None:
    return await tx.one(_output, _OUTPUT + " where txid = %(txid)s and vout = %(vout)s", {"txid": txid, "vout": vout})


async def outputs(tx: Tx, keys: Sequence[tuple[str, int]]) -> list[Output]:
    return await tx.rows(
        _output,
        _OUTPUT
        + """ join unnest(%(txids)s::text[], %(vouts)s::int[]) as k(txid, vout) using (txid, vout)
        order by txid, vout for update of chain_output""",
        {"txids": [txid for txid, _ in keys], "vouts": [vout for _, vout in keys]},
    )


async def touched(tx: Tx, fork: int, tip: int, *, rewound: bool) -> list[Output]:
    """Those that a chain from ``fork`` to ``tip`` may change: deep enough now; above the fork; and, when blocks
    were taken away, settled ones that may no longer be deep enough."""
    return await tx.rows(
        _output,
        _OUTPUT
        + """ where (state = 0 and height is not null and height + needed <= %(tip)s + 1) or height > %(fork)s
        or (%(rewound)s and state = 1 and height > %(tip)s - %(deepest)s)
        order by height, txid, vout for update""",
        {"fork": fork, "tip": tip, "rewound": rewound, "deepest": COINBASE_CONFIRMATIONS},
    )


async def waiting(tx: Tx, limit: int) -> list[Output]:
    """Seen, without a block; those that wait longest first."""
    return await tx.rows(
        _output,
        _OUTPUT + " where state = 0 and height is null order by seen_at limit %(limit)s",
        {"limit": limit},
    )


async def keep_outputs(tx: Tx, outputs: Sequence[Output], now: datetime) -> None:
    """Write outputs as they are now; mark their addresses as used."""
    if not outputs:
        return
    rows = [
        {"txid": one.txid, "vout": one.vout, "address": one.address, "owner": one.owner and str(one.owner),
         "sats": one.sats, "height": one.height, "needed": one.confirmations_needed, "coinbase": one.coinbase,
         "state": one.state.value, "seen_at": (one.seen_at or now).isoformat()}
        for one in sorted(outputs, key=lambda one: (one.txid, one.vout))
    ]  # fmt: skip
    await tx.execute(
        """
        insert into chain_output
            (txid, vout, address, owner, sats, state, needed, coinbase, height, seen_at, settled_at)
        select txid, vout, address, owner, sats, state, needed, coinbase, height, seen_at,
            case when state = 1 then %(now)s::timestamptz end
        from jsonb_to_recordset(%(rows)s)
            as r(txid text, vout int, address text, owner uuid, sats bigint, height int, needed smallint,
                 coinbase boolean, state smallint, seen_at timestamptz)
        on conflict (txid, vout) do update set state = excluded.state, height = excluded.height,
            needed = excluded.needed, settled_at = coalesce(chain_output.settled_at, excluded.settled_at)
        """,
        {"rows": Jsonb(rows), "now": now},
    )
    await tx.execute(
        """update chain_address set used_at = %(now)s where used_at is null and address in
        (select address from chain_address where address = any(%(used)s) order by address for update)""",
        {"used": sorted({one.address for one in outputs}), "now": now},
    )


async def waiting_count(tx: Tx) -> int:
    return int(await tx.value("select count(*) from chain_output where state = 0"))


# --- how far the watch is ---------------------------------------------------------------------------

BLOCKS_KEPT = 2_016
"""The deepest reorganisation that is followed; beyond it somebody must look."""


def _place(height: int, hash_: str, work: Any) -> Place:
    return Place(height, hash_, int(work))


async def cursor(tx: Tx) -> Place | None:
    """The newest block that was taken in."""
    return await tx.one(_place, "select height, hash, work from chain_block order by height desc limit 1")


async def places(tx: Tx, below: int, limit: int) -> list[Place]:
    """Blocks that were taken in, from ``below`` downwards."""
    return await tx.rows(
        _place,
        "select height, hash, work from chain_block where height < %(below)s order by height desc limit %(limit)s",
        {"below": below, "limit": limit},
    )


WATCH_LOCK = lock_number("chain:watch")


async def one_watcher(tx: Tx) -> None:
    """Nobody else takes in blocks until the commit."""
    await tx.execute("select pg_advisory_xact_lock(%(lock)s)", {"lock": WATCH_LOCK})


async def move_cursor(tx: Tx, fork: int, blocks: Sequence[Place]) -> None:
    """The chain above ``fork`` is now ``blocks``."""
    await tx.execute("delete from chain_block where height > %(fork)s", {"fork": fork})
    await tx.execute(
        """insert into chain_block (height, hash, work)
        select * from unnest(%(heights)s::int[], %(hashes)s::text[], %(works)s::numeric[])""",
        {
            "heights": [one.height for one in blocks],
            "hashes": [one.hash for one in blocks],
            "works": [str(one.work) for one in blocks],
        },
    )
    await tx.execute(
        "delete from chain_block where height < (select max(height) from chain_block) - %(kept)s", {"kept": BLOCKS_KEPT}
    )


async def note_node(tx: Tx, height: int, headers: int, catching_up: bool, best: str, now: datetime) -> None:
    """The node has answered."""
    await tx.execute(
        """
        insert into chain_node (height, headers, catching_up, best, moved_at, looked_at, done_at)
        values (%(height)s, %(headers)s, %(catching_up)s, %(best)s, %(now)s, %(now)s, %(now)s)
        on conflict (one) do update set height = excluded.height, headers = excluded.headers,
            catching_up = excluded.catching_up, best = excluded.best, looked_at = excluded.looked_at,
            moved_at = case when chain_node.best = excluded.best then chain_node.moved_at else excluded.moved_at end
        """,
        {"height": height, "headers": headers, "catching_up": catching_up, "best": best, "now": now},
    )


async def note_done(tx: Tx, now: datetime) -> None:
    """Every block and the mempool were taken in."""
    await tx.execute("update chain_node set done_at = %(now)s", {"now": now})


async def standing(tx: Tx) -> Standing | None:
    return await tx.one(
        Standing,
        """select coalesce((select max(height) from chain_block), 0), height, headers, catching_up, moved_at, looked_at,
        done_at from chain_node""",
    )


# --- fee rates --------------------------------------------------------------------------------------


async def keep_rates(tx: Tx, rates: Sequence[FeeRate]) -> None:
    for rate in sorted(rates, key=lambda one: one.speed):
        await tx.execute(
            """insert into chain_fee_rate (speed, msat_per_vb, estimated, at)
            values (%(speed)s, %(rate)s, %(estimated)s, %(at)s)
            on conflict (speed) do update set msat_per_vb = excluded.msat_per_vb, estimated = excluded.estimated,
                at = excluded.at where excluded.at >= chain_fee_rate.at""",
            {"speed": rate.speed.value, "rate": rate.msat_per_vb, "estimated": rate.estimated, "at": rate.at},
        )


async def rate(tx: Tx, speed: Speed) -> FeeRate | None:
    return await tx.one(
        lambda speed, rate, estimated, at: FeeRate(Speed(speed), rate, estimated, at),
        "select speed, msat_per_vb, estimated, at from chain_fee_rate where speed = %(speed)s",
        {"speed": speed.value},
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


async def tell(tx: Tx, told: Sequence[tuple[EventKind, Output | PayoutNews]], at: datetime) -> None:
    """``emit`` for many outputs or payouts, in this order."""
    if not told:
        return
    await tx.execute("select pg_advisory_xact_lock(%(lock)s)", {"lock": LOG_LOCK})
    rows = [{"kind": kind.value, "body": _body(output)} for kind, output in told]
    await tx.execute(
        """insert into chain_event (kind, at, body)
        select (e.one ->> 'kind')::smallint, %(at)s, e.one -> 'body'
        from jsonb_array_elements(%(rows)s) with ordinality as e(one, n) order by e.n""",
        {"rows": Jsonb(rows), "at": at},
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
