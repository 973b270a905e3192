"""LND's payment calls, for the bank's node."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from bech32 import CHARSET, bech32_create_checksum

from hazina.kernel import bolt11
from hazina.kernel.bolt11 import Bolt11Code, Bolt11Error, Invoice11
from hazina.sandbox.lnd.asked import Asked
from hazina.sandbox.network import CHAIN, NO_ROUTE, Route
from hazina.sandbox.payments import NONE, Duplicate, Payment
from hazina.sandbox.wire import (
    ALREADY_EXISTS,
    NOT_FOUND,
    LndError,
    Object,
    Stream,
    b64,
    hash_of,
    read_b64,
    read_message,
)
from hazina.sandbox.world import World

PAGE = 100
NO_PREIMAGE = "0" * 64
CLTV_LIMIT_MIN = 83
NETWORK_NAME = "regtest"

NEXT = """
SELECT * FROM payments WHERE node = ?1 AND (?2 OR status = 'SUCCEEDED') AND id > ?3 ORDER BY id LIMIT ?4"""
NEWEST = """
SELECT * FROM payments WHERE node = ?1 AND (?2 OR status = 'SUCCEEDED') AND (?3 = 0 OR id < ?3)
ORDER BY id DESC LIMIT ?4"""


async def send(world: World, asked: Asked) -> Stream:
    """Take a payment and tell how it goes. Leaving the stream does not stop it."""
    body = read_message(
        asked.body,
        payment_request="text", amt="int", amt_msat="int", timeout_seconds="int", fee_limit_sat="int",
        fee_limit_msat="int", cltv_limit="int", outgoing_chan_ids="ints", last_hop_pubkey="bytes", max_parts="int",
        allow_self_payment="bool", no_inflight_updates="bool", time_pref="number", cancelable="bool", amp="bool",
        dest="bytes", payment_hash="bytes", final_cltv_delta="int", payment_addr="bytes", route_hints="objects",
        dest_custom_records="object", dest_features="ints", max_shard_size_msat="int",
        first_hop_custom_records="object",
    )  # fmt: skip
    if not body["payment_request"]:
        raise LndError(f"invalid vertex length of {len(body['dest'])}, want 33")
    fee_limit_msat = _msat(body["fee_limit_sat"], body["fee_limit_msat"])
    if not -1 <= body["time_pref"] <= 1:
        raise LndError("time preference out of range")
    invoice = _decode(body["payment_request"])
    if invoice.expires_at < time.time():
        until = datetime.fromtimestamp(min(invoice.expires_at, 2**36), UTC)
        raise LndError(f"invoice expired. Valid until {until:%Y-%m-%d %H:%M:%S} +0000 UTC")
    amount_msat = _amount(invoice, _msat(body["amt"], body["amt_msat"]))
    if body["cltv_limit"] and body["cltv_limit"] <= CLTV_LIMIT_MIN:
        raise LndError(f"cltv limit {body['cltv_limit']} should be greater than {CLTV_LIMIT_MIN}")
    if invoice.payee == world.network.keys[asked.node] and not body["allow_self_payment"]:
        raise LndError("self-payments not allowed")
    with world.payments.events.listening(asked.node) as news:
        try:
            payment = world.payments.start(
                asked.node, invoice, body["payment_request"], amount_msat, fee_limit_msat, stuck=asked.stuck
            )
        except Duplicate as duplicate:
            raise LndError(str(duplicate), ALREADY_EXISTS) from None
        while not payment.ended:
            snapshot = await news.next()
            if snapshot.hash == invoice.payment_hash:
                payment = snapshot
                if payment.ended or not body["no_inflight_updates"]:
                    yield render(payment)


def _msat(sat: int, msat: int) -> int:
    if sat < 0 or msat < 0:
        raise LndError("amount cannot be negative")
    if sat and msat:
        raise LndError("sat and msat arguments are mutually exclusive")
    return sat * 1_000 + msat


def _amount(invoice: Invoice11, given_msat: int) -> int:
    if invoice.amount_msat is None and given_msat == 0:
        raise LndError("amount must be specified when paying a zero amount invoice")
    if invoice.amount_msat is not None and given_msat != 0:
        raise LndError("amount must not be specified when paying a non-zero amount invoice")
    return invoice.amount_msat or given_msat


def _decode(text: str) -> Invoice11:
    """Read an invoice; LND does not take ``lightning:`` off, and has its own texts."""
    try:
        if text[:10].lower() == "lightning:":
            raise Bolt11Error(Bolt11Code.BAD_CHECKSUM, "")
        return bolt11.decode(text, CHAIN)
    except Bolt11Error as error:
        prefix, _, data = text.lower().rpartition("1")
        if error.code is Bolt11Code.BAD_CHECKSUM:
            words = [CHARSET.find(character) for character in data[:-6]]
            expected = "".join(CHARSET[word] for word in bech32_create_checksum(prefix, words))
            raise LndError(f"checksum failed. Expected {expected}, got {data[-6:]}.") from None
        texts = {
            Bolt11Code.WRONG_NETWORK: f"invoice not for current active network '{NETWORK_NAME}'",
            Bolt11Code.MIXED_CASE: "string not all lowercase or all uppercase",
            Bolt11Code.NOT_AN_INVOICE: "failed converting data to bytes: invalid character not part of charset: 98"
            if len(text) > 7
            else f"invalid bech32 string length {len(text)}",
        }
        raise LndError(texts.get(error.code, str(error))) from None


async def track(world: World, asked: Asked) -> Stream:
    """One payment: as it stands, then every change until it ends."""
    payment_hash = hash_of(read_b64(asked.path["hash"], "payment_hash"))
    with world.payments.events.listening(asked.node) as news:
        payment = world.payments.find(asked.node, payment_hash)
        if payment is None:
            raise LndError("payment isn't initiated", NOT_FOUND)
        if payment.ended or not asked.flag("no_inflight_updates"):
            yield render(payment)
        while not payment.ended:
            snapshot = await news.next()
            if snapshot.hash == payment_hash:
                payment = snapshot
                if payment.ended or not asked.flag("no_inflight_updates"):
                    yield render(payment)


async def subscribe(world: World, asked: Asked) -> Stream:
    """Every payment's changes from now on."""
    with world.payments.events.listening(asked.node) as news:
        while True:
            payment = await news.next()
            if payment.ended or not asked.flag("no_inflight_updates"):
                yield render(payment)


