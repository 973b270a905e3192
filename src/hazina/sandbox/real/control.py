"""The control panel over real nodes: the calls of ``sandbox.control`` with the same answers, and the chain's."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from hazina.kernel import bolt11
from hazina.kernel.bolt11 import DESCRIPTION_BYTES_MAX, Bolt11Error
from hazina.kernel.http import NoAnswer
from hazina.sandbox import control
from hazina.sandbox.control import AMOUNT_MAX, EXPIRY_S, EXPIRY_S_MAX, RESTART_S, RESTART_S_MAX, SHOWN
from hazina.sandbox.network import CHAIN
from hazina.sandbox.problems import Problem, flag, name, read_body, read_object, whole
from hazina.sandbox.real.bitcoind import sats, until
from hazina.sandbox.real.jsonrpc import RpcError
from hazina.sandbox.real.outside import WALLETS, Invoice, Outside, Payment, Refused
from hazina.sandbox.world import World

BLOCKS_MAX = 1_000
REORG_MAX = 100
SATS_MAX = 21 * 10**14
RATE_MAX = 1_000
PAYMENT_WAIT_S = 12.0

Answer = dict[str, Any] | list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Real:
    """The sandbox's own state, and the nodes."""

    world: World
    outside: Outside


# --- the outside wallets


async def add_invoice(real: Real, request: Request) -> Answer:
    body = read_object(await read_body(request), "amountMsat", "memo", "expirySeconds", "hold", "wallet")
    memo = body.get("memo", "")
    if not isinstance(memo, str) or len(memo.encode("utf-8", "replace")) > DESCRIPTION_BYTES_MAX:
        raise Problem("BAD_MEMO", f"memo must be text of at most {DESCRIPTION_BYTES_MAX} bytes.")
    expiry_s = whole(body, "expirySeconds", 1, EXPIRY_S_MAX) or EXPIRY_S
    amount_msat = whole(body, "amountMsat", 1, AMOUNT_MAX)
    with _refusals("BAD_INVOICE"):
        made = await real.outside.add_invoice(_wallet(body), amount_msat, memo, expiry_s, hold=flag(body, "hold"))
    return {"paymentRequest": made.bolt11, "paymentHash": made.hash}


async def invoices(real: Real, request: Request) -> Answer:
    return [_invoice(one) for one in await real.outside.invoices(SHOWN)]


async def invoice(real: Real, request: Request) -> Answer:
    return _invoice(await _named(real, request))


async def settle_invoice(real: Real, request: Request) -> Answer:
    named = await _named(real, request)
    if not named.hold:
        raise Problem("NOT_HELD", "This is not a hold invoice: it settles by itself.")
    with _refusals("BAD_STATE"):
        return _invoice(await real.outside.settle(named))


async def cancel_invoice(real: Real, request: Request) -> Answer:
    named = await _named(real, request)
    with _refusals("BAD_STATE"):
        return _invoice(await real.outside.cancel(named))


async def pay(real: Real, request: Request) -> Answer:
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
    if order.amount_msat is None and given_msat is None:
        raise Problem("AMOUNT_MISSING", "The invoice has no amount: give amountMsat.")
    if order.amount_msat is not None and given_msat not in (None, order.amount_msat):
        raise Problem("BAD_AMOUNTMSAT", "Real wallets pay what the invoice says: leave amountMsat out.")
    wallet = _wallet(body)
    if order.expires_at < time.time():
        return {"status": "FAILED", "error": "The invoice has expired."}
    if order.payee.hex() == await real.outside.node(wallet).id():
        return {"status": "FAILED", "error": "A wallet does not pay itself."}
    if (earlier := real.outside.earlier(wallet, order.payment_hash.hex())) is not None:
        return {**_payment(earlier), "error": "This invoice was paid already, or a payment of it is under way."}
    amount_msat = order.amount_msat or given_msat or 0
    number = real.outside.pay(wallet, text, order.payment_hash.hex(), amount_msat, given=order.amount_msat is None)

    async def ended_or_held() -> bool:
        if real.outside.payment(number).ended:
            return True
        held = await real.outside.find(order.payment_hash.hex())
        return held is not None and held.state == "ACCEPTED"

    with contextlib.suppress(TimeoutError):
        await until(ended_or_held, "the payment ends", PAYMENT_WAIT_S)
    return _payment(real.outside.payment(number))


