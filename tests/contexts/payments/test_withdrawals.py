"""Withdrawals at the door of payments: what they cost, what is held, and what becomes of it as the chain tells."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contexts.payments.coins import Coins, rows
from tests.contexts.whole import Person

from hazina.chain import EventKind, PayoutNews, Speed
from hazina.kernel.addresses import segwit
from hazina.kernel.bolt11 import Network
from hazina.kernel.errors import InvalidInput, Refusal
from hazina.kernel.money import Msats
from hazina.ledger import BANK
from hazina.payments import (
    DustAmount,
    FeeTooHigh,
    InsufficientBalance,
    LimitExceeded,
    Payments,
    QuoteExpired,
    SelfPayment,
    SendOnchain,
    Sent,
)
from hazina.payments.costs import read_destination
from hazina.safety import Rail, SafeMode

BANK_FEE = 5_000  # Blink's, up to a million satoshi


def outside() -> str:
    """An address of nobody that the bank knows."""
    return segwit(0, secrets.token_bytes(20), Network.REGTEST)


def order(person: Person, address: str, sats: int | None, **more: object) -> SendOnchain:
    amount = None if sats is None else Msats.from_sats(sats)
    return replace(SendOnchain(person.btc.id, address, amount), **more)  # type: ignore[arg-type]  # fields by name


@pytest.fixture
async def rich(coins: Coins, anna: Person) -> Person:
    """Anna with 200,000 satoshi, while the miners ask 2 sat/vB."""
    await coins.settle(coins.output(anna, 202_500))
    await coins.rates(2)
    assert await anna.sats() == (200_000, 0)
    return anna


async def begun(coins: Coins, person: Person, sats: int | None = 50_000) -> tuple[Sent, PayoutNews]:
    """A withdrawal, and the news of its broadcast at the quoted fee."""
    sent = await coins.payments.send_onchain(person.caller, order(person, outside(), sats))
    payout_id, _, _, fee = (await coins.payouts())[-1]
    return sent, PayoutNews(payout_id, secrets.token_hex(32), 1, fee)


# --- a life -----------------------------------------------------------------------------------------


async def test_a_withdrawal_from_hold_to_settled(coins: Coins, rich: Person) -> None:
    """Trap 2: SUCCESS for the sender, while the line waits. Traps 1: its amount has the fee in it."""
    sent, news = await begun(coins, rich)
    ((payout_id, address, sats, miner),) = await coins.payouts()
    assert sent.status == "SUCCESS" and sent.line is not None
    assert (sent.line.payment_id, sent.line.address, sats) == (payout_id, address, 50_000)
    assert rows([sent.line]) == [("SEND", -50_000 - BANK_FEE - miner, BANK_FEE + miner, "PENDING")]
    assert await rich.sats() == (200_000, 50_000 + BANK_FEE + miner)
    await coins.proven()

    await coins.book(EventKind.PAYOUT_BROADCAST, replace(news, fee_share_sats=miner - 40))
    line = (await coins.statement(rich))[0]
    assert (line.status.name, line.txid, line.vout) == ("PENDING", bytes.fromhex(news.txid or ""), 1)
    assert await coins.own(BANK.CHAIN_FEES_BTC) == 40
    await coins.proven()

    await coins.book(EventKind.PAYOUT_SETTLED, replace(news, fee_share_sats=miner - 40))
    assert rows(await coins.statement(rich))[0] == ("SEND", -50_000 - BANK_FEE - miner, BANK_FEE + miner, "SUCCESS")
    assert await rich.sats() == (200_000 - 50_000 - BANK_FEE - miner, 0)
    assert await coins.own(BANK.ONCHAIN_BTC) == -202_500 + 50_000 + miner - 40  # what the wallet really has
    await coins.proven()


async def test_a_replaced_transaction_costs_the_bank_what_it_costs(coins: Coins, rich: Person) -> None:
    _, news = await begun(coins, rich)
    miner = news.fee_share_sats or 0
    await coins.book(EventKind.PAYOUT_BROADCAST, news)
    bumped = replace(news, txid=secrets.token_hex(32), fee_share_sats=miner + 700)
    await coins.book(EventKind.PAYOUT_BROADCAST, bumped)
    assert await coins.own(BANK.CHAIN_FEES_BTC) == -700
    await coins.proven()
    await coins.book(EventKind.PAYOUT_SETTLED, news)  # and then the first is mined after all
    assert (await coins.statement(rich))[0].txid == bytes.fromhex(news.txid or "")
    assert await coins.own(BANK.CHAIN_FEES_BTC) == 0
    await coins.proven()


async def test_a_cancelled_payout_gives_money_and_limits_back(coins: Coins, rich: Person) -> None:
    before = (await coins.whole.bank.accounts.limits(rich.caller)).withdrawal.remaining
    _, news = await begun(coins, rich)
    assert (await coins.whole.bank.accounts.limits(rich.caller)).withdrawal.remaining < before
    await coins.book(EventKind.PAYOUT_CANCELLED, PayoutNews(news.payout_id, reason="too dear"))
    assert await rich.sats() == (200_000, 0)
    assert (await coins.whole.bank.accounts.limits(rich.caller)).withdrawal.remaining == before
    assert (await coins.statement(rich))[0].status.name == "FAILURE"
    await coins.proven()


async def test_a_broadcast_payout_whose_coins_are_lost_for_good_is_given_back_whole(coins: Coins, rich: Person) -> None:
    _, news = await begun(coins, rich)
    await coins.book(EventKind.PAYOUT_BROADCAST, replace(news, fee_share_sats=(news.fee_share_sats or 0) + 55))
    await coins.book(EventKind.PAYOUT_CANCELLED, PayoutNews(news.payout_id, reason="too dear"))
    assert (await rich.sats(), await coins.own(BANK.CHAIN_FEES_BTC)) == ((200_000, 0), 0)
    line = (await coins.statement(rich))[0]
    assert (line.status.name, line.txid) == ("FAILURE", None)
    await coins.proven()


async def test_what_the_chain_says_twice_is_booked_once(coins: Coins, rich: Person) -> None:
    _, news = await begun(coins, rich)
    for kind in (EventKind.PAYOUT_BROADCAST, EventKind.PAYOUT_SETTLED, EventKind.PAYOUT_UNSETTLED):
        for _ in range(2):
            await coins.book(kind, news)
    for kind in (EventKind.PAYOUT_SETTLED, EventKind.PAYOUT_BROADCAST, EventKind.PAYOUT_CANCELLED):
        await coins.book(kind, news)  # late, or for no reason: what is paid stays paid
    assert (await rich.sats())[1] == 0
    await coins.proven()


async def test_another_version_that_is_mined_after_a_reorganisation_is_booked(coins: Coins, rich: Person) -> None:
    _, news = await begun(coins, rich)
    for kind in (EventKind.PAYOUT_BROADCAST, EventKind.PAYOUT_SETTLED, EventKind.PAYOUT_UNSETTLED):
        await coins.book(kind, news)
    other = replace(news, txid=secrets.token_hex(32), fee_share_sats=(news.fee_share_sats or 0) + 90)
    await coins.book(EventKind.PAYOUT_SETTLED, other)
    assert (await coins.statement(rich))[0].txid == bytes.fromhex(other.txid or "")
    assert (await coins.own(BANK.CHAIN_FEES_BTC), (await rich.sats())[1]) == (-90, 0)
    await coins.proven()


# --- once -------------------------------------------------------------------------------------------


async def test_onc_07_the_same_request_twenty_times_is_one_payout(coins: Coins, rich: Person) -> None:
    wish = order(rich, outside(), 20_000, key="w1")
    sent = await asyncio.gather(*(coins.payments.send_onchain(rich.caller, wish) for _ in range(20)))
    assert {one.status for one in sent} == {"SUCCESS"}
    assert len({one.line.id for one in sent if one.line}) == 1
    assert len(await coins.payouts()) == 1
    with pytest.raises(Refusal) as refused:
        await coins.payments.send_onchain(rich.caller, order(rich, outside(), 20_000, key="w1"))
    assert refused.value.code == "IDEMPOTENCY_KEY_REUSED"
    await coins.proven()


async def test_parallel_withdrawals_never_pass_the_balance(coins: Coins, rich: Person) -> None:
    said = await asyncio.gather(
        *(coins.payments.send_onchain(rich.caller, order(rich, outside(), 40_000)) for _ in range(8)),
        return_exceptions=True,
    )
    assert sum(isinstance(one, Sent) for one in said) == 4
    assert sum(isinstance(one, InsufficientBalance) for one in said) == 4
    assert len(await coins.payouts()) == 4
    await coins.proven()


async def test_a_refused_withdrawal_queues_nothing(coins: Coins, rich: Person) -> None:
    await coins.whole.bank.safety.close(Rail.ONCHAIN, by="amina", reason="The node moves.")
    with pytest.raises(SafeMode):
        await coins.payments.send_onchain(rich.caller, order(rich, outside(), 20_000))
    assert (await coins.payouts(), await rich.sats()) == ([], (200_000, 0))


async def test_the_limit_of_the_day_counts(coins: Coins, rich: Person) -> None:
    """Level 1 may take out USD 1,000 a day."""
    await coins.settle(coins.output(rich, 90_000_000))
    with pytest.raises(LimitExceeded):
        await coins.payments.send_onchain(rich.caller, order(rich, outside(), 80_000_000))
    assert await coins.payouts() == []


# --- all there is -----------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [0, 2_501, 800_000, 803_000, 850_000])
async def test_send_all_empties_the_wallet(coins: Coins, rich: Person, more: int) -> None:
    """Also where the fee is another for what is left of the balance than for the whole."""
    if more:
        await coins.settle(coins.output(rich, more + 2_500))
    has = (await rich.sats())[0]
    sent, _ = await begun(coins, rich, None)
    assert await rich.sats() == (has, has)
    ((_, _, sats, miner),) = await coins.payouts()
    assert sent.line is not None and -sent.line.amount == has * 1_000
    assert sats + sent.line.fee // 1_000 == has
    assert sent.line.fee // 1_000 - miner == (BANK_FEE if has <= 1_000_000 else 2 * BANK_FEE)
    await coins.proven()


async def test_send_all_of_nothing_or_of_less_than_the_fee(coins: Coins, anna: Person) -> None:
    await coins.rates(2)
    with pytest.raises(InsufficientBalance):
        await coins.payments.send_onchain(anna.caller, order(anna, outside(), None))
    await coins.settle(coins.output(anna, 10_000))
    with pytest.raises(InsufficientBalance):
        await coins.payments.send_onchain(anna.caller, order(anna, outside(), None))
    assert await anna.sats() == (7_500, 0)


# --- addresses --------------------------------------------------------------------------------------


async def test_onc_10_a_fellow_customers_address_is_paid_inside_without_fee_and_dust_rule(
    coins: Coins, rich: Person
) -> None:
    other = await coins.whole.person()
    address = await coins.address(other)
    assert (await coins.payments.onchain_fee(rich.caller, order(rich, address, 600))).sats == 0
    sent = await coins.payments.send_onchain(rich.caller, order(rich, address.upper(), 600, memo="tea"))
    assert sent.line is not None and rows([sent.line]) == [("SEND", -600, 0, "SUCCESS")]
    assert (sent.line.initiation.name, sent.line.settlement.name) == ("ONCHAIN", "INTRALEDGER")
    assert (await rich.sats(), await other.sats()) == ((199_400, 0), (600, 0))
    await coins.payments.send_onchain(rich.caller, order(rich, address, None))
    assert (await rich.sats(), await other.sats()) == ((0, 0), (200_000, 0))
    assert await coins.payouts() == []
    found = await coins.statement(other)
    assert {one.address for one in found} == {address}
    await coins.proven()


async def test_onc_10_ones_own_address_is_refused(coins: Coins, rich: Person) -> None:
    with pytest.raises(SelfPayment):
        await coins.payments.send_onchain(rich.caller, order(rich, await coins.address(rich), 10_000))


async def test_the_banks_own_address_is_paid_as_any_other(coins: Coins, rich: Person) -> None:
    """The coins come back as the bank's own: one way to book them."""
    await coins.payments.send_onchain(rich.caller, order(rich, await coins.address(None), 20_000))
    assert len(await coins.payouts()) == 1


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "ADDRESS_FOREIGN_NETWORK"),
        ("tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx", "ADDRESS_FOREIGN_NETWORK"),
        ("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "ADDRESS_FOREIGN_NETWORK"),
        ("nonsense", "ADDRESS_UNREADABLE"),
        ("", "ADDRESS_UNREADABLE"),
        (segwit(2, b"0" * 32, Network.REGTEST), "ADDRESS_FUTURE_VERSION"),
    ],
)
async def test_onc_10_an_address_that_cannot_be_paid(coins: Coins, rich: Person, address: str, code: str) -> None:
    for call in (coins.payments.send_onchain, coins.payments.onchain_fee):
        with pytest.raises(Refusal) as refused:
            await call(rich.caller, order(rich, address, 20_000))
        assert refused.value.code == code
    assert (await coins.payouts(), await rich.sats()) == ([], (200_000, 0))


