"""What paying to an address costs: where it goes, what is given for it, what the miners and the bank take.

Dollars are given at the dealer's rate, and so are the fees. A fee that was shown is charged for some minutes; what an
amount is in the other currency is decided when it is sent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from hazina.access import Caller
from hazina.accounts import Holder
from hazina.chain import Address, Speed, owner_of
from hazina.dealer import Rate, Term, cents_of, dealing
from hazina.kernel import addresses, bip21
from hazina.kernel.errors import InvalidInput
from hazina.kernel.money import MSAT_PER_SAT, Asset, Cents, Msats, amount_of
from hazina.ledger import balances
from hazina.payments import store_onchain
from hazina.payments.common import Parts, may_move, own_wallet
from hazina.payments.errors import AmountTooSmall, FeeTooHigh, InsufficientBalance, QuoteExpired, WrongCurrency
from hazina.payments.fees import BASIS, Matter, Network, Way, fee_of
from hazina.payments.model import OnchainFee, SendOnchain, positive
from hazina.payments.store_onchain import QuotedFor

IMBALANCE_AGE_S = 600
QUOTES_KEPT = 10
"""A quote stands for so many times its life before it is forgotten: whoever uses it late is told."""


# --- where to ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Destination:
    """An address, and what its link asks for."""

    address: str
    amount: Msats | None = None


def read_destination(text: str) -> Destination:
    """An address, or a BIP-21 link of one. Raises InvalidInput for a link that cannot be followed: an amount that is
    none, or a parameter that must be understood and is not."""
    if not bip21.is_link(text):
        return Destination(text.strip())
    try:
        link = bip21.read(text)
    except bip21.BadLink as error:
        raise InvalidInput(str(error)) from None
    return Destination(link.address, link.amount)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a withdrawal is decided by. ``ours``: the address is the bank's. ``asked``: what was asked for, or ``all``
    that there is, in the wallet's asset."""

    payer: Holder
    address: str
    ours: Address | None
    asked: Msats | Cents
    all: bool
    speed: Speed
    quoted: tuple[OnchainFee, datetime] | None

    @property
    def owner(self) -> UUID | None:
        """The wallet that it goes to inside the bank."""
        return self.ours.owner if self.ours is not None else None

    @property
    def quote(self) -> QuotedFor:
        return QuotedFor(self.payer.wallet.id, self.address, self.asked, self.speed.value)


async def facts_of(parts: Parts, caller: Caller, order: SendOnchain) -> Facts:
    """Read once; raises what can be refused before a fee is known."""
    there = read_destination(order.address)
    if order.amount is not None:
        positive(order.amount)
        if there.amount is not None and there.amount != order.amount:
            raise InvalidInput("The link asks for another amount.")
    parts.on_chain()
    address = addresses.read(there.address, parts.network).text
    async with parts.db.reading() as tx:
        payer = await own_wallet(tx, caller, order.wallet_id)
        ours = await owner_of(tx, address)
        account = payer.wallet.ledger_account
        asked = order.amount
        if asked is None:
            asked = _spendable(payer.wallet.asset, (await balances(tx, [account]))[account].available)
        facts = Facts(payer, address, ours, asked, order.amount is None, order.speed, None)
        facts = replace(facts, quoted=await store_onchain.kept_fee(tx, facts.quote))
    may_move(payer)
    if order.asset not in (None, payer.wallet.asset) or (payer.wallet.asset is Asset.BTC and isinstance(asked, Cents)):
        raise WrongCurrency()
    if order.amount is None and asked.n <= 0:
        raise InsufficientBalance("The balance is zero: there is nothing to send.", needed=1, available=0)
    return facts