async def payments(real: Real, request: Request) -> Answer:
    return [
        {"from": one.wallet, "paymentHash": one.hash, "createdAt": one.created_at, **_payment(one)}
        for one in real.outside.payments(SHOWN)
    ]


async def restart_node(real: Real, request: Request) -> Answer:
    """The bank's Lightning node stops, and starts again after ``seconds``. ``kill``: without a word."""
    seconds, kill = await _away(request)
    real.outside.restart_bank_node(seconds, kill=kill)
    return {"seconds": seconds}


async def _away(request: Request) -> tuple[float, bool]:
    body = read_object(await read_body(request), "seconds", "kill")
    seconds = body.get("seconds", RESTART_S)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= RESTART_S_MAX:
        raise Problem("BAD_SECONDS", f"seconds must be a number from 0 to {RESTART_S_MAX:g}.")
    return seconds, flag(body, "kill")


async def _named(real: Real, request: Request) -> Invoice:
    text = request.path_params["payment_hash"].lower()
    if len(text) != 64 or set(text) - set("0123456789abcdef"):
        raise Problem("BAD_HASH", "A payment hash is 64 hexadecimal digits.")
    if (found := await real.outside.find(text)) is None:
        raise Problem("NO_SUCH_INVOICE", "No outside wallet has an invoice with this hash.", 404)
    return found


@contextlib.contextmanager
def _refusals(code: str) -> Any:
    try:
        yield
    except Refused as refusal:
        raise Problem(code, f"{str(refusal).rstrip('.')}.") from None
    except RpcError as error:
        raise Problem(code, f"The node says: {error.message}") from None
    except NoAnswer:
        raise Problem("NODE_AWAY", "The node does not answer.", 503) from None


def _wallet(body: dict[str, Any]) -> str:
    wallet = name(body, "wallet") or WALLETS[0]
    if wallet not in WALLETS:
        raise Problem("BAD_WALLET", f"Unknown wallet. There are: {', '.join(WALLETS)}.")
    return wallet


def _invoice(found: Invoice) -> dict[str, Any]:
    return {
        "paymentHash": found.hash,
        "paymentRequest": found.bolt11,
        "state": found.state,
        "amountMsat": found.amount_msat,
        "receivedMsat": found.received_msat,
        "memo": found.memo,
        "hold": found.hold,
        "preimage": found.preimage if found.state == "SETTLED" else None,
        "wallet": found.wallet,
        "createdAt": found.created_at,
        "expiresAt": found.created_at + found.expiry_s,
    }


def _payment(payment: Payment) -> dict[str, Any]:
    shown: dict[str, Any] = {"status": payment.status, "amountMsat": payment.amount_msat}
    if payment.preimage is not None:
        shown |= {"preimage": payment.preimage, "feeMsat": payment.fee_msat}
    if payment.error is not None:
        shown["error"] = payment.error
    return shown


# --- the chain


async def mine(real: Real, request: Request) -> Answer:
    """Blocks, now. ``empty``: the mempool stays as it is."""
    body = read_object(await read_body(request), "blocks", "empty")
    blocks = whole(body, "blocks", 1, BLOCKS_MAX) or 1
    with _refusals("BAD_STATE"):
        if flag(body, "empty"):
            mined = await real.outside.network.bitcoind.mine_empty(blocks)
        else:
            mined = await real.outside.network.bitcoind.mine(blocks)
        return {"blocks": mined, **await _tip(real)}


async def send(real: Real, request: Request) -> Answer:
    """From an outside wallet's coins to an address; it waits for a block. The fee may be raised later (RBF)."""
    body = read_object(await read_body(request), "address", "sats", "satPerVbyte")
    address, amount = name(body, "address"), whole(body, "sats", 1, SATS_MAX)
    if address is None or amount is None:
        raise Problem("MISSING_FIELD", "Say address and sats.")
    rate = whole(body, "satPerVbyte", 1, RATE_MAX) or 2
    with _refusals("BAD_ADDRESS_OR_AMOUNT"):
        return {"txid": await real.outside.network.bitcoind.send(address, amount, sat_per_vbyte=rate)}


