"""Nouns of the hedge, and the pure rules by which it is kept.

The bank owes dollars and holds bitcoin for them. A short of BTC-USD perpetual swaps gains in bitcoin what those lose
in dollars, and the other way round. A contract has a face value in dollars, whatever the price, and is settled in
bitcoin (an *inverse* swap). So sizes here are US cents of face value, collateral is bitcoin.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from uuid import UUID

from hazina.kernel.money import SAT_PER_BTC, Cents, Msats, Price

BP = 10_000
PERCENT = 100
MSAT_PER_BTC = 1_000 * SAT_PER_BTC
NOTHING = Msats(0)


class Mode(StrEnum):
    OFF = "off"  # nothing is ordered or moved; what is open at the exchange stays as it is
    ON = "on"
    CLOSING = "closing"  # the position is brought to nothing, then OFF


@dataclass(frozen=True, slots=True)
class Policy:
    """Blink's (Stablesats') numbers. ``_bp``: ten-thousandths; ``_pct``: hundredths."""

    low_bp: int = 9_800
    high_bp: int = 10_200
    target_bp: int = 10_000
    """Position over liability: outside of low and high it is brought to target."""
    liability_cents_min: int = 5_000
    """Less is not hedged."""
    leverage_low_pct: int = 200
    leverage_target_pct: int = 300
    leverage_high_pct: int = 400
    leverage_buffer_pct: int = 90
    """Position over collateral: collateral is brought to target below low, and above this share of high."""
    transfer_cents_min: int = 10_000
    """Of what one movement of collateral is worth."""
    reserve_sats: int = 100_000_000
    """What lies at the exchange beside the collateral, to be added within seconds; never more than the liability."""
    onchain_sats_min: int = 1_000_000
    hot_kept_sats: int = 10_000_000
    """What stays in the hot wallet for customers' withdrawals."""
    onchain: bool = True
    """Whether coins may go between bank and exchange by themselves."""
    order_cents_max: int = 100_000_000
    every: timedelta = timedelta(seconds=5)
    order_lives: timedelta = timedelta(seconds=5)
    """An order that reaches the exchange later is refused by it."""
    gone_after: timedelta = timedelta(seconds=30)
    """What the exchange does not know for so long after it was asked, and after an order's life, never reached it."""
    stuck_after: timedelta = timedelta(minutes=2)
    """A market order that is not filled by then is cancelled."""
    lost_after: timedelta = timedelta(seconds=3_600)
    """A deposit that the exchange has not seen so long after it was broadcast: somebody is told."""
    price_apart_bp: int = 500
    """How far the exchange's price may be from ours."""
    differs_after: timedelta = timedelta(seconds=60)
    """How long position or balance may differ from what the books say, before nothing is ordered any more."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """The swap. ``lot``: sizes are multiples of it; ``least``, ``most``: of one market order. US cents of face value.
    ``live``: it is traded now."""

    lot: int
    least: int
    most: int
    live: bool


@dataclass(frozen=True, slots=True)
class Position:
    """``short``: US cents of face value, negative when it is long. ``liquidation``: US cents for one bitcoin at which
    the exchange would close it by force, None when it does not say. ``upl``: profit or loss that is not realised."""

    short: int
    upl: Msats = NOTHING
    liquidation: int | None = None


@dataclass(frozen=True, slots=True)
class Trading:
    """The account with the position. ``cash``: what bills add up to; ``equity``: with what is not realised;
    ``spare``: may be taken out."""

    cash: Msats
    equity: Msats
    spare: Msats


@dataclass(frozen=True, slots=True)
class Limits:
    """Of what goes in and out on-chain, in satoshi. ``fee``: of a withdrawal, on top."""

    deposit_min: int
    withdrawal_min: int
    fee: int


# --- what is asked of the exchange ------------------------------------------------------------------


class Kind(IntEnum):
    ORDER = 1
    TRANSFER = 2  # between the exchange's own two accounts
    DEPOSIT = 3  # from the hot wallet to the exchange
    WITHDRAWAL = 4  # from the exchange to the hot wallet


class Lane(IntEnum):
    """One thing at a time is under way in each."""

    ORDER = 1
    TRANSFER = 2
    ONCHAIN = 3


LANES = {
    Kind.ORDER: Lane.ORDER,
    Kind.TRANSFER: Lane.TRANSFER,
    Kind.DEPOSIT: Lane.ONCHAIN,
    Kind.WITHDRAWAL: Lane.ONCHAIN,
}


class State(IntEnum):
    ASKED = 0  # its client id is stored; whether the exchange has it is not known (a deposit: the payout is queued)
    UNDER_WAY = 1  # the exchange has it (a deposit: it was broadcast)
    DONE = 2
    FAILED = 3  # surely nothing moved
    LOST = 4  # a deposit that the exchange does not see: people look for it

    @property
    def open(self) -> bool:
        return self in (State.ASKED, State.UNDER_WAY, State.LOST)


@dataclass(frozen=True, slots=True)
class Move:
    """One order or movement of coins. ``cents``: of an order, what the short grows by. ``sats``: of a transfer, into
    the trading account when above zero. ``done_cents``, ``done_sats``: what became of it. ``txid``: on-chain."""

    id: UUID
    kind: Kind
    state: State
    created_at: datetime
    asked_at: datetime
    cents: int = 0
    sats: int = 0
    address: str | None = None
    txids: tuple[str, ...] = ()
    fee_sats: int = 0
    done_cents: int = 0
    done_sats: int = 0
    reason: str | None = None
    ended_at: datetime | None = None

    @property
    def client_id(self) -> str:
        """By which the exchange knows it: at most 32 letters and digits."""
        return self.id.hex


class BillKind(IntEnum):
    TRANSFER = 1
    TRADE = 2
    LIQUIDATION = 3
    FUNDING = 4
    OTHER = 5


@dataclass(frozen=True, slots=True)
class Bill:
    """One change of the trading account's balance. ``amount``: rounded so that all of them add up to the balance;
    ``fee``: the part of it that is a trading fee. ``short``: US cents by which the short grew."""

    id: str
    kind: BillKind
    at: datetime
    amount: Msats
    fee: Msats = NOTHING
    short: int = 0
    said: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """All that one round sees. ``owed``: dollars that stand against bitcoin, in US cents. ``turns``: as counted before
    it was read; what is decided by it is dropped when something began or ended since."""

    at: datetime
    owed: int
    price: Price
    instrument: Instrument
    position: Position
    trading: Trading
    funding: Msats
    turns: int = 0

    @property
    def there(self) -> Msats:
        """All that the bank has at the exchange, as far as it is realised."""
        return self.trading.cash + self.funding


# --- the rules --------------------------------------------------------------------------------------


def hedged(owed: int, policy: Policy) -> int:
    """The part of the liability that is hedged: all of it, or nothing."""
    return owed if owed >= policy.liability_cents_min else 0


def order_for(owed: int, short: int, equity: Cents, instrument: Instrument, policy: Policy) -> int:
    """By how much the short should grow (below zero: shrink), in US cents of face value; 0: leave it.

    It never grows beyond what the collateral carries, and never turns round.
    """
    owed = hedged(owed, policy)
    wanted = _wanted(owed, short, policy)
    wanted = _lots(wanted, instrument.lot)
    if wanted > short:
        carried = max(equity.n, 0) * policy.leverage_high_pct // PERCENT // instrument.lot * instrument.lot
        wanted = max(min(wanted, carried), min(short, wanted))
    size = max(min(wanted - short, instrument.most, policy.order_cents_max), -instrument.most, -policy.order_cents_max)
    size = (abs(size) // instrument.lot * instrument.lot) * (1 if size > 0 else -1)
    return size if abs(size) >= max(instrument.least, instrument.lot) else 0


def _wanted(owed: int, short: int, policy: Policy) -> int:
    if owed and policy.low_bp * owed <= short * BP <= policy.high_bp * owed:
        return short
    return owed * policy.target_bp // BP


def _lots(cents: int, lot: int) -> int:
    """The nearest whole number of lots; exact halves down."""
    return -((lot - 2 * cents) // (2 * lot)) * lot


def in_band(owed: int, short: int, lot: int, policy: Policy) -> bool:
    """Whether the position is one that ``order_for`` would leave, were there collateral for any."""
    owed = hedged(owed, policy)
    if not owed:
        return abs(short) < lot
    return policy.low_bp * owed <= short * BP <= policy.high_bp * owed or abs(short - owed) <= lot


def sats_of(cents: int, price: Price) -> int:
    """What so many US cents cost, in satoshi, rounded up."""
    return -(-cents * SAT_PER_BTC // price.cents_per_btc)


def worth(amount: Msats, price: Price) -> Cents:
    """Rounded toward minus infinity."""
    return Cents(amount.n * price.cents_per_btc // MSAT_PER_BTC)


def exposure(look: Look, policy: Policy) -> int:
    """What collateral is for: the position, or the one to be."""
    return max(abs(look.position.short), hedged(look.owed, policy))


def collateral(look: Look, policy: Policy) -> int:
    """Satoshi that carry the position at the leverage aimed at."""
    return -(-sats_of(exposure(look, policy), look.price) * PERCENT // policy.leverage_target_pct)


def transfer_for(look: Look, policy: Policy) -> int:
    """Satoshi to bring from the exchange's funding account to its trading account (below zero: back)."""
    at_stake, equity = exposure(look, policy), worth(look.trading.equity, look.price).n
    funding, spare = max(look.funding.sats_floor, 0), max(look.trading.spare.sats_floor, 0)
    least = sats_of(policy.transfer_cents_min, look.price)
    most = equity * policy.leverage_high_pct * policy.leverage_buffer_pct // PERCENT
    if not at_stake:
        return -spare if spare >= least else 0
    if at_stake * PERCENT > most:
        more = min(max(collateral(look, policy) - look.trading.equity.sats_floor, least), funding)
        return more if more >= min(least, funding) else 0
    if at_stake * PERCENT < equity * policy.leverage_low_pct:
        less = min(look.trading.equity.sats_floor - collateral(look, policy), spare)
        return -less if less >= least else 0
    return 0


