"""SQL of payouts and batches. Locks: the batch, then its payouts, then the log of events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from hazina.chain.batch import (
    Batch,
    BatchState,
    Overtaken,
    Payout,
    PayoutState,
    Purpose,
    Version,
)
from hazina.chain.model import Speed
from hazina.chain.ports import Coin, Signed
from hazina.kernel.db import Tx

LIVE_MAX = 1_000
"""Batches that are looked at in one round; far more than can be in flight."""

DUST_MAX = 50_000

# --- payouts ----------------------------------------------------------------------------------------

_PAYOUT: LiteralString = """
select id, address, sats, speed, fee_quoted, state, created_at, batch_id, vout, vbytes, reason from chain_payout
"""


def _payout(id_: UUID, address: str, sats: int, speed: str, fee: int, state: int, *rest: Any) -> Payout:
    return Payout(id_, address, sats, Speed(speed), fee, PayoutState(state), *rest)


async def payout(tx: Tx, payout_id: UUID) -> Payout | None:
    return await tx.one(_payout, _PAYOUT + " where id = %(id)s", {"id": payout_id})


async def queued(tx: Tx, speed: Speed, limit: int) -> list[Payout]:
    """Oldest first."""
    return await tx.rows(
        _payout,
        _PAYOUT + " where state = 0 and speed = %(speed)s order by created_at, id limit %(limit)s",
        {"speed": speed.value, "limit": limit},
    )


async def payouts_of(tx: Tx, batch_id: UUID) -> list[Payout]:
    """In order of their outputs."""
    return await tx.rows(_payout, _PAYOUT + " where batch_id = %(id)s order by vout", {"id": batch_id})


async def waiting(tx: Tx) -> dict[Speed, tuple[int, int, datetime]]:
    """Of each queue that is not empty: how many payouts, how much, since when."""
    found = await tx.rows(
        lambda speed, n, sats, oldest: (Speed(speed), (n, int(sats), oldest)),
        "select speed, count(*), sum(sats), min(created_at) from chain_payout where state = 0 group by speed",
    )
    return dict(found)


async def in_flight(tx: Tx) -> dict[UUID, int]:
    """What each batch of payouts that lives pays, in all."""
    found = await tx.rows(
        lambda batch, sats: (batch, int(sats)),
        "select batch_id, sum(sats) from chain_payout where state in (1, 2) group by batch_id",
    )
    return dict(found)


async def queue_own_payout(
    tx: Tx, payout_id: UUID, address: str, sats: int, speed: Speed, fee_quoted: int, payer: str, at: datetime
) -> None:
    """Queue coins of the bank itself to an address outside; the context ``payer`` books what becomes of them. The same
    id again changes nothing."""
    assert sats > 0, "a payout pays something"
    await tx.execute(
        """
        insert into chain_payout (id, address, sats, speed, fee_quoted, created_at, payer)
        values (%(id)s, %(address)s, %(sats)s, %(speed)s, %(fee)s, %(at)s, %(payer)s) on conflict (id) do nothing
        """,
        {
            "id": payout_id, "address": address, "sats": sats, "speed": speed.value, "fee": fee_quoted, "at": at,
            "payer": payer,
        },
    )  # fmt: skip


async def payer_of(tx: Tx, payout_id: UUID) -> str | None:
    """The context whose own coins a payout is of; None: it is a customer's withdrawal, or there is none."""
    found: str | None = await tx.value("select payer from chain_payout where id = %(id)s", {"id": payout_id})
    return found


async def payouts_open(tx: Tx) -> int:
    """Satoshi that will leave the hot wallet by payouts which are not settled, with the fees quoted for them."""
    query = "select coalesce(sum(sats + fee_quoted), 0) from chain_payout where state < 3 and payer is null"
    return int(await tx.value(query))


async def cancel(tx: Tx, payout_id: UUID, reason: str) -> bool:
    """Only while it is queued."""
    return bool(
        await tx.execute(
            "update chain_payout set state = 4, reason = %(reason)s where id = %(id)s and state = 0",
            {"id": payout_id, "reason": reason[:500]},
        )
    )


