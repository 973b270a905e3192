"""The figures that every process shows at ``/metrics``, read from the database: whoever is asked tells the same."""

from __future__ import annotations

import math

from hazina.app import Bank
from hazina.chain import Chain
from hazina.dealer import Prices
from hazina.hedging import Mode, Status
from hazina.kernel import metrics
from hazina.kernel.background import every
from hazina.kernel.clock import Clock
from hazina.payments import Kind, State
from hazina.safety import Rail
from hazina.watch import State as Standing

EVERY_S = 15.0
VALUES = {Standing.HOLDS: 1.0, Standing.BROKEN: 0.0}
OPEN_KINDS = [f"{kind.name.lower()}_{state.name.lower()}" for kind in (Kind.LN_OUT, Kind.LN_INSIDE) for state in
              (State.HELD, State.SENT)]  # fmt: skip


async def keep(bank: Bank) -> None:
    """For ever."""
    await every(EVERY_S, "figures", lambda: read(bank))


async def read(bank: Bank) -> None:
    report = await bank.watch.report()
    for one in report.standings:
        if one.state is not Standing.ABSENT:
            metrics.INVARIANT_OK.labels(one.invariant.name).set(VALUES.get(one.state, math.nan))
            metrics.INVARIANT_CHECKED.labels(one.invariant.name).set(
                one.checked_at.timestamp() if one.checked_at else math.nan
            )
    closed = {closure.rail for closure in report.closures}
    for rail in Rail:
        metrics.RAIL_OPEN.labels(rail.value).set(rail not in closed and Rail.BANK not in closed)
    found = {kind: (count, age) for kind, count, age in await bank.payments.open_payments()}
    for kind in OPEN_KINDS:
        count, age = found.get(kind, (0, 0.0))
        metrics.OPEN_PAYMENTS.labels(kind).set(count)
        metrics.OPEN_AGE.labels(kind).set(age)
    for node in await bank.payments.nodes():
        metrics.NODE_UP.labels(node.name).set(node.up)
        metrics.NODE_TRUSTED.labels(node.name).set(not node.forgot)
    ages = bank.payments.ages_s
    under_way = {(one.node, one.older_than_s): one.count for one in await bank.payments.under_way()}
    for name in {*bank.nodes.names, *(node for node, _ in under_way)}:
        for age_s in ages:
            metrics.IN_FLIGHT_BY_AGE.labels(name, str(age_s)).set(under_way.get((name, age_s), 0))
        metrics.STUCK.labels(name).set(under_way.get((name, ages[-1]), 0))
    for money in await bank.watch.money():
        metrics.MONEY.labels(money.asset, "customers").set(money.customers)
        for name, amount in money.own.items():
            metrics.MONEY.labels(money.asset, name).set(amount)
    await _prices(bank.prices)
    hedge(await bank.hedge.status())
    waiting, off, oldest_s = await bank.webhooks.totals()
    metrics.WEBHOOKS_WAITING.set(waiting)
    metrics.WEBHOOKS_OFF.set(off)
    metrics.WEBHOOKS_OLDEST.set(oldest_s)
    if bank.chain is not None:
        await _chain(bank.chain, bank.clock)


def hedge(status: Status) -> None:
    on, seen = status.mode is not Mode.OFF, status.seen or {}
    metrics.DOLLARS_OWED.set(status.liability.owed)
    metrics.HEDGE_ON.set(on)
    metrics.HEDGE_OK.set(status.blind is None and not status.outside and not status.lost if on else math.nan)
    metrics.HEDGE_SHORT.set(seen.get("shortCents", 0))
    leverage, liquidation = seen.get("leveragePct"), seen.get("liquidationCents")
    metrics.HEDGE_LEVERAGE.set(math.nan if leverage is None else leverage / 100)
    metrics.HEDGE_LIQUIDATION.set(math.nan if liquidation is None else liquidation)
    metrics.HEDGE_COLLATERAL.labels("collateral").set(seen.get("equitySats", 0))
    metrics.HEDGE_COLLATERAL.labels("reserve").set(seen.get("fundingSats", 0))
    metrics.HEDGE_TRANSIT.set(status.transit_msats)
    metrics.HEDGE_LOOKED.set(status.seen_at.timestamp() if status.seen_at else math.nan)


async def _prices(prices: Prices) -> None:
    price = await prices.latest()
    metrics.PRICE_AGE.set((prices.clock.now() - price.at).total_seconds() if price else math.nan)
    for name, state in (await prices.feed_states()).items():
        metrics.PRICE_FEED_OK.labels(name).set(state is not None and state.reason is None)


async def _chain(chain: Chain, clock: Clock) -> None:
    metrics.CHAIN_OK.set(await chain.trouble() is None)
    metrics.DEPOSITS_PENDING.set(await chain.pending_count())
    if (standing := await chain.standing()) is not None:
        metrics.CHAIN_HEIGHT.set(standing.height)
        metrics.CHAIN_BEHIND.set(max(standing.node_height, standing.headers) - standing.height)
        metrics.CHAIN_SILENT.set((clock.now() - standing.looked_at).total_seconds())
        metrics.CHAIN_TIP_AGE.set((clock.now() - standing.moved_at).total_seconds())
