"""The port of the hedge, over OKX's wire protocol: what the hedge relies on, and every way of not knowing."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.sandbox.process import SandboxProcess

from hazina.adapters.okx import Okx
from hazina.hedging.ports import BillKind, Position, Refused, Stage, Venue, VenueRefused, VenueSilent
from hazina.kernel.clock import Clock, SystemClock
from hazina.kernel.db import Database, TransactionOpen
from hazina.kernel.http import HttpClient
from hazina.kernel.money import Msats
from hazina.sandbox.okx_wire import KEY, PASSPHRASE, SECRET

CONTRACT = 10_000  # US cents of face value
PRICE = 50_000


def okx(url: str, *, key: str = KEY, secret: str = SECRET, clock: Clock | None = None) -> Okx:
    http = HttpClient("OKX", f"{url}/okx", headers={"user-agent": "hazina"}, timeout_s=30)
    return Okx(http, clock or SystemClock(), key, secret.encode(), PASSPHRASE)


class There:
    """The exchange's control panel."""

    def __init__(self, sandbox: SandboxProcess) -> None:
        self.sandbox = sandbox

    async def __call__(self, path: str = "", **body: Any) -> dict[str, Any]:
        found: dict[str, Any] = await self.sandbox.control("POST" if path else "GET", f"/okx{path}", body or None)
        return found

    async def moods(self, **moods: Any) -> None:
        await self.sandbox.control("POST", "/okx/moods", moods)


@pytest.fixture
async def there(sandbox: SandboxProcess) -> There:
    there = There(sandbox)
    await there("/balance", fundingSats=200_000_000)
    await sandbox.control("POST", "/price", {"usdPerBtc": PRICE})
    return there


@pytest.fixture
async def venue(there: There) -> AsyncIterator[Venue]:
    made = okx(there.sandbox.url)
    yield made
    await made.close()
    await there.sandbox.control("POST", "/price", {"usdPerBtc": 64_000})


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=20)


def new_id() -> str:
    return secrets.token_hex(16)


async def test_an_account_without_a_history(venue: Venue) -> None:
    assert await venue.fit() is None
    assert await venue.position() == Position(0)
    assert await venue.trading() == await venue.trading()
    assert (await venue.trading()).cash == Msats(0)
    assert await venue.funding() == Msats.from_sats(200_000_000)
    assert await venue.bills(None) == [] and await venue.bills("0") == []
    assert (await venue.mark()).cents_per_btc == PRICE * 100
    instrument = await venue.instrument()
    assert (instrument.lot, instrument.least, instrument.live) == (1_000, 1_000, True)
    limits = await venue.limits()
    assert (limits.withdrawal_min, limits.deposit_min, limits.fee) == (10_000, 10_000, 10_000)


async def test_a_short_from_collateral_to_profit(venue: Venue, there: There) -> None:
    """Every number of it, to the last digit that the books have."""
    carried, sold, bought = new_id(), new_id(), new_id()
    await venue.transfer(carried, 10_000_000)
    assert (await venue.transferred(carried)) is not None
    await venue.place(sold, 100 * CONTRACT, soon())
    said = await venue.order(sold)
    assert said is not None and (said.stage, said.cents) == (Stage.DONE, 100 * CONTRACT)
    position = await venue.position()
    assert position.short == 100 * CONTRACT and position.upl == Msats(0)
    assert position.liquidation is not None and position.liquidation > PRICE * 100

    await there.sandbox.control("POST", "/price", {"usdPerBtc": 40_000})
    assert (await venue.position()).upl == Msats.from_sats(5_000_000)  # 10,000 × (1/40,000 − 1/50,000) BTC
    await venue.place(bought, -50 * CONTRACT, soon())
    assert (await venue.position()).short == 50 * CONTRACT
    await there("/funding", rate="0.0001")

    bills = await venue.bills("0")
    assert [one.kind for one in bills] == [BillKind.TRANSFER, BillKind.TRADE, BillKind.TRADE, BillKind.FUNDING]
    assert [one.short for one in bills] == [0, 100 * CONTRACT, -50 * CONTRACT, 0]
    assert [one.amount.n for one in bills] == [
        10_000_000_000,
        -10_000_000,  # 0.05 % of 0.2 BTC
        2_500_000_000 - 6_250_000,
        1_250_000,  # 0.01 % of 0.125 BTC
    ]
    assert [one.fee.n for one in bills] == [0, -10_000_000, -6_250_000, 0]
    assert sum(one.amount.n for one in bills) == (await venue.trading()).cash.n
    assert await venue.bills(bills[1].id) == bills[2:] and await venue.bills(bills[-1].id) == []
    assert await venue.bills(None) == bills[-1:]


