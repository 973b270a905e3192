"""Dollars inside the bank: every combination of currencies, quotes that are used once, and nothing by rounding."""

from __future__ import annotations

import asyncio
import contextlib
import random
from datetime import timedelta

import pytest
from tests.contexts.payments.dollars import Has, dealer, has, proved, rate, with_dollars
from tests.contexts.whole import Person, Whole

from hazina.accounts import Wallet
from hazina.dealer import Quote, Side
from hazina.kernel.errors import Refusal
from hazina.kernel.money import Asset, Cents, Msats
from hazina.kernel.paging import Page
from hazina.payments import AmountTooSmall, Direction, Line, NewInvoice, SendInternal, SendInvoice, Sent, exchanging


async def send(payer: Person, wallet: Wallet, to: Wallet, amount: Msats | Cents, **more: object) -> Sent:
    order = SendInternal(wallet.id, to.id, amount, **more)  # type: ignore[arg-type]  # further fields by name
    return await payer.whole.bank.payments.send_internal(payer.caller, order)


async def quoted(person: Person, side: Side, amount: Msats | Cents) -> Quote:
    return await exchanging.quote(person.whole.bank.payments.parts, person.caller, side, amount)


async def newest(person: Person, wallet: Wallet) -> Line:
    found = await person.whole.bank.payments.lines(person.caller, [wallet.id], Page(first=1))
    return found.items[0]


async def test_the_four_ways_between_two_customers(whole: Whole) -> None:
    """Each side's line is in its own currency; the dealer takes what one gives and gives what the other gets."""
    anna, ben = await with_dollars(whole), await whole.person()
    at = await rate(whole)
    before, own = await has(anna), await dealer(whole)

    sent = await send(anna, anna.btc, ben.usd, Msats.from_sats(100_000))
    bought = at.cents_bought(Msats.from_sats(100_000))
    assert sent.line is not None and (sent.line.asset, sent.line.amount) == (Asset.BTC, -100_000_000)
    received = await newest(ben, ben.usd)
    assert (received.asset, received.amount, received.direction) == (Asset.USD, bought.n, Direction.RECEIVE)

    await send(anna, anna.usd, ben.btc, Cents(1_000))
    sold = at.msats_for_selling(Cents(1_000))
    assert (await newest(ben, ben.btc)).amount == sold.n
    await send(anna, anna.usd, ben.usd, Cents(7))
    await send(anna, anna.btc, ben.btc, Msats.from_sats(11))

    after = await has(anna)
    assert (before.msat - after.msat, before.cents - after.cents) == (100_011_000, 1_007)
    assert await has(ben) == type(after)(sold.n + 11_000, bought.n + 7)
    moved = await dealer(whole)
    assert (moved[0] - own[0], moved[1] - own[1]) == (100_000_000 - sold.n, 1_000 - bought.n)
    await proved(whole)


async def test_less_than_a_cent_goes_to_the_bitcoin_wallet_of_another_and_nowhere_within_an_account(
    whole: Whole,
) -> None:
    anna, ben = await with_dollars(whole), await whole.person()
    await rate(whole)
    sent = await send(anna, anna.btc, ben.usd, Msats.from_sats(1))
    assert sent.status == "SUCCESS"
    assert await has(ben) == type(await has(ben))(1_000, 0)
    assert (await newest(ben, ben.btc)).counterparty_wallet_id == anna.btc.id
    before = await has(anna)
    with pytest.raises(Refusal) as refused:
        await send(anna, anna.btc, anna.usd, Msats.from_sats(1))
    assert refused.value.code == "AMOUNT_TOO_SMALL"
    assert await has(anna) == before
    await proved(whole)


async def test_an_old_price_stops_exchange_and_nothing_else(whole: Whole) -> None:
    anna, ben = await with_dollars(whole), await whole.person()
    whole.clock.shift += timedelta(seconds=31)
    for wallet, to, amount in ((anna.btc, ben.usd, Msats.from_sats(5_000)), (anna.usd, ben.btc, Cents(5))):
        with pytest.raises(Refusal) as refused:
            await send(anna, wallet, to, amount)
        assert (refused.value.code, refused.value.blink) == ("DEALER_OFFLINE", "DEALER_OFFLINE")
    assert (await send(anna, anna.btc, ben.btc, Msats.from_sats(5))).status == "SUCCESS"
    assert (await send(anna, anna.usd, ben.usd, Cents(5))).status == "SUCCESS"


