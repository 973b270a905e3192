"""The price of bitcoin, and the currencies it is shown in."""

from __future__ import annotations

from typing import Any

from ariadne import EnumType, InterfaceType, QueryType

from hazina.api.bank import Bank
from hazina.api.graphql.context import Context, Info
from hazina.api.graphql.verbs import question
from hazina.dealer import DisplayPrice
from hazina.dealer import realtime_price as price_now
from hazina.kernel.errors import InvalidInput

query, price_type = QueryType(), InterfaceType("PriceInterface")

CURRENCIES: dict[str, dict[str, Any]] = {
    "USD": {"id": "USD", "name": "US Dollar", "symbol": "$", "flag": "🇺🇸", "fractionDigits": 2},
}
"""What amounts can be shown in: the currencies that there is a price in."""


@query.field("currencyList")
async def currencies(_: Any, info: Info) -> list[dict[str, Any]]:
    return list(CURRENCIES.values())


@query.field("realtimePrice")
@question
async def current_price(_: Any, context: Context, currency: str | None = "USD") -> dict[str, Any]:
    return await realtime_price(context.bank, currency or "USD")


async def realtime_price(bank: Bank, currency: str) -> dict[str, Any]:
    """``RealtimePrice``. Raises InvalidInput for a currency that is not listed, PriceUnavailable."""
    if currency not in CURRENCIES:
        raise InvalidInput(f"Unsupported currency: {currency}")
    price = price_now(await bank.prices.fresh(), currency)
    return {
        "__typename": "RealtimePrice",
        "id": str(price.id),
        "timestamp": price.at,
        "denominatorCurrency": price.denominator_currency,
        "denominatorCurrencyDetails": CURRENCIES[currency],
        "btcSatPrice": price.btc_sat,
        "usdCentPrice": price.usd_cent,
    }


# -- fields of the three price types: the parent is a DisplayPrice ---------------------------------


price_type.set_type_resolver(lambda *_: None)  # no field gives the interface itself
price_type.set_field("base", lambda price, _: price.base)
price_type.set_field("offset", lambda price, _: price.offset)
price_type.set_field("currencyUnit", lambda price, _: price.currency_unit)


def old_price(price: DisplayPrice, sats: int) -> dict[str, Any]:
    """``Price`` of some satoshi in US cents, as Blink's older clients read it."""
    shown = DisplayPrice(price.base * sats, price.offset)
    return {
        "__typename": "Price",
        "base": shown.base,
        "offset": shown.offset,
        "currencyUnit": "USDCENT",
        "formattedAmount": shown.formatted_amount,
    }


BINDABLES = (query, price_type, EnumType("ExchangeCurrencyUnit", {"BTCSAT": "BTCSAT", "USDCENT": "USDCENT"}))
