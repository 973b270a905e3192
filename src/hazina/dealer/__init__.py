"""The dealer: what one bitcoin costs, and all exchange between assets.

Owns the tables ``price_tick`` and ``price``. Nobody else multiplies by a price. The price is the median
of the sources that are fresh, sound and agree; without one, whatever needs a price is refused and all
else goes on.
"""

from hazina.dealer.errors import FeedUnavailable, PriceUnavailable
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
    "DisplayPrice",
    "Feed",
    "FeedUnavailable",
    "Policy",
    "PriceUnavailable",
    "Prices",
    "RealtimePrice",
    "Tick",
    "cents_of",
    "display_amount",
    "display_price",
    "in_cents",
    "in_major",
    "last_price",
    "msats_of",
    "price_at",
    "realtime_price",
    "sat_price",
]
