"""Dollars on-chain: deposits that become dollars, dollars that leave as bitcoin, the books whole after every step."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.contexts.payments.coins import FEE, Coins
from tests.contexts.payments.dollars import Has, dealer, has, rate
from tests.contexts.payments.test_withdrawals import BANK_FEE, outside
from tests.contexts.whole import Person

from hazina.chain import EventKind, Output, PayoutNews
from hazina.dealer import Term, cents_of
from hazina.kernel.errors import Refusal
from hazina.kernel.money import Asset, Cents, Msats
from hazina.kernel.paging import Page
from hazina.ledger import BANK
from hazina.payments import InsufficientBalance, Line, OnchainFee, SelfPayment, SendOnchain, Sent

DOLLARS = 50_000  # cents


@pytest.fixture
async def priced(coins: Coins) -> AsyncIterator[Coins]:
    """A bitcoin is 100,000 dollars."""
    await move(coins, 100_000)
    await coins.rates(2)
    yield coins
    await coins.whole.sandbox.post("/sandbox/api/price", json={"usdPerBtc": "95000"})


@pytest.fixture
async def rich(priced: Coins, anna: Person) -> Person:
    await priced.whole.bank.payments.issue_dollars(anna.usd.id, Cents(DOLLARS), None)
    return anna


async def move(coins: Coins, usd: int) -> None:
    """What bitcoin costs from now on."""
    (await coins.whole.sandbox.post("/sandbox/api/price", json={"usdPerBtc": str(usd)})).raise_for_status()
    await rate(coins.whole)


def output(coins: Coins, person: Person, sats: int) -> Output:
    return replace(coins.output(person, sats), owner=person.usd.id)


async def lines(person: Person, asset: Asset = Asset.USD) -> list[tuple[str, int, int, str]]:
    """Direction, amount, fee and status, newest first."""
    wallet = person.usd if asset is Asset.USD else person.btc
    found = (await person.whole.bank.payments.lines(person.caller, [wallet.id], Page(first=100))).items
    assert all(one.asset is asset for one in found)
    return [(one.direction.name, one.amount, one.fee, one.status.name) for one in found]


def wish(person: Person, amount: Msats | Cents | None, address: str | None = None, **more: object) -> SendOnchain:
    made = SendOnchain(person.usd.id, address or outside(), amount)
    return replace(made, **more)  # type: ignore[arg-type]  # fields by name


async def begun(coins: Coins, order: SendOnchain, person: Person) -> tuple[Line, PayoutNews, int]:
    """The line, the news of its broadcast at the quoted fee, and what will arrive, in satoshi."""
    sent = await coins.payments.send_onchain(person.caller, order)
    assert sent.status == "SUCCESS" and sent.line is not None
    payout_id, _, sats, fee = next(one for one in await coins.payouts() if one[0] == sent.line.payment_id)
    return sent.line, PayoutNews(payout_id, secrets.token_hex(32), 0, fee), sats


# --- deposits ---------------------------------------------------------------------------------------


async def test_a_deposit_becomes_dollars_when_it_is_settled(priced: Coins, anna: Person) -> None:
    one = output(priced, anna, 52_500)
    await priced.book(EventKind.OUTPUT_SEEN, one)
    (waiting,) = await priced.pending(anna)
    assert (waiting.asset, waiting.amount, waiting.fee, waiting.wallet_id) == (Asset.USD, 5_000, 250, anna.usd.id)
    await move(priced, 80_000)
    await priced.settle(one)
    at = await rate(priced.whole)
    cents = at.cents_bought(Msats.from_sats(50_000)).n
    assert cents == 3_996, "0.10 % under the middle"
    assert await has(anna) == Has(0, cents)
    assert await lines(anna) == [("RECEIVE", cents, 200, "SUCCESS")]
    assert await dealer(priced.whole) == (50_000_000, -cents)
    assert await priced.own(BANK.FEES_BTC) == FEE
    await priced.proven()


async def test_without_a_price_a_deposit_waits_and_all_others_do_not(priced: Coins, anna: Person) -> None:
    one, gone, other = output(priced, anna, 52_500), output(priced, anna, 9_000), priced.output(anna, 52_500)
    priced.whole.clock.shift += timedelta(minutes=1)
    try:
        for deposit in (one, gone, other, one):
            await priced.settle(deposit)
        assert await has(anna) == Has(50_000_000, 0)
        assert len(await priced.pending(anna)) == 2
        await priced.proven()
        await priced.book(EventKind.OUTPUT_UNSETTLED, gone)
        await priced.book(EventKind.OUTPUT_DROPPED, gone)
        await priced.proven()
        await priced.payments.follow_chain()
        assert await has(anna) == Has(50_000_000, 0)
    finally:
        priced.whole.clock.shift = timedelta(0)
    await move(priced, 100_000)
    await asyncio.gather(*(priced.payments.follow_chain() for _ in range(4)))
    assert await has(anna) == Has(50_000_000, 4_995)
    assert await priced.pending(anna) == []
    await priced.proven()


async def test_f13_dollars_of_a_reversed_deposit_go_back_at_the_rate_that_they_came_at(
    priced: Coins, anna: Person
) -> None:
    one, other = output(priced, anna, 52_500), await priced.whole.person()
    await priced.settle(one)
    await priced.payments.send_onchain(anna.caller, wish(anna, Cents(3_995), await _address(priced, other)))
    await move(priced, 120_000)
    await priced.book(EventKind.OUTPUT_UNSETTLED, one)
    assert await has(anna) == Has(0, 0)
    taken = 50_000_000 * 1_000 // 4_995
    assert (await priced.own(BANK.ONCHAIN_BTC), await priced.own(BANK.FEES_BTC)) == (0, 0)
    assert await priced.own(BANK.REVERSED_BTC) == -(50_000_000 - taken) // 1_000
    await priced.proven()
    await priced.settle(one)
    assert await has(anna) == Has(0, 1_000), "what was taken, at no other rate"
    assert (await priced.own(BANK.ONCHAIN_BTC), await priced.own(BANK.REVERSED_BTC)) == (-52_500, 0)
    await priced.book(EventKind.OUTPUT_UNSETTLED, one)
    await priced.book(EventKind.OUTPUT_DROPPED, one)
    assert await has(anna) == Has(0, 0)
    await priced.proven()
    assert sum(amount for _, amount, _, _ in await lines(anna)) == 0


async def _address(coins: Coins, person: Person, asset: Asset = Asset.USD) -> str:
    """An address of that wallet."""
    text = await coins.address(person)
    if asset is Asset.USD:
        async with coins.whole.bank.db.transaction() as tx:
            await tx.execute(
                "update chain_address set owner = %(owner)s where address = %(address)s",
                {"owner": person.usd.id, "address": text},
            )
    return text


@pytest.mark.parametrize("seed", range(2))
async def test_any_order_of_events_leaves_the_books_whole(priced: Coins, anna: Person, seed: int) -> None:
    chance = random.Random(seed)
    outputs = [priced.output(anna, chance.choice([600, 6_000, 90_000])) for _ in range(6)]
    outputs = [replace(one, owner=chance.choice([anna.usd, anna.btc]).id) for one in outputs]
    last: dict[str, EventKind] = {}
    for _ in range(50):
        one, kind = chance.choice(outputs), chance.choice(list(EventKind)[:4])
        was = last.get(one.txid)
        if kind is EventKind.OUTPUT_DROPPED and was is EventKind.OUTPUT_SETTLED:
            continue
        if kind is not EventKind.OUTPUT_SEEN or was is not EventKind.OUTPUT_SETTLED:
            last[one.txid] = kind
        await priced.tell(kind, one)
        if chance.random() < 0.3:
            priced.whole.clock.shift = chance.choice([timedelta(0), timedelta(minutes=1)])
            await priced.payments.follow_chain()
            await priced.proven()
            if (mine := await has(anna)).cents > 50 and chance.random() < 0.5:
                order = wish(anna, Cents(mine.cents // 2), await _address(priced, await priced.whole.person()))
                await priced.payments.send_onchain(anna.caller, order)
    priced.whole.clock.shift = timedelta(0)
    await move(priced, 90_000)
    await priced.payments.follow_chain()
    await priced.proven()
    settled = sum(one.sats for one in outputs if last.get(one.txid) is EventKind.OUTPUT_SETTLED)
    assert await priced.own(BANK.ONCHAIN_BTC) == -settled
    mine = await has(anna)
    assert sum(amount for _, amount, _, _ in await lines(anna)) == mine.cents
    assert sum(amount for _, amount, _, _ in await lines(anna, Asset.BTC)) == mine.msat


# --- withdrawals ------------------------------------------------------------------------------------


async def test_dollars_leave_as_bitcoin(priced: Coins, rich: Person) -> None:
    """Asked for in cents: these are given, and what they bring arrives. The fee comes on top, in cents too."""
    at = await rate(priced.whole)
    before = (await priced.whole.bank.accounts.limits(rich.caller)).withdrawal.remaining
    line, news, sats = await begun(priced, wish(rich, Cents(10_000)), rich)
    assert sats == at.msats_for_selling(Cents(10_000)).sats_floor == 99_900
    miner = news.fee_share_sats or 0
    fee = at.cents_to_sell(Msats.from_sats(miner)).n + at.cents_to_sell(Msats.from_sats(BANK_FEE)).n
    assert (line.asset, line.amount, line.fee, line.status.name) == (Asset.USD, -10_000 - fee, fee, "PENDING")
    assert await has(rich) == Has(0, DOLLARS, 0, 10_000 + fee)
    remaining = (await priced.whole.bank.accounts.limits(rich.caller)).withdrawal.remaining
    assert before.n - remaining.n == 10_000
    await priced.proven()

    await move(priced, 130_000)
    await priced.book(EventKind.PAYOUT_BROADCAST, replace(news, fee_share_sats=miner + 33))
    assert await priced.own(BANK.CHAIN_FEES_BTC) == -33
    await priced.proven()
    await priced.book(EventKind.PAYOUT_SETTLED, replace(news, fee_share_sats=miner + 33))
    assert await has(rich) == Has(0, DOLLARS - 10_000 - fee)
    assert await lines(rich) == [("SEND", -10_000 - fee, fee, "SUCCESS"), ("RECEIVE", DOLLARS, 0, "SUCCESS")]
    assert await priced.own(BANK.ONCHAIN_BTC) == sats + miner + 33, "what really left"
    bank = at.cents_to_sell(Msats.from_sats(BANK_FEE)).n
    assert await dealer(priced.whole) == (-(sats + miner) * 1_000, 10_000 + fee - bank)
    await priced.proven()


async def test_bitcoin_asked_for_is_what_arrives(priced: Coins, rich: Person) -> None:
    at = await rate(priced.whole)
    line, news, sats = await begun(priced, wish(rich, Msats.from_sats(77_777)), rich)
    assert sats == 77_777
    assert line.amount + line.fee == -at.cents_to_sell(Msats.from_sats(77_777)).n
    for kind in (EventKind.PAYOUT_BROADCAST, EventKind.PAYOUT_SETTLED, EventKind.PAYOUT_SETTLED):
        await priced.book(kind, news)
    assert (await has(rich)).cents == DOLLARS + line.amount
    await priced.proven()


@pytest.mark.parametrize("broadcast", [False, True])
async def test_what_never_arrives_is_the_same_dollars_again(priced: Coins, rich: Person, broadcast: bool) -> None:
    """Cancelled in the queue, or its coins lost for good after it was broadcast; whatever bitcoin costs by then."""
    before = (await priced.whole.bank.accounts.limits(rich.caller)).withdrawal.remaining
    _, news, _ = await begun(priced, wish(rich, Cents(10_000)), rich)
    if broadcast:
        await priced.book(EventKind.PAYOUT_BROADCAST, replace(news, fee_share_sats=(news.fee_share_sats or 0) + 9))
    await move(priced, 60_000)
    await priced.book(EventKind.PAYOUT_CANCELLED, PayoutNews(news.payout_id, reason="too dear"))
    assert await has(rich) == Has(0, DOLLARS)
    assert (await dealer(priced.whole), await priced.own(BANK.CHAIN_FEES_BTC)) == ((0, 0), 0)
    assert (await lines(rich))[0][3] == "FAILURE"
    assert (await priced.whole.bank.accounts.limits(rich.caller)).withdrawal.remaining == before
    await priced.proven()


async def test_all_dollars_leave(priced: Coins, rich: Person) -> None:
    quoted = await priced.payments.onchain_fee(rich.caller, wish(rich, Cents(DOLLARS), address := outside()))
    await move(priced, 101_000)
    line, news, sats = await begun(priced, wish(rich, None, address), rich)
    assert (line.amount, line.fee) == (-DOLLARS, quoted.cents)
    assert sats == (await rate(priced.whole)).msats_for_selling(Cents(DOLLARS - quoted.cents)).sats_floor
    for kind in (EventKind.PAYOUT_BROADCAST, EventKind.PAYOUT_SETTLED):
        await priced.book(kind, news)
    assert await has(rich) == Has(0, 0)
    with pytest.raises(InsufficientBalance):
        await priced.payments.send_onchain(rich.caller, wish(rich, None))
    await priced.proven()


async def test_onc_09_the_fee_that_was_shown_is_charged_for_a_while(priced: Coins, rich: Person) -> None:
    """USD-06: in cents, whatever bitcoin costs meanwhile; then not below what it costs."""
    order = wish(rich, Cents(10_000))
    shown = await priced.payments.onchain_fee(rich.caller, order)
    delayed = await rate(priced.whole, Term.DELAYED)
    sats = [Msats.from_sats(one) for one in (shown.miner_sats, BANK_FEE)]
    assert shown.cents == sum(delayed.cents_to_sell(one).n for one in sats)
    await move(priced, 105_000)
    assert (await begun(priced, order, rich))[0].fee == shown.cents
    assert (await begun(priced, replace(order, amount=Cents(10_001)), rich))[0].fee > shown.cents
    async with priced.whole.bank.db.transaction() as tx:
        await tx.execute("update chain_quote set at = at - interval '6 minutes'")
    with pytest.raises(Refusal) as refused:
        await priced.payments.send_onchain(rich.caller, order)
    assert refused.value.code == "QUOTE_EXPIRED"
    assert (await begun(priced, order, rich))[0].fee > shown.cents, "the new one stands"
    await priced.proven()


async def test_what_dollars_do_not_buy(priced: Coins, rich: Person) -> None:
    bitcoin = replace(wish(rich, Cents(5_000)), wallet_id=rich.btc.id)
    for order, code in (
        (wish(rich, Cents(400)), "DUST_AMOUNT"),
        (wish(rich, Msats.from_sats(4_999)), "DUST_AMOUNT"),
        (wish(rich, Cents(0)), "INVALID_AMOUNT"),
        (wish(rich, Cents(10**13)), "AMOUNT_TOO_LARGE"),
        (wish(rich, Msats.from_sats(10**13)), "LIMIT_EXCEEDED"),
        (wish(rich, Cents(DOLLARS)), "INSUFFICIENT_BALANCE"),
        (bitcoin, "WRONG_CURRENCY"),
    ):
        with pytest.raises(Refusal) as refused:
            await priced.payments.send_onchain(rich.caller, order)
        assert refused.value.code == code
    priced.whole.clock.shift += timedelta(seconds=40)
    try:
        for call in (priced.payments.send_onchain, priced.payments.onchain_fee):
            with pytest.raises(Refusal) as refused:
                await call(rich.caller, wish(rich, Cents(5_000)))
            assert refused.value.blink == "DEALER_OFFLINE"
    finally:
        priced.whole.clock.shift = timedelta(0)
    assert (await priced.payouts(), await has(rich)) == ([], Has(0, DOLLARS))


async def test_onc_07_the_same_request_twenty_times_is_one_payout(priced: Coins, rich: Person) -> None:
    order = wish(rich, Cents(6_000), key="w1")
    sent = await asyncio.gather(*(priced.payments.send_onchain(rich.caller, order) for _ in range(20)))
    assert len({one.line.id for one in sent if one.line}) == 1 == len(await priced.payouts())
    said = await asyncio.gather(
        *(priced.payments.send_onchain(rich.caller, wish(rich, Cents(13_000))) for _ in range(6)),
        return_exceptions=True,
    )
    assert sum(isinstance(one, Sent) for one in said) == 3
    assert sum(isinstance(one, InsufficientBalance) for one in said) == 3
    await priced.proven()


async def test_a_repeated_request_hears_of_the_first_whatever_changed_since(priced: Coins, rich: Person) -> None:
    """All that there was is gone, and there is no price any more."""
    order = wish(rich, None, key="all")
    first = await priced.payments.send_onchain(rich.caller, order)
    priced.whole.clock.shift += timedelta(minutes=1)
    try:
        again = await priced.payments.send_onchain(rich.caller, order)
    finally:
        priced.whole.clock.shift = timedelta(0)
    assert first.line is not None and again.line is not None
    assert (again.status, again.line.id, len(await priced.payouts())) == ("SUCCESS", first.line.id, 1)


# --- inside -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("to", list(Asset))
@pytest.mark.parametrize(("amount", "of"), [
    (Cents(1_000), Asset.USD), (Msats.from_sats(10_000), Asset.USD), (Msats.from_sats(10_000), Asset.BTC),
])  # fmt: skip
async def test_to_an_address_of_this_bank(
    priced: Coins, rich: Person, amount: Msats | Cents, of: Asset, to: Asset
) -> None:
    """ONC-10: at once, for nothing, from any currency to any; satoshi that are asked for arrive as satoshi."""
    await rich.fund(20_000)
    ben, at = await priced.whole.person(), await rate(priced.whole)
    address = await _address(priced, ben, to)
    order = SendOnchain(rich.usd.id if of is Asset.USD else rich.btc.id, address, amount)
    assert await priced.payments.onchain_fee(rich.caller, order) in (OnchainFee(0, 0), OnchainFee(0, 0, 0, 0))
    sent = await priced.payments.send_onchain(rich.caller, order)
    assert sent.status == "SUCCESS" and sent.line is not None and sent.line.fee == 0
    before, got = Has(20_000_000, DOLLARS), await has(ben)
    gave = (before.msat - (await has(rich)).msat, before.cents - (await has(rich)).cents)
    assert gave[0 if of is Asset.USD else 1] == 0
    match amount, of, to:
        case Cents(), _, Asset.BTC:
            assert (gave[1], got) == (1_000, Has(at.msats_for_selling(amount).n, 0))
        case Cents(), _, Asset.USD:
            assert (gave[1], got) == (1_000, Has(0, 1_000))
        case Msats(), Asset.USD, Asset.BTC:
            assert (gave[1], got) == (at.cents_to_sell(amount).n, Has(amount.n, 0))
        case Msats(), Asset.USD, Asset.USD:
            assert gave[1] == got.cents == cents_of(amount, at.price).n
        case Msats(), Asset.BTC, Asset.USD:
            assert (gave[0], got) == (amount.n, Has(0, at.cents_bought(amount).n))
        case Msats(), Asset.BTC, Asset.BTC:
            assert gave[0] == got.msat == amount.n
    assert await priced.payouts() == []
    await priced.proven()


async def test_between_own_wallets_by_address(priced: Coins, rich: Person) -> None:
    address = await _address(priced, rich, Asset.BTC)
    await priced.payments.send_onchain(rich.caller, wish(rich, None, address))
    assert (await has(rich)).cents == 0
    with pytest.raises(SelfPayment):
        await priced.payments.send_onchain(rich.caller, SendOnchain(rich.btc.id, address, Msats.from_sats(5)))
    with pytest.raises(Refusal) as refused:
        order = SendOnchain(rich.btc.id, await _address(priced, rich), Msats.from_sats(1))
        await priced.payments.send_onchain(rich.caller, order)
    assert refused.value.code == "AMOUNT_TOO_SMALL"
    await priced.proven()


async def test_usd_05_no_loop_over_addresses_brings_anything(priced: Coins, rich: Person) -> None:
    """Back and forth between own wallets in every odd amount: what is left is never worth more."""
    btc, usd = await _address(priced, rich, Asset.BTC), await _address(priced, rich)
    at, chance = await rate(priced.whole), random.Random(5)

    def worth(mine: Has) -> int:
        return mine.msat * at.price.cents_per_btc + mine.cents * 10**11

    before = worth(await has(rich))
    for _ in range(12):
        cents, sats = Cents(chance.randint(1, 40)), Msats.from_sats(chance.randint(1, 40_000))
        amount: Msats | Cents = cents if chance.random() < 0.5 else sats
        await priced.payments.send_onchain(rich.caller, wish(rich, amount, btc))
        with_them = SendOnchain(rich.btc.id, usd, None)
        await priced.payments.send_onchain(rich.caller, with_them)
        now = worth(await has(rich))
        assert now <= before
        before = now
    await priced.proven()
