"""Look the installation over: each finding has a verdict and, where it is not well, the mend."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any

import psycopg

from hazina import migrations
from hazina.chain import Chain, NodeUnfit
from hazina.chain.ports import NodeRefused, NodeSilent
from hazina.dealer import Prices
from hazina.hedging import Mode
from hazina.hedging import Status as HedgeStatus
from hazina.kernel.clock import SystemClock
from hazina.kernel.db import Database
from hazina.kernel.embedded import CannotStart
from hazina.ops import Trouble, database, keys, sandbox, serve
from hazina.ops.database import Place
from hazina.payments import Kind, Payment, Payments, Policy, waiting_since
from hazina.safety import Safety
from hazina.settings import Settings
from hazina.watch import Report, State, report

DISK_WARN_GB = 5.0
DISK_BAD_GB = 0.5
CLOCK_WARN_S = 1.0
CLOCK_BAD_S = 10.0
SPARE_CONNECTIONS = 10
STUCK_SHOWN = 20
FEED_SILENT = timedelta(hours=2)


class Verdict(Enum):
    WELL = "well"
    WARN = "look at it"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    name: str
    verdict: Verdict
    said: str
    mend: str = ""


def examine(settings: Settings) -> Iterator[Finding]:
    """Findings, as they are made. The embedded database is started for it when it does not run."""
    yield disk(settings)
    try:
        with database.opened(settings) as place:
            for look in (server, durability, checksums, revisions, roles, connections, clock):
                yield look(place, settings)
            if not migrations.state(place.url).pending:
                yield personal(place, settings)
            yield from providers(settings, place)
            if migrations.state(place.url).known and not migrations.state(place.url).pending:
                yield from watched(place)
    except (Trouble, CannotStart) as error:
        yield Finding("database", Verdict.BAD, str(error), "Mend this first; the rest needs the database.")


def disk(settings: Settings) -> Finding:
    folder = next(p for p in (settings.data.resolve(), *settings.data.resolve().parents) if p.exists())
    free_gb = shutil.disk_usage(folder).free / 10**9
    said = f"{free_gb:,.1f} GB free for {settings.data}"
    if free_gb < DISK_WARN_GB:
        verdict = Verdict.BAD if free_gb < DISK_BAD_GB else Verdict.WARN
        return Finding("disk", verdict, said, "Make room, or move the data folder to a larger disk.")
    return Finding("disk", Verdict.WELL, said)


def server(place: Place, _: Settings) -> Finding:
    kind = "embedded " if place.cluster else ""
    return Finding("database", Verdict.WELL, f"{kind}{place.described} answers")


def durability(place: Place, settings: Settings) -> Finding:
    off = database.forgetful(place.url)
    if off:
        verdict = Verdict.WARN if settings.unsafe_database else Verdict.BAD
        mend = "; ".join(f"ALTER SYSTEM SET {name} = on" for name in off) + "; SELECT pg_reload_conf()."
        return Finding("durability", verdict, f"{', '.join(off)}: off. A power cut may lose payments.", mend)
    return Finding("durability", Verdict.WELL, f"{', '.join(database.DURABLE)}: on")


def checksums(place: Place, _: Settings) -> Finding:
    if _one(place.url, "SHOW data_checksums") == "off":
        mend = "Stop the server and run pg_checksums --enable on its data folder."
        return Finding("checksums", Verdict.WARN, "A page that the disk damages would go unseen.", mend)
    return Finding("checksums", Verdict.WELL, "pages are checked when they are read")


def revisions(place: Place, _: Settings) -> Finding:
    state = migrations.state(place.url)
    if not state.known:
        said = f"revision {state.current} is newer than this program ({state.head})"
        return Finding("migrations", Verdict.BAD, said, "Use the newer Hazina.")
    if state.pending:
        said = f"at {state.current or 'nothing'}, the newest is {state.head}"
        return Finding("migrations", Verdict.BAD, said, "Run `hazina migrate`.")
    return Finding("migrations", Verdict.WELL, f"at {state.head}, the newest")


def roles(place: Place, _: Settings) -> Finding:
    """The program must not be able to rewrite history: neither superuser nor owner of the ledger."""
    powers = _one(
        place.url,
        """SELECT concat_ws(' and ',
               CASE WHEN (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN 'is a superuser' END,
               CASE WHEN EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = 'ledger'
                                 AND pg_has_role(current_user, tableowner, 'USAGE')) THEN 'owns the ledger' END)""",
    )
    if powers:
        mend = "Give DATABASE_URL a role of its own without powers, and name the owner's in HAZINA_OWNER_URL."
        return Finding("role", Verdict.WARN, f"the program's role {powers}: it could rewrite history", mend)
    return Finding("role", Verdict.WELL, "the program's role can neither rewrite the ledger nor grant itself the right")


def connections(place: Place, settings: Settings) -> Finding:
    most = int(_one(place.url, "SHOW max_connections"))
    used = int(_one(place.url, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"))
    said = f"{used} of {most} connections are taken; a process takes up to {settings.database_pool + 6}"
    if most - used < SPARE_CONNECTIONS:
        return Finding("connections", Verdict.WARN, said, "Raise max_connections, or lower HAZINA_DATABASE_POOL.")
    return Finding("connections", Verdict.WELL, said)


def clock(place: Place, _: Settings) -> Finding:
    with psycopg.connect(place.url) as connection:
        before = time.time()
        row = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
        here = (before + time.time()) / 2
    apart_s = abs(float(row[0] if row else 0) - here)
    said = f"this machine and the database are {apart_s:.2f} s apart"
    if apart_s > CLOCK_WARN_S:
        verdict = Verdict.BAD if apart_s > CLOCK_BAD_S else Verdict.WARN
        return Finding("clock", verdict, said, "Let both machines keep time with NTP (timedatectl set-ntp true).")
    return Finding("clock", Verdict.WELL, said)


def personal(place: Place, settings: Settings) -> Finding:
    """Can what is personal be read?"""
    try:
        return Finding("keys", Verdict.WELL, keys.check(settings, place))
    except Trouble as error:
        mend = "`hazina up` makes them for a new database; for this one put its own keys back."
        return Finding("keys", Verdict.BAD, str(error), mend)


def providers(settings: Settings, place: Place) -> Iterator[Finding]:
    """Each provider is asked something harmless."""
    if settings.wants_sandbox and (not settings.lightning or settings.twilio is None):
        url = settings.sandbox_url or sandbox.running(settings)
        if url is None:
            mend = "`hazina up` starts it; or set the providers in the settings."
            yield Finding("providers", Verdict.WARN, "the sandbox stands in for them, and it does not run", mend)
            return
        settings = sandbox.pointed_at(settings, url)
    bank = serve.built(settings, place)

    async def ask() -> list[Finding]:
        await bank.db.open()
        try:
            said = await serve.looks(bank).look()
            chain = [] if bank.chain is None else await bitcoin(bank.chain)
            found = await lightning(bank.payments) + await feeds(bank.prices) + hedge(await bank.hedge.status())
        finally:
            await bank.stop()
        return (
            chain
            + found
            + [
                Finding(name, Verdict.WELL, "answers")
                if said[name] == "ok"
                else Finding(name, Verdict.BAD, said[name], MENDS[name])
                for name in MENDS
            ]
        )

    yield from asyncio.run(ask())


async def lightning(paying: Payments) -> list[Finding]:
    """Each Lightning node that must not be used or has lost its memory; each one, where there are several."""
    standing, found = await paying.nodes(), []
    for node in standing:
        name = f"lightning {node.name}"
        for one in node.unfit:
            found.append(Finding(name, Verdict.BAD, f"{one.text} ({one.code})", "The bank does not use this node."))
        if node.forgot:
            said = "does not know a payment that it made: nothing is sent by it, and what it says of others waits"
            found.append(
                Finding(name, Verdict.BAD, said, "Was its database replaced or pruned? Bring the old one back.")
            )
        elif not node.unfit and len(standing) > 1:
            said = "answers" + (", and takes no new work" if node.resting else "")
            well = Finding(name, Verdict.WELL, said)
            found.append(well if node.up else Finding(name, Verdict.BAD, "does not answer", MENDS["lightning"]))
    return found


async def feeds(prices: Prices) -> list[Finding]:
    """Which feeds of prices and rates are used, and why the others are not."""
    states, now = await prices.feed_states(), prices.clock.now()
    found = []
    for name, state in states.items():
        if state is None or state.asked_at < now - FEED_SILENT:
            said = "was never asked" if state is None else f"was last asked at {state.asked_at:%Y-%m-%d %H:%M} UTC"
            found.append(Finding(f"feed {name}", Verdict.WARN, said, "Is a worker running?"))
        elif state.reason is not None:
            since = f"; last used at {state.good_at:%Y-%m-%d %H:%M} UTC" if state.good_at else ""
            mend = "The others go on without it. Compare its base_url, and what the exchange says of its state."
            found.append(Finding(f"feed {name}", Verdict.WARN, f"is not used: {state.reason}{since}", mend))
    used = sum(state is not None and state.reason is None for state in states.values())
    if not found and states:
        found.append(Finding("feeds", Verdict.WELL, f"{used} of {len(states)} feeds of prices and rates are used"))
    least, there = prices.policy.sources_min, len(prices.feeds)
    if there < least:
        said = f"{there} configured: the bank goes by them alone; {least} or more outvote one that is wrong"
        found.append(Finding("price feeds", Verdict.WARN, said, "Take price_feeds out of the settings: all are used."))
    return found


def hedge(status: HedgeStatus) -> list[Finding]:
    """Who bears the risk of the dollars that are owed for bitcoin."""
    owed = f"USD {status.liability.owed / 100:,.2f}"
    if status.mode is Mode.OFF:
        said = f"off: of {owed} that customers have for bitcoin, the risk of its price is the bank's"
        mend = "`hazina hedge on`; without [hedging] in the settings add it first: docs/hedging.md."
        return [Finding("hedge", Verdict.WARN if status.liability.owed else Verdict.WELL, said, mend)]
    found = []
    if status.blind is not None:
        mend = "Nothing is ordered or moved until all is seen again. Is the exchange up, are its keys right?"
        found.append(Finding("hedge", Verdict.BAD, f"blind: {status.blind}", mend))
    if status.outside:
        mend = "`hazina hedge status`: is there collateral, does the exchange take orders?"
        found.append(Finding("hedge", Verdict.BAD, "the position has been out of its band for too long", mend))
    for one in status.lost:
        said = f"{one.sats:,} sat were sent there at {one.asked_at:%Y-%m-%d %H:%M} UTC, and it has not seen them"
        mend = f"Ask the exchange for the transaction {', '.join(one.txids)}. No other deposit is made meanwhile."
        found.append(Finding("hedge", Verdict.BAD, said, mend))
    if status.liquidated_cents:
        said = f"USD {status.liquidated_cents / 100:,.2f} were liquidated in the last day"
        found.append(Finding("hedge", Verdict.WARN, said, "There was too little collateral: raise reserve_sats."))
    return found or [Finding("hedge", Verdict.WELL, f"on: {owed} owed for bitcoin are hedged")]


async def bitcoin(chain: Chain) -> list[Finding]:
    """The Bitcoin node, asked now; and the watch over the chain, as it stands in the database."""
    try:
        node = Finding("bitcoin", Verdict.WELL, await chain.examine())
    except NodeUnfit as error:
        node = Finding("bitcoin", Verdict.BAD, str(error), "The bank does not start with this node.")
    except (NodeSilent, NodeRefused) as error:
        mend = "Is bitcoind up? Compare [bitcoind] in the settings: url, user, password, cookie."
        node = Finding("bitcoin", Verdict.BAD, str(error), mend)
    wrong = await chain.trouble()
    if wrong is None:
        return [node, Finding("deposits", Verdict.WELL, "are seen as they come")]
    mend = "Deposits are late, not lost. Is a worker running, and does the node keep up with the network?"
    return [node, Finding("deposits", Verdict.BAD, wrong, mend)]


def watched(place: Place) -> Iterator[Finding]:
    """What is closed, what is broken, and when that was last known."""

    async def ask() -> tuple[Report, int, list[Payment]]:
        db = Database(place.url, size=1)
        await db.open()
        try:
            found = await Safety(db, SystemClock()).operators()
            async with db.transaction() as tx:
                before = SystemClock().now() - timedelta(seconds=Policy().stuck_after_s)
                stuck = [one for one in await waiting_since(tx, before, STUCK_SHOWN) if one.kind is Kind.LN_OUT]
            return await report(db, SystemClock()), sum(one.removed_at is None for one in found), stuck
        finally:
            await db.close()

    said, operators, stuck = asyncio.run(ask())
    for closure in said.closures:
        mend = f"When it is mended, two operators: `hazina safe-mode lift --rail {closure.rail.value} --operator NAME`."
        text = f"closed since {closure.since:%Y-%m-%d %H:%M} UTC by {closure.by}: {closure.reason}"
        yield Finding(f"rail {closure.rail.value}", Verdict.BAD, text, mend)
    for breach in said.breaches:
        rows = "; ".join(json.dumps(row, default=str) for row in breach.offending[:3])
        mend = "`hazina verify` shows what does not agree."
        yield Finding(breach.invariant, Verdict.BAD, f"{breach.check}, {breach.broken} rows: {rows}", mend)
    for payment in stuck[:STUCK_SHOWN]:
        age_h = (said.at - (payment.created_at or said.at)).total_seconds() / 3600
        text = f"{payment.id} on {payment.node}: {payment.state.name}, for {age_h:.1f} hours"
        mend = "Its money waits until the node says how it ended. Never give it back by hand; ask the node by its hash."
        yield Finding("stuck payment", Verdict.WARN, text, mend)
    dark = [one for one in said.standings if one.state in (State.UNKNOWN, State.NEVER)]
    if dark:
        text = ", ".join(f"{one.invariant.name} {one.said or one.state.value}" for one in dark)
        mend = "Is a worker running? It looks every minute; the node's macaroon must allow lnrpc ListPayments."
        yield Finding("watch", Verdict.WARN, text, mend)
    elif not said.breaches:
        yield Finding("watch", Verdict.WELL, "every invariant holds")
    if operators < 2:
        mend = "`hazina operator add NAME`, by two people."
        yield Finding("operators", Verdict.WARN, f"{operators}: nobody could lift a closure", mend)


MENDS = {
    "lightning": "Is a node up and synced? Compare [lnd] or [nodes.…] in the settings: base_url, macaroon, tls_cert.",
    "price": "No price is younger than a minute: is a worker running, and do the price feeds answer?",
}


def _one(url: str, query: str) -> Any:
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
    return row[0] if row else None


__all__ = ["Finding", "Verdict", "examine"]
