"""What a payment will cost: the bank's own fee, and a probe of the route."""

from __future__ import annotations

import asyncio
from uuid import UUID

from hazina.access import Caller
from hazina.accounts import Holder
from hazina.kernel.money import Asset, Msats, Price
from hazina.payments import store
from hazina.payments.common import Parts, own_wallet, volume
from hazina.payments.errors import ExchangeUnavailable, InvoiceExpired, NoRoute
from hazina.payments.fees import Matter, Network, Way, fee_of
from hazina.payments.model import Policy, Probe, fee_ceiling
from hazina.payments.ports import NodeRefused, NodeSilent
from hazina.payments.reading import amount_to_pay, read_invoice

PROBE_SLACK_S = 5.0
"""The node keeps the time of a probe itself; this is for one that does not."""


def own_fee(amount: Msats, payer: Holder, price: Price | None, policy: Policy) -> Msats:
    """What the bank itself asks for a payment over Lightning, whole satoshi."""
    cents = volume(amount, price).n if price is not None else 0
    matter = Matter(amount.sats_ceil, cents, account_id=payer.account.id)
    return Msats.from_sats(fee_of(policy.fees, Network.LIGHTNING, Way.SEND, matter).bank_sats)


async def probe_fee(parts: Parts, caller: Caller, wallet_id: UUID, text: str, wished: Msats | None) -> Probe:
    """What paying this invoice will cost at most. Destinations that are flagged and nodes that cannot probe give
    the ceiling. The answer is kept for a few minutes as the ceiling of the payment, so that the customer never
    pays more than was shown."""
    reading = read_invoice(text, parts.network)
    invoice = reading.says
    amount = amount_to_pay(invoice, wished)
    now = parts.clock.now()
    async with parts.db.reading() as tx:
        payer = await own_wallet(tx, caller, wallet_id)
        ours = await store.invoice(tx, invoice.payment_hash)
    if payer.wallet.asset is not Asset.BTC:
        raise ExchangeUnavailable()
    if now >= reading.expires_at:
        raise InvoiceExpired()
    if ours is not None:
        return Probe(Msats(0))
    ceiling = fee_ceiling(amount, parts.policy)
    own = own_fee(amount, payer, await parts.prices.latest(), parts.policy)
    node = await parts.nodes.for_sending(invoice.payment_hash, amount + ceiling, any_amount=invoice.amount_msat is None)
    if invoice.payee in parts.policy.flagged or not node.can.quote:
        return Probe(ceiling + own)
    try:
        async with asyncio.timeout(parts.policy.probe_timeout_s + PROBE_SLACK_S):
            found = await node.quote(
                reading.text, amount if invoice.amount_msat is None else None, parts.policy.probe_timeout_s
            )
    except (NodeSilent, NodeRefused, TimeoutError):
        found = None
    if found is None:
        return Probe(ceiling + own, NoRoute("No way to the recipient was found yet. Nothing was moved."))
    fee = Msats.from_sats(found.sats_ceil)
    async with parts.db.transaction() as tx:
        await store.keep_quote(tx, wallet_id, invoice.payment_hash, amount, fee, now)
    return Probe(fee + own)
