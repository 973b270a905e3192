"""The sandbox's control panel, used by its page, by tests and by scripts alike."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from typing import Any

from starlette.requests import Request

from hazina.kernel import bolt11
from hazina.kernel.bolt11 import AMOUNT_MSAT_MAX, DESCRIPTION_BYTES_MAX, Bolt11Error
from hazina.sandbox import exchange, faults, receiver, smtp
from hazina.sandbox.invoices import Invoice, Refused
from hazina.sandbox.network import ALIASES, BANK, BANKS, CHAIN, MSAT_PER_BTC, OUTSIDE, WALLETS, new_secret
from hazina.sandbox.payments import Duplicate, Payment
from hazina.sandbox.problems import Problem, flag, name, read_body, read_object, whole
from hazina.sandbox.world import World

EXPIRY_S = 3_600
EXPIRY_S_MAX = 365 * 86_400
AMOUNT_MAX = min(AMOUNT_MSAT_MAX, 10_000 * MSAT_PER_BTC)
PAYMENT_WAIT_S = 5.0
HELD_LOOK_S = 0.05
RESTART_S = 1.0
RESTART_S_MAX = 600.0
SHOWN = 50

Answer = dict[str, Any] | list[dict[str, Any]]


# --- text messages


async def sms(world: World, request: Request) -> Answer:
    to = request.query_params.get("to")
    if to is not None and to.startswith(" "):
        to = "+" + to[1:]  # a plus sign that was not percent-encoded arrives as a space
    rows = world.store.rows("SELECT * FROM sms WHERE ifnull(?1, recipient) = recipient ORDER BY id DESC LIMIT 200", to)
    return [{"to": row["recipient"], "from": row["sender"], "body": row["body"], "at": row["at"]} for row in rows]


async def mail(world: World, request: Request) -> Answer:
    """Newest first; ``to`` names one mailbox."""
    to = request.query_params.get("to")
    rows = world.store.rows("SELECT * FROM mail WHERE ifnull(?1, recipient) = recipient ORDER BY id DESC LIMIT 200", to)
    return [
        {"to": row["recipient"], "from": row["sender"], "subject": row["subject"], "body": row["body"],
         "messageId": row["message_id"], "at": row["at"]}
        for row in rows
    ]  # fmt: skip


async def mail_server(world: World, request: Request) -> Answer:
    return {"host": smtp.HOST, "port": int(world.store.setting(smtp.PORT, 0))}


# --- the outside wallets


async def add_invoice(world: World, request: Request) -> Answer:
    """``hold``: what is paid stays in flight until it is settled or cancelled."""
    body = read_object(await read_body(request), "amountMsat", "memo", "expirySeconds", "hold", "wallet")
    memo = body.get("memo", "")
    if not isinstance(memo, str) or len(memo.encode("utf-8", "replace")) > DESCRIPTION_BYTES_MAX:
        raise Problem("BAD_MEMO", f"memo must be text of at most {DESCRIPTION_BYTES_MAX} bytes.")
    preimage = new_secret()
    hold = flag(body, "hold")
    try:
        invoice = world.invoices.add(
            _wallet(body),
            preimage=preimage,
            payment_hash=hashlib.sha256(preimage).digest() if hold else None,
            amount_msat=whole(body, "amountMsat", 1, AMOUNT_MAX),
            memo=memo,
            expiry_s=whole(body, "expirySeconds", 1, EXPIRY_S_MAX) or EXPIRY_S,
        )
    except Bolt11Error as error:
        raise Problem("BAD_MEMO", str(error)) from None
    return {"paymentRequest": invoice.bolt11, "paymentHash": invoice.hash.hex()}


async def invoices(world: World, request: Request) -> Answer:
    world.invoices.sweep()
    rows = world.store.rows(
        "SELECT * FROM invoices WHERE node NOT LIKE 'bank%' ORDER BY created_at DESC, add_index DESC LIMIT ?", SHOWN
    )
    return [_invoice(Invoice(*row)) for row in rows]


async def invoice(world: World, request: Request) -> Answer:
    world.invoices.sweep()
    return _invoice(_named(world, request))


async def settle_invoice(world: World, request: Request) -> Answer:
    held = _named(world, request)
    if not held.hold or held.preimage is None:
        raise Problem("NOT_HELD", "This is not a hold invoice: it settles by itself.")
    try:
        world.payments.settle_held(held.node, held.preimage)
    except Refused as refusal:
        raise Problem("BAD_STATE", f"{refusal}.") from None
    return _invoice(_named(world, request))


async def cancel_invoice(world: World, request: Request) -> Answer:
    named = _named(world, request)
    try:
        world.payments.cancel(named.node, named.hash)
    except Refused as refusal:
        raise Problem("BAD_STATE", f"{refusal}.") from None
    return _invoice(_named(world, request))


async def pay(world: World, request: Request) -> Answer:
    """The outside wallet pays; waits for the end, but not for ever (a hold invoice stays IN_FLIGHT)."""
    body = read_object(await read_body(request), "paymentRequest", "amountMsat", "wallet")
    text = body.get("paymentRequest")
    if not isinstance(text, str):
        raise Problem("BAD_INVOICE", "paymentRequest must be an invoice.")
    try:
        order = bolt11.decode(text, CHAIN)
    except Bolt11Error as error:
        raise Problem("BAD_INVOICE", str(error)) from None
    given_msat = whole(body, "amountMsat", 1, AMOUNT_MAX)
    amount_msat = given_msat or order.amount_msat
    if amount_msat is None:
        raise Problem("AMOUNT_MISSING", "The invoice has no amount: give amountMsat.")
    wallet = _wallet(body)
    if order.expires_at < time.time():
        return {"status": "FAILED", "error": "The invoice has expired."}
    if order.payee == world.network.keys[wallet]:
        return {"status": "FAILED", "error": "A wallet does not pay itself."}
    with world.payments.events.listening(wallet) as news:
        try:
            payment = world.payments.start(wallet, order, text, amount_msat, fee_limit_msat=AMOUNT_MAX)
        except Duplicate as duplicate:
            earlier = world.payments.find(wallet, order.payment_hash)
            return {**(_payment(earlier) if earlier else {}), "error": str(duplicate)}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PAYMENT_WAIT_S):
                while not payment.ended and not _is_held(world, payment):
                    with contextlib.suppress(TimeoutError):  # that the payee holds it is no news for the payer
                        async with asyncio.timeout(HELD_LOOK_S):
                            snapshot = await news.next()
                        payment = snapshot if snapshot.hash == order.payment_hash else payment
    return _payment(payment)


async def payments(world: World, request: Request) -> Answer:
    rows = world.store.rows("SELECT * FROM payments WHERE bolt11 <> '' ORDER BY created_ns DESC LIMIT ?", SHOWN)
    return [
        {
            "from": row["node"],
            "paymentHash": row["hash"].hex(),
            "createdAt": row["created_ns"] // 10**9,
            **_payment(Payment(*row)),
        }
        for row in rows
    ]


def _is_held(world: World, payment: Payment) -> bool:
    found = world.invoices.find(world.network.name_of(payment.payee) or "", payment.hash)
    return found is not None and found.state == "ACCEPTED"


def _named(world: World, request: Request) -> Invoice:
    """The outside invoice that the path names by its hash."""
    text = request.path_params["payment_hash"]
    try:
        payment_hash = bytes.fromhex(text)
    except ValueError:
        payment_hash = b""
    if len(payment_hash) != 32 or len(text) != 64:
        raise Problem("BAD_HASH", "A payment hash is 64 hexadecimal digits.")
    for wallet in WALLETS:
        if (found := world.invoices.find(wallet, payment_hash)) is not None:
            return found
    raise Problem("NO_SUCH_INVOICE", "No outside wallet has an invoice with this hash.", 404)


def _invoice(found: Invoice) -> dict[str, Any]:
    return {
        "paymentHash": found.hash.hex(),
        "paymentRequest": found.bolt11,
        "state": found.state,
        "amountMsat": found.amount_msat,
        "receivedMsat": found.paid_msat if found.state in ("ACCEPTED", "SETTLED") else 0,
        "memo": found.memo,
        "hold": bool(found.hold),
        "preimage": found.preimage.hex() if found.preimage and found.state == "SETTLED" else None,
        "wallet": found.node,
        "createdAt": found.created_at,
        "expiresAt": found.created_at + found.expiry_s,
    }


def _payment(payment: Payment) -> dict[str, Any]:
    shown: dict[str, Any] = {"status": payment.status, "amountMsat": payment.amount_msat}
    if payment.preimage is not None:
        shown |= {"preimage": payment.preimage.hex(), "feeMsat": payment.fee_msat}
    if payment.status == "FAILED":
        shown["error"] = payment.failure_reason.removeprefix("FAILURE_REASON_")
    return shown


# --- price, faults, the node


async def get_price(world: World, request: Request) -> Answer:
    return {"usdPerBtc": str(exchange.price(world))}


async def set_price(world: World, request: Request) -> Answer:
    body = read_object(await read_body(request), "usdPerBtc")
    return {"usdPerBtc": str(exchange.set_price(world, body.get("usdPerBtc")))}


async def get_faults(world: World, request: Request) -> Answer:
    return [fault.public() for fault in world.faults.all()]


async def add_fault(world: World, request: Request) -> Answer:
    body = read_object(await read_body(request), "provider", "call", "action", "seconds", "times")
    provider, call, action = (name(body, part) for part in ("provider", "call", "action"))
    if provider is None or call is None or action is None:
        raise Problem("MISSING_FIELD", "A fault has a provider, a call and an action.")
    seconds = body.get("seconds")
    if seconds is not None and (
        isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= faults.SECONDS_MAX
    ):
        raise Problem("BAD_SECONDS", f"seconds must be a number from 0 to {faults.SECONDS_MAX}.")
    return world.faults.add(provider, call, action, seconds, whole(body, "times", 1, faults.TIMES_MAX)).public()


async def remove_faults(world: World, request: Request) -> Answer:
    """Those that match the names given, in the body or the query; without names, all."""
    body = read_object(await read_body(request), "provider", "call", "action", "seconds", "times")
    names = {**request.query_params, **body}
    removed = world.faults.remove(name(names, "provider"), name(names, "call"), name(names, "action"))
    return {"removed": removed}


async def restart_node(world: World, request: Request) -> Answer:
    body = read_object(await read_body(request), "seconds", "node")
    seconds = body.get("seconds", RESTART_S)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= RESTART_S_MAX:
        raise Problem("BAD_SECONDS", f"seconds must be a number from 0 to {RESTART_S_MAX:g}.")
    node = name(body, "node") or BANK
    if node not in BANKS:
        raise Problem("BAD_NODE", f"Unknown node. The bank has: {', '.join(BANKS)}.")
    world.restart_node(seconds, node)
    return {"seconds": seconds}


async def mine(world: World, request: Request) -> Answer:
    """Blocks pass: what hold invoices hold is given back when too few are left."""
    body = read_object(await read_body(request), "blocks")
    blocks = whole(body, "blocks", 1, 10_000) or 1
    world.store.set("blocks", int(world.store.setting("blocks", 0)) + blocks)
    world.sweep()
    return {"height": world.height}


async def state(world: World, request: Request) -> Answer:
    """All of it, for the page."""
    world.invoices.sweep()
    return {
        **await everywhere(world, request),
        "node": {
            "alias": ALIASES["bank"],
            "pubkey": world.network.keys["bank"].hex(),
            "starting": world.starting(BANK),
        },
        "channels": [
            {
                "from": channel.a,
                "to": channel.b,
                "capacityMsat": channel.capacity_msat,
                "fromMsat": channel.a_msat,
                "toMsat": channel.b_msat,
            }
            for channel in world.network.channels()
        ],
        "wallets": list(WALLETS),
        "invoices": await invoices(world, request),
        "payments": await payments(world, request),
    }


async def everywhere(world: World, request: Request) -> dict[str, Any]:
    """What there is with stand-ins and with real nodes."""
    return {
        "usdPerBtc": str(exchange.price(world)),
        "feeds": exchange.feeds(world),
        "feedStates": exchange.STATES,
        "sms": await sms(world, request),
        "hooks": receiver.newest(world, str(request.base_url)),
        "mail": await mail(world, request),
        "faults": await get_faults(world, request),
        "faultCalls": {provider: [*calls, faults.ANY] for provider, calls in faults.CALLS.items()},
        "faultActions": faults.ACTIONS,
    }


# --- reading what was sent


def _wallet(body: dict[str, Any]) -> str:
    wallet = name(body, "wallet") or OUTSIDE
    if wallet not in WALLETS:
        raise Problem("BAD_WALLET", f"Unknown wallet. There are: {', '.join(WALLETS)}.")
    return wallet