async def listing(world: World, asked: Asked) -> Object:
    """Paid ones, or with ``include_incomplete`` all; probes are among the failed."""
    offset, limit = asked.number("index_offset"), asked.number("max_payments") or PAGE
    backwards = asked.flag("reversed")
    rows = world.store.rows(NEWEST if backwards else NEXT, asked.node, asked.flag("include_incomplete"), offset, limit)
    page = [Payment(*row) for row in rows]
    if backwards:
        page.reverse()
    total = world.store.value("SELECT count(*) FROM payments WHERE node = ?", asked.node)
    return {
        "payments": [render(payment) for payment in page],
        "first_index_offset": str(page[0].id if page else 0),
        "last_index_offset": str(page[-1].id if page else 0),
        "total_num_payments": str(total if asked.flag("count_total_payments") else 0),
    }


async def delete(world: World, asked: Asked) -> Object:
    """Forgets a payment: ``track`` knows nothing of it then, and it may be sent again."""
    payment_hash = hash_of(read_b64(asked.query.get("payment_hash", ""), "payment_hash"))
    payment = world.payments.find(asked.node, payment_hash)
    if payment is None:
        raise LndError("non bucket element in payments bucket")
    if not payment.ended:
        raise LndError(
            f"payment '{payment_hash.hex()}' has inflight HTLCsand therefore cannot be deleted: "
            "payment is in transition"
        )
    world.payments.forget(asked.node, payment_hash)
    return {"status": "payment deleted"}


