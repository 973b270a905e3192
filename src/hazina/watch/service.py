"""Looking, every minute and at night, and what follows from it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from hazina import ledger, payments, safety
from hazina.hedging import Hedge, Mode
from hazina.kernel import audit, events
from hazina.kernel.checks import Check, checked
from hazina.kernel.clock import Clock
from hazina.kernel.db import Database, Tx
from hazina.kernel.money import Asset
from hazina.ledger import BANK
from hazina.payments.ports import Incoming, Listing, NodeRefused, NodeSilent, OutgoingState
from hazina.safety import Rail
from hazina.watch import store, truth
from hazina.watch.model import BY_CHECK, INVARIANTS, PLAIN, Breach, Invariant, Money, Report, Standing, State
from hazina.watch.truth import Baseline, Item, Place, Read

log = structlog.get_logger("hazina.watch")

EVERY_S = 60.0
STALE = timedelta(minutes=10)
"""What was not known for so long is said to be unknown, whatever it was."""
HANGS_AFTER = timedelta(minutes=10)
HANGING_MAX = 50
FACTS_WAIT_MAX_S = 60.0
ENTRIES_PAGE = 10_000
BOOKS = "watch:books"
NODES = "watch:nodes"
OWN_OF_NODES = "watch:own"
TRIES = 15
TRY_EVERY_S = 1.0
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
OWN = {
    Asset.BTC: (
        BANK.LIGHTNING_BTC,
        BANK.ROUNDING_BTC,
        BANK.FEES_BTC,
        BANK.ONCHAIN_BTC,
        BANK.COLD_BTC,
        BANK.REVERSED_BTC,
        BANK.CHAIN_FEES_BTC,
        BANK.OWN_BTC,
        BANK.DEALER_BTC,
        BANK.EXCHANGE_BTC,
        BANK.TRANSIT_BTC,
        BANK.HEDGE_BTC,
        BANK.HEDGE_FUNDING_BTC,
        BANK.HEDGE_FEES_BTC,
    ),
    Asset.USD: (BANK.ISSUED_USD, BANK.ROUNDING_USD, BANK.DEALER_USD, BANK.FEES_USD),
}


@dataclass(slots=True)
class Found:
    """What one look learned: the checks, places to keep, and which parts told nothing."""

    checks: list[Check]
    places: dict[str, Any]
    silent: dict[str, str]  # invariant's name -> why
    absent: set[str] = field(default_factory=set)  # names of those that nothing can be true of now


@dataclass(frozen=True, slots=True)
class Watch:
    """``listings``: the own lists of every node, by names that never change."""

    db: Database
    clock: Clock
    listings: Sequence[Listing]
    hedge: Hedge | None = None

    # -- every minute ---------------------------------------------------------------------------

    async def run(self) -> None:
        """For ever; for the one worker that leads."""
        while True:
            began = self.clock.steady()
            try:
                await self.look()
            except Exception as error:  # the database is away: look again when it is back
                log.warning("watch_stumbled", error=type(error).__name__, why=str(error)[:300])
            await asyncio.sleep(max(EVERY_S - (self.clock.steady() - began), 1))

    async def look(self) -> list[Breach]:
        """Look at what is new since the last time; what is broken now."""
        async with self.db.transaction() as tx:
            await self._end_lifted(tx)
        found = Found([], {}, {})
        await self._part(found, "I1 I2 I3 I4 I7 I8 I11 I13", self._books)
        await self._part(found, "I5 I6", self._node)
        await self._part(found, "I9", self._hanging)
        await self._part(found, "I10", self._hedged)
        await self._part(found, "I12", self._flows)
        return await self._record(found)

    async def night(self) -> list[Breach]:
        """Prove everything anew from history. Minutes, beside the payments."""
        found = Found([], {}, {})
        await self._part(found, "I1 I2 I3 I4 I6 I7 I8 I11 I13", self._everything)
        return await self._record(found)

    async def _part(self, found: Found, names: str, look: Callable[[Found], Awaitable[None]]) -> None:
        """A part that fails leaves its invariants unknown, and the others to the other parts."""
        try:
            await look(found)
        except (NodeSilent, NodeRefused) as error:
            found.silent.update(dict.fromkeys(names.split(), f"the node does not say: {str(error)[:150]}"))
        except Exception as error:
            log.exception("look_failed", invariants=names)
            found.silent.update(dict.fromkeys(names.split(), f"the look failed: {type(error).__name__}"))

    async def _books(self, found: Found) -> None:
        async with self.db.transaction() as tx:
            kept = await store.place(tx, BOOKS) or {"since": BEGINNING.isoformat(), "above": 0}
            plan = await ledger.recent(tx, datetime.fromisoformat(kept["since"]), kept["above"])
        async with self.db.transaction() as tx:
            await _one_snapshot(tx)
            found.checks += await ledger.checks_since(tx, plan)
            found.checks += await payments.checks_since(tx, plan, self.clock.now())
            missing = await store.missing_indexes(tx)
        found.checks.append(
            checked("unique", "The indexes that keep things from being used twice stand.", len(store.UNIQUE),
                    [{"missing": name} for name in missing])
        )  # fmt: skip
        found.places[BOOKS] = {"since": plan.until.isoformat(), "above": plan.to}

    async def _everything(self, found: Found) -> None:
        async with self.db.transaction() as tx:
            found.checks += await ledger.verify(tx)
            found.checks += await payments.verify(tx, self.clock.now())
            found.checks += await audit.verify(tx)
            entries, txns = await store.history(tx)
            before = await store.place(tx, "watch:history") or {"entries": 0, "txns": 0}
        shrunk = entries < before["entries"] or txns < before["txns"]
        log.info("history", entries=entries, txns=txns)  # a figure outside the database, too
        found.checks.append(
            checked("history-grows", "There are no fewer entries and transactions than ever before.", entries,
                    [{"entries": entries, "txns": txns, "before": before}] if shrunk else [])
        )  # fmt: skip
        if not shrunk:
            found.places["watch:history"] = {"entries": entries, "txns": txns}

    # -- the node -------------------------------------------------------------------------------

    async def _place(self, tx: Tx) -> Place | None:
        """Of the comparison with the nodes; a bank that had one node kept it under that node's name."""
        if kept := await store.place(tx, NODES):
            return Place.of(kept)
        for one in self.listings:
            if kept := await store.place(tx, f"watch:node:{one.name}"):
                cursors = {name: kept.pop(name) for name in ("settled", "paid", "counted")}
                return Place.of({**kept, "nodes": {one.name: cursors}})
        return None

    async def _node(self, found: Found) -> None:
        """The books first, then the nodes: so the nodes can only be ahead. One that does not answer leaves all
        unknown: what the others did cannot be told from what it did."""
        account = int(BANK.LIGHTNING_BTC)
        async with self.db.transaction() as tx:
            await _one_snapshot(tx)
            kept = await self._place(tx)
            place = kept or Place()
            now_at = (await ledger.balances(tx, [account]))[account]
            booked: dict[str, int] = {}
            seq = place.seq
            while page := await ledger.entries_after(tx, account, seq, ENTRIES_PAGE):
                seq = page[-1].seq
                for entry in page:
                    if entry.amount:
                        booked[str(entry.txn)] = booked.get(str(entry.txn), 0) + entry.amount
            base = await store.place(tx, OWN_OF_NODES)
        baseline = Baseline(**base) if base else Baseline(did_msat=place.node_msat)
        did: list[Item] = []
        nodes = dict(place.nodes)
        own = dict(baseline.own)
        for listing in self.listings:
            new = listing.name not in nodes and (kept is not None or now_at.seq == 0)
            before = None if listing.name in own else (await listing.balance()).own
            nodes[listing.name], its = await self._did(listing, nodes.get(listing.name, Read()), from_now=new)
            if before is not None and before == (await listing.balance()).own:  # else something ended in between
                own[listing.name] = before.n + sum(item.msat for item in its)
            did += its
        place = replace(place, seq=seq, nodes=nodes)
        place, checks = truth.compare(place, booked, now_at.balance, did, self.clock.now())
        found.checks += checks
        found.places[NODES] = place.as_json()
        if own != baseline.own:
            found.places[OWN_OF_NODES] = asdict(replace(baseline, own=own))

    async def nodes_now(self) -> list[Check]:
        """The nodes' own balances and lists against the books as they stand; nothing is kept. While payments end,
        the two sides are never read at one moment: so it looks again until they agree, or do not for a while.

        :raises NodeSilent, NodeRefused: a node does not say.
        """
        checks: list[Check] = []
        for attempt in range(TRIES):
            if attempt:
                await asyncio.sleep(TRY_EVERY_S)
            checks = await self._nodes_now()
            if all(check.ok for check in checks):
                break
        return checks

    async def nodes_anew(self) -> list[Check]:
        """As ``nodes_now``; where the nodes' lists agree with the books, what the nodes have now is the beginning from
        here on: after a channel was opened or closed."""
        for attempt in range(TRIES):
            if attempt:
                await asyncio.sleep(TRY_EVERY_S)
            found = Found([], {}, {})
            before = await self._own()
            await self._node(found)
            if all(check.ok for check in found.checks) and before == await self._own():
                did_msat = found.places[NODES]["node_msat"]
                async with self.db.transaction() as tx:
                    await store.keep_place(tx, OWN_OF_NODES, asdict(Baseline(before, did_msat)))
                break
        return await self.nodes_now()

    async def _own(self) -> dict[str, int]:
        balances = {one.name: await one.balance() for one in self.listings}
        return {name: balance.own.n for name, balance in balances.items() if balance.own is not None}

    async def _nodes_now(self) -> list[Check]:
        found = Found([], {}, {})
        await self._node(found)
        async with self.db.transaction() as tx:
            kept = await store.place(tx, OWN_OF_NODES)
        baseline = Baseline(**kept) if kept else Baseline()
        balances = {one.name: await one.balance() for one in self.listings if one.name in baseline.own}
        own = {name: balance.own.n for name, balance in balances.items() if balance.own is not None}
        blur_msat = sum(balance.blur.n for balance in balances.values())
        return [*found.checks, baseline.compare(own, blur_msat, found.places[NODES]["node_msat"])]

    async def _did(self, listing: Listing, read: Read, *, from_now: bool) -> tuple[Read, list[Item]]:
        """What a node did since it was ``read``. ``from_now``: of a node that is new to these books, what it did
        before them is left out."""
        settled = await listing.settled_since(read.settled)
        paid = await listing.paid_since(read.paid)
        came = {c.item.payment_hash: -c.item.received.n for c in settled if isinstance(c.item, Incoming)}
        left = {one.payment_hash: one.amount.n + one.fee.n for one in paid.items if one.amount and one.fee is not None}
        async with self.db.transaction() as tx:
            ours = await payments.invoices_with(tx, list(came))
            sent = await payments.sent_with(tx, list(left))
        items = [Item(h.hex(), msat, (str(payments.receipt_id(h)),) if h in ours else ()) for h, msat in came.items()]
        for payment_hash, msat in left.items():
            names = tuple(str(payments.settlement_id(id_)) for id_ in sent.get(payment_hash, ()))
            if payment_hash.hex() not in read.counted:
                items.append(Item(payment_hash.hex(), msat, names))
        moved = Read(
            settled[-1].cursor if settled else read.settled,
            paid.cursor,
            tuple(sorted(payment_hash.hex() for payment_hash in paid.again)),
        )
        return moved, [item for item in items if item.names or not from_now]

    async def _hanging(self, found: Found) -> None:
        now = self.clock.now()
        async with self.db.transaction() as tx:
            waiting = await payments.waiting_since(tx, now - HANGS_AFTER, HANGING_MAX)
            closed = await safety.stopping(tx, Rail.LIGHTNING)
        hanging = []
        for payment in waiting:
            if payment.state is payments.State.SENT and payment.payment_hash is not None:
                news = await self._listing(payment.node).outgoing(payment.payment_hash)
                if news.state is not OutgoingState.UNKNOWN and news.parts != 0:
                    continue  # parts are on their way, or the end is about to be booked
            elif closed is not None:
                continue  # it waits for operators
            hanging.append({"payment_id": payment.id, "state": payment.state.name, "since": payment.created_at})
        found.checks.append(
            checked("no-orphan-pending", "No payment waits without money on its way.", len(waiting), hanging)
        )

    def _listing(self, name: str | None) -> Listing:
        found = next((one for one in self.listings if one.name == name), None)
        if found is None:
            raise NodeSilent(f"the settings name no node {name}")
        return found

    async def _hedged(self, found: Found) -> None:
        """As the hedge's own rounds left it: they see the exchange every few seconds."""
        status = await self.hedge.status() if self.hedge is not None else None
        on = status is not None and status.mode is not Mode.OFF
        outside, apart = [], []
        if status is not None and on:
            if status.differs is not None:
                apart = [{"since": status.differs, "said": status.blind}]
            elif status.blind is not None:
                found.silent["I10"] = f"the hedge is blind: {status.blind[:150]}"
                return
            outside = [{"owed_cents": status.liability.owed, "seen": status.seen}] if status.outside else []
        else:
            found.absent.add("I10")
        said = "The position is within its band of what is owed."
        found.checks.append(checked("hedge-band", said, int(on), outside))
        said = "What lies at the exchange is what the books say."
        found.checks.append(checked("hedge-agrees", said, int(on), apart))

    async def _flows(self, found: Found) -> None:
        async with self.db.transaction() as tx:
            waits_s = await events.unread_for(tx)
        late = [{"waits_s": round(waits_s, 1)}] if waits_s > FACTS_WAIT_MAX_S else []
        found.checks.append(checked("facts-flow", "No fact waits longer than a minute to be readable.", 1, late))

    # -- what follows ---------------------------------------------------------------------------

    async def _end_lifted(self, tx: Tx) -> None:
        """Breaches whose closure two operators have lifted are over; what they saw of the node is accepted."""
        standing = await store.breaches(tx)
        lifted = await safety.lifted(tx, [one.closure_id for one in standing if one.closure_id is not None])
        for breach in standing:
            if breach.closure_id in lifted:
                at, by = lifted[breach.closure_id]
                await store.end_breach(tx, breach.id, at, by)
                if breach.check == "node-total" and (kept := await self._place(tx)):
                    accepted = truth.lifted(kept, breach.offending[0]["gap_msat"])
                    await store.keep_place(tx, NODES, accepted.as_json())

    async def _record(self, found: Found) -> list[Breach]:
        """Breaches, closures, states and places, in one commit."""
        now = self.clock.now()
        async with self.db.transaction() as tx:
            standing = {(one.invariant, one.check): one for one in await store.breaches(tx)}
            for check in found.checks:
                invariant = BY_CHECK[check.name]
                known = standing.get((invariant.name, check.name))
                if not check.ok:
                    await self._note(tx, invariant, check, known, now)
                elif known is not None and invariant.closes is None:
                    await store.end_breach(tx, known.id, now, "watch")
            for reader, place in found.places.items():
                await store.keep_place(tx, reader, place)
            left = await store.breaches(tx)
            await self._keep_states(tx, found, {one.invariant for one in left}, now)
        return left

    async def _note(self, tx: Tx, invariant: Invariant, check: Check, known: Breach | None, now: datetime) -> None:
        closure_id = known.closure_id if known else None
        if known is None:
            log.error("invariant_broken", invariant=invariant.name, check=check.name, rows=check.broken)
            if invariant.closes is not None:
                reason = PLAIN[invariant.closes]
                closure_id = await safety.close(tx, invariant.closes, by=invariant.name, reason=reason, at=now)
        await store.note_breach(tx, invariant.name, check, closure_id, now)

    async def _keep_states(self, tx: Tx, found: Found, broken: set[str], now: datetime) -> None:
        rows: dict[str, int] = {}
        for check in found.checks:
            name = BY_CHECK[check.name].name
            rows[name] = max(rows.get(name, 0), check.checked)
        for invariant in INVARIANTS:
            name = invariant.name
            if name in found.absent:
                await store.keep_state(tx, name, State.ABSENT.value, 0, "", now)
            elif name in found.silent:
                state = State.BROKEN if name in broken else State.UNKNOWN
                await store.keep_state(tx, name, state.value, 0, found.silent[name], None)
            elif name in rows:
                state = State.BROKEN if name in broken else State.HOLDS
                await store.keep_state(tx, name, state.value, rows[name], "", now)

    # -- telling --------------------------------------------------------------------------------

    async def report(self) -> Report:
        """How everything stood when it was last looked at."""
        return await report(self.db, self.clock)

    async def money(self) -> list[Money]:
        """What the bank owes its customers, and what its own accounts say. As all balances of an asset sum to
        zero, the bank's few accounts tell what the many owe."""
        async with self.db.transaction() as tx:
            found = await ledger.balances(tx, list(BANK))
        return [
            Money(asset.name, -sum(found[own].balance for own in accounts), {
                own.name.rpartition("_")[0].lower(): found[own].balance for own in accounts
            })
            for asset, accounts in OWN.items()
        ]  # fmt: skip


async def report(db: Database, clock: Clock) -> Report:
    """As ``Watch.report``, for whoever has no node."""
    now = clock.now()
    async with db.transaction() as tx:
        states = await store.states(tx)
        breaches = await store.breaches(tx)
        closures = await safety.closures(tx)
    standings = tuple(_standing(one, states.get(one.name), now) for one in INVARIANTS)
    return Report(standings, tuple(breaches), tuple(closures), now)


def _standing(one: Invariant, kept: tuple[str, datetime | None, str] | None, now: datetime) -> Standing:
    if one.absent and (kept is None or kept[0] == State.ABSENT.value):
        return Standing(one, State.ABSENT, None, one.absent)
    if kept is None:
        return Standing(one, State.NEVER, None)
    state, at, said = State(kept[0]), kept[1], kept[2]
    if state is State.HOLDS and (at is None or now - at > STALE):
        return Standing(one, State.UNKNOWN, at, "no worker has looked for more than ten minutes")
    return Standing(one, state, at, said)


async def _one_snapshot(tx: Tx) -> None:
    await tx.execute("set transaction isolation level repeatable read, read only")
    await tx.execute("set local statement_timeout = 60000")
    await tx.execute("set local work_mem = '64MB'")
    await tx.execute("set local jit = off")
