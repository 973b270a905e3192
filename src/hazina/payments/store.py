"""Payments in the database: plain functions, transaction first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from hazina.kernel.db import Tx
from hazina.kernel.money import Asset, Cents, Msats, Price
from hazina.kernel.paging import Page, Slice, sliced
from hazina.payments.model import Direction, Invoice, InvoiceState, Kind, Line, LineStatus, Payment, State, Via

_PAYMENT: LiteralString = """
select
    id, kind, state, asset, amount, fee_max, src, dst, account_id, wallet_id, to_account_id, to_wallet_id, payment_hash,
    payment_request, node, memo, price_cents, price_source, price_at, created_at, expires_at, lease_until, attempts,
    reason, bank_fee, to_asset, to_amount, route_max, address
from payment
"""
_LINE: LiteralString = """
select
    id, payment_id, account_id, wallet_id, asset, direction, amount, fee, status, initiation, settlement,
    counterparty_wallet_id, counterparty_username, payment_hash, payment_request, preimage, memo, external_id,
    price_cents, price_source, price_at, display_currency, created_at, address, txid, vout,
    display_rate, payee
from line
"""
_INVOICE: LiteralString = """
select
    id, payment_hash, payment_request, payment_secret, preimage, wallet_id, account_id, node, amount_msat, memo,
    external_id, state, created_at, expires_at, asset, cents
