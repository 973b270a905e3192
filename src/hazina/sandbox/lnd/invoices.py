"""LND's invoice calls, for the bank's node."""

from __future__ import annotations

from decimal import Decimal

from hazina.kernel.bolt11 import AMOUNT_MSAT_MAX, DESCRIPTION_BYTES_MAX
from hazina.sandbox.invoices import CLTV_EXPIRY, Invoice, Refused
from hazina.sandbox.lnd.asked import Asked
from hazina.sandbox.network import MSAT_PER_BTC, Route
from hazina.sandbox.payments import Payment
from hazina.sandbox.wire import (
    BAD_ARGUMENT,
    NOT_FOUND,
    LndError,
    Object,
    Stream,
    b64,
    go_float,
    hash_of,
    read_b64,
    read_hex,
    read_message,
)
from hazina.sandbox.world import World

EXPIRY_S = 86_400
EXPIRY_S_MAX = 365 * 86_400
MEMO_BYTES_MAX = 1_024
CLTV_EXPIRY_MIN = 24
BTC_MAX = 100_000
SAT_PER_BTC = MSAT_PER_BTC // 1_000
PAGE = 100

NEXT = """
SELECT * FROM invoices WHERE node = ?1 AND (?2 = 0 OR state IN ('OPEN', 'ACCEPTED')) AND add_index > ?3
ORDER BY add_index LIMIT ?4"""
NEWEST = """
SELECT * FROM invoices WHERE node = ?1 AND (?2 = 0 OR state IN ('OPEN', 'ACCEPTED')) AND (?3 = 0 OR add_index < ?3)
ORDER BY add_index DESC LIMIT ?4"""

FIELDS = {
    "memo": "text", "value": "int", "value_msat": "int", "description_hash": "bytes", "expiry": "int",
    "cltv_expiry": "int", "private": "bool", "fallback_addr": "text", "route_hints": "objects",
}  # fmt: skip


async def add(world: World, asked: Asked) -> Object:
    body = read_message(asked.body, r_preimage="bytes", is_amp="bool", is_blinded="bool", **FIELDS)
    preimage = body["r_preimage"]
    if len(preimage) not in (0, 32):
        raise LndError(f"invalid preimage length of {len(preimage)}, want 32")
    invoice = _add(world, asked.node, body, preimage=preimage or None)
    return {
        "r_hash": b64(invoice.hash),
        "payment_request": invoice.bolt11,
        "add_index": str(invoice.add_index),
        "payment_addr": b64(invoice.secret),
    }


async def add_hold(world: World, asked: Asked) -> Object:
    body = read_message(asked.body, hash="bytes", **FIELDS)
    invoice = _add(world, asked.node, body, payment_hash=hash_of(body["hash"]))
    return {
        "payment_request": invoice.bolt11,
        "add_index": str(invoice.add_index),
        "payment_addr": b64(invoice.secret),
    }


