"""The price of bitcoin, and the currencies it is shown in."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ariadne import EnumType, InterfaceType, MutationType, ObjectType, QueryType

from hazina.access import Caller, Scope
from hazina.api.bank import Bank
from hazina.api.graphql.context import Context, Info, Me, context_of
from hazina.api.graphql.scalars import AMOUNT_MAX
from hazina.api.graphql.verbs import Payload, question, verb
from hazina.dealer import Currency, DisplayPrice, PricePoint, Range, estimate
from hazina.dealer import realtime_price as price_now
from hazina.kernel.errors import InvalidInput

query, mutation, price_type = QueryType(), MutationType(), InterfaceType("PriceInterface")
currency_type = ObjectType("Currency")

HISTORY_OFFSET = 4
ESTIMATE_MAX = Decimal(10**18)


@query.field("currencyList")
async def currencies(_: Any, info: Info) -> list[Currency]:
    """Those that there is a rate of."""
    return await context_of(info).bank.prices.rates.currencies()


@query.field("realtimePrice")
@question
async def current_price(_: Any, context: Context, currency: str | None = "USD") -> dict[str, Any]:
    return await realtime_price(context.bank, currency or "USD")


async def realtime_price(bank: Bank, currency: str) -> dict[str, Any]:
    """``RealtimePrice``. Raises UnknownCurrency, PriceUnavailable."""
    rate = await bank.prices.rates.of(currency)
    price = price_now(await bank.prices.fresh(), rate)
    return {
        "__typename": "RealtimePrice",
        "id": str(price.id),
        "timestamp": price.at,
        "denominatorCurrency": price.currency.code,
        "denominatorCurrencyDetails": price.currency,
        "btcSatPrice": price.btc_sat,
        "usdCentPrice": price.usd_cent,
    }


@query.field("btcPriceList")
@question
async def history(_: Any, context: Context, range: Range) -> list[dict[str, Any]]:
    """US cents for one bitcoin at the beginning of each bucket; the price of now comes last."""
    return [_point(one) for one in await context.bank.prices.chart(range)]


def _point(one: PricePoint) -> dict[str, Any]:
    return {"timestamp": one.at, "price": _old(DisplayPrice(one.cents_per_btc * 10**HISTORY_OFFSET, HISTORY_OFFSET))}


@query.field("currencyConversionEstimation")
@question
async def estimation(_: Any, context: Context, amount: float, currency: str) -> dict[str, Any]:
    """``amount`` is in major units. Raises InvalidInput, UnknownCurrency, PriceUnavailable."""
    wanted = Decimal(repr(amount))
    if not 0 <= wanted <= ESTIMATE_MAX:
        raise InvalidInput(f"The amount must lie between 0 and {ESTIMATE_MAX}.")
    prices = context.bank.prices
    rate, price = await prices.rates.of(currency), await prices.fresh()
    found = estimate(wanted, price, rate)
    if max(found.sats, found.cents) > AMOUNT_MAX:
        raise InvalidInput("The amount is more than all bitcoin.")
    return {"id": str(found.id), "timestamp": found.at, "btcSatAmount": found.sats, "usdCentAmount": found.cents}


@mutation.field("accountUpdateDisplayCurrency")
@verb(Scope.WRITE, account=None)
async def update_display_currency(context: Context, caller: Caller, input: dict[str, Any]) -> Payload:
    rate = await context.bank.prices.rates.of(input["currency"])
    await context.bank.accounts.set_display_currency(caller, rate.currency.code)
    return {"account": Me(caller, context.bank.accounts)}


currency_type.set_field("id", lambda one, _: one.code)
currency_type.set_field("fractionDigits", lambda one, _: one.digits)


# -- fields of the three price types: the parent is a DisplayPrice ---------------------------------


price_type.set_type_resolver(lambda *_: None)  # no field gives the interface itself
price_type.set_field("base", lambda price, _: price.base)
price_type.set_field("offset", lambda price, _: price.offset)
price_type.set_field("currencyUnit", lambda price, _: price.currency_unit)


def old_price(price: DisplayPrice, sats: int) -> dict[str, Any]:
    """``Price`` of some satoshi in US cents, as Blink's older clients read it."""
    return _old(DisplayPrice(price.base * sats, price.offset))


def _old(shown: DisplayPrice) -> dict[str, Any]:
    return {
        "__typename": "Price",
        "base": shown.base,
        "offset": shown.offset,
        "currencyUnit": "USDCENT",
        "formattedAmount": shown.formatted_amount,
    }


BINDABLES = (
    query,
    mutation,
    price_type,
    currency_type,
    EnumType("PriceGraphRange", Range),
    EnumType("ExchangeCurrencyUnit", {"BTCSAT": "BTCSAT", "USDCENT": "USDCENT"}),
)
