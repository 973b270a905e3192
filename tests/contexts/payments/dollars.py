"""What tests of dollars share: customers with both currencies, and what the dealer and everybody has."""

from __future__ import annotations

from dataclasses import dataclass

from tests.contexts.whole import Person, Whole

from hazina.dealer import Rate, Term, dealing
from hazina.kernel.money import Cents
from hazina.ledger import BANK, balances
from hazina.ledger import verify as verify_books
from hazina.payments import verify as verify_payments


@dataclass(frozen=True, slots=True)
class Has:
    """Of one customer: satoshi parts (msat) and cents, balance and held."""

    msat: int
    cents: int
    held_msat: int = 0
    held_cents: int = 0


async def has(person: Person) -> Has:
    accounts = [person.btc.ledger_account, person.usd.ledger_account]
    async with person.whole.bank.db.reading() as tx:
        found = await balances(tx, accounts)
    btc, usd = (found[account] for account in accounts)
    return Has(btc.balance, usd.balance, btc.held, usd.held)


async def dealer(whole: Whole) -> tuple[int, int]:
    """Msat and cents that the dealer has; cents that customers have from it are negative."""
    async with whole.bank.db.reading() as tx:
        found = await balances(tx, [BANK.DEALER_BTC, BANK.DEALER_USD])
    return found[BANK.DEALER_BTC].balance, found[BANK.DEALER_USD].balance


async def rate(whole: Whole, term: Term = Term.IMMEDIATE) -> Rate:
    await whole.bank.prices.refresh()
    return await dealing(whole.bank.prices, term)


async def with_dollars(whole: Whole, sats: int = 500_000, cents: int = 20_000) -> Person:
    """A customer with both."""
    person = await whole.person()
    await person.fund(sats)
    await whole.bank.payments.issue_dollars(person.usd.id, Cents(cents), None)
    return person


async def proved(whole: Whole) -> None:
    """Everything that must hold between books, payments, lines and limits does."""
    async with whole.bank.db.transaction() as tx:
        books = await verify_books(tx)
    async with whole.bank.db.transaction() as tx:
        paid = await verify_payments(tx, whole.clock.now())
    assert not [one for one in [*books, *paid] if one.broken]
