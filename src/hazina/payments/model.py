"""Nouns of payments, and the rules that need nothing but them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Literal
from uuid import UUID

from hazina.access import fingerprint
from hazina.chain import Speed
from hazina.kernel.errors import Refusal
from hazina.kernel.money import AMOUNT_MAX, Asset, Cents, Msats, Price, amount_of
from hazina.payments.errors import AmountTooLarge, InvalidAmount, MemoTooLong
from hazina.payments.fees import DEFAULT, Schedule

MEMO_BYTES_MAX = 639  # what a BOLT11 description holds
SAT_MAX = 10**13  # Blink's bound for one amount, in satoshi and in cents
SPAM_SATS, SPAM_CENTS = 50, 10  # a smaller receipt shows no memo: writing to strangers costs something


class Kind(IntEnum):
    INTRALEDGER = 1  # between wallets of this bank, by wallet
    LN_INSIDE = 2  # an invoice of this bank, paid by a customer of this bank
    LN_OUT = 3
    LN_IN = 4
    ONCHAIN_INSIDE = 5  # an address of this bank, paid by a customer of this bank
    ONCHAIN_OUT = 6
    ONCHAIN_IN = 7
    ONCHAIN_REVERSED = 8  # a deposit that a reorganisation undid
    REFUND = 9  # dollars of a payment that failed late, as bitcoin to the same account


class State(IntEnum):
    HELD = 0  # the money is set aside; nothing was sent
    SENT = 1  # handed to the node, or may have been: only the node knows
    PAID = 2
    FAILED = 3

    @property
    def final(self) -> bool:
        return self in (State.PAID, State.FAILED)


class InvoiceState(IntEnum):
    OPEN = 0
    CLOSING = 1  # being paid inside: the node's copy is cancelled first
    PAID = 2
    CANCELLED = 3
    TAKING = 4  # what it holds is being taken: decided, and not to be refused any more


class Via(IntEnum):
    INTRALEDGER = 1
    LN = 2
    ONCHAIN = 3


class DepositState(IntEnum):
    PENDING = 0
    SETTLED = 1
    DROPPED = 2  # replaced, or forgotten by the network


class Direction(IntEnum):
    SEND = 1
    RECEIVE = 2


class LineStatus(IntEnum):
    PENDING = 0
    SUCCESS = 1
    FAILURE = 2


@dataclass(frozen=True, slots=True)
class Policy:
    """What an operator may tune. Times in seconds, amounts as their names say."""

    inline_wait_s: float = 8.0  # how long a sender waits for the outcome before hearing "pending"
    lease_s: int = 20  # for this long nobody but the sender touches a sent payment
    lease_margin_s: int = 4
    node_timeout_s: int = 60  # bounds new attempts of the node, not the payment
    probe_timeout_s: int = 15
    quote_life_s: int = 300
    fee_max_sats: int = 10
    fee_max_basis_points: int = 50  # 0.5 % of the amount, at least fee_max_sats
    look_first_s: float = 1.0
    look_max_s: float = 30.0
    closed_look_s: float = 5.0  # how often a payment that waits for its rail to open looks again
    expiry_amount_minutes: int = 240
    expiry_no_amount_minutes: int = 120
    expiry_max_minutes: int = 1440
    expiry_usd_minutes: int = 5  # of invoices for dollar wallets: default, maximum, and how long money may be held
    late_after_s: float = 8.0  # a payment in dollars that fails later is given back as bitcoin
    in_flight_max: int = 50  # Lightning payments of one customer that have not ended
    node_in_flight_max: int = 400  # and of one node; a channel of Lightning carries 483
    stuck_after_s: int = 3600  # a payment that is on its way for so long is an alarm
    flagged: frozenset[bytes] = frozenset()  # public keys of nodes that are not probed
    fees: Schedule = field(default_factory=lambda: DEFAULT)  # the bank's own
    onchain_sats_min: int = 5_000  # smaller withdrawals are dust, smaller deposits are kept
    miner_share_max_basis_points: int = 5_000  # the miners' fee may be half of what is sent, at most
    rate_max_msat: int = 1_000_000  # a thousand sat/vB: no withdrawal is quoted above
    rate_rise_basis_points: int = 5_000  # a quote is honoured while the miners ask at most half as much again
    imbalance_days: int = 30


@dataclass(frozen=True, slots=True)
class SendInternal:
    """Pay another wallet of this bank. ``amount`` is in the payer's currency. ``key``: idempotency key of the asker.
    ``quote_id``: exchange by this quote and no other way."""

    wallet_id: UUID
    recipient_wallet_id: UUID
    amount: Msats | Cents
    memo: str | None = None
    key: str | None = None
    quote_id: UUID | None = None

    def fingerprint(self) -> str:
        quoted = {"quote": self.quote_id} if self.quote_id is not None else {}
        return fingerprint(
            wallet=self.wallet_id, to=self.recipient_wallet_id, asset=self.amount.asset.name, amount=self.amount.n,
            memo=self.memo, **quoted,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class SendInvoice:
    """Pay a BOLT11 invoice. ``amount``, in the payer's currency, only when the invoice has none. ``address``: the
    Lightning Address elsewhere whose invoice it is, which becomes a contact."""

    wallet_id: UUID
    payment_request: str
    amount: Msats | Cents | None = None
    memo: str | None = None
    key: str | None = None
    address: str | None = None

    def fingerprint(self) -> str:
        amount = self.amount.n if self.amount else None
        asked = {"asset": self.amount.asset.name} if isinstance(self.amount, Cents) else {}
        return fingerprint(wallet=self.wallet_id, request=self.payment_request, amount=amount, memo=self.memo, **asked)


@dataclass(frozen=True, slots=True)
class SendOnchain:
    """Pay to an address, or to a BIP-21 link of one. ``amount``: satoshi are what arrives; cents, of a dollar wallet,
    are what is given for it. None: all there is, less the fee."""

    wallet_id: UUID
    address: str
    amount: Msats | Cents | None
    speed: Speed = Speed.FAST
    memo: str | None = None
    key: str | None = None
    asset: Asset | None = None  # the wallet must be of it

    def fingerprint(self) -> str:
        amount = self.amount.n if self.amount else None
        cents = {"asset": self.amount.asset.name} if isinstance(self.amount, Cents) else {}
        return fingerprint(
            wallet=self.wallet_id, address=self.address, amount=amount, speed=self.speed.value, memo=self.memo, **cents
        )


@dataclass(frozen=True, slots=True)
class NewInvoice:
    """Ask for money over Lightning. ``amount`` None: the payer chooses; cents: exactly those are credited, for dollar
    wallets only; satoshi for a dollar wallet: as many cents as they buy when it is made.

    ``take_within_s``: money that comes later than that is given back (a price lock), so it is held first; None: taken
    whenever it comes. ``description_hash``: stands in the invoice instead of the memo. ``webhook_url``: is told once
    that it was paid, or that it expired."""

    wallet_id: UUID
    amount: Msats | Cents | None = None
    memo: str | None = None
    expires_in_minutes: int | None = None
    external_id: str | None = None
    take_within_s: int | None = None
    description_hash: bytes | None = None
    webhook_url: str | None = None
    asset: Asset | None = None  # the wallet must be of it


@dataclass(frozen=True, slots=True)
class Party:
    """A wallet's side of a payment: whose it is and where its money stands in the ledger."""

    account_id: UUID
    wallet_id: UUID
    ledger_account: int
    username: str | None
    display_currency: str


