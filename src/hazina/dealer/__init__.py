"""The dealer: what one bitcoin costs, and all exchange between assets.

Owns the tables ``price_tick``, ``price`` and ``exchange_quote``. Nobody else multiplies by a price. The price is the
median of the sources that are fresh, sound and agree; without one, whatever needs a price is refused and all
else goes on. ``exchange`` has what the dealer asks and gives; the legs of an exchange pass through the bank's accounts
DEALER_BTC and DEALER_USD.
"""

from hazina.dealer.desk import dealing, find, find_for, forget, keep, offer
from hazina.dealer.effects import CLAIMS
from hazina.dealer.errors import DealerOffline, FeedUnavailable, PriceUnavailable, QuoteInvalid
from hazina.dealer.exchange import Quote, Rate, Side, Term, may_deal, quote_claim, rate
from hazina.dealer.model import (
    DisplayPrice,
    Policy,
    RealtimePrice,
    Tick,
    cents_of,
    display_amount,
    display_price,
    in_cents,
    in_major,
    msats_of,
    realtime_price,
    sat_price,
)
from hazina.dealer.ports import Feed
from hazina.dealer.service import Prices
from hazina.dealer.store import last_price, price_at

__all__ = [
    "CLAIMS",
    "DealerOffline",
    "DisplayPrice",
    "Feed",
    "FeedUnavailable",
    "Policy",
    "PriceUnavailable",
    "Prices",
    "Quote",
    "QuoteInvalid",
    "Rate",
    "RealtimePrice",
    "Side",
    "Term",
    "Tick",
    "cents_of",
    "dealing",
    "display_amount",
    "display_price",
    "find",
    "find_for",
    "forget",
    "in_cents",
    "in_major",
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
