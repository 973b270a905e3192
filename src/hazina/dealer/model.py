"""Rules of the dealer: which ticks make the price, and exchange between assets.

All of it is integers. The price is US cents for one bitcoin, so that no ratio is ever rounded before
it is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hazina.kernel.money import MSAT_PER_SAT, SAT_PER_BTC, Cents, Msats, Price

MSAT_PER_BTC = MSAT_PER_SAT * SAT_PER_BTC


# -- from ticks to the price --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tick:
    """What a source says: US cents for one bitcoin, best bid and best ask, and when."""

    bid: int
    ask: int
    at: datetime

    @property
    def mid(self) -> int:
        return (self.bid + self.ask) // 2


@dataclass(frozen=True, slots=True)
class Policy:
    stale_s: int = 60
    """A price older than this is none."""
    feed_every_s: int = 0
    """How often an exchange is asked, by all workers together; 0: whenever one wants to know."""
    feed_timeout_s: float = 5
    history_timeout_s: float = 20
    cents_min: int = 100_00
    cents_max: int = 100_000_000_00
    """Outside of these bounds (USD 100 and 100 million) somebody mistook a unit."""
    spread_max_bp: int = 500
    jump_max: int = 50
    """A price so many times the last, up or down, is a mistake too; unless the last is an hour old."""
    jump_memory_s: int = 3_600
    apart_max_bp: int = 200
    """Where there are several sources: how far one may lie from the median."""
    sources_min: int = 3
    """So many must agree, where at least so many are configured."""
    ahead_max_s: int = 10
    """How far in the future a source's clock may be."""
    rate_every_s: int = 3_600
    rate_retry_s: int = 300
    """How often a feed of rates is asked, and after it failed."""
    rate_stale_s: int = 3 * 86_400
    """Rates of currencies come once a day; one that is older is not taken any more."""
    rate_shown_s: int = 7 * 86_400
    """The last rate that was taken serves for so long."""
    rate_ahead_max_s: int = 86_400
    """Some name only the day."""
    rate_max: int = 10**8
    """Units of a currency for a dollar: more is a mistake."""
    rate_apart_max_bp: int = 500
    deal_s: int = 30
    """Nothing is exchanged at a price that is older."""
    base_bp: int = 5
    immediate_bp: int = 5
    delayed_bp: int = 7
    """How far from the middle the dealer buys and sells, in basis points: base and one of the others."""
    quote_life_s: int = 300
    """So long a delayed quote stands."""


AWAY, LATE = "away", "no answer in time"


@dataclass(frozen=True, slots=True)
class Dropped:
    """A tick that was not used, and why."""

    source: str
    reason: str


def flaw(tick: Tick, last: Price | None, now: datetime, policy: Policy) -> str | None:
    """Why a tick cannot be used, or None."""
    if tick.bid <= 0 or tick.ask <= 0:
        return "not above zero"
    if tick.bid > tick.ask:
        return "bid above ask"
    if not policy.cents_min <= tick.mid <= policy.cents_max:
        return "out of bounds"
    if (tick.ask - tick.bid) * 10_000 > tick.mid * policy.spread_max_bp:
        return "spread too wide"
    if tick.at > now + timedelta(seconds=policy.ahead_max_s):
        return "from the future"
    if tick.at < now - timedelta(seconds=policy.stale_s):
        return "stale"
    if last is not None and last.at > now - timedelta(seconds=policy.jump_memory_s):
        low, high = sorted((tick.mid, last.cents_per_btc))
        if high >= low * policy.jump_max:
            return "too far from the last price"
    return None


def choose(
    ticks: dict[str, Tick], last: Price | None, now: datetime, policy: Policy, least: int = 1
) -> tuple[Price | None, list[Dropped]]:
    """The median of the sources that can be used and agree; None when fewer than ``least`` are left, or when most
    disagree. Its time is that of the newest tick in it."""
    dropped: list[Dropped] = []
    good: dict[str, Tick] = {}
    for source, tick in sorted(ticks.items()):
        if (reason := flaw(tick, last, now, policy)) is not None:
            dropped.append(Dropped(source, reason))
        else:
            good[source] = tick
    if not good:
        return None, dropped
    middle = _median([tick.mid for tick in good.values()])
    near = {s: t for s, t in good.items() if abs(t.mid - middle) * 10_000 <= middle * policy.apart_max_bp}
    dropped += [Dropped(source, "apart from the others") for source in good if source not in near]
    if 2 * len(near) <= len(good) or len(near) < least:
        return None, dropped
    price = _median([tick.mid for tick in near.values()])
    return Price(price, "+".join(near), max(tick.at for tick in near.values())), dropped


def _median(numbers: Sequence[int]) -> int:
    ordered = sorted(numbers)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) // 2


def sources_needed(configured: int, policy: Policy) -> int:
    """A bank with fewer feeds than the minimum goes by what it has; ``hazina doctor`` says so."""
    return policy.sources_min if configured >= policy.sources_min else 1


def is_fresh(price: Price, now: datetime, policy: Policy) -> bool:
    return price.at >= now - timedelta(seconds=policy.stale_s)


# -- exchange (Blink's rounding: nearest, exact halves down, never 0 for something) --------------


def ratio(amount: int, times: int, over: int) -> int:
    """``amount * times / over`` rounded; the sign is kept aside, so that both directions agree."""
    assert times > 0 and over > 0, "a price is above zero"
    if amount == 0:
        return 0
    size = max((2 * abs(amount) * times + over - 1) // (2 * over), 1)
    return size if amount > 0 else -size


def cents_of(amount: Msats, price: Price) -> Cents:
    """What ``amount`` is worth at ``price``: the nearest cent, exact halves down; at least one cent
    for anything but nothing."""
    return Cents(ratio(amount.n, price.cents_per_btc, MSAT_PER_BTC))


def msats_of(amount: Cents, price: Price) -> Msats:
    """What ``amount`` buys at ``price``: the nearest millisatoshi, rounded as ``cents_of``."""
    return Msats(ratio(amount.n, MSAT_PER_BTC, price.cents_per_btc))


def in_cents(amount: Msats | Cents, price: Price) -> Cents:
    """Either asset in dollars: for limits and for showing."""
    return amount if isinstance(amount, Cents) else cents_of(amount, price)