@dataclass(frozen=True, slots=True)
class Payment:
    """One movement of money, from the moment it is decided to its end."""

    id: UUID
    kind: Kind
    state: State
    asset: Asset
    amount: int  # minor units of asset, without fee
    fee_max: int  # set aside on top, at most; the bank's own fee included
    src: int  # ledger account that pays
    dst: int  # ledger account that is paid
    account_id: UUID | None = None
    wallet_id: UUID | None = None
    to_account_id: UUID | None = None
    to_wallet_id: UUID | None = None
    payment_hash: bytes | None = None
    payment_request: str | None = None
    node: str | None = None
    memo: str | None = None
    price: Price | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None  # of the invoice that it pays
    lease_until: datetime | None = None
    attempts: int = 0
    reason: str | None = None
    bank_fee: int = 0  # part of fee_max that is the bank's own; the rest is what the route may cost
    to_asset: Asset | None = None  # what dst gets, where that is another asset than src gives
    to_amount: int | None = None  # minor units of to_asset
    route_max: int | None = None  # what the route may cost, millisatoshi, where the payer gives dollars
    address: str | None = None  # the Lightning Address elsewhere that it was ordered to be paid to

    @property
    def given(self) -> Msats | Cents:
        """What the payer gives, without the fee."""
        return amount_of(self.asset, self.amount)

    @property
    def gets(self) -> Msats | Cents:
        """What arrives at the payee."""
        if self.to_asset is None or self.to_amount is None:
            return self.given
        return amount_of(self.to_asset, self.to_amount)

    @property
    def exchanged(self) -> bool:
        return self.to_asset is not None

    @property
    def route_fee_max(self) -> Msats:
        """What the route may cost."""
        return Msats(self.fee_max - self.bank_fee if self.route_max is None else self.route_max)

    @property
    def on_the_wire(self) -> Msats:
        """What goes over Lightning, without the fee."""
        sent = self.gets
        assert isinstance(sent, Msats), "Lightning carries bitcoin"
        return sent


