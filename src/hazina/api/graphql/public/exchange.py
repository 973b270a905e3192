"""Between one's own wallets by a quote. Blink's clients send an intraledger payment and see the price afterwards."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ariadne import MutationType, ObjectType

from hazina.access import Caller, Scope
from hazina.api.graphql.context import Context
from hazina.api.graphql.public.payments import payload_of
from hazina.api.graphql.verbs import Payload, verb
from hazina.dealer import Quote, QuoteInvalid, Side

mutation, quote_type = MutationType(), ObjectType("ExchangeQuote")


@mutation.field("exchangeQuoteCreate")
@verb(Scope.WRITE, quote=None)
async def offer(context: Context, caller: Caller, input: dict[str, Any]) -> Payload:
    return {"quote": await context.bank.payments.exchange_quote(caller, input["walletId"], input["amount"])}


@mutation.field("exchange")
@verb(Scope.WRITE, status="FAILURE")
async def take(context: Context, caller: Caller, input: dict[str, Any]) -> Payload:
    try:
        quote_id = UUID(input["quoteId"])
    except ValueError:
        raise QuoteInvalid from None
    return payload_of(await context.bank.payments.exchange(caller, quote_id, context.key))


def _sides(quote: Quote) -> tuple[int, int]:
    buys = quote.side is Side.BUY
    return (quote.msats.sats_ceil, quote.cents.n) if buys else (quote.cents.n, quote.msats.sats_ceil)


quote_type.set_field("id", lambda quote, _: str(quote.id))
quote_type.set_field("gives", lambda quote, _: _sides(quote)[0])
quote_type.set_field("gets", lambda quote, _: _sides(quote)[1])
quote_type.set_field("expiresAt", lambda quote, _: quote.expires_at)

BINDABLES = (mutation, quote_type)
