"""A whole internal payment, all its rows included: as a unit of the group writer, and as the transaction that
an application with an object-relational mapper would write (SQLAlchemy, statement by statement).

Both decide and write the same: a limit reserved, money moved between two accounts with entries that carry
the balance, a payment, two statement rows, two facts; one commit.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import BigInteger, DateTime, Index, MetaData, String, func, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from hazina import access, accounts, payments
from hazina.kernel.db import Database
from hazina.kernel.events import FACT
from hazina.kernel.ids import new_id, public_id
from hazina.kernel.money import Asset, Msats, Price
from hazina.kernel.units import Claim
from hazina.ledger import BANK, Books, Txn, Unit, open_account, transfer
from hazina.payments import Direction, Kind, Payment, State, postings
from hazina.payments.model import Party

CUSTOMERS = 100
CALLERS = 64
OPENING = Msats(10**14)
PRICE = Price(10_000_000, "bench", datetime(2026, 1, 1, tzinfo=UTC))
DAY = timedelta(days=1)
CAP = 10**15


class Base(DeclarativeBase):
    metadata = MetaData(schema="orm")


class Account(Base):
    __tablename__ = "account"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    balance: Mapped[int] = mapped_column(BigInteger)
    seq: Mapped[int] = mapped_column(BigInteger)


class Entry(Base):
    __tablename__ = "entry"
    account_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    amount: Mapped[int] = mapped_column(BigInteger)
    balance_after: Mapped[int] = mapped_column(BigInteger)
    payment_id: Mapped[UUID]


class Used(Base):
    __tablename__ = "used"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(BigInteger)
    amount: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    __table_args__ = (Index("used_of", "account_id", "at"),)


class Paid(Base):
    __tablename__ = "payment"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    src: Mapped[int] = mapped_column(BigInteger)
    dst: Mapped[int] = mapped_column(BigInteger)
    amount: Mapped[int] = mapped_column(BigInteger)
    memo: Mapped[str] = mapped_column(String)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Row(Base):
    __tablename__ = "row"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(BigInteger, index=True)
    payment_id: Mapped[UUID] = mapped_column(index=True)
    amount: Mapped[int] = mapped_column(BigInteger)
    memo: Mapped[str] = mapped_column(String)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Told(Base):
    __tablename__ = "told"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    topic: Mapped[str] = mapped_column(String)
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)


async def ordinary(session: AsyncSession, src: int, dst: int, amount: int) -> None:
    now = datetime.now(UTC)
    async with session.begin():
        first, second = sorted((src, dst))
        locked = await session.scalars(
            select(Account).where(Account.id.in_((first, second))).order_by(Account.id).with_for_update()
        )
        found = {account.id: account for account in locked}
        used = await session.scalar(
            select(func.coalesce(func.sum(Used.amount), 0)).where(Used.account_id == src, Used.at > now - DAY)
        )
        assert found[src].balance >= amount and (used or 0) + amount <= CAP
        id_ = new_id()
        for account, change in ((found[src], -amount), (found[dst], amount)):
            account.balance += change
            account.seq += 1
            session.add(Entry(account_id=account.id, seq=account.seq, amount=change,
                              balance_after=account.balance, payment_id=id_))  # fmt: skip
            session.add(Row(id=new_id(), account_id=account.id, payment_id=id_, amount=change, memo="bench", at=now))
            session.add(Told(topic="line", body={"payment": str(id_), "account": account.id}))
        session.add(Paid(id=id_, src=src, dst=dst, amount=amount, memo="bench", at=now))
        session.add(Used(id=id_, account_id=src, amount=amount, at=now))


def unit(payer: Party, payee: Party, amount: Msats) -> Unit:
    now = datetime.now(UTC)
    payment = Payment(
        new_id(), Kind.INTRALEDGER, State.PAID, Asset.BTC, amount.n, 0, payer.ledger_account, payee.ledger_account,
        payer.account_id, payer.wallet_id, payee.account_id, payee.wallet_id, memo="bench", price=PRICE,
    )  # fmt: skip
    sent = postings.statement_line(payment, payer, payee, Direction.SEND, now, memo="bench")
    received = postings.statement_line(payment, payee, payer, Direction.RECEIVE, now, memo="bench")
    limit: Claim = access.limit_claim(f"bench:{payer.account_id}", 86_400, CAP, amount.n, now)
    return postings.transfer_inside(payment, sent, received, [limit], now)


async def rate(callers: int, seconds: float, one: Any) -> tuple[float, list[float]]:
    """Closed loop: per second, and every wait in milliseconds."""
    end, waits = time.perf_counter() + seconds, []

    async def caller() -> None:
        while (began := time.perf_counter()) < end:
            await one()
            waits.append((time.perf_counter() - began) * 1_000)

    began = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(callers)))
    return len(waits) / (time.perf_counter() - began), waits


async def open_loop(per_second: int, seconds: float, one: Any) -> list[float]:
    """Payments begin by the clock, whether or not earlier ones have ended; waits from when each was due."""
    waits: list[float] = []
    begun = time.perf_counter()

    async def at(due: float) -> None:
        await one()
        waits.append((time.perf_counter() - due) * 1_000)

    tasks = []
    for n in range(int(per_second * seconds)):
        due = begun + n / per_second
        if (ahead := due - time.perf_counter()) > 0:
            await asyncio.sleep(ahead)
        tasks.append(asyncio.create_task(at(due)))
    await asyncio.gather(*tasks)
    return waits


async def compare(url: str, owner_url: str, seconds: float, rounds: int) -> dict[str, float]:
    with psycopg.connect(owner_url, autocommit=True) as owner:
        owner.execute("create schema if not exists orm")
    engine = create_async_engine("postgresql+psycopg:" + owner_url.partition(":")[2], pool_size=16, max_overflow=0)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    sessions = async_sessionmaker(engine)
    db = Database(url)
    await db.open()
    effects = (*payments.EFFECTS, *access.EFFECTS, *accounts.EFFECTS, FACT)
    books = Books(db, claims=(*access.CLAIMS, *payments.CLAIMS), effects=effects)
    await books.open()
    async with db.transaction() as tx:
        numbers = [await open_account(tx, Asset.BTC) for _ in range(CUSTOMERS)]
    parties = [Party(public_id(), public_id(), number, None, "USD") for number in numbers]
    for number in numbers:
        id_ = new_id()
        opening = (transfer(BANK.LIGHTNING_BTC, number, OPENING),)
        assert (await books.commit(Unit(id_, Txn(id_, 9, opening, PRICE)))).ok
    async with sessions.begin() as session:
        session.add_all(Account(id=number, balance=OPENING.n, seq=0) for number in numbers)

    async def as_unit() -> None:
        payer, payee = random.sample(parties, 2)
        assert (await books.commit(unit(payer, payee, Msats(1_000)))).ok

    async def as_orm() -> None:
        src, dst = random.sample(numbers, 2)
        async with sessions() as session:
            await ordinary(session, src, dst, 1_000)

    rates: dict[str, list[float]] = {"unit": [], "orm": []}
    for _ in range(rounds):
        rates["unit"].append((await rate(CALLERS, seconds, as_unit))[0])
        rates["orm"].append((await rate(CALLERS, seconds, as_orm))[0])
    waits = await open_loop(500, max(seconds, 3), as_unit)
    await books.close()
    await db.close()
    await engine.dispose()
    by_unit, by_orm = statistics.median(rates["unit"]), statistics.median(rates["orm"])
    late = statistics.quantiles(waits, n=100)
    print(f"\nwhole payment, 64 callers: {by_unit:,.0f}/s as a unit, {by_orm:,.0f}/s as a SQLAlchemy transaction")
    print(f"open loop, 500 payments/s: p50 {late[49]:.1f} ms, p99 {late[98]:.1f} ms")
    return {"unit64_over_orm64": round(by_unit / by_orm, 2), "open500_p99_ms": round(late[98], 1)}


def run(url: str, owner_url: str, seconds: float = 2, rounds: int = 3) -> dict[str, float]:
    return asyncio.run(compare(url, owner_url, seconds, rounds))