@dataclass(frozen=True, slots=True)
class Deposit:
    """An output that pays an address of ours. ``credit_sats`` is what its customer gets, 0 where the bank keeps it
    (no owner, dust, all of it fee). ``rounds``: how often it was settled. ``owed``: credited, reversed, and spent
    in between.

    For a dollar wallet ``credit_cents`` is what that brings: a guess until it is settled first, then for good;
    ``ripe``: deep enough, and waits for a price. ``owed_cents`` is what ``owed`` was in dollars."""

    txid: bytes
    vout: int
    id: UUID
    address: str
    account_id: UUID | None
    wallet_id: UUID | None
    sats: int
    fee_sats: int
    credit_sats: int
    display_currency: str | None
    state: DepositState
    rounds: int
    owed: Msats
    height: int | None
    confirmations_needed: int | None
    seen_at: datetime
    asset: Asset = Asset.BTC
    fee_cents: int = 0
    credit_cents: int = 0
    owed_cents: int = 0
    ripe: bool = False

    @property
    def fee_shown(self) -> Msats | Cents:
        """The bank's fee in the wallet's asset."""
        return Msats.from_sats(self.fee_sats) if self.asset is Asset.BTC else Cents(self.fee_cents)

    @property
    def credit_shown(self) -> Msats | Cents:
        return Msats.from_sats(self.credit_sats) if self.asset is Asset.BTC else Cents(self.credit_cents)


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """What a payment to an address needs beside the payment. ``miner_sats`` is quoted and charged; ``share_sats``
    is what of the miners' fee is booked: quoted, then real."""

    payment_id: UUID
    address: str
    speed: str
    miner_sats: int
    share_sats: int
    txid: bytes | None = None
    vout: int | None = None
    broadcast_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OnchainFee:
    """What sending an amount to an address costs, as quoted; in cents too where dollars pay it. Nothing inside the
    bank."""

    miner_sats: int
    bank_sats: int
    miner_cents: int | None = None
    bank_cents: int | None = None

    @property
    def sats(self) -> int:
        return self.miner_sats + self.bank_sats

    @property
    def cents(self) -> int:
        assert self.miner_cents is not None and self.bank_cents is not None, "the quote of a dollar wallet"
        return self.miner_cents + self.bank_cents

    @property
    def charged(self) -> int:
        """In the minor unit that it is compared in: cents for a dollar wallet, else satoshi."""
        return self.sats if self.miner_cents is None else self.cents


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a wallet's statement. ``amount`` is signed and includes the fee (minor units)."""

    id: UUID
    payment_id: UUID
    account_id: UUID
    wallet_id: UUID
    asset: Asset
    direction: Direction
    amount: int
    fee: int
    status: LineStatus
    initiation: Via
    settlement: Via
    counterparty_wallet_id: UUID | None
    counterparty_username: str | None
    payment_hash: bytes | None
    payment_request: str | None
    preimage: bytes | None
    memo: str | None
    external_id: str | None
    price: Price | None
    display_currency: str
    created_at: datetime
    address: str | None = None
    txid: bytes | None = None
    vout: int | None = None
    display_rate: int | None = None  # units of the display currency for a dollar, times 10^9, when it happened
    payee: bytes | None = None  # public key of the Lightning node that was paid

    @property
    def memo_shown(self) -> str | None:
        """The memo, unless it came with too little money to be more than an advertisement."""
        least = Msats.from_sats(SPAM_SATS).n if self.asset is Asset.BTC else SPAM_CENTS
        return None if self.direction is Direction.RECEIVE and self.amount < least else self.memo


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice of ours. ``amount`` None: the payer chooses. ``asset``: of the wallet. ``cents``: what a dollar wallet
    is credited, agreed when it was made."""

    id: UUID
    payment_hash: bytes
    payment_request: str
    payment_secret: bytes
    preimage: bytes
    wallet_id: UUID
    account_id: UUID
    node: str
    amount: Msats | None
    memo: str | None
    external_id: str
    state: InvoiceState
    created_at: datetime
    expires_at: datetime
    asset: Asset = Asset.BTC
    cents: Cents | None = None

    def status_at(self, now: datetime) -> InvoiceStatusName:
        if self.state is InvoiceState.PAID:
            return "PAID"
        over = self.state is InvoiceState.CANCELLED or (self.state is InvoiceState.OPEN and now >= self.expires_at)
        return "EXPIRED" if over else "PENDING"


InvoiceStatusName = Literal["PENDING", "PAID", "EXPIRED"]
SentStatus = Literal["SUCCESS", "PENDING", "FAILURE", "ALREADY_PAID"]


@dataclass(frozen=True, slots=True)
class InvoiceStatus:
    payment_hash: bytes
    payment_request: str
    status: InvoiceStatusName
    preimage: bytes | None
    expires_at: datetime
    wallet_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """What a sender hears. PENDING: the money is set aside and the outcome is not known yet."""

    status: SentStatus
    line: Line | None = None
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """The most that a payment will cost, in the payer's currency. With a refusal too where no way was found: then
    ``fee`` is the bank's own ceiling."""

    fee: Msats | Cents
    refusal: Refusal | None = None