async def estimate_fee(world: World, asked: Asked) -> Object:
    body = read_message(asked.body, dest="bytes", amt_sat="int", payment_request="text", timeout="int")
    if bool(body["dest"]) == bool(body["payment_request"]):
        raise LndError("specify either a destination or an invoice")
    if body["payment_request"]:
        invoice = _decode(body["payment_request"])
        if invoice.amount_msat is None:
            raise LndError("payment request amount must be greater than 0")
        found = world.payments.probe(asked.node, invoice.payee, invoice.amount_msat)
        return _estimate(found)
    if len(body["dest"]) != 33:
        raise LndError("invalid length destination key")
    if body["amt_sat"] <= 0:
        raise LndError("amount must be greater than 0")
    found = world.network.route(asked.node, world.network.name_of(body["dest"]), body["amt_sat"] * 1_000)
    if isinstance(found, str):
        raise LndError("unable to find a path to destination" if found == NO_ROUTE else "insufficient local balance")
    return _estimate(found)


def _estimate(found: Route | str) -> Object:
    if isinstance(found, str):
        return {"routing_fee_msat": "0", "time_lock_delay": "0", "failure_reason": found}
    delay = CLTV_LIMIT_MIN + 40 * len(found.steps)
    return {"routing_fee_msat": str(found.fee_msat), "time_lock_delay": str(delay), "failure_reason": NONE}


async def decode(world: World, asked: Asked) -> Object:
    invoice = _decode(asked.path["invoice"])
    return {
        "destination": invoice.payee.hex(),
        "payment_hash": invoice.payment_hash.hex(),
        "num_satoshis": str((invoice.amount_msat or 0) // 1_000),
        "timestamp": str(invoice.timestamp),
        "expiry": str(invoice.expiry_s),
        "description": invoice.description or "",
        "description_hash": (invoice.description_hash or b"").hex(),
        "fallback_addr": "",
        "cltv_expiry": str(invoice.min_final_cltv),
        "route_hints": [],
        "payment_addr": b64(invoice.payment_secret),
        "num_msat": str(invoice.amount_msat or 0),
        "features": {str(bit): {"is_required": bit % 2 == 0, "is_known": True} for bit in sorted(invoice.features)},
        "blinded_paths": [],
    }


def render(payment: Payment) -> Object:
    fee_msat = payment.fee_msat if payment.status == "SUCCEEDED" else 0
    preimage = payment.preimage.hex() if payment.preimage else NO_PREIMAGE
    return {
        "payment_hash": payment.hash.hex(),
        "value": str(payment.amount_msat // 1_000),
        "creation_date": str(payment.created_ns // 1_000_000_000),
        "fee": str(fee_msat // 1_000),
        "payment_preimage": preimage,
        "value_sat": str(payment.amount_msat // 1_000),
        "value_msat": str(payment.amount_msat),
        "payment_request": payment.bolt11,
        "status": payment.status,
        "fee_sat": str(fee_msat // 1_000),
        "fee_msat": str(fee_msat),
        "creation_time_ns": str(payment.created_ns),
        "htlcs": _htlcs(payment),
        "payment_index": str(payment.id),
        "failure_reason": payment.failure_reason,
        "first_hop_custom_records": {"106823": "AA=="},
    }


def _htlcs(payment: Payment) -> list[Object]:
    """Failed attempts are deleted, as LND does by default; the line that first tells the reason still has them."""
    if payment.route is None or payment.status == "FAILED":
        return []
    failed = payment.failure_reason != NONE
    steps = Route.load(payment.route).steps
    return [
        {
            "attempt_id": str(payment.id),
            "status": "FAILED" if failed else payment.status,
            "route": {
                "total_fees_msat": str(steps[0].msat - steps[-1].msat),
                "total_amt_msat": str(steps[0].msat),
                "hops": [
                    {
                        "chan_id": str(step.channel),
                        "amt_to_forward_msat": str(steps[min(place + 1, len(steps) - 1)].msat),
                        "fee_msat": str(step.msat - steps[min(place + 1, len(steps) - 1)].msat),
                    }
                    for place, step in enumerate(steps)
                ],
            },
            "attempt_time_ns": str(payment.created_ns),
            "resolve_time_ns": str(payment.resolved_ns),
            "failure": {"code": "INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS"} if failed else None,
            "preimage": b64(payment.preimage),
        }
    ]