def onchain_for(look: Look, hot_sats: int, limits: Limits, policy: Policy) -> int:
    """Satoshi to send from the hot wallet to the exchange (below zero: back). What should lie there is the collateral
    and a reserve; it is filled up when a quarter of it is missing, and taken back when there is twice as much."""
    at_stake = exposure(look, policy)
    there = look.trading.equity.sats_floor + look.funding.sats_floor
    wanted = collateral(look, policy) + min(policy.reserve_sats, sats_of(at_stake, look.price)) if at_stake else 0
    least = max(policy.onchain_sats_min, sats_of(policy.transfer_cents_min, look.price))
    if 4 * there < 3 * wanted:
        least = max(least, limits.deposit_min)
        sats = min(max(wanted - there, least), hot_sats - policy.hot_kept_sats)
        return sats if sats >= least else 0
    if there > 2 * wanted:
        sats = min(there - wanted, look.funding.sats_floor - limits.fee)
        return -sats if sats >= max(least, limits.withdrawal_min) else 0
    return 0


def leverage_pct(look: Look) -> int | None:
    """Position over collateral, in hundredths; None without a position, or with nothing that carries it."""
    equity = worth(look.trading.equity, look.price).n
    if look.position.short == 0 or equity <= 0:
        return None
    return abs(look.position.short) * PERCENT // equity


def ratio_bp(look: Look) -> int | None:
    """Position over liability, in ten-thousandths; None where nothing is owed."""
    return look.position.short * BP // look.owed if look.owed > 0 else None