async def _move_payouts(tx: Tx, batch_id: UUID, old: PayoutState, new: PayoutState) -> None:
    await tx.execute(
        "update chain_payout set state = %(new)s where batch_id = %(batch)s and state = %(old)s",
        {"batch": batch_id, "old": old.value, "new": new.value},
    )


# --- batches ----------------------------------------------------------------------------------------

_BATCH: LiteralString = """
select b.id, b.purpose, b.state, b.speed, b.sats, b.address, b.parent, b.created_at, b.txid, b.height, b.trouble,
    (select jsonb_agg(jsonb_build_array(v.n, v.txid, encode(v.raw, 'hex'), v.fee, v.vsize, v.rate, v.change_vout,
        v.built_at, v.broadcast_at) order by v.n) from chain_version v where v.batch_id = b.id),
    (select jsonb_agg(jsonb_build_array(c.txid, c.vout, c.sats) order by c.txid, c.vout)
        from chain_coin c where c.batch_id = b.id)
from chain_batch b
"""


def _batch(*r: Any) -> Batch:
    v = [*r]
    v[1], v[2], v[3] = Purpose(r[1]), BatchState(r[2]), None if r[3] is None else Speed(r[3])
    v[11] = tuple(_version(*one) for one in r[11])
    v[12] = tuple(Coin(*one) for one in r[12])
    return Batch(*v)


def _version(n: int, txid: str, raw: str, *r: Any) -> Version:
    built, broadcast = r[4], r[5]
    return Version(
        n, txid, bytes.fromhex(raw), r[0], r[1], r[2], r[3], datetime.fromisoformat(built),
        None if broadcast is None else datetime.fromisoformat(broadcast),
    )  # fmt: skip


async def batch(tx: Tx, batch_id: UUID) -> Batch | None:
    return await tx.one(_batch, _BATCH + " where b.id = %(id)s", {"id": batch_id})


async def live(tx: Tx) -> list[Batch]:
    """Signed or broadcast, oldest first."""
    return await tx.rows(_batch, _BATCH + " where b.state in (1, 2) order by b.created_at limit %(n)s", {"n": LIVE_MAX})


async def settled_above(tx: Tx, height: int) -> list[Batch]:
    """Settled in blocks above this height."""
    return await tx.rows(
        _batch,
        _BATCH + " where b.state = 3 and b.height > %(height)s order by b.height limit %(n)s",
        {"height": height, "n": LIVE_MAX},
    )


async def live_coins(tx: Tx) -> dict[tuple[str, int], bool]:
    """Coins of the hot wallet in batches that live. True: the node may not know yet that they are spent."""
    found = await tx.rows(
        lambda txid, vout, signed: ((txid, vout), signed),
        """select c.txid, c.vout, b.state = 1 from chain_coin c join chain_batch b on b.id = c.batch_id
        where b.state in (1, 2) and b.purpose <> 3 and not c.freed""",
    )
    return dict(found)


async def dust(tx: Tx) -> set[tuple[str, int]]:
    """Coins that were sent to us and are too small to be spent at anybody's cost; of the newest."""
    found: list[tuple[str, int]] = await tx.rows(
        lambda txid, vout: (txid, vout),
        "select txid, vout from chain_output where state = 3 order by seen_at desc limit %(n)s",
        {"n": DUST_MAX},
    )
    return set(found)


async def child_of(tx: Tx, txids: Sequence[str]) -> UUID | None:
    """A live batch that spends an output of one of these transactions."""
    found: UUID | None = await tx.value(
        """select b.id from chain_coin c join chain_batch b on b.id = c.batch_id
        where c.txid = any(%(txids)s) and b.state in (1, 2) and not c.freed order by b.created_at desc limit 1""",
        {"txids": list(txids)},
    )
    return found


