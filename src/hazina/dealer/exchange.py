"""What the dealer asks and gives: four amounts, at once or by a quote that stands for some minutes. Rules.

All of it is integers, and every rounding is the bank's: whoever buys dollars pays satoshi rounded up or gets cents
rounded down, whoever sells them pays cents rounded up or gets satoshi rounded down. So no way from one asset to the
other and back, in however many pieces, brings more than went in at one price. The mid price (``cents_of``,
``msats_of``) rounds to the nearest and is for limits and for showing only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, IntEnum
from uuid import UUID

from hazina.dealer.model import MSAT_PER_BTC, Policy
from hazina.kernel.money import MSAT_PER_SAT, Cents, Msats, Price
from hazina.kernel.units import Claim

BASIS = 10_000
WHOLE = BASIS * MSAT_PER_BTC


class Side(IntEnum):
    """Of a customer, about dollars."""

    BUY = 1
    SELL = 2


class Term(Enum):
    IMMEDIATE = "immediate"  # money moves now
    DELAYED = "delayed"  # the rate stands for some minutes, so it costs more


@dataclass(frozen=True, slots=True)
class Rate:
    """The mid price and how far from it the dealer stays, in basis points."""

    price: Price
    spread_bp: int

    def __post_init__(self) -> None:
        assert self.price.cents_per_btc > 0 and 0 <= self.spread_bp < BASIS

    @property
    def _less(self) -> int:
        return self.price.cents_per_btc * (BASIS - self.spread_bp)

    @property
    def _more(self) -> int:
        return self.price.cents_per_btc * (BASIS + self.spread_bp)

    def cents_bought(self, msats: Msats) -> Cents:
        """What ``msats`` buy: whole cents, rounded down; nothing for too little."""
        assert msats.n >= 0
        return Cents(msats.n * self._less // WHOLE)

    def cost_of_buying(self, cents: Cents) -> Msats:
        """What ``cents`` cost: whole satoshi, rounded up."""
        assert cents.n >= 0
        over = self.price.cents_per_btc * BASIS * MSAT_PER_SAT
        return Msats.from_sats(-(-cents.n * MSAT_PER_BTC * (BASIS + self.spread_bp) // over))

    def cents_to_sell(self, msats: Msats) -> Cents:
        """What must be given for ``msats``: whole cents, rounded up."""
        assert msats.n >= 0
        return Cents(-(-msats.n * self._more // WHOLE))

    def msats_for_selling(self, cents: Cents) -> Msats:
        """What ``cents`` bring: whole satoshi, rounded down; nothing for too little."""
        assert cents.n >= 0
        over = self.price.cents_per_btc * BASIS * MSAT_PER_SAT
        return Msats.from_sats(cents.n * MSAT_PER_BTC * (BASIS - self.spread_bp) // over)


def both(at: Rate, side: Side, amount: Msats | Cents) -> tuple[Msats, Cents]:
    """What belongs together: one of the dealer's four amounts for the other. Nothing on one side, where the other is
    too little."""
    if isinstance(amount, Msats):
        return amount, at.cents_bought(amount) if side is Side.BUY else at.cents_to_sell(amount)
    return (at.cost_of_buying(amount) if side is Side.BUY else at.msats_for_selling(amount)), amount


def rate(price: Price, term: Term, policy: Policy) -> Rate:
    more = policy.immediate_bp if term is Term.IMMEDIATE else policy.delayed_bp
    return Rate(price, policy.base_bp + more)


def may_deal(price: Price, now: datetime, policy: Policy) -> bool:
    """A price is dealt at while it is young; for limits and for showing it may be older."""
    return price.at >= now - timedelta(seconds=policy.deal_s)


@dataclass(frozen=True, slots=True)
class Quote:
    """Exactly these two amounts, for one account, once. ``subject``: what it is for, where it is for one thing only
    (a payment hash in hex)."""

    id: UUID
    account_id: UUID
    side: Side
    msats: Msats
    cents: Cents
    price: Price
    created_at: datetime
    expires_at: datetime
    subject: str | None = None


def quote_claim(quote: Quote, now: datetime) -> Claim:
    """Use it up. Lost by whoever comes second, comes late, is another account, or moves other amounts."""
    return Claim(
        "quote",
        {
            "id": str(quote.id),
            "account": str(quote.account_id),
            "side": quote.side.value,
            "msat": quote.msats.n,
            "cents": quote.cents.n,
            "now": now.isoformat(),
        },
    )
