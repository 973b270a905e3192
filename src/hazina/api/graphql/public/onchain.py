"""On-chain: addresses, what sending costs, sending. Each resolver is one verb of ``hazina.payments``."""

from __future__ import annotations

from typing import Any

from ariadne import EnumType, MutationType, QueryType

from hazina.access import Caller, Scope
from hazina.api.graphql.context import Context, Info, context_of
from hazina.api.graphql.public.payments import payload_of
from hazina.api.graphql.verbs import Payload, asked_by, question, verb
from hazina.chain import Speed
from hazina.kernel import rates
from hazina.kernel.errors import TooManyRequests
from hazina.kernel.money import Asset, Cents, Msats
from hazina.payments import OnchainFee, SendOnchain

query, mutation = QueryType(), MutationType()

ADDRESS_RATE = rates.Rate("onchain-address", points=20, window_s=3_600, block_s=14_400)  # Blink's, for an account
QUOTE_RATE = rates.Rate("onchain-quote", points=600, window_s=600, block_s=60)
"""Each quote is stored: three speeds, as fast as somebody types an amount."""
SPEEDS = {
    Speed.FAST: ("Priority", "Estimated broadcast: 1 minute. Estimated confirmation: 10 minutes"),
    Speed.MEDIUM: ("Standard", "Estimated broadcast: 10 minutes. Estimated confirmation: 1 hour"),
    Speed.SLOW: ("Flexible", "Estimated broadcast: 1 hour. Estimated confirmation: 24 hours"),
}


async def _within(context: Context, caller: Caller, rate: rates.Rate) -> None:
    """Raises TooManyRequests."""
    bank = context.bank
    async with bank.db.transaction() as tx:
        wait = await rates.take(tx, [(rate, str(caller.account_id))], bank.clock.now())
    if wait:
        raise TooManyRequests(retry_after_s=wait)


# -- receiving -----------------------------------------------------------------------------------


@mutation.field("onChainAddressCurrent")
@verb(Scope.RECEIVE)
async def current_address(context: Context, caller: Caller, input: dict[str, Any]) -> Payload:
    return {"address": await context.bank.payments.address(caller, input["walletId"])}


@mutation.field("onChainAddressCreate")
@verb(Scope.RECEIVE)
async def new_address(context: Context, caller: Caller, input: dict[str, Any]) -> Payload:
    await _within(context, caller, ADDRESS_RATE)
    return {"address": await context.bank.payments.address(caller, input["walletId"], fresh=True)}


# -- sending -------------------------------------------------------------------------------------


@query.field("payoutSpeeds")
async def speeds(_: Any, info: Info) -> list[dict[str, Any]]:
    """None while the bank has no Bitcoin node: then nothing on-chain is offered."""
    offered = SPEEDS if context_of(info).bank.payments.has_chain else {}
    return [{"speed": speed, "displayName": name, "description": said} for speed, (name, said) in offered.items()]


@query.field("onChainTxFee")
@question
async def fee(_: Any, context: Context, amount: Msats, **order: Any) -> dict[str, int]:
    return {"amount": (await _quoted(context, order, amount, Asset.BTC)).sats}


@query.field("onChainUsdTxFee")
@query.field("onChainUsdTxFeeAsBtcDenominated")
@question
async def fee_usd(_: Any, context: Context, amount: Msats | Cents, **order: Any) -> dict[str, int]:
    return {"amount": (await _quoted(context, order, amount, Asset.USD)).cents}


async def _quoted(context: Context, order: dict[str, Any], amount: Msats | Cents, of: Asset) -> OnchainFee:
    caller = asked_by(context)
    await _within(context, caller, QUOTE_RATE)
    wish = SendOnchain(order["walletId"], order["address"], amount, order.get("speed") or Speed.FAST, asset=of)
    return await context.bank.payments.onchain_fee(caller, wish)


@mutation.field("onChainPaymentSend")
@verb(Scope.WRITE, status="FAILURE")
async def send(context: Context, caller: Caller, input: dict[str, Any]) -> Payload:
    return await _send(context, caller, input, input["amount"], Asset.BTC)


@mutation.field("onChainUsdPaymentSend")
@mutation.field("onChainUsdPaymentSendAsBtcDenominated")
@verb(Scope.WRITE, status="FAILURE")
async def send_usd(context: Context, caller: Caller, input: dict[str, Any]) -> Payload:
    """Cents are what is given, satoshi what arrives."""
    return await _send(context, caller, input, input["amount"], Asset.USD)


@mutation.field("onChainPaymentSendAll")
@verb(Scope.WRITE, status="FAILURE")
async def send_all(context: Context, caller: Caller, input: dict[str, Any]) -> Payload:
    return await _send(context, caller, input, None, None)


async def _send(
    context: Context, caller: Caller, order: dict[str, Any], amount: Msats | Cents | None, of: Asset | None
) -> Payload:
    speed = order.get("speed") or Speed.FAST
    wanted = SendOnchain(order["walletId"], order["address"], amount, speed, order.get("memo"), context.key, of)
    return payload_of(await context.bank.payments.send_onchain(caller, wanted))


BINDABLES = (query, mutation, EnumType("PayoutSpeed", Speed))