def positive(amount: Msats | Cents) -> None:
    """Raises InvalidAmount, AmountTooLarge."""
    if amount.n <= 0:
        raise InvalidAmount()
    most = Msats.from_sats(SAT_MAX).n if isinstance(amount, Msats) else SAT_MAX
    if amount.n > min(most, AMOUNT_MAX):
        raise AmountTooLarge()


def memo_fits(memo: str | None) -> None:
    """Raises MemoTooLong."""
    if memo is not None and len(memo.encode("utf-8", "surrogatepass")) > MEMO_BYTES_MAX:
        raise MemoTooLong()


def fee_ceiling(amount: Msats, policy: Policy) -> Msats:
    """The most that the bank lets a payment of ``amount`` cost without a probe, in whole satoshi."""
    share = Msats(amount.n * policy.fee_max_basis_points // 10_000)
    return Msats.from_sats(max(share.sats_ceil, policy.fee_max_sats))


def expiry(minutes: int | None, has_amount: bool, policy: Policy, asset: Asset = Asset.BTC) -> timedelta:
    """How long an invoice for a wallet of ``asset`` lives. A wish outside 1 minute to the maximum gives the default, as
    Blink does."""
    default = policy.expiry_amount_minutes if has_amount else policy.expiry_no_amount_minutes
    most = policy.expiry_max_minutes
    if asset is Asset.USD:
        default = most = policy.expiry_usd_minutes
    wished = minutes if minutes is not None and 1 <= minutes <= most else default
    return timedelta(minutes=wished)


def split_receipt(arrived: Msats) -> tuple[Msats, Msats]:
    """What the customer is credited (whole satoshi) and what goes to the rounding account."""
    whole = Msats.from_sats(arrived.sats_floor)
    return whole, arrived - whole
