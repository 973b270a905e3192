"""Between currencies: what the payee gets for what the payer gives, at the dealer's rates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from hazina.access import Caller
from hazina.accounts import Holder, wallets_of
from hazina.dealer import (
    Quote,
    QuoteInvalid,
    Rate,
    Side,
    Term,
    both,
    dealing,
    find,
    find_for,
    keep,
    offer,
    quote_claim,
    rate,
)
from hazina.kernel import rates
from hazina.kernel.db import Tx
from hazina.kernel.errors import TooManyRequests
from hazina.kernel.money import Asset, Cents, Msats, Price
from hazina.kernel.units import Claim
from hazina.payments.common import Parts
from hazina.payments.errors import AmountTooSmall
from hazina.payments.fees import BASIS
from hazina.payments.model import Payment, Policy, fee_ceiling, positive

QUOTE_RATE = rates.Rate("exchange_quote", points=120, window_s=60, block_s=60)
"""Quotes that an account may ask for."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Both sides of a payment. ``price``: what it is counted and shown at. ``quote``: used up by it."""

    given: Msats | Cents
    gets: Msats | Cents
    price: Price | None
    quote: Quote | None = None

    def of(self, payment: Payment) -> Payment:
        """The same payment with its other side, where something is exchanged."""
        if self.gets.asset is self.given.asset:
            return payment
        return replace(payment, to_asset=self.gets.asset, to_amount=self.gets.n)

    def claims(self, now: datetime) -> list[Claim]:
        return [] if self.quote is None else [quote_claim(self.quote, now)]


def give(at: Rate, given: Msats | Cents) -> Msats | Cents:
    """What ``given`` brings in the other currency; may be nothing."""
    return at.cents_bought(given) if isinstance(given, Msats) else at.msats_for_selling(given)


async def terms(parts: Parts, account_id: UUID, given: Msats | Cents, to: Asset, quote_id: UUID | None = None) -> Terms:
    """What somebody with a wallet of ``to`` gets for ``given``, now or by a quote of this account. Nothing, where it is
    less than the smallest unit: the caller decides. Raises DealerOffline, QuoteInvalid."""
    if given.asset is to:
        if quote_id is not None:
            raise QuoteInvalid()
        return Terms(given, given, await parts.prices.latest())
    if quote_id is None:
        at = await dealing(parts.prices)
        return Terms(given, give(at, given), at.price)
    async with parts.db.reading() as tx:
        quote = await find(tx, account_id, quote_id)
    if quote is None or quote.subject is not None:
        raise QuoteInvalid()
    buys = quote.side is Side.BUY
    first, second = (quote.msats, quote.cents) if buys else (quote.cents, quote.msats)
    if first != given or buys is not (to is Asset.USD):
        raise QuoteInvalid()
    return Terms(given, second, quote.price, quote)


async def quote(parts: Parts, caller: Caller, side: Side, amount: Msats | Cents) -> Quote:
    """What buying or selling dollars for ``amount``, of either currency, costs or brings: exactly these two amounts,
    for this account, once, for some minutes. Raises DealerOffline, AmountTooSmall, TooManyRequests."""
    positive(amount)
    at = await dealing(parts.prices, Term.DELAYED)
    msats, cents = both(at, side, amount)
    if not msats or not cents:
        raise AmountTooSmall()
    positive(msats)
    positive(cents)
    made = offer(parts.prices, at, caller.account_id, side, msats, cents)
    async with parts.db.transaction() as tx:
        wait_s = await rates.take(tx, [(QUOTE_RATE, str(caller.account_id))], parts.clock.now())
        if not wait_s:
            await keep(tx, made)
    if wait_s:
        raise TooManyRequests(retry_after_s=wait_s)
    return made


async def bitcoin_side(tx: Tx, holder: Holder) -> Holder:
    """The same account with its bitcoin wallet."""
    wallets = await wallets_of(tx, holder.account.id)
    return replace(holder, wallet=next(one for one in wallets if one.asset is Asset.BTC))


async def landed(parts: Parts, given: Terms, payer_account: UUID, payee: Holder) -> tuple[Terms, Holder]:
    """Where it arrives: what is too little for one cent goes to the payee's bitcoin wallet, as it is. Raises
    AmountTooSmall within one account, and for cents that bring no satoshi."""
    if given.gets.n > 0:
        return given, payee
    if isinstance(given.given, Cents) or payee.account.id == payer_account:
        raise AmountTooSmall()
    async with parts.db.reading() as tx:
        return replace(given, gets=given.given), await bitcoin_side(tx, payee)


# --- dollars over Lightning -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sale:
    """Dollars sold for an invoice: both sides, and the rate, by which its fee is counted too."""

    terms: Terms
    at: Rate

    @property
    def cents(self) -> Cents:
        assert isinstance(self.terms.given, Cents)
        return self.terms.given

    @property
    def msats(self) -> Msats:
        assert isinstance(self.terms.gets, Msats)
        return self.terms.gets


def sale(at: Rate, asked: Msats | Cents) -> Sale:
    """Raises AmountTooSmall where the cents bring no satoshi."""
    cents, msats = (
        (asked, at.msats_for_selling(asked)) if isinstance(asked, Cents) else (at.cents_to_sell(asked), asked)
    )
    if not msats:
        raise AmountTooSmall()
    return Sale(Terms(cents, msats, at.price), at)


async def selling(parts: Parts, account_id: UUID, asked: Msats | Cents, payment_hash: bytes) -> Sale:
    """Dollars for an invoice: by the quote that its probe left, used up by the payment, or at the rate of this moment.
    Raises DealerOffline, AmountTooSmall."""
    async with parts.db.reading() as tx:
        found = await find_for(tx, account_id, Side.SELL, payment_hash.hex(), parts.prices)
    for quote in found:
        if asked in (quote.msats, quote.cents):
            at = rate(quote.price, Term.DELAYED, parts.prices.policy)
            return Sale(Terms(quote.cents, quote.msats, quote.price, quote), at)
    return sale(await dealing(parts.prices), asked)


def kept_sale(parts: Parts, account_id: UUID, sold: Sale, payment_hash: bytes) -> Quote:
    """The quote that a probe leaves for the payment."""
    return offer(parts.prices, sold.at, account_id, Side.SELL, sold.msats, sold.cents, payment_hash.hex())


def route_reserve(sold: Sale, fixed: bool, quoted: Msats | None, policy: Policy) -> tuple[Cents, Msats]:
    """Cents to set aside for the route, and what it may cost for them. Without a probe: half a percent, at least a
    cent, and for an invoice with an amount not less than a payer of bitcoin may spend."""
    if quoted is not None:
        return sold.at.cents_to_sell(quoted), quoted
    cents = Cents(max(sold.cents.n * policy.fee_max_basis_points // BASIS, 1))
    if fixed:
        cents = max(cents, sold.at.cents_to_sell(fee_ceiling(sold.msats, policy)))
    return cents, sold.at.msats_for_selling(cents)