async def put_batch(
    tx: Tx,
    batch_id: UUID,
    purpose: Purpose,
    at: datetime,
    *,
    speed: Speed | None = None,
    sats: int = 0,
    address: str | None = None,
    parent: UUID | None = None,
    payouts: Sequence[tuple[UUID, int]] = (),
) -> None:
    """A batch of queued payouts (id, size of the output in vbytes), in order of their outputs; its first version
    follows in the same transaction.

    :raises Overtaken: one of them is not queued any more; a sweep, or a child of this parent, is on its way already.
    """
    put = await tx.execute(
        """insert into chain_batch (id, purpose, state, speed, sats, address, parent, created_at)
        values (%(id)s, %(purpose)s, 1, %(speed)s, %(sats)s, %(address)s, %(parent)s, %(at)s)
        on conflict do nothing""",
        {
            "id": batch_id, "purpose": purpose.value, "speed": speed.value if speed else None, "sats": sats,
            "address": address, "parent": parent, "at": at,
        },
    )  # fmt: skip
    if not put:
        raise Overtaken("there is one already")
    ids = [one for one, _ in payouts]
    taken = await tx.execute(
        """with locked as (
            select p.id, g.vout - 1 as vout, g.vbytes
            from unnest(%(ids)s::uuid[], %(vbytes)s::int[]) with ordinality as g(id, vbytes, vout)
            join chain_payout p on p.id = g.id where p.state = 0 order by p.id for update of p)
        update chain_payout p set state = 1, batch_id = %(batch)s, vout = l.vout, vbytes = l.vbytes
        from locked l where p.id = l.id""",
        {"ids": ids, "vbytes": [size for _, size in payouts], "batch": batch_id},
    )
    if taken != len(ids):
        raise Overtaken("a payout is not queued any more")


async def add_version(
    tx: Tx, batch_id: UUID, n: int, signed: Signed, rate: int, change_vout: int | None, at: datetime
) -> None:
    """The ``n``-th version of a live batch, with the coins that it spends.

    :raises Overtaken: there is another, the batch lives no more, or a coin belongs to another batch.
    """
    newest = await tx.value(
        """select (select coalesce(max(n), 0) from chain_version where batch_id = b.id) from chain_batch b
        where b.id = %(id)s and b.state in (1, 2) for update of b""",
        {"id": batch_id},
    )
    if newest != n - 1:
        raise Overtaken("the batch has moved on")
    await tx.execute(
        """insert into chain_version (batch_id, n, txid, raw, fee, vsize, rate, change_vout, built_at)
        values (%(id)s, %(n)s, %(txid)s, %(raw)s, %(fee)s, %(vsize)s, %(rate)s, %(change)s, %(at)s)""",
        {
            "id": batch_id, "n": n, "txid": signed.txid, "raw": signed.raw, "fee": signed.fee,
            "vsize": signed.vsize, "rate": rate, "change": change_vout, "at": at,
        },
    )  # fmt: skip
    coins = {
        "txids": [coin.txid for coin in signed.coins],
        "vouts": [coin.vout for coin in signed.coins],
        "sats": [coin.sats for coin in signed.coins],
        "id": batch_id,
    }
    await tx.execute(
        """insert into chain_coin (txid, vout, batch_id, sats)
        select txid, vout, %(id)s, sats from unnest(%(txids)s::text[], %(vouts)s::int[], %(sats)s::bigint[])
            as c(txid, vout, sats) order by txid, vout
        on conflict (txid, vout) where not freed do nothing""",
        coins,
    )
    ours = await tx.value(
        """select count(*) from chain_coin c
        join unnest(%(txids)s::text[], %(vouts)s::int[]) as s(txid, vout) using (txid, vout)
        where c.batch_id = %(id)s and not c.freed""",
        coins,
    )
    if ours != len(signed.coins):
        raise Overtaken("a coin belongs to another batch")


async def locked_batch(tx: Tx, batch_id: UUID) -> BatchState | None:
    """Its state, until the commit."""
    state = await tx.value("select state from chain_batch where id = %(id)s for update", {"id": batch_id})
    return None if state is None else BatchState(state)


async def broadcast(tx: Tx, batch_id: UUID, n: int, at: datetime) -> bool:
    """A version is out. True: nobody had said so yet."""
    if await locked_batch(tx, batch_id) not in (BatchState.SIGNED, BatchState.BROADCAST):
        return False
    await tx.execute(
        "update chain_batch set state = 2, trouble = null where id = %(id)s and (state = 1 or trouble is not null)",
        {"id": batch_id},
    )
    await _move_payouts(tx, batch_id, PayoutState.SIGNED, PayoutState.BROADCAST)
    return bool(
        await tx.execute(
            """update chain_version set broadcast_at = %(at)s
            where batch_id = %(id)s and n = %(n)s and broadcast_at is null""",
            {"id": batch_id, "n": n, "at": at},
        )
    )