async def test_bills_are_read_however_many(venue: Venue, there: There) -> None:
    await venue.transfer(new_id(), 50_000_000)
    await there("/trades", contracts=-1)
    for _ in range(101):
        await there("/funding", rate="0.000123456789")
    bills = await venue.bills("0")
    assert len(bills) == 103 and [int(one.id) for one in bills] == sorted(int(one.id) for one in bills)
    assert sum(one.amount.n for one in bills) == (await venue.trading()).cash.n


@pytest.mark.parametrize(("way", "cents"), [("sell", 10 * CONTRACT), ("lot", 1_000), ("part", 3 * CONTRACT)])
async def test_orders_end_as_the_exchange_says(venue: Venue, there: There, way: str, cents: int) -> None:
    await venue.transfer(new_id(), 10_000_000)
    await there.moods(fill="part" if way == "part" else "all")
    name = new_id()
    await venue.place(name, cents, soon())
    said = await venue.order(name)
    assert said is not None and said.stage is Stage.DONE
    assert said.cents == (15_000 if way == "part" else cents)
    assert (await venue.position()).short == said.cents


async def test_orders_that_are_not_filled(venue: Venue, there: There) -> None:
    await venue.transfer(new_id(), 10_000_000)
    await there.moods(fill="none")
    name = new_id()
    await venue.place(name, CONTRACT, soon())
    said = await venue.order(name)
    assert said is not None and (said.stage, said.cents) == (Stage.FAILED, 0)
    await there.moods(fill="slow", slowSeconds=600)
    name = new_id()
    await venue.place(name, CONTRACT, soon())
    said = await venue.order(name)
    assert said is not None and said.stage is Stage.PENDING
    await venue.cancel(name)
    await venue.cancel(name)  # over already: nothing to say
    said = await venue.order(name)
    assert said is not None and said.stage is Stage.FAILED
    assert await venue.order(new_id()) is None


async def test_what_is_refused_has_a_reason(venue: Venue, there: There) -> None:
    for cents, why in ((CONTRACT, Refused.SHORT), (1_500, Refused.WRONG), (-CONTRACT, Refused.WRONG)):
        with pytest.raises(VenueRefused) as refused:
            await venue.place(new_id(), cents, soon())
        assert refused.value.why is why, refused.value
    with pytest.raises(VenueRefused) as refused:
        await venue.place(new_id(), CONTRACT, datetime.now(UTC) - timedelta(seconds=1))
    assert refused.value.code == "50036"  # it came too late, and does nothing
    await there.moods(market="suspend")
    assert not (await venue.instrument()).live
    with pytest.raises(VenueRefused) as refused:
        await venue.transfer(new_id(), 300_000_000)
    assert refused.value.why is Refused.SHORT
    assert (await there())["orders"] == []


@pytest.mark.parametrize("code", ["50001", "50011", "50013", "51030", "58112"])
async def test_busy_is_later(venue: Venue, there: There, code: str) -> None:
    await there.moods(reject={"transfer": [code, 1]})
    with pytest.raises(VenueRefused) as refused:
        await venue.transfer(new_id(), 1_000)
    assert refused.value.why is Refused.LATER


@pytest.mark.parametrize("code", ["50004", "51149", "51054", "59999"])
async def test_usd_07_acted_and_said_no_is_unknown(venue: Venue, there: There, code: str) -> None:
    """Only a look by the client id tells."""
    await venue.transfer(new_id(), 10_000_000)
    await there.moods(reject={"order.place": [code, 1]})
    name = new_id()
    with pytest.raises(VenueSilent):
        await venue.place(name, CONTRACT, soon())
    said = await venue.order(name)
    assert (said is not None) == (code != "59999")


