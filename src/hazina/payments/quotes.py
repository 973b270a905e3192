"""What a payment will cost: the bank's own fee, and a probe of the route."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from hazina.access import Caller
from hazina.accounts import Holder, LimitKind
from hazina.dealer import Term, dealing, keep
from hazina.kernel import bolt11
from hazina.kernel.money import Asset, Cents, Msats, Price, amount_of
from hazina.payments import store
from hazina.payments.common import Parts, own_wallet, volume, within_limit
from hazina.payments.errors import InvoiceExpired, NoRoute, WrongCurrency
from hazina.payments.exchanging import Sale, Terms, kept_sale, route_reserve, sale, selling
from hazina.payments.fees import Matter, Network, Way, fee_of
from hazina.payments.model import Payment, Policy, Probe, fee_ceiling
from hazina.payments.ports import NodeRefused, NodeSilent
from hazina.payments.reading import Reading, amount_to_pay, read_invoice

PROBE_SLACK_S = 5.0
"""The node keeps the time of a probe itself; this is for one that does not."""


def own_fee(amount: Msats, payer: Holder, price: Price | None, policy: Policy) -> Msats:
    """What the bank itself asks for a payment over Lightning, whole satoshi."""
    cents = volume(amount, price).n if price is not None else 0
    matter = Matter(amount.sats_ceil, cents, account_id=payer.account.id, validated_merchant=payer.account.merchant)
    return Msats.from_sats(fee_of(policy.fees, Network.LIGHTNING, Way.SEND, matter).bank_sats)


@dataclass(frozen=True, slots=True)
class Outlay:
    """What a payment over Lightning takes from its payer: both sides of it, and what is set aside on top, the bank's
    own fee in it, in the payer's minor units. ``route``: what the route may cost, on the wire."""

    terms: Terms
    fee_max: int
    bank_fee: int
    route: Msats

    @property
    def wire(self) -> Msats:
        assert isinstance(self.terms.gets, Msats)
        return self.terms.gets

    def of(self, payment: Payment) -> Payment:
        """The same payment with what this says of it."""
        amounts = replace(payment, fee_max=self.fee_max, bank_fee=self.bank_fee, price=self.terms.price)
        paid = self.terms.of(amounts)
        return replace(paid, route_max=self.route.n) if paid.exchanged else paid


async def outlay(parts: Parts, payer: Holder, asked: Msats | Cents, invoice: bolt11.Invoice11) -> Outlay:
    """By what a probe of the last minutes found, or by the bank's ceilings. Raises WrongCurrency, DealerOffline,
    AmountTooSmall."""
    if payer.wallet.asset is Asset.USD:
        return await _outlay_of_dollars(parts, payer, asked, invoice)
    if isinstance(asked, Cents):
        raise WrongCurrency()
    price = await parts.prices.latest()
    route = await _probed(parts, payer.wallet.id, invoice, asked)
    if route is None:
        route = fee_ceiling(asked, parts.policy)
    own = own_fee(asked, payer, price, parts.policy)
    fee_max = Msats.from_sats((asked + route + own).sats_ceil) - asked  # customers pay whole satoshi
    return Outlay(Terms(asked, asked, price), fee_max.n, own.n, fee_max - own)


async def _outlay_of_dollars(parts: Parts, payer: Holder, asked: Msats | Cents, invoice: bolt11.Invoice11) -> Outlay:
    if invoice.amount is None and isinstance(asked, Msats):
        raise WrongCurrency()
    sold = await selling(parts, payer.account.id, asked, invoice.payment_hash)
    probed = await _probed(parts, payer.wallet.id, invoice, sold.msats)
    cents, route = route_reserve(sold, invoice.amount is not None, probed, parts.policy)
    own = sold.at.cents_to_sell(own_fee(sold.msats, payer, sold.terms.price, parts.policy))
    return Outlay(sold.terms, cents.n + own.n, own.n, route)


async def _probed(parts: Parts, wallet_id: UUID, invoice: bolt11.Invoice11, amount: Msats) -> Msats | None:
    since = parts.clock.now() - timedelta(seconds=parts.policy.quote_life_s)
    async with parts.db.reading() as tx:
        return await store.quote(tx, wallet_id, invoice.payment_hash, amount, since)