from invoice
"""


def _price(cents: int | None, source: str | None, at: datetime | None) -> Price | None:
    return None if cents is None or source is None or at is None else Price(cents, source, at)


def _payment(*r: Any) -> Payment:
    v = [*r]
    v[25] = None if r[25] is None else Asset(r[25])
    v[16:19] = [_price(*r[16:19])]
    v[1:4] = [Kind(r[1]), State(r[2]), Asset(r[3])]
    return Payment(*v)


def _line(*r: Any) -> Line:
    v = [*r]
    v[18:21] = [_price(*r[18:21])]
    v[4:6] = [Asset(r[4]), Direction(r[5])]
    v[8:11] = [LineStatus(r[8]), Via(r[9]), Via(r[10])]
    return Line(*v)


def _invoice(*r: Any) -> Invoice:
    v = [*r]
    v[8] = None if r[8] is None else Msats(r[8])
    v[11] = InvoiceState(r[11])
    v[14:16] = [Asset(r[14]), None if r[15] is None else Cents(r[15])]
    return Invoice(*v)


# --- payments ---------------------------------------------------------------------------------------


async def payment(tx: Tx, payment_id: UUID) -> Payment | None:
    return await tx.one(_payment, _PAYMENT + " where id = %(id)s", {"id": payment_id})


async def payment_of_hash(tx: Tx, payment_hash: bytes) -> Payment | None:
    """The outgoing payment of this hash that is live or paid, if there is one."""
    return await tx.one(
        _payment,
        _PAYMENT + " where payment_hash = %(hash)s and kind in (2, 3) and state <> 3",
        {"hash": payment_hash},
    )


async def due(tx: Tx, now: datetime, limit: int) -> list[UUID]:
    """Open payments over Lightning that somebody should look at, longest waiting first."""
    return await tx.rows(
        lambda id_: id_,
        """select id from payment where state < 2 and look_at <= %(now)s and kind in (2, 3)
        order by look_at limit %(limit)s""",
        {"now": now, "limit": limit},
    )


async def take_lease(tx: Tx, payment_id: UUID, was: State, now: datetime, until: datetime, look_at: datetime) -> bool:
    """Become the one sender until ``until``. False: somebody else is, or the payment has moved on."""
    changed = await tx.execute(
        """
        update payment set state = 1, lease_until = %(until)s, look_at = %(look_at)s, attempts = attempts + 1
        where id = %(id)s and state = %(was)s and (lease_until is null or lease_until < %(now)s)
        """,
        {"id": payment_id, "was": was, "now": now, "until": until, "look_at": look_at},
    )
    return changed == 1


async def end_lease(tx: Tx, payment_id: UUID, lease_until: datetime, at: datetime, look_at: datetime) -> None:
    """The lease until ``lease_until``, if it still stands, has ended at ``at``; so the next look need not wait
    for its end."""
    await tx.execute(
        """update payment set lease_until = %(at)s, look_at = least(look_at, %(look_at)s)
        where id = %(id)s and state = 1 and lease_until = %(lease)s""",
        {"id": payment_id, "lease": lease_until, "at": at, "look_at": look_at},
    )


async def look_when_due(tx: Tx, payment_id: UUID, now: datetime, look_at: datetime) -> None:
    """As ``look_again``, unless a later moment stands already."""
    await tx.execute(
        """update payment set look_at = %(at)s, attempts = attempts + 1
        where id = %(id)s and state < 2 and look_at <= %(now)s""",
        {"id": payment_id, "now": now, "at": look_at},
    )


async def look_again(tx: Tx, payment_id: UUID, look_at: datetime) -> None:
    await tx.execute(
        "update payment set look_at = %(at)s, attempts = attempts + 1 where id = %(id)s and state < 2",
        {"id": payment_id, "at": look_at},
    )


async def accounts_moved_since(tx: Tx, account_ids: Sequence[UUID], since: datetime) -> set[UUID]:
    """Which of these accounts have a row in their statement since then."""
    found = await tx.rows(
        lambda id_: id_,
        """select a.id from unnest(%(ids)s::uuid[]) as a(id)
        cross join lateral (select created_at from line where account_id = a.id order by id desc limit 1) as newest
        where newest.created_at >= %(since)s""",
        {"ids": list(account_ids), "since": since},
    )
    return set(found)


async def open_payments(tx: Tx) -> list[tuple[str, int, float]]:
    """For the figures: kind and state of what is open, how many, age of the oldest in seconds."""
    return await tx.rows(
        lambda kind, state, count, age: (f"{Kind(kind).name.lower()}_{State(state).name.lower()}", count, float(age)),
        """select kind, state, count(*), extract(epoch from now() - min(created_at))
        from payment where state < 2 group by kind, state""",
    )


async def waiting_since(tx: Tx, before: datetime, limit: int) -> list[Payment]:
    """Open payments over Lightning that were begun before ``before``, oldest first."""
    return await tx.rows(
        _payment,
        _PAYMENT
        + " where state < 2 and kind in (2, 3) and created_at < %(before)s order by created_at limit %(limit)s",
        {"before": before, "limit": limit},
    )


async def sent_with(tx: Tx, hashes: Sequence[bytes]) -> dict[bytes, list[UUID]]:
    """By payment hash: our payments that went, or may have gone, to a node with it."""
    found = await tx.rows(
        lambda payment_hash, ids: (payment_hash, ids),
        """select payment_hash, array_agg(id) from payment
        where payment_hash = any(%(hashes)s) and kind = 3 group by payment_hash""",
        {"hashes": list(hashes)},
    )
    return dict(found)


async def invoices_with(tx: Tx, hashes: Sequence[bytes]) -> set[bytes]:
    """Which of these hashes are of our invoices."""
    found = await tx.rows(
        bytes, "select payment_hash from invoice where payment_hash = any(%(hashes)s)", {"hashes": list(hashes)}
    )
    return set(found)


async def paid_at(tx: Tx, hashes: Sequence[bytes]) -> dict[bytes, datetime]:
    """When those of these invoices of ours that are paid were paid."""
    found = await tx.rows(
        lambda payment_hash, at: (payment_hash, at),
        "select payment_hash, paid_at from invoice where payment_hash = any(%(hashes)s) and state = 2",
        {"hashes": list(hashes)},
    )
    return dict(found)


# --- fee quotes -------------------------------------------------------------------------------------


async def keep_quote(tx: Tx, wallet_id: UUID, payment_hash: bytes, amount: Msats, fee: Msats, now: datetime) -> None:
    await tx.execute(
        """
        insert into fee_quote (wallet_id, payment_hash, amount_msat, fee_msat, at)
        values (%(wallet)s, %(hash)s, %(amount)s, %(fee)s, %(now)s)
        on conflict (wallet_id, payment_hash, amount_msat) do update set fee_msat = excluded.fee_msat, at = excluded.at
        """,
        {"wallet": wallet_id, "hash": payment_hash, "amount": amount.n, "fee": fee.n, "now": now},
    )


async def quote(tx: Tx, wallet_id: UUID, payment_hash: bytes, amount: Msats, since: datetime) -> Msats | None:
    return await tx.one(
        Msats,
        """select fee_msat from fee_quote
        where wallet_id = %(wallet)s and payment_hash = %(hash)s and amount_msat = %(amount)s and at >= %(since)s""",
        {"wallet": wallet_id, "hash": payment_hash, "amount": amount.n, "since": since},
    )


async def forget_quotes(tx: Tx, before: datetime) -> None:
    await tx.execute("delete from fee_quote where at < %(before)s", {"before": before})


# --- invoices ---------------------------------------------------------------------------------------


async def add_invoice(tx: Tx, invoice: Invoice) -> bool:
    """False: the account has another invoice with this external id."""
    changed = await tx.execute(
        """
        insert into invoice (id, payment_hash, payment_request, payment_secret, preimage, wallet_id, account_id, node,
            amount_msat, memo, external_id, state, created_at, expires_at, asset, cents)
        values (%(id)s, %(hash)s, %(request)s, %(secret)s, %(preimage)s, %(wallet)s, %(account)s, %(node)s,
            %(amount)s, %(memo)s, %(external_id)s, 0, %(created_at)s, %(expires_at)s, %(asset)s, %(cents)s)
        on conflict (account_id, external_id) do nothing
        """,
        {
            "id": invoice.id,
            "hash": invoice.payment_hash,
            "request": invoice.payment_request,
            "secret": invoice.payment_secret,
            "preimage": invoice.preimage,
            "wallet": invoice.wallet_id,
            "account": invoice.account_id,
            "node": invoice.node,
            "amount": invoice.amount.n if invoice.amount else None,
            "memo": invoice.memo,
            "external_id": invoice.external_id,
            "created_at": invoice.created_at,
            "expires_at": invoice.expires_at,
            "asset": invoice.asset,
            "cents": invoice.cents.n if invoice.cents else None,
        },
    )
    return changed == 1


async def external_id_taken(tx: Tx, account_id: UUID, external_id: str) -> bool:
    return bool(
        await tx.value(
            "select true from invoice where account_id = %(account)s and external_id = %(external_id)s",
            {"account": account_id, "external_id": external_id},
        )
    )


async def invoice(tx: Tx, payment_hash: bytes) -> Invoice | None:
    return await tx.one(_invoice, _INVOICE + " where payment_hash = %(hash)s", {"hash": payment_hash})


async def move_invoice(tx: Tx, payment_hash: bytes, was: InvoiceState, to: InvoiceState) -> bool:
    changed = await tx.execute(
        "update invoice set state = %(to)s where payment_hash = %(hash)s and state = %(was)s",
        {"hash": payment_hash, "was": was, "to": to},
    )
    return changed == 1


async def unpaid_invoices(tx: Tx, node: str, since: datetime, limit: int) -> list[bytes]:
    """Invoices of a node that may still be, or may have been, paid: asked about one by one, now and then."""
    return await tx.rows(
        bytes,
        """select payment_hash from invoice where node = %(node)s and state in (0, 1) and expires_at > %(since)s
        order by expires_at limit %(limit)s""",
        {"node": node, "since": since, "limit": limit},
    )


# --- lists ------------------------------------------------------------------------------------------


def _keyset(page: Page) -> LiteralString:
    """Newest first; a backward page is read from the row that it stops before, oldest first."""
    if page.backward:
        return " and (%(edge)s::uuid is null or id > %(edge)s) order by id asc limit %(limit)s"
    return " and (%(edge)s::uuid is null or id < %(edge)s) order by id desc limit %(limit)s"


async def lines(
    tx: Tx, account_id: UUID, wallet_ids: list[UUID] | None, page: Page, edge: UUID | None, address: str | None = None,
    username: str | None = None,
) -> Slice[Line]:  # fmt: skip
    owner: LiteralString = "wallet_id = %(wallet)s" if wallet_ids and len(wallet_ids) == 1 else "true"
    some: LiteralString = "wallet_id = any(%(wallets)s)" if wallet_ids and len(wallet_ids) > 1 else "true"
    there: LiteralString = "address = %(address)s" if address is not None else "true"
    other: LiteralString = "counterparty_username = %(username)s" if username is not None else "true"
    which: LiteralString = owner + " and " + some + " and " + there + " and " + other
    found = await tx.rows(
        _line,
        _LINE + " where account_id = %(account)s and " + which + _keyset(page),
        {
            "account": account_id,
            "wallet": wallet_ids[0] if wallet_ids else None,
            "wallets": wallet_ids,
            "edge": edge,
            "limit": page.size + 1,
            "address": address,
            "username": username,
        },
    )
    return sliced(page, found)


async def line(tx: Tx, account_id: UUID, line_id: UUID) -> Line | None:
    return await tx.one(
        _line,
        _LINE + " where id = %(id)s and account_id = %(account)s",
        {"id": line_id, "account": account_id},
    )


async def line_of_payment(tx: Tx, payment_id: UUID, direction: Direction) -> Line | None:
    return await tx.one(
        _line,
        _LINE + " where payment_id = %(id)s and direction = %(direction)s",
        {"id": payment_id, "direction": direction},
    )


async def lines_of_hash(tx: Tx, account_id: UUID, wallet_id: UUID, payment_hash: bytes) -> list[Line]:
    return await tx.rows(
        _line,
        _LINE
        + """ where payment_hash = %(hash)s and wallet_id = %(wallet)s and account_id = %(account)s order by id desc""",
        {"account": account_id, "wallet": wallet_id, "hash": payment_hash},
    )


async def invoices(
    tx: Tx, account_id: UUID, wallet_ids: list[UUID] | None, page: Page, edge: UUID | None
) -> Slice[Invoice]:
    some: LiteralString = "wallet_id = any(%(wallets)s)" if wallet_ids else "true"
    found = await tx.rows(
        _invoice,
        _INVOICE + " where account_id = %(account)s and " + some + _keyset(page),
        {"account": account_id, "wallets": wallet_ids, "edge": edge, "limit": page.size + 1},
    )
    return sliced(page, found)


# --- cursors ----------------------------------------------------------------------------------------


async def cursor(tx: Tx, reader: str) -> str | None:
    place: str | None = await tx.value("select place from cursor where reader = %(reader)s", {"reader": reader})
    return place


async def keep_cursor(tx: Tx, reader: str, place: str) -> None:
    await tx.execute(
        """insert into cursor (reader, place) values (%(reader)s, %(place)s)
        on conflict (reader) do update set place = excluded.place, at = now()""",
        {"reader": reader, "place": place},
    )