async def test_a_link_says_where_to_and_how_much(coins: Coins, rich: Person) -> None:
    address = outside()
    link = f"bitcoin:{address.upper()}?amount=0.0002&label=Tea%20house"
    await coins.payments.send_onchain(rich.caller, order(rich, link, 20_000))
    assert [(to, sats) for _, to, sats, _ in await coins.payouts()] == [(address, 20_000)]
    with pytest.raises(InvalidInput):
        await coins.payments.send_onchain(rich.caller, order(rich, link, 20_001))


@pytest.mark.parametrize(
    ("text", "sats"),
    [("bitcoin:x", None), ("BITCOIN:x?amount=1", 10**8), ("bitcoin:x?amount=.00000001", 1), ("x?amount=1", None),
     ("bitcoin:x?Amount=20.3&lightning=LNBC1", 2_030_000_000)],
)  # fmt: skip
def test_links(text: str, sats: int | None) -> None:
    assert read_destination(text).amount == (None if sats is None else Msats.from_sats(sats))


@pytest.mark.parametrize(
    "asks",
    ["amount=1e3", "amount=-1", "amount=0.000000001", "amount=", "req-y=1", "amount=1.", "amount=\u0661", "amount=0x1",
     "amount=999999999"],
)  # fmt: skip
def test_links_that_cannot_be_followed(asks: str) -> None:
    with pytest.raises(InvalidInput):
        read_destination(f"bitcoin:x?{asks}")


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    for one in (text, f"bitcoin:{text}"):
        with contextlib.suppress(InvalidInput):
            read_destination(one)


