"""The dealer: what one bitcoin costs, and all exchange between assets.

Owns the tables ``price_feed``, ``price_tick``, ``price``, ``candle``, ``rate_tick``, ``fiat_rate`` and
``exchange_quote``. Nobody else multiplies by a price. The price is the
median of the sources that are fresh, sound and agree; without one, whatever needs a price is refused and all
else goes on. ``exchange`` has what the dealer asks and gives; the legs of an exchange pass through the bank's accounts
DEALER_BTC and DEALER_USD.
"""

from hazina.dealer.candles import PricePoint, Range
from hazina.dealer.currencies import (
    RATE_SCALE,
    Currency,
    DisplayPrice,
    Estimate,
    FiatRate,
    RealtimePrice,
    cent_price,
    currency,
    display_amount,
    display_price,
    estimate,
    realtime_price,
    sat_price,
)
from hazina.dealer.desk import dealing, find, find_for, forget, keep, offer
from hazina.dealer.effects import CLAIMS
from hazina.dealer.errors import DealerOffline, FeedUnavailable, PriceUnavailable, QuoteInvalid, UnknownCurrency
from hazina.dealer.exchange import Quote, Rate, Side, Term, both, may_deal, quote_claim, rate
from hazina.dealer.model import Policy, Tick, cents_of, in_cents, msats_of
from hazina.dealer.ports import CandleFeed, Feed, RateFeed
from hazina.dealer.service import Prices
from hazina.dealer.store import last_price, price_at
from hazina.dealer.store_history import FeedState

__all__ = [
    "CLAIMS",
    "RATE_SCALE",
    "CandleFeed",
    "Currency",
    "DealerOffline",
    "DisplayPrice",
    "Estimate",
    "Feed",
    "FeedState",
    "FeedUnavailable",
    "FiatRate",
    "Policy",
    "PricePoint",
    "PriceUnavailable",
    "Prices",
    "Quote",
    "QuoteInvalid",
    "Range",
    "Rate",
    "RateFeed",
    "RealtimePrice",
    "Side",
    "Term",
    "Tick",
    "UnknownCurrency",
    "both",
    "cent_price",
    "cents_of",
    "currency",
    "dealing",
    "display_amount",
    "display_price",
    "estimate",
    "find",
    "find_for",
    "forget",
    "in_cents",
    "keep",
    "last_price",
    "may_deal",
    "msats_of",
    "offer",
    "price_at",
    "quote_claim",
    "rate",
    "realtime_price",
    "sat_price",
]
