"""Between currencies: what the payee gets for what the payer gives, at the dealer's rates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from hazina.accounts import Holder, wallets_of
from hazina.dealer import Quote, QuoteInvalid, Rate, Side, dealing, find, quote_claim
from hazina.kernel.db import Tx
from hazina.kernel.money import Asset, Cents, Msats, Price
from hazina.kernel.units import Claim
from hazina.payments.common import Parts
from hazina.payments.errors import AmountTooSmall
from hazina.payments.model import Payment


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