async def address(real: Real, request: Request) -> Answer:
    """A fresh address of the outside wallet."""
    with _refusals("BAD_STATE"):
        return {"address": await real.outside.network.bitcoind.fresh_address()}


async def reorg(real: Real, request: Request) -> Answer:
    """The last ``depth`` blocks never were; ``blocks`` others (one more) take their place. What they held waits
    again, unless ``doubleSpend`` says that the outside wallet spends its coins otherwise."""
    body = read_object(await read_body(request), "depth", "blocks", "doubleSpend")
    node = real.outside.network.bitcoind
    depth = whole(body, "depth", 1, REORG_MAX) or 1
    instead = whole(body, "blocks", 1, BLOCKS_MAX)
    if instead is not None and instead <= depth:
        raise Problem("BAD_BLOCKS", "blocks must be more than depth: the longer chain wins.")
    with _refusals("BAD_STATE"):
        mined = await node.reorganise(depth, instead=instead, double_spend=flag(body, "doubleSpend"))
        return {"blocks": mined, **await _tip(real)}


async def restart_chain(real: Real, request: Request) -> Answer:
    """bitcoind stops, and starts again after ``seconds``. ``kill``: without a word."""
    seconds, kill = await _away(request)
    real.outside.restart_chain(seconds, kill=kill)
    return {"seconds": seconds}


async def mempool(real: Real, request: Request) -> Answer:
    with _refusals("BAD_STATE"):
        return await _mempool(real)


async def _mempool(real: Real) -> list[dict[str, Any]]:
    waiting: dict[str, dict[str, Any]] = await real.outside.network.bitcoind.rpc("getrawmempool", True)
    newest = sorted(waiting.items(), key=lambda one: one[1]["time"], reverse=True)
    return [
        {"txid": txid, "vsize": one["vsize"], "feeSats": sats(one["fees"]["base"]), "at": one["time"]}
        for txid, one in newest[:SHOWN]
    ]


async def _tip(real: Real) -> dict[str, Any]:
    node = real.outside.network.bitcoind
    return {"height": await node.height(), "hash": await node.rpc("getbestblockhash")}


# --- all of it


async def state(real: Real, request: Request) -> Answer:
    network = real.outside.network
    shown = await control.everywhere(real.world, request)
    shown["faultCalls"].pop("lnd", None)  # a real node is not told to lie
    onchain: dict[str, Any] | None = None
    with contextlib.suppress(NoAnswer, RpcError):
        onchain = {**await _tip(real), "mempool": await _mempool(real)}
    return {
        **shown,
        "node": {"alias": network.bank.name, "pubkey": await network.pubkey(), "starting": not network.bank_answers},
        "channels": await network.channels(),
        "wallets": list(WALLETS),
        "invoices": await invoices(real, request),
        "payments": await payments(real, request),
        "onchain": onchain,
    }


CALLS: tuple[tuple[str, str, Callable[[Real, Request], Awaitable[Answer]]], ...] = (
    ("GET", "/lightning/invoices", invoices),
    ("POST", "/lightning/invoices", add_invoice),
    ("GET", "/lightning/invoices/{payment_hash}", invoice),
    ("POST", "/lightning/invoices/{payment_hash}/settle", settle_invoice),
    ("POST", "/lightning/invoices/{payment_hash}/cancel", cancel_invoice),
    ("GET", "/lightning/payments", payments),
    ("POST", "/lightning/payments", pay),
    ("POST", "/lightning/restart", restart_node),
    ("POST", "/onchain/mine", mine),
    ("POST", "/onchain/send", send),
    ("POST", "/onchain/address", address),
    ("POST", "/onchain/reorg", reorg),
    ("GET", "/onchain/mempool", mempool),
    ("POST", "/onchain/restart", restart_chain),
    ("GET", "/state", state),
)