async def test_a_request_that_is_repeated_hears_of_the_first_though_the_price_is_old(whole: Whole) -> None:
    """Else it would hear that nothing was moved, and would be sent again."""
    anna, ben = await with_dollars(whole), await whole.person()
    await rate(whole)
    bill = await whole.bank.payments.create_invoice(ben.caller, NewInvoice(ben.btc.id, Msats.from_sats(700)))
    by_invoice = SendInvoice(anna.usd.id, bill.payment_request, key="two")
    first = await send(anna, anna.btc, ben.usd, Msats.from_sats(4_000), key="one")
    assert (await whole.bank.payments.send_invoice(anna.caller, by_invoice)).status == "SUCCESS"
    before = await has(anna)
    whole.clock.shift += timedelta(minutes=2)
    again = await send(anna, anna.btc, ben.usd, Msats.from_sats(4_000), key="one")
    assert first.line is not None and again.line is not None and again.line.id == first.line.id
    assert (await whole.bank.payments.send_invoice(anna.caller, by_invoice)).status in ("SUCCESS", "ALREADY_PAID")
    with pytest.raises(Refusal) as refused:
        await send(anna, anna.btc, ben.usd, Msats.from_sats(4_001), key="one")
    assert refused.value.code == "DEALER_OFFLINE"
    assert await has(anna) == before