# --- what it costs ----------------------------------------------------------------------------------


async def test_a_quote_is_what_it_costs_while_it_stands(coins: Coins, rich: Person) -> None:
    wish = order(rich, outside(), 20_000)
    quoted = await coins.payments.onchain_fee(rich.caller, wish)
    assert quoted.bank_sats == BANK_FEE and quoted.miner_sats > 100
    await coins.rates(1)  # cheaper or a little dearer: what was shown is what is paid
    sent = await coins.payments.send_onchain(rich.caller, wish)
    assert sent.line is not None and sent.line.fee == quoted.sats * 1_000


async def test_onc_09_a_quote_from_before_a_spike_is_refused_with_the_new_one(coins: Coins, rich: Person) -> None:
    wish = order(rich, outside(), 50_000)
    quoted = await coins.payments.onchain_fee(rich.caller, wish)
    await coins.rates(40)
    with pytest.raises(QuoteExpired) as refused:
        await coins.payments.send_onchain(rich.caller, wish)
    told = refused.value.facts["fee_sats"]
    assert told > quoted.sats == refused.value.facts["shown_sats"]
    assert (await coins.payouts(), await rich.sats()) == ([], (200_000, 0))
    sent = await coins.payments.send_onchain(rich.caller, wish)  # whoever sends again has seen it
    assert sent.line is not None and sent.line.fee == told * 1_000