async def probe_fee(
    parts: Parts, caller: Caller, wallet_id: UUID, text: str, wished: Msats | Cents | None, of: Asset | None = None
) -> Probe:
    """What paying this invoice will cost at most, in the wallet's currency. Destinations that are flagged and nodes
    that cannot probe give the ceiling. The answer is kept for a few minutes as the ceiling of the payment, so that the
    customer never pays more than was shown; for dollars the rate is kept with it, also where the invoice is of
    this bank and costs no fee. Raises LimitExceeded, DealerOffline, AmountTooSmall, as the payment would."""
    reading = read_invoice(text, parts.network)
    invoice = reading.says
    asked = amount_to_pay(invoice, wished)
    now = parts.clock.now()
    async with parts.db.reading() as tx:
        payer = await own_wallet(tx, caller, wallet_id)
        ours = await store.invoice(tx, invoice.payment_hash)
    if (wished.asset if wished is not None else of) not in (None, payer.wallet.asset):
        raise WrongCurrency()
    if now >= reading.expires_at:
        raise InvoiceExpired()
    mine = ours is not None and ours.account_id == payer.account.id
    kind = LimitKind.WITHDRAWAL if ours is None else LimitKind.TRADE if mine else LimitKind.INTRALEDGER
    await within_limit(parts, caller, kind, asked, await parts.prices.latest())
    if ours is not None:
        if payer.wallet.asset is Asset.USD and ours.asset is Asset.BTC:
            await _keep_sale(parts, payer, sale(await dealing(parts.prices, Term.DELAYED), asked), invoice)
        return Probe(amount_of(payer.wallet.asset, 0))
    if payer.wallet.asset is Asset.USD:
        sold = sale(await dealing(parts.prices, Term.DELAYED), asked)
        fee, why = await _route_fee(parts, payer, reading, sold.msats)
        await _keep_sale(parts, payer, sold, invoice)
        own = sold.at.cents_to_sell(own_fee(sold.msats, payer, sold.terms.price, parts.policy))
        return Probe(route_reserve(sold, invoice.amount is not None, fee, parts.policy)[0] + own, why)
    assert isinstance(asked, Msats), "cents are asked of dollar wallets only"
    fee, why = await _route_fee(parts, payer, reading, asked)
    own_msats = own_fee(asked, payer, await parts.prices.latest(), parts.policy)
    return Probe((fee_ceiling(asked, parts.policy) if fee is None else fee) + own_msats, why)


async def _keep_sale(parts: Parts, payer: Holder, sold: Sale, invoice: bolt11.Invoice11) -> None:
    """The rate that the payment will use."""
    async with parts.db.transaction() as tx:
        await keep(tx, kept_sale(parts, payer.account.id, sold, invoice.payment_hash))


async def _route_fee(
    parts: Parts, payer: Holder, reading: Reading, amount: Msats
) -> tuple[Msats | None, NoRoute | None]:
    """What a probe found, kept as the payment's ceiling; None: there was none, and why, if one was made."""
    invoice = reading.says
    ceiling = fee_ceiling(amount, parts.policy)
    node = await parts.nodes.for_sending(invoice.payment_hash, amount + ceiling, any_amount=invoice.amount_msat is None)
    if invoice.payee in parts.policy.flagged or not node.can.quote:
        return None, None
    try:
        async with asyncio.timeout(parts.policy.probe_timeout_s + PROBE_SLACK_S):
            found = await node.quote(
                reading.text, amount if invoice.amount_msat is None else None, parts.policy.probe_timeout_s
            )
    except (NodeSilent, NodeRefused, TimeoutError):
        found = None
    if found is None:
        return None, NoRoute("No way to the recipient was found yet. Nothing was moved.")
    fee = Msats.from_sats(found.sats_ceil)
    async with parts.db.transaction() as tx:
        await store.keep_quote(tx, payer.wallet.id, invoice.payment_hash, amount, fee, parts.clock.now())
    return fee, None