def _spendable(asset: Asset, available: int) -> Msats | Cents:
    """Whole satoshi, or cents."""
    return amount_of(asset, available // MSAT_PER_SAT * MSAT_PER_SAT if asset is Asset.BTC else available)


# --- what is given for it ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Parcel:
    """What leaves for the address, and what its payer gives for that; the fees come on top of it. ``rate``: of a payer
    with dollars."""

    sats: int
    given: Msats | Cents
    rate: Rate | None = None


def parcel(asked: Msats | Cents, payer: Asset, rate: Rate | None) -> Parcel:
    """Raises AmountTooSmall for cents that bring no satoshi, AmountTooLarge for more than there are."""
    if payer is Asset.BTC:
        assert isinstance(asked, Msats) and rate is None
        return Parcel(asked.sats_floor, asked)
    assert rate is not None
    if isinstance(asked, Msats):
        return Parcel(asked.sats_floor, rate.cents_to_sell(asked), rate)
    sats = rate.msats_for_selling(asked).sats_floor
    if sats <= 0:
        raise AmountTooSmall()
    positive(Msats.from_sats(sats))
    return Parcel(sats, asked, rate)


async def rate_for(parts: Parts, facts: Facts, term: Term) -> Rate | None:
    """Raises DealerOffline for a payer with dollars, while nothing is exchanged."""
    return None if facts.payer.wallet.asset is Asset.BTC else await dealing(parts.prices, term)


# --- the fee ----------------------------------------------------------------------------------------


async def quote(parts: Parts, caller: Caller, order: SendOnchain) -> OnchainFee:
    """What sending would cost. Kept for a few minutes as what sending exactly this costs, unless the miners' fee
    rises steeply. Nothing to an address of this bank. Enforces no limits and no balance."""
    facts = await facts_of(parts, caller, order)
    dollars = facts.payer.wallet.asset is Asset.USD
    if facts.owner is not None:
        return OnchainFee(0, 0, 0, 0) if dollars else OnchainFee(0, 0)
    rate = await rate_for(parts, facts, Term.DELAYED)
    fee = await _fee_now(parts, facts, parcel(facts.asked, facts.payer.wallet.asset, rate))
    async with parts.db.transaction() as tx:
        await store_onchain.keep_fee(tx, facts.quote, fee, parts.clock.now())
    return fee


async def _fee_now(parts: Parts, facts: Facts, what: Parcel) -> OnchainFee:
    """By the miners' rates, the bank's strategies and the dealer's rate of this moment. Raises FeeTooHigh."""
    policy, chain = parts.policy, parts.on_chain()
    asked = await chain.estimate(what.sats, facts.speed, facts.address)
    if (
        asked.msat_per_vb > policy.rate_max_msat
        or asked.miner_sats * BASIS > what.sats * policy.miner_share_max_basis_points
    ):
        raise FeeTooHigh(miner_sats=asked.miner_sats)
    price = await parts.prices.latest()
    matter = Matter(
        what.sats, cents_of(Msats.from_sats(what.sats), price).n if price else 0, account_id=facts.payer.account.id,
        validated_merchant=facts.payer.account.merchant, imbalance_sats=await _imbalance(parts),
        miner_sats=asked.miner_sats, sats_per_vbyte=max(asked.msat_per_vb // MSAT_PER_SAT, 1),
    )  # fmt: skip
    fee = fee_of(policy.fees, Network.ONCHAIN, Way.SEND, matter)
    if what.rate is None:
        return OnchainFee(fee.miner_sats, fee.bank_sats)
    miner, bank = (what.rate.cents_to_sell(Msats.from_sats(sats)).n for sats in (fee.miner_sats, fee.bank_sats))
    return OnchainFee(fee.miner_sats, fee.bank_sats, miner, bank)


async def _imbalance(parts: Parts) -> int:
    """Lightning's net inflow of the last days above the chain's. Summed anew now and then: it moves slowly."""
    flows, now = parts.flows, parts.clock.steady()
    if now - flows.at > IMBALANCE_AGE_S:
        async with parts.db.reading() as tx:
            since = parts.clock.now() - timedelta(days=parts.policy.imbalance_days)
            lightning, onchain = await store_onchain.net_inflow(tx, since)
        flows.imbalance_sats, flows.at = lightning - onchain, now
    return flows.imbalance_sats


async def fee_due(parts: Parts, facts: Facts, what: Parcel) -> OnchainFee:
    """What was quoted, while it stands; else what it costs now. Raises QuoteExpired when the customer has been shown
    less than it costs now: the new fee is in the refusal, and stands for the next try."""
    now_costs = await _fee_now(parts, facts, what)
    if facts.quoted is None:
        return now_costs
    shown, at = facts.quoted
    now, policy = parts.clock.now(), parts.policy
    rose = now_costs.miner_sats * BASIS > shown.miner_sats * (BASIS + policy.rate_rise_basis_points)
    if now - at <= timedelta(seconds=policy.quote_life_s) and not rose:
        return shown
    if now_costs.charged <= shown.charged:
        return now_costs
    async with parts.db.transaction() as tx:
        await store_onchain.keep_fee(tx, facts.quote, now_costs, now)
    raise QuoteExpired(shown_sats=shown.sats, fee_sats=now_costs.sats)


async def forget(parts: Parts) -> None:
    """Drop quotes that nobody can use any more."""
    before = parts.clock.now() - timedelta(seconds=QUOTES_KEPT * parts.policy.quote_life_s)
    async with parts.db.transaction() as tx:
        await store_onchain.forget_fees(tx, before)