async def settle(tx: Tx, batch_id: UUID, txid: str, height: int, at: datetime) -> bool:
    """One of its versions is deep enough. True: nobody had said so yet."""
    if await locked_batch(tx, batch_id) not in (BatchState.SIGNED, BatchState.BROADCAST):
        return False
    await tx.execute(
        """update chain_batch set state = 3, txid = %(txid)s, height = %(height)s, settled_at = %(at)s, trouble = null
        where id = %(id)s""",
        {"id": batch_id, "txid": txid, "height": height, "at": at},
    )
    await _move_payouts(tx, batch_id, PayoutState.SIGNED, PayoutState.SETTLED)
    await _move_payouts(tx, batch_id, PayoutState.BROADCAST, PayoutState.SETTLED)
    return True


async def moved(tx: Tx, batch_id: UUID, height: int) -> None:
    """The same transaction in a block of another height."""
    await tx.execute(
        "update chain_batch set height = %(height)s where id = %(id)s and state = 3 and height <> %(height)s",
        {"id": batch_id, "height": height},
    )


async def unsettle(tx: Tx, batch_id: UUID) -> bool:
    """A reorganisation took its block. True: it was settled."""
    if await locked_batch(tx, batch_id) is not BatchState.SETTLED:
        return False
    await tx.execute(
        "update chain_batch set state = 2, txid = null, height = null, settled_at = null where id = %(id)s",
        {"id": batch_id},
    )
    await _move_payouts(tx, batch_id, PayoutState.SETTLED, PayoutState.BROADCAST)
    return True


async def lose(tx: Tx, batch_id: UUID, why: str) -> bool:
    """None of its versions can ever be in the chain: its payouts are queued again, its coins are free."""
    if await locked_batch(tx, batch_id) not in (BatchState.SIGNED, BatchState.BROADCAST):
        return False
    await tx.execute(
        "update chain_batch set state = 4, trouble = %(why)s where id = %(id)s", {"id": batch_id, "why": why}
    )
    await tx.execute(
        "update chain_payout set state = 0, batch_id = null, vout = null, vbytes = null where batch_id = %(id)s",
        {"id": batch_id},
    )
    await tx.execute("update chain_coin set freed = true where batch_id = %(id)s", {"id": batch_id})
    return True


async def trouble(tx: Tx, batch_id: UUID, why: str | None) -> None:
    """What keeps a batch from a block, for people to read."""
    await tx.execute(
        "update chain_batch set trouble = %(why)s where id = %(id)s and trouble is distinct from %(why)s",
        {"id": batch_id, "why": why and why[:500]},
    )


async def rates(tx: Tx, since: datetime) -> dict[Speed, int]:
    """Rates that were read from the node since then."""
    found = await tx.rows(
        lambda speed, rate: (Speed(speed), rate),
        "select speed, msat_per_vb from chain_fee_rate where at >= %(since)s",
        {"since": since},
    )
    return dict(found)


async def tip(tx: Tx) -> int | None:
    """Height of the newest block that was scanned for deposits."""
    height: int | None = await tx.value("select max(height) from chain_block")
    return height


async def spends_cursor(tx: Tx) -> str | None:
    newest: str | None = await tx.value("select newest from chain_spends")
    return newest


async def keep_spends(tx: Tx, txids: Sequence[str], newest: str, at: datetime) -> list[str]:
    """Which of these are no version of ours and were not seen before; from now on they were."""
    await tx.execute(
        """insert into chain_spends (newest) values (%(newest)s)
        on conflict (one) do update set newest = excluded.newest where chain_spends.newest <> excluded.newest""",
        {"newest": newest},
    )
    return await tx.rows(
        lambda txid: txid,
        """insert into chain_foreign_spend (txid, seen_at)
        select txid, %(at)s from unnest(%(txids)s::text[]) as s(txid)
        where not exists (select 1 from chain_version v where v.txid = s.txid) order by txid
        on conflict do nothing returning txid""",
        {"txids": list(txids), "at": at},
    )