def _add(
    world: World, node: str, body: Object, *, preimage: bytes | None = None, payment_hash: bytes | None = None
) -> Invoice:
    amount_msat = _amount(body["value"], body["value_msat"])
    memo_bytes = len(body["memo"].encode())
    if memo_bytes > MEMO_BYTES_MAX:
        raise LndError(f"memo too large: {memo_bytes} bytes (maxsize={MEMO_BYTES_MAX})")
    if memo_bytes > DESCRIPTION_BYTES_MAX and not body["description_hash"]:
        words = -(-memo_bytes * 8 // 5)
        raise LndError(f"data length too big to fit within 10 bits: {words}")
    if len(body["description_hash"]) not in (0, 32):
        raise LndError(f"description hash is {len(body['description_hash'])} bytes, must be 32")
    expiry_s = body["expiry"] if body["expiry"] > 0 else EXPIRY_S
    if expiry_s > EXPIRY_S_MAX:
        raise LndError(
            f"expiry of {go_float(expiry_s)} seconds greater than max expiry of {go_float(EXPIRY_S_MAX)} seconds"
        )
    cltv_expiry = body["cltv_expiry"] or CLTV_EXPIRY
    if cltv_expiry < CLTV_EXPIRY_MIN:
        raise LndError(f"CLTV delta of {cltv_expiry} must be greater than minimum of {CLTV_EXPIRY_MIN}")
    try:
        return world.invoices.add(
            node,
            payment_hash=payment_hash,
            preimage=preimage,
            amount_msat=amount_msat,
            memo=body["memo"],
            description_hash=body["description_hash"] or None,
            expiry_s=expiry_s,
            cltv_expiry=cltv_expiry,
        )
    except Refused as refusal:
        raise LndError(str(refusal)) from None


def _amount(sat: int, msat: int) -> int | None:
    if sat < 0 or msat < 0:
        raise LndError("amount cannot be negative")
    if sat and msat:
        raise LndError("sat and msat arguments are mutually exclusive")
    total = sat * 1_000 + msat
    if total > min(BTC_MAX * MSAT_PER_BTC, AMOUNT_MSAT_MAX):
        raise LndError(
            f"invoice amount {Decimal(total // 1_000) / SAT_PER_BTC:f} BTC is too large, max is {BTC_MAX} BTC"
        )
    return total or None


async def lookup(world: World, asked: Asked) -> Object:
    """``/v1/invoice/{hex}``"""
    payment_hash = read_hex(asked.path["hash"])
    if len(payment_hash) != 32:
        raise LndError(f"payment hash must be exactly 32 bytes, is instead {len(payment_hash)}")
    return _found(world, asked.node, payment_hash)


async def lookup_v2(world: World, asked: Asked) -> Object:
    """``/v2/invoices/lookup?payment_hash=`` (base64)"""
    return _found(world, asked.node, read_b64(asked.query.get("payment_hash", ""), "payment_hash"))


def _found(world: World, node: str, payment_hash: bytes) -> Object:
    if len(payment_hash) != 32:
        raise LndError(f"unable to parse pay hash: invalid hash length of {len(payment_hash)}, want 32", BAD_ARGUMENT)
    world.invoices.sweep()
    invoice = world.invoices.find(node, payment_hash)
    if invoice is None:
        raise LndError("unable to locate invoice", NOT_FOUND)
    return render(world, invoice)


async def cancel(world: World, asked: Asked) -> Object:
    payment_hash = hash_of(read_message(asked.body, payment_hash="bytes")["payment_hash"])
    try:
        world.payments.cancel(asked.node, payment_hash)
    except Refused as refusal:
        raise LndError(str(refusal)) from None
    return {}


async def settle(world: World, asked: Asked) -> Object:
    body = read_message(asked.body, preimage="bytes")
    try:
        world.payments.settle_held(asked.node, body["preimage"])
    except Refused as refusal:
        raise LndError(str(refusal)) from None
    return {}


async def listing(world: World, asked: Asked) -> Object:
    world.invoices.sweep()
    offset, limit = asked.number("index_offset"), asked.number("num_max_invoices") or PAGE
    backwards = asked.flag("reversed")
    rows = world.store.rows(NEWEST if backwards else NEXT, asked.node, asked.flag("pending_only"), offset, limit)
    page = [Invoice(*row) for row in rows]
    if backwards:
        page.reverse()
    return {
        "invoices": [render(world, invoice) for invoice in page],
        "last_index_offset": str(page[-1].add_index if page else 0),
        "first_index_offset": str(page[0].add_index if page else 0),
    }


async def subscribe(world: World, asked: Asked) -> Stream:
    """All invoices: what was added after ``add_index``, then what was settled after ``settle_index`` (zero
    means nothing old), then news: added and settled, nothing else."""
    added, settled = asked.number("add_index"), asked.number("settle_index")
    with world.invoices.events.listening(asked.node) as news:
        world.invoices.sweep()
        backlog = []
        if added > 0:
            backlog += world.store.rows(
                "SELECT * FROM invoices WHERE node = ? AND add_index > ? AND state <> 'CANCELED' ORDER BY add_index",
                asked.node, added,
            )  # fmt: skip
        if settled > 0:
            backlog += world.store.rows(
                "SELECT * FROM invoices WHERE node = ? AND settle_index > ? ORDER BY settle_index", asked.node, settled
            )
        for row in backlog:
            yield render(world, Invoice(*row))
        while True:
            invoice = await news.next()
            if invoice.state in ("OPEN", "SETTLED"):
                yield render(world, invoice)


async def subscribe_one(world: World, asked: Asked) -> Stream:
    """One invoice: its present state, then every change, until it ends."""
    payment_hash = read_b64(asked.path["hash"], "r_hash")
    with world.invoices.events.listening(asked.node) as news:
        invoice = world.invoices.find(asked.node, payment_hash)
        if invoice is None:
            raise LndError("unable to locate invoice")
        yield render(world, invoice)
        while invoice.state not in ("SETTLED", "CANCELED"):
            invoice = await news.next()
            if invoice.hash == payment_hash:
                yield render(world, invoice)


def render(world: World, invoice: Invoice) -> Object:
    held = invoice.hold and invoice.state != "SETTLED"
    return {
        "memo": invoice.memo,
        "r_preimage": "" if held else b64(invoice.preimage),
        "r_hash": b64(invoice.hash),
        "value": str((invoice.amount_msat or 0) // 1_000),
        "value_msat": str(invoice.amount_msat or 0),
        "settled": invoice.state == "SETTLED",
        "creation_date": str(invoice.created_at),
        "settle_date": str(invoice.settled_at),
        "payment_request": invoice.bolt11,
        "description_hash": b64(invoice.description_hash),
        "expiry": str(invoice.expiry_s),
        "fallback_addr": "",
        "cltv_expiry": str(invoice.cltv_expiry),
        "route_hints": [],
        "private": False,
        "add_index": str(invoice.add_index),
        "settle_index": str(invoice.settle_index),
        "amt_paid": str(invoice.paid_msat),
        "amt_paid_sat": str(invoice.paid_msat // 1_000),
        "amt_paid_msat": str(invoice.paid_msat),
        "state": invoice.state,
        "htlcs": _htlcs(world, invoice) if invoice.paid_msat else [],
        "features": {
            "8": {"name": "tlv-onion", "is_required": True, "is_known": True},
            "14": {"name": "payment-addr", "is_required": True, "is_known": True},
            "17": {"name": "multi-path-payments", "is_required": False, "is_known": True},
        },
        "is_keysend": False,
        "payment_addr": b64(invoice.secret),
        "is_amp": False,
        "amp_invoice_state": {},
        "is_blinded": False,
        "blinded_path_config": None,
    }


def _htlcs(world: World, invoice: Invoice) -> list[Object]:
    row = world.store.one(
        "SELECT * FROM payments WHERE hash = ? AND payee = ? AND route IS NOT NULL",
        invoice.hash, world.network.keys[invoice.node],
    )  # fmt: skip
    if row is None:
        return []
    payment = Payment(*row)
    return [
        {
            "chan_id": str(Route.load(payment.route or "").steps[-1].channel),
            "htlc_index": str(payment.id),
            "amt_msat": str(invoice.paid_msat),
            "accept_height": invoice.accept_height,
            "accept_time": str(invoice.accepted_at or invoice.settled_at),
            "resolve_time": str(payment.resolved_ns // 1_000_000_000),
            "expiry_height": invoice.expiry_height,
            "state": invoice.state,
            "custom_records": {"106823": "AA=="},
            "mpp_total_amt_msat": str(invoice.paid_msat),
            "amp": None,
        }
    ]