async def test_onc_09_an_old_quote_holds_only_downwards(coins: Coins, rich: Person) -> None:
    wish = order(rich, outside(), 50_000)
    quoted = await coins.payments.onchain_fee(rich.caller, wish)
    coins.whole.clock.shift += timedelta(minutes=10)
    try:
        await coins.rates(1)
        cheaper = await coins.payments.onchain_fee(rich.caller, replace(wish, address=outside()))
        sent = await coins.payments.send_onchain(rich.caller, wish)
        assert sent.line is not None and sent.line.fee == cheaper.sats * 1_000 < quoted.sats * 1_000
    finally:
        coins.whole.clock.shift = timedelta(0)


async def test_onc_09_a_tiny_amount_with_a_huge_fee_is_refused(coins: Coins, rich: Person) -> None:
    await coins.rates(40)
    with pytest.raises(FeeTooHigh):
        await coins.payments.send_onchain(rich.caller, order(rich, outside(), 5_000))
    await coins.rates(1_001)
    with pytest.raises(FeeTooHigh):
        await coins.payments.onchain_fee(rich.caller, order(rich, outside(), 10_000_000))
    assert await coins.payouts() == []


async def test_dust_is_refused(coins: Coins, rich: Person) -> None:
    with pytest.raises(DustAmount):
        await coins.payments.send_onchain(rich.caller, order(rich, outside(), 4_999))


async def test_every_speed_has_its_queue(coins: Coins, rich: Person) -> None:
    for speed in Speed:
        await coins.payments.send_onchain(rich.caller, order(rich, outside(), 10_000, speed=speed))
    async with coins.whole.bank.db.reading() as tx:
        queued = await tx.rows(str, "select speed from chain_payout order by created_at")
    assert queued == ["FAST", "MEDIUM", "SLOW"]


async def test_without_a_node_nothing_is_begun(coins: Coins, rich: Person) -> None:
    """Its rates are too old, or there is none at all."""
    none: Payments = coins.whole.bank.payments
    for call in (none.send_onchain, none.onchain_fee):
        with pytest.raises(Refusal) as refused:
            await call(rich.caller, order(rich, outside(), 20_000))
        assert refused.value.code == "ONCHAIN_UNAVAILABLE"
    coins.whole.clock.shift += timedelta(days=1)
    try:
        with pytest.raises(Refusal) as refused:
            await coins.payments.send_onchain(rich.caller, order(rich, outside(), 20_000))
        assert refused.value.code == "ONCHAIN_UNAVAILABLE"
    finally:
        coins.whole.clock.shift = timedelta(0)