@pytest.mark.parametrize("action", ["drop_reply", "cut", "empty", "error"])
async def test_usd_07_no_answer_is_unknown_and_asking_again_does_it_once(
    venue: Venue, there: There, action: str
) -> None:
    name, back = new_id(), new_id()
    for call in ("transfer", "withdraw"):
        await there.sandbox.fault(call, action, provider="okx", times=1)
    with pytest.raises(VenueSilent):
        await venue.transfer(name, 50_000_000)
    with pytest.raises(VenueSilent):
        await venue.withdraw(back, 20_000_000, "bcrt1qtest", 10_000)
    for _ in range(2):
        await venue.transfer(name, 50_000_000)
        await venue.withdraw(back, 20_000_000, "bcrt1qtest", 10_000)
    state = await there()
    assert len(state["transfers"]) == len(state["withdrawals"]) == 1
    assert state["fundingSats"] == 200_000_000 - 50_000_000 - 20_010_000
    said = await venue.withdrawn(back)
    assert said is not None and (said.stage, said.fee_sats) == (Stage.DONE, 10_000) and said.txid
    (gone,) = await venue.withdrawals()
    assert (gone.sats, gone.fee_sats, gone.client_id, gone.credited) == (20_000_000, 10_000, back, True)


async def test_coins_in_and_out(venue: Venue, there: There) -> None:
    assert (await venue.address()).startswith("bcrt1q")
    txid = secrets.token_hex(32)
    for state, credited in ((0, False), (1, True), (2, True)):
        await there("/deposits", txId=txid, sats=123_456, state=state)
        (coins,) = await venue.deposits()
        assert (coins.txid, coins.sats, coins.credited) == (txid, 123_456, credited)
    assert await venue.funding() == Msats.from_sats(200_123_456)
    await there.moods(withdrawals="stuck")
    name = new_id()
    await venue.withdraw(name, 1_000_000, "bcrt1qtest", 10_000)
    said = await venue.withdrawn(name)
    assert said is not None and said.stage is Stage.PENDING
    assert [one.credited for one in await venue.withdrawals()] == [False]
    await there.moods(withdrawals="failed")
    name = new_id()
    await venue.withdraw(name, 1_000_000, "bcrt1qtest", 10_000)
    said = await venue.withdrawn(name)
    assert said is not None and said.stage is Stage.FAILED
    for mood, stage in (("pending", Stage.PENDING), ("failed", Stage.FAILED)):
        await there.moods(transfers=mood)
        name = new_id()
        await venue.transfer(name, 1_000)
        said = await venue.transferred(name)
        assert said is not None and said.stage is stage
    assert await venue.transferred(new_id()) is None and await venue.withdrawn(new_id()) is None


async def test_liquidation_is_a_bill_like_others(venue: Venue, there: There) -> None:
    await venue.transfer(new_id(), 10_000_000)
    await venue.place(new_id(), 300 * CONTRACT, soon())
    liquidation = (await venue.position()).liquidation
    assert liquidation is not None
    await there.sandbox.control("POST", "/price", {"usdPerBtc": liquidation // 100 + 1})
    assert (await venue.position()).short == 0
    last = (await venue.bills(None))[0]
    assert last.kind is BillKind.LIQUIDATION and last.short == -300 * CONTRACT and last.amount < Msats(0)
    assert sum(one.amount.n for one in await venue.bills("0")) == (await venue.trading()).cash.n >= 0


async def test_who_may_not(there: There) -> None:
    class Late(SystemClock):
        def now(self) -> datetime:
            return super().now() - timedelta(minutes=1)

    for wrong in (
        okx(there.sandbox.url, key="another"),
        okx(there.sandbox.url, secret="another"),
        okx(there.sandbox.url, clock=Late()),
    ):
        with pytest.raises(VenueRefused) as refused:
            await wrong.funding()
        assert refused.value.why is Refused.LOCKED
        await wrong.close()


async def test_what_cannot_be_read_is_silence(venue: Venue, there: There) -> None:
    await there.moods(blankPosition=True)
    with pytest.raises(VenueSilent):
        await venue.position()


async def test_not_in_a_transaction(venue: Venue, db: Database) -> None:
    async with db.transaction():
        with pytest.raises(TransactionOpen):
            await venue.funding()


def test_contracts_are_exact() -> None:
    from hazina.adapters.okx import _plain

    assert [_plain(Decimal(text)) for text in ("0.1", "10", "1E+2", "12.30")] == ["0.1", "10", "100", "12.3"]