async def test_conversion_has_a_limit_of_its_own(whole: Whole) -> None:
    """Between own wallets the trade limit counts, at mid price, and neither what leaves nor what an app may spend."""
    anna, ben = await with_dollars(whole, 1_000_000), await whole.person()
    at = await rate(whole)
    limit = 5_000_000  # cents a day, level one
    whole_limit = Msats.from_sats(limit * 10**8 // at.price.cents_per_btc - 10)
    await whole.bank.payments.issue_dollars(anna.usd.id, Cents(limit + 100_000), None)
    assert (await send(anna, anna.usd, anna.btc, Cents(limit - 1_000))).status == "SUCCESS"
    with pytest.raises(Refusal) as refused:
        await send(anna, anna.btc, anna.usd, Msats(whole_limit.n // 1_000_000 * 1_000))
    assert refused.value.code == "LIMIT_EXCEEDED"
    assert (await send(anna, anna.usd, anna.btc, Cents(1_000))).status == "SUCCESS"
    assert (await send(anna, anna.usd, ben.btc, Cents(100_000))).status == "SUCCESS", "another limit"
    both = [await newest(anna, anna.btc), await newest(anna, anna.usd)]
    assert both[0].direction is Direction.RECEIVE and both[1].amount == -100_000
    await proved(whole)


async def test_limits_hold_when_both_currencies_spend_at_once(whole: Whole) -> None:
    """LED-10: dollars and bitcoin count against one limit, however many payments of either come at once."""
    anna, ben = await with_dollars(whole, 4_000_000, 400_000), await whole.person()
    at = await rate(whole)
    each = 18_000  # of a limit of 200,000 cents: eleven fit
    sats = Msats.from_sats(each * 10**8 // at.price.cents_per_btc)
    to = (ben.usd, ben.btc)
    calls = [
        send(anna, anna.btc, to[n // 2 % 2], sats) if n % 2 else send(anna, anna.usd, to[n // 2 % 2], Cents(each))
        for n in range(24)
    ]
    said = await asyncio.gather(*calls, return_exceptions=True)
    assert [one.status for one in said if isinstance(one, Sent)] == ["SUCCESS"] * 11
    assert {one.code for one in said if isinstance(one, Refusal)} == {"LIMIT_EXCEEDED"}
    await proved(whole)


# --- quotes -------------------------------------------------------------------------------------------


async def test_usd_03_a_quote_is_used_once_by_its_account_for_its_amounts_in_time(whole: Whole) -> None:
    """What was quoted is what is moved, exactly, though the price is older by then; everything else is refused."""
    anna, ben = await with_dollars(whole), await with_dollars(whole)
    await rate(whole)
    four = [
        await quoted(anna, side, amount)
        for side in (Side.BUY, Side.SELL)
        for amount in (Msats.from_sats(3_000), Cents(199))
    ]
    late = await quoted(anna, Side.BUY, Cents(100))
    whole.clock.shift += timedelta(minutes=4)
    before = await has(anna)
    one = four[0]
    for payer, amount, to in (
        (ben, one.msats, ben.usd),
        (anna, Msats.from_sats(2_999), anna.usd),
        (anna, one.cents, anna.btc),
    ):
        from_wallet = payer.btc if isinstance(amount, Msats) else payer.usd
        with pytest.raises(Refusal) as refused:
            await send(payer, from_wallet, to, amount, quote_id=one.id)
        assert refused.value.code == "QUOTE_INVALID"
    assert await has(anna) == before
    for quote in four:
        buys = quote.side is Side.BUY
        given = quote.msats if buys else quote.cents
        wallets = (anna.btc, anna.usd) if buys else (anna.usd, anna.btc)
        assert (await send(anna, *wallets, given, quote_id=quote.id)).status == "SUCCESS"
        with pytest.raises(Refusal) as refused:
            await send(anna, *wallets, given, quote_id=quote.id)
        assert refused.value.code == "QUOTE_INVALID"
    signs = [1 if quote.side is Side.BUY else -1 for quote in four]
    assert await has(anna) == Has(
        before.msat - sum(sign * quote.msats.n for sign, quote in zip(signs, four, strict=True)),
        before.cents + sum(sign * quote.cents.n for sign, quote in zip(signs, four, strict=True)),
    )
    whole.clock.shift += timedelta(minutes=1)
    with pytest.raises(Refusal) as refused:
        await send(anna, anna.btc, anna.usd, late.msats, quote_id=late.id)
    assert refused.value.code == "QUOTE_INVALID"
    await proved(whole)


async def test_a_quote_used_at_once_by_many_is_used_by_one(whole: Whole) -> None:
    anna, ben = await with_dollars(whole), await whole.person()
    await rate(whole)
    quote = await quoted(anna, Side.BUY, Cents(500))
    before = await has(anna)
    calls = [send(anna, anna.btc, (anna, ben)[n % 2].usd, quote.msats, quote_id=quote.id) for n in range(20)]
    said = await asyncio.gather(*calls, return_exceptions=True)
    assert len([one for one in said if isinstance(one, Sent)]) == 1
    assert {one.code for one in said if isinstance(one, Refusal)} == {"QUOTE_INVALID"}
    assert before.msat - (await has(anna)).msat == quote.msats.n
    assert (await has(anna)).cents - before.cents + (await has(ben)).cents == 500
    await proved(whole)


async def test_a_quote_whose_payment_was_refused_is_still_good(whole: Whole) -> None:
    anna = await with_dollars(whole, sats=1_000)
    await rate(whole)
    quote = await quoted(anna, Side.BUY, Msats.from_sats(5_000))
    with pytest.raises(Refusal) as refused:
        await send(anna, anna.btc, anna.usd, quote.msats, quote_id=quote.id)
    assert refused.value.code == "INSUFFICIENT_BALANCE"
    await anna.fund(10_000)
    assert (await send(anna, anna.btc, anna.usd, quote.msats, quote_id=quote.id)).status == "SUCCESS"
    await proved(whole)


# --- attacks by rounding ------------------------------------------------------------------------------


async def test_usd_05_nobody_gains_by_rounding_through_the_books(whole: Whole) -> None:
    """Two accounts of one person move the smallest amounts to and fro by every way inside: all that they have together
    only shrinks, and what they lose the dealer has."""
    anna, ben = await with_dollars(whole), await with_dollars(whole)
    at = await rate(whole)

    async def all_of_it() -> tuple[int, int]:
        both = [await has(anna), await has(ben)]
        assert not any(one.held_msat or one.held_cents for one in both)
        return sum(one.msat for one in both), sum(one.cents for one in both)

    def worth(msat: int, cents: int) -> int:
        """In cents for a hundred billion: exact."""
        return cents * 10**11 + msat * at.price.cents_per_btc

    dice, payments = random.Random(5), whole.bank.payments
    start, dealt, before = await all_of_it(), await dealer(whole), worth(*await all_of_it())
    for n in range(60):
        payer, payee = dice.sample([anna, ben], 2) if n % 3 else [anna, anna]
        dollars, sats, cents = dice.random() < 0.5, dice.choice((1, 9, 10, 11, 20, 999)), dice.choice((1, 2, 99))
        given: Msats | Cents = Cents(cents) if dollars else Msats.from_sats(sats)
        src, dst = (payer.usd, payee.btc) if dollars else (payer.btc, payee.usd)
        way = dice.choice(("wallet", "quote", "invoice", "asked"))
        with contextlib.suppress(AmountTooSmall):
            if way == "wallet":
                await send(payer, src, dst, given)
            elif way == "quote":
                quote = await quoted(payer, Side.SELL if dollars else Side.BUY, given)
                await send(payer, src, dst, quote.cents if dollars else quote.msats, quote_id=quote.id)
            else:
                wanted = None if way == "invoice" else Msats.from_sats(sats) if dollars else Cents(cents)
                bill = await payments.create_invoice(payee.caller, NewInvoice(dst.id, wanted))
                order = SendInvoice(src.id, bill.payment_request, given if wanted is None else None)
                assert (await payments.send_invoice(payer.caller, order)).status == "SUCCESS"
        if n % 10 == 9:
            now = worth(*await all_of_it())
            assert now <= before
            before = now
    end, moved = await all_of_it(), await dealer(whole)
    assert (start[0] - end[0], start[1] - end[1]) == (moved[0] - dealt[0], moved[1] - dealt[1])
    await proved(whole)
