"""What people do at the bank. Whoever hears nothing asks again with the same key, at another door."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg

from hazina.access import ALL_SCOPES, Caller
from hazina.accounts import Wallet
from hazina.identity import User
from hazina.kernel.errors import Refusal
from hazina.kernel.ids import public_id
from hazina.kernel.money import Cents, Msats
from hazina.kernel.paging import Page
from hazina.ledger import balances
from hazina.ledger.errors import OutcomeUnknown
from hazina.payments import Invoice, NewInvoice, PaymentInProgress, SendInternal, SendInvoice, Sent
from simulation import coins
from simulation.outside import Payee, Payer

if TYPE_CHECKING:
    from simulation.process import Process
    from simulation.world import World

TRIES = 4
SentRequest = Callable[["Process"], Awaitable[Sent]]
ACTIONS = {  # how often, before the seed's own taste
    "internal": 18,
    "dollars": 6,
    "between currencies": 10,
    "convert": 8,
    "pay outside": 36,
    "be paid": 20,
    "be paid inside": 16,
    "rush": 10,
    "cancel": 6,
    "history": 4,
    "be paid by chain": 16,
    "send by chain": 24,
}


@dataclass
class Wish:
    """One payment that somebody wants, however often it is asked for. ``memo`` is unique and marks it in
    the books; ``answers`` is what came back: Sent, Refusal, or None for silence."""

    memo: str
    keyed: bool
    answers: list[Sent | Refusal | None] = field(default_factory=list)

    @property
    def key(self) -> str | None:
        return self.memo if self.keyed else None

    @property
    def surely_nothing(self) -> bool:
        """Every answer was a refusal that says so."""
        vague = (OutcomeUnknown, PaymentInProgress)
        return bool(self.answers) and all(isinstance(a, Refusal) and not isinstance(a, vague) for a in self.answers)


@dataclass
class Customer:
    name: str
    caller: Caller
    btc: Wallet
    usd: Wallet


class Town:
    """All customers, and what they have asked for."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.dice = world.faults.dice("customers")
        taste = {what: weight * self.dice.choice((0, 1, 1, 3)) for what, weight in ACTIONS.items()}
        self.ways = world.ways or taste
        self.customers: list[Customer] = []
        self.wishes: list[Wish] = []
        self.open_bills: list[tuple[Customer, Invoice]] = []
        self.quoted: list[list[Wish]] = []  # wishes that name the same quote
        self.homes: list[str] = []  # addresses outside that customers have sent to
        self.payer = Payer(world, world.faults.dice("payers"))

    # -- moving in (before anything goes wrong) --------------------------------------------------

    async def move_in(self, door: Process, levels: list[int], sats: list[int]) -> None:
        for n, (level, amount) in enumerate(zip(levels, sats, strict=True)):
            await self._move_in(door, n, level, amount)
        for customer in self.customers:
            await coins.begin_with(self, door, customer, self.dice)

    async def _move_in(self, door: Process, n: int, level: int, sats: int) -> None:
        customer = await door.ask(lambda p: _account(p, f"customer-{n}", f"+2547000000{n:02d}"))
        self.world.server.admin.execute(
            "update account set level = %s where id = %s", [level, customer.caller.account_id]
        )
        self.customers.append(customer)
        bill = NewInvoice(customer.btc.id, Msats.from_sats(sats))
        invoice = await door.ask(lambda p: p.payments.create_invoice(customer.caller, bill))
        assert self.world.node.htlc_arrives(invoice.payment_hash, sats * 1000)
        assert self.world.node.htlc_settles(invoice.payment_hash, sats * 1000)
        await door.ask(lambda p: p.payments.issue_dollars(customer.usd.id, Cents(300_000), "salary"))

    # -- a day's life ----------------------------------------------------------------------------

    async def live(self, actions: int, within_s: float) -> None:
        """So many things happen, at any time of the given span; many at the same moment."""
        moments = sorted(self.dice.uniform(0, within_s) for _ in range(actions))
        tasks = []
        for moment in moments:
            if self.dice.random() < 0.25:  # together with the one before
                moment = self.world.now
            await asyncio.sleep(max(0.0, moment - self.world.now))
            tasks.append(self.world.spawn(self._act(random.Random(self.dice.random())), "customer"))
        await asyncio.wait(tasks)

    async def _act(self, dice: random.Random) -> None:
        what = dice.choices(list(self.ways), list(self.ways.values()))[0]
        who = dice.choice(self.customers)
        self.world.trace("customer", who.name, what)
        match what:
            case "internal":
                await self._internal(dice, who, dollars=False)
            case "dollars":
                await self._internal(dice, who, dollars=True)
            case "between currencies":
                await self._internal(dice, who, dollars=dice.random() < 0.5, exchange=True)
            case "convert":
                await self._convert(dice, who)
            case "pay outside":
                await self._pay_outside(dice, who)
            case "be paid":
                await self._be_paid(dice, who)
            case "be paid inside":
                await self._be_paid_inside(dice, who)
            case "rush":
                await self._rush(dice, who)
            case "cancel":
                await self._cancel(dice)
            case "be paid by chain":
                await coins.be_paid(self, dice, who)
            case "send by chain":
                await coins.send(self, dice, who)
            case _:
                await self._history(who)

    def _sats(self, dice: random.Random) -> int:
        return dice.choice((1, 50, 1_000, 10_000, 40_000, 90_000)) + dice.randint(0, 5_000)

    async def _internal(self, dice: random.Random, who: Customer, *, dollars: bool, exchange: bool = False) -> None:
        other = dice.choice([c for c in self.customers if exchange or c is not who])
        wish = self.wish(dice)
        key = wish.key
        src, dst = (who.usd if dollars else who.btc), (other.usd if dollars is not exchange else other.btc)
        amount: Msats | Cents = Cents(dice.randint(1, 9_000)) if dollars else Msats.from_sats(self._sats(dice))
        order = SendInternal(src.id, dst.id, amount, wish.memo, key)
        await self.ask(dice, wish, _sends(who, order))

    async def _convert(self, dice: random.Random, who: Customer) -> None:
        """By a quote: later than it stands, twice at once, or with another key, now and then."""
        dollars = dice.random() < 0.5
        amount = dice.randint(1, 9_000) if dollars else self._sats(dice)
        wallet = who.usd if dollars else who.btc
        quote = await self.quietly(lambda p: p.payments.exchange_quote(who.caller, wallet.id, amount))
        if quote is None:
            return
        await asyncio.sleep(dice.choice((0, 1, 20, 290, 400)))
        given = quote.cents if dollars else quote.msats
        dst = who.btc if dollars else who.usd
        wishes = [self.wish(dice) for _ in range(dice.choice((1, 2, 2)))]
        self.quoted.append(wishes)
        for wish in wishes:
            order = SendInternal(wallet.id, dst.id, given, wish.memo, wish.key, quote.id)
            self.world.spawn(self.ask(dice, wish, _sends(who, order)), "customer")

    async def _rush(self, dice: random.Random, who: Customer) -> None:
        """Several payments at the same moment, of which the balance, or the day's limit, allows one."""
        found = await self.quietly(lambda p: _means(p, who))
        if found is None:
            return
        btc, usd, left_cents = found
        dollars = dice.random() < 0.5
        most = min(usd, left_cents) if dollars else btc
        amount: Msats | Cents = Cents(most * 2 // 3) if dollars else Msats.from_sats(most * 2 // 3 // 1000)
        if amount.n <= 0:
            return
        for _ in range(dice.randint(2, 4)):
            other = dice.choice([c for c in self.customers if c is not who])
            src, dst = (who.usd if dollars else who.btc), dice.choice((other.usd, other.btc))
            wish = self.wish(dice)
            order = SendInternal(src.id, dst.id, amount, wish.memo, wish.key)
            self.world.spawn(self.ask(dice, wish, _sends(who, order)), "customer")

    async def _pay_outside(self, dice: random.Random, who: Customer) -> None:
        msat = Msats.from_sats(self._sats(dice)).n + dice.choice((0, 0, 0, 1, 999))
        open_amount = dice.random() < 0.2
        expiry_s = dice.choice((60, 600, 3600, 86400))
        payee = Payee(self.world, dice, None if open_amount else msat, expiry_s)
        dollars = dice.random() < 0.4
        sum_: Msats | Cents = Cents(dice.randint(1, 9_000)) if dollars else Msats(msat)
        amount = sum_ if open_amount else None
        if dice.random() < 0.3:
            wallet = who.usd if dollars else who.btc
            await self.quietly(lambda p: p.payments.probe_fee(who.caller, wallet.id, payee.text, amount))
        for _ in range(dice.choice((1, 2, 5, 8))):  # whoever hears that it failed may try again
            wish = self.wish(dice)
            order = SendInvoice((who.usd if dollars else who.btc).id, payee.text, amount, wish.memo, wish.key)
            await self.ask(dice, wish, _pays(who, order))
            if dice.random() < 0.2:  # somebody else has the same invoice
                who = dice.choice(self.customers)
            await asyncio.sleep(dice.choice((0.1, 0.5, 4, 15)))

    async def _bill(self, dice: random.Random, who: Customer) -> tuple[Invoice | None, int]:
        msat = dice.choice((999, 1_500, Msats.from_sats(self._sats(dice)).n, Msats.from_sats(self._sats(dice)).n))
        amount: Msats | Cents | None = None if dice.random() < 0.25 else Msats(msat)
        dollars = dice.random() < 0.35
        if dollars and amount is not None and dice.random() < 0.6:
            amount = Cents(dice.randint(1, 9_000))
        wish = NewInvoice((who.usd if dollars else who.btc).id, amount, "for tea", dice.choice((None, 1, 5)))
        made = await self.quietly(lambda p: p.payments.create_invoice(who.caller, wish))
        if made is not None:
            self.open_bills.append((who, made))
            msat = made.amount.n if made.amount else msat
        return made, msat

    async def _be_paid(self, dice: random.Random, who: Customer) -> None:
        bill, msat = await self._bill(dice, who)
        if bill is not None:
            await asyncio.sleep(dice.choice((0.1, 1, 30, 100)))
            await self.payer.pay(bill.payment_hash, msat)

    async def _be_paid_inside(self, dice: random.Random, who: Customer) -> None:
        """By another customer; now and then by two, or by somebody outside at the same time."""
        bill, msat = await self._bill(dice, who)
        if bill is None:
            return
        if dice.random() < 0.2:
            self.world.spawn(self.quietly(_cancels(who, bill)), "customer")
        if dice.random() < 0.4:
            self.world.spawn(self.payer.pay(bill.payment_hash, msat, soon_s=0.3), "payer")
            await asyncio.sleep(dice.uniform(0, 0.5) if dice.random() < 0.7 else dice.uniform(0, 5))
        for other in dice.sample(self.customers, dice.choice((1, 1, 2))):
            wish = self.wish(dice)
            dollars = dice.random() < 0.3
            sum_: Msats | Cents = Cents(dice.randint(1, 5_000)) if dollars else Msats(msat)
            amount = None if bill.amount else sum_
            wallet = other.usd if dollars else other.btc
            order = SendInvoice(wallet.id, bill.payment_request, amount, wish.memo, wish.key)
            self.world.spawn(self.ask(dice, wish, _pays(other, order)), "customer")
            await asyncio.sleep(dice.choice((0, 0, 1, 30)))

    async def _cancel(self, dice: random.Random) -> None:
        if self.open_bills:
            who, bill = dice.choice(self.open_bills)
            await self.quietly(_cancels(who, bill))

    async def _history(self, who: Customer) -> None:
        await self.quietly(lambda p: p.payments.lines(who.caller, None, Page(first=20)))
        await self.quietly(lambda p: p.accounts.limits(who.caller))

    # -- asking ----------------------------------------------------------------------------------

    def wish(self, dice: random.Random) -> Wish:
        wish = Wish(f"wish-{len(self.wishes)}", dice.random() < 0.75)
        self.wishes.append(wish)
        return wish

    async def ask(self, dice: random.Random, wish: Wish, request: SentRequest) -> None:
        """Until an answer comes; a keyed request also twice at once."""
        if wish.keyed and dice.random() < 0.15:
            self.world.spawn(self._ask_once(wish, request), "customer")
        for attempt in range(TRIES if wish.keyed else 1):
            answer = await self._ask_once(wish, request)
            if answer is not None and not isinstance(answer, OutcomeUnknown):
                return
            await asyncio.sleep(dice.uniform(0.2, 3) * 4**attempt)

    async def _ask_once(self, wish: Wish, request: SentRequest) -> Sent | Refusal | None:
        answer: Sent | Refusal | None = await self._through_a_door(request)
        wish.answers.append(answer)
        said = answer.status if isinstance(answer, Sent) else type(answer).__name__
        self.world.trace("answer", wish.memo, said)
        return answer

    async def quietly(self, request: Callable[[Process], Awaitable[Any]]) -> Any:
        """An answer, or None for silence and for no."""
        answer = await self._through_a_door(request)
        return None if isinstance(answer, Refusal) else answer

    async def _through_a_door(self, request: Callable[[Process], Awaitable[Any]]) -> Any:
        doors = [p for name, p in self.world.processes.items() if name.startswith("api")]
        if not doors:
            await asyncio.sleep(1)
            return None
        try:
            return await self.dice.choice(doors).ask(request)
        except Refusal as refusal:
            return refusal
        except (ConnectionError, TimeoutError, psycopg.Error):
            return None


def _sends(who: Customer, order: SendInternal) -> SentRequest:
    return lambda process: process.payments.send_internal(who.caller, order)


def _pays(who: Customer, order: SendInvoice) -> SentRequest:
    return lambda process: process.payments.send_invoice(who.caller, order)


def _cancels(who: Customer, bill: Invoice) -> Callable[[Process], Awaitable[None]]:
    return lambda process: process.payments.cancel_invoice(who.caller, bill.wallet_id, bill.payment_hash)


async def _account(process: Process, name: str, phone: str) -> Customer:
    user = User(public_id(), phone, "", process.clock.now())
    async with process.db.transaction() as tx:
        await tx.execute(
            "insert into person (id, language, created_at) values (%(id)s, '', %(at)s)",
            {"id": user.id, "at": user.created_at},
        )
        await process.accounts._ensure_account(tx, user)
        account_id: UUID = await tx.value("select id from account where user_id = %(id)s", {"id": user.id})
    btc, usd = await process.accounts.wallets(account_id)
    return Customer(name, Caller(user.id, account_id, None, ALL_SCOPES, None), btc, usd)


async def _means(process: Process, who: Customer) -> tuple[int, int, int]:
    """Millisatoshi and cents that somebody has, and the cents that may still go to others today."""
    async with process.db.transaction() as tx:
        found = await balances(tx, [who.btc.ledger_account, who.usd.ledger_account])
    limits = await process.accounts.limits(who.caller)
    btc, usd = (found[wallet.ledger_account].available for wallet in (who.btc, who.usd))
    return btc, usd, limits.internal_send.remaining.n
