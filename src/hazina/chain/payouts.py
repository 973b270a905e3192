"""Payouts on their way: queued, built into batches, signed, stored, broadcast, followed, bumped.

A transaction is stored before anybody is told of it, and told again until it is in a block: a crash between any two
lines loses nothing and pays nothing twice. One that was signed and not stored is thrown away. Whoever builds at
the same time is overtaken by the database: a payout is queued once, a coin serves one batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

import structlog

from hazina.chain import payout_store as store
from hazina.chain.batch import (
    Batch,
    Overtaken,
    Payout,
    PayoutPolicy,
    Purpose,
    affordable,
    carrying,
    checked,
    due,
    fee,
    loss,
    output_vbytes,
    raised,
    rate_wanted,
    shares,
    together,
)
from hazina.chain.model import EventKind, PayoutNews, Policy, Speed, TransferNews
from hazina.chain.ports import (
    Coin,
    NodeRefused,
    NotEnough,
    Order,
    OutputRefused,
    Signed,
    Standing,
    To,
    TooMuch,
    Wallets,
)
from hazina.chain.store import emit, tell
from hazina.chain.store import standing as watched
from hazina.kernel.clock import Clock
from hazina.kernel.db import Database, Tx
from hazina.kernel.ids import new_id
from hazina.kernel.metrics import HOT_WALLET_SHORT, PAYOUT_BATCHES, PAYOUTS_WAITING
from hazina.safety import Rail, close, stopping

log = structlog.get_logger("hazina.chain")

FEE_ROSE = "FEE_ROSE"
NOT_PAYABLE = "NOT_PAYABLE"
OF_THE_FEE = ("min relay fee not met", "mempool min fee not met", "insufficient fee")
OF_AN_OUTPUT = ("dust", "scriptpubkey", "bare-multisig", "datacarrier", "multi-op-return", "tokens-", "parasite-")
"""How the mempool begins to say no when one output is to blame."""
GONE = ("bad-txns-inputs-missingorspent", "missing-inputs", "bad-txns-inputs-spent", "txn-mempool-conflict")
DIRECTIONS = {Purpose.SWEEP: "to_cold", Purpose.REFILL: "to_hot", Purpose.CHILD: "bump"}
BUMP_TRIES = 4


async def cancel_payout(tx: Tx, payout_id: UUID, reason: str, at: datetime) -> bool:
    """Before it is signed; True when it will never be paid. A step: what gives the money back goes with it."""
    if not await store.cancel(tx, payout_id, reason):
        return False
    await emit(tx, EventKind.PAYOUT_CANCELLED, at, payout=PayoutNews(payout_id, reason=reason))
    return True


@dataclass(frozen=True, slots=True)
class Payouts:
    db: Database
    clock: Clock
    wallets: Wallets
    policy: PayoutPolicy = field(default_factory=PayoutPolicy)
    rules: Policy = field(default_factory=Policy)

    async def cancel(self, payout_id: UUID, reason: str = "CANCELLED") -> bool:
        """Only before it is in a signed batch."""
        async with self.db.transaction() as tx:
            return await cancel_payout(tx, payout_id, reason, self.clock.now())

    async def round(self) -> None:
        """Everything that there is to do now; safe to run at any time, and by two. Raises NodeSilent while the
        node is away: all waits, nothing is lost."""
        rates = await self.rates()
        await self._tidy_locks()
        async with self.db.reading() as tx:
            batches = await store.live(tx)
        for batch in batches:
            await self._guarded(batch, rates)
        await self._look_back()
        await self._look_for_strange_spends()
        for speed in Speed:
            await self.build(speed, rates[speed])
        await self._measure()

    async def _guarded(self, batch: Batch, rates: dict[Speed, int]) -> None:
        """One batch in trouble does not keep the others waiting."""
        try:
            await self.follow(batch, rates)
        except (NodeRefused, Overtaken) as error:
            log.warning("batch_stumbled", batch=str(batch.id), why=str(error)[:300])

    async def rates(self) -> dict[Speed, int]:
        """What to build at now, in msat/vB."""
        least = await self.wallets.least_rate()
        async with self.db.reading() as tx:
            stored = await store.rates(tx, self.clock.now() - self.rules.rate_age_max)
        return {speed: rate_wanted(stored.get(speed), least, self.rules) for speed in Speed}

    async def _tidy_locks(self) -> None:
        """The node's locks are in its memory: coins of batches that live, and dust, are kept out of what is built;
        others are freed. So nobody bears the fee of spending what strangers sprinkle upon us."""
        hot = self.wallets.hot
        async with self.db.reading() as tx:
            ours = await store.live_coins(tx)
            dust = await store.dust(tx)
        there = set(await self.wallets.locked(hot))
        kept = dust | {coin for coin, signed in ours.items() if signed}
        await self.wallets.lock(hot, sorted(there - set(ours) - dust), on=False)
        await self.wallets.lock(hot, sorted(kept - there), on=True)

    async def _look_for_strange_spends(self) -> None:
        """Coins that left the hot wallet by a transaction that we did not make: a thief has its keys, somebody pays
        by hand, or the database was put back from a copy that is older than its last payouts, which would be paid
        again. Nothing more leaves by the chain until two operators have looked."""
        async with self.db.reading() as tx:
            since = await store.spends_cursor(tx)
        txids, newest = await self.wallets.spends(self.wallets.hot, since)
        if newest is None or newest == since:
            return
        now = self.clock.now()
        async with self.db.transaction() as tx:
            strange = await store.keep_spends(tx, txids, newest, now)
            if strange:
                reason = f"The Bitcoin wallet spent coins in a way that the records do not know ({len(strange)})."
                await close(tx, Rail.ONCHAIN, by="the hot wallet's own list", reason=reason, at=now)
        if strange:
            log.error("strange_spends", txids=strange[:20], count=len(strange))

    async def _measure(self) -> None:
        async with self.db.reading() as tx:
            waiting = await store.waiting(tx)
            batches = await store.live(tx)
        for speed in Speed:
            PAYOUTS_WAITING.labels(speed.value.lower()).set(waiting[speed][0] if speed in waiting else 0)
        PAYOUT_BATCHES.set(len(batches))

    # --- building ---------------------------------------------------------------------------------

    async def build(self, speed: Speed, rate: int) -> UUID | None:
        """The batch of a queue, when it is due; its id. Nothing while money may not leave by the chain, or the node
        does not know today's."""
        now = self.clock.now()
        async with self.db.reading() as tx:
            if await stopping(tx, Rail.ONCHAIN) or await self._is_astray(tx):
                return None
            queued = await store.queued(tx, speed, 2 * self.policy.batch_max)
        if not queued:
            HOT_WALLET_SHORT.labels(speed.value.lower()).set(0)
        if not queued or not due(queued[0].created_at, len(queued), speed, now, self.policy):
            return None
        willing = await self._at_this_rate(queued, rate)
        chosen = together(willing, self.policy.batch_max)
        payable = affordable(chosen, (await self.wallets.purse(self.wallets.hot)).ready)
        self._alarm_if_short(speed, chosen, payable)
        found = await self._signed(payable, rate)
        return None if found is None else await self._store(speed, rate, *found)

    async def _is_astray(self, tx: Tx) -> bool:
        seen = await watched(tx)
        return seen is not None and seen.astray(self.clock.now(), self.rules) is not None

    async def _at_this_rate(self, queued: Sequence[Payout], rate: int) -> list[Payout]:
        """Those whose quoted fee is near enough; the others wait, and are given back whole after a while."""
        willing = []
        for payout in queued:
            if loss(payout, rate) <= self.policy.loss_max:
                willing.append(payout)
            elif self.clock.now() - payout.created_at > self.policy.patience:
                await self.cancel(payout.id, FEE_ROSE)
        return willing

    def _alarm_if_short(self, speed: Speed, wanted: Sequence[Payout], payable: Sequence[Payout]) -> None:
        short = sum(one.sats for one in wanted) - sum(one.sats for one in payable)
        HOT_WALLET_SHORT.labels(speed.value.lower()).set(short)
        if short:
            log.error("hot_wallet_short", sats=short, payouts=len(wanted) - len(payable))

    async def _signed(self, payouts: Sequence[Payout], rate: int) -> tuple[list[Payout], Signed] | None:
        """As many of these as one transaction can pay, signed. Those that the node will never pay are cancelled,
        each with its reason; the others go on."""
        left = list(payouts)
        while left:
            try:
                signed, refused = await self._tried(left, rate)
            except (NotEnough, TooMuch) as error:
                if len(left) == 1:
                    HOT_WALLET_SHORT.labels(left[0].speed.value.lower()).set(left[0].sats)
                    log.error("payout_waits", payout=str(left[0].id), why=str(error))
                    return None
                left = left[: len(left) // 2]
                continue
            if signed is not None:
                return left, signed
            bad = await self._bad(left, rate)
            if not bad:
                log.error("batch_refused", why=refused[:300])  # the fault is not with a payout: wait, and call
                return None
            for payout, why in bad:
                await self.cancel(payout.id, f"{NOT_PAYABLE}: {why}")
            left = [one for one in left if one.id not in {payout.id for payout, _ in bad}]
        return None

    async def _tried(self, payouts: Sequence[Payout], rate: int) -> tuple[Signed | None, str]:
        """Signed and acceptable to the mempool; else why not. Coins of what is thrown away are free again."""
        order = Order(tuple(To(one.address, one.sats) for one in payouts), rate)
        try:
            try:
                signed = await self.wallets.sign(order)
            except NotEnough:
                if not await self._may_chain():
                    raise
                signed = await self.wallets.sign(replace(order, confirmed=False))
        except OutputRefused as error:
            return None, error.text
        refused = await self.wallets.judge(signed.raw)
        if refused is not None:
            await self.free(signed.coins)
            return None, refused
        return signed, ""

    async def _may_chain(self) -> bool:
        """Change without a block is spent only while each transaction on its way has one version: which of
        several will be in the chain nobody knows."""
        async with self.db.reading() as tx:
            return all(len(batch.versions) == 1 for batch in await store.live(tx))

    async def _bad(self, payouts: Sequence[Payout], rate: int) -> list[tuple[Payout, str]]:
        """Those that are refused alone, found by halving; only for reasons that lie in the payout itself."""
        try:
            signed, refused = await self._tried(payouts, rate)
        except (NotEnough, TooMuch):
            signed, refused = None, ""
        if signed is not None:
            await self.free(signed.coins)
            return []
        if len(payouts) == 1:
            own = refused.startswith(OF_AN_OUTPUT) or await self._output_refused(payouts[0], rate)
            return [(payouts[0], refused)] if own else []
        half = len(payouts) // 2
        return [*await self._bad(payouts[:half], rate), *await self._bad(payouts[half:], rate)]

    async def _output_refused(self, payout: Payout, rate: int) -> bool:
        try:
            signed = await self.wallets.sign(Order((To(payout.address, payout.sats),), rate))
        except OutputRefused:
            return True
        except NotEnough:
            return False
        await self.free(signed.coins)
        return False

    async def free(self, coins: Sequence[Coin]) -> None:
        """Coins of what is thrown away."""
        await self.wallets.lock(self.wallets.hot, [(coin.txid, coin.vout) for coin in coins], on=False)

    async def _store(self, speed: Speed, rate: int, payouts: Sequence[Payout], signed: Signed) -> UUID | None:
        """Store, and only then broadcast."""
        wanted = [To(one.address, one.sats) for one in payouts]
        change = checked(signed, wanted, fee_max=await self.fee_max(signed, self.rules.rate_cap))
        sizes = [output_vbytes(one.script_bytes) for one in signed.outputs[: len(payouts)]]
        batch_id = new_id()
        try:
            async with self.db.transaction() as tx:
                taken = [(one.id, size) for one, size in zip(payouts, sizes, strict=True)]
                await store.put_batch(tx, batch_id, Purpose.PAYOUTS, self.clock.now(), speed=speed, payouts=taken)
                await store.add_version(tx, batch_id, 1, signed, rate, change, self.clock.now())
        except Overtaken as why:
            log.info("batch_overtaken", why=str(why))
            await self._tidy_locks()
            return None
        await self.publish(batch_id)
        return batch_id

    async def fee_max(self, signed: Signed, rate: int) -> int:
        """By the cap, for this transaction and for parents without a block that it pays for."""
        async with self.db.reading() as tx:
            sizes = {one.txid: one.vsize for batch in await store.live(tx) for one in batch.versions}
        parents = sum(sizes.get(txid, 0) for txid in {coin.txid for coin in signed.coins})
        return fee(signed.vsize + parents, rate)

    # --- broadcasting and following -----------------------------------------------------------------

    async def publish(self, batch_id: UUID) -> str | None:
        """The newest version to the network; why it was not taken, or None."""
        async with self.db.reading() as tx:
            batch = await store.batch(tx, batch_id)
        assert batch is not None, "what is published is stored"
        refused = await self.wallets.publish(batch.newest.raw)
        if refused is None:
            await self._is_out(batch)
        return refused

    async def _is_out(self, batch: Batch) -> None:
        """The newest version is in the mempool or the chain: told once."""
        now, newest = self.clock.now(), batch.newest
        async with self.db.transaction() as tx:
            if not await store.broadcast(tx, batch.id, newest.n, now):
                return
            if batch.purpose is Purpose.PAYOUTS:
                payouts = await store.payouts_of(tx, batch.id)
                await self._tell_payouts(tx, EventKind.PAYOUT_BROADCAST, payouts, newest.txid, newest.fee)
            else:
                await self._tell_transfer(tx, EventKind.TRANSFER_BROADCAST, batch, newest.txid, newest.fee)

    async def _tell_payouts(self, tx: Tx, kind: EventKind, payouts: Sequence[Payout], txid: str, fee_sats: int) -> None:
        parts = shares(fee_sats, [one.vbytes or 0 for one in payouts])
        news = [PayoutNews(one.id, txid, one.vout, share) for one, share in zip(payouts, parts, strict=True)]
        await tell(tx, [(kind, one) for one in news], self.clock.now())

    async def _tell_transfer(self, tx: Tx, kind: EventKind, batch: Batch, txid: str, fee_sats: int) -> None:
        news = TransferNews(batch.id, DIRECTIONS[batch.purpose], batch.sats, fee_sats, txid)
        await emit(tx, kind, self.clock.now(), transfer=news)

    async def follow(self, batch: Batch, rates: dict[Speed, int]) -> None:
        """One look at a batch that lives."""
        standing = {one.txid: await self.wallets.standing(self.wallets.hot, one.txid) for one in batch.versions}
        in_chain = [one for one in batch.versions if _deep(standing[one.txid]) > 0]
        if in_chain:
            await self._confirmed(batch, in_chain[-1].txid, standing[in_chain[-1].txid])
            return
        newest = standing[batch.newest.txid]
        is_told = newest is not None and newest.in_mempool and batch.newest.broadcast_at is not None
        refused = None if is_told else await self.publish(batch.id)
        others_in = any(s is not None and s.in_mempool for t, s in standing.items() if t != batch.newest.txid)
        if refused is None or others_in:
            await self._bump_if_late(batch, rates)
        elif refused.startswith(OF_THE_FEE):
            await self._too_cheap(batch, refused, rates)
        else:
            await self._not_taken(batch, refused, standing)

    async def _confirmed(self, batch: Batch, txid: str, standing: Standing | None) -> None:
        assert standing is not None and standing.height is not None, "it has a block"
        if batch.newest.broadcast_at is None and txid == batch.newest.txid:
            await self._is_out(batch)
        if standing.confirmations < self.policy.depth:
            return
        fee_sats = next(one.fee for one in batch.versions if one.txid == txid)
        async with self.db.transaction() as tx:
            if not await store.settle(tx, batch.id, txid, standing.height, self.clock.now()):
                return
            if batch.purpose is Purpose.PAYOUTS:
                payouts = await store.payouts_of(tx, batch.id)
                await self._tell_payouts(tx, EventKind.PAYOUT_SETTLED, payouts, txid, fee_sats)
            else:
                await self._tell_transfer(tx, EventKind.TRANSFER_SETTLED, batch, txid, fee_sats)

    async def _look_back(self) -> None:
        """Settled transactions whose block a reorganisation may still take."""
        async with self.db.reading() as tx:
            tip = await store.tip(tx)
            recent = [] if tip is None else await store.settled_above(tx, tip - self.policy.final)
        for batch in recent:
            assert batch.txid is not None, "it is settled"
            standing = await self.wallets.standing(self.wallets.hot, batch.txid)
            async with self.db.transaction() as tx:
                if standing is not None and standing.height is not None:
                    await store.moved(tx, batch.id, standing.height)
                elif await store.unsettle(tx, batch.id):
                    log.error("payouts_unsettled", batch=str(batch.id), txid=batch.txid)
                    payouts = await store.payouts_of(tx, batch.id)
                    news = [PayoutNews(one.id, batch.txid, one.vout) for one in payouts]
                    await tell(tx, [(EventKind.PAYOUT_UNSETTLED, one) for one in news], self.clock.now())

    async def _not_taken(self, batch: Batch, refused: str, standing: dict[str, Standing | None]) -> None:
        """Older versions may pass where the newest does not. When all are undone by another transaction, buried
        as deep as we look, what they were for starts again; before that people are told."""
        for version in batch.versions[-2::-1]:
            if await self.wallets.publish(version.raw) is None:
                return
        buried = all(_deep(one) <= -self.policy.final for one in standing.values())
        async with self.db.transaction() as tx:
            if buried and refused.startswith(GONE):
                await store.lose(tx, batch.id, refused)
            else:
                await store.trouble(tx, batch.id, refused)
        log.error("batch_not_taken", batch=str(batch.id), why=refused[:300], lost=buried)

    # --- bumping ------------------------------------------------------------------------------------

    async def _bump_if_late(self, batch: Batch, rates: dict[Speed, int]) -> None:
        speed = batch.speed or Speed.MEDIUM
        late = self.clock.now() - batch.newest.built_at >= self.policy.bump_after[speed]
        if late and rates[speed] >= batch.newest.rate * self.policy.bump_ratio:
            async with self.db.reading() as tx:
                child = await store.child_of(tx, [one.txid for one in batch.versions])
            if child is None:  # else it is the child's turn, which pays for both
                await self.bump(batch, rates[speed])

    async def bump(self, batch: Batch, wanted: int) -> bool:
        """The same payouts at a higher fee: by a replacement that spends the same coins, or, where what others built
        upon it stands in the way, by a child that pays for both. Never with a child of ours on its way: what pays
        for that is its own bump. True: something better is out."""
        rate = raised(batch.newest.rate, wanted, self.policy.bump_step, self.rules.rate_cap)
        if rate is not None and batch.purpose is not Purpose.REFILL and await self._replace(batch, rate):
            return True
        if wanted <= self.rules.rate_cap and batch.purpose is not Purpose.CHILD and await self._pay_for(batch, wanted):
            return True
        async with self.db.transaction() as tx:
            await store.trouble(tx, batch.id, "no bump within the cap")
        log.error("bump_failed", batch=str(batch.id), wanted=wanted)
        return False

    async def _too_cheap(self, batch: Batch, refused: str, rates: dict[Speed, int]) -> None:
        """The mempool does not take it any more: with its child, or with a higher fee, its own or its child's."""
        wanted = rates[batch.speed or Speed.MEDIUM]
        child = await self._child(batch)
        if child is None:
            await self.bump(batch, wanted)
            return
        together = await self._publish_with(batch, child)
        if together is not None and await self._raise_child(batch, child, wanted):
            together = await self._publish_with(batch, await self._fresh(child))
        if together is not None:
            async with self.db.transaction() as tx:
                await store.trouble(tx, batch.id, f"{refused}; with its child: {together}")

    async def _child(self, batch: Batch) -> Batch | None:
        async with self.db.reading() as tx:
            found = await store.child_of(tx, [one.txid for one in batch.versions])
            return None if found is None else await store.batch(tx, found)

    async def _fresh(self, batch: Batch) -> Batch:
        async with self.db.reading() as tx:
            found = await store.batch(tx, batch.id)
        assert found is not None, "batches are never removed"
        return found

    async def _publish_with(self, parent: Batch, child: Batch) -> str | None:
        """Both at once, for the child pays for both; why they were not taken, or None."""
        refused = await self.wallets.publish_together([parent.newest.raw, child.newest.raw])
        if refused is None:
            for batch in (parent, child):
                await self._is_out(batch)
        return refused

    async def _raise_child(self, parent: Batch, child: Batch, wanted: int) -> bool:
        """One more version of a child that the mempool has as little as its parent. What others of ours built upon
        it would be lost: then it stays as it is."""
        rate = raised(child.newest.rate, wanted, self.policy.bump_step, self.rules.rate_cap)
        if rate is None or wanted <= child.newest.rate or await self._child(child) is not None:
            return False
        own = carrying(parent.newest.vsize, parent.newest.fee, child.newest.vsize, rate)
        outputs, whole = await self._outputs(child), child.purpose is Purpose.CHILD
        try:
            signed = await self.wallets.sign(Order(outputs, own, child.coins, more=not whole, whole=whole))
        except NodeRefused:
            return False
        await self._keep(child, signed, rate, outputs)
        return True

    async def _replace(self, batch: Batch, rate: int) -> bool:
        outputs = await self._outputs(batch)
        for _ in range(BUMP_TRIES):
            if rate > self.rules.rate_cap:
                return False
            order = Order(outputs, rate, batch.coins, more=batch.purpose is not Purpose.CHILD)
            try:
                signed = await self.wallets.sign(replace(order, whole=batch.purpose is Purpose.CHILD))
            except (NotEnough, OutputRefused, TooMuch):
                return False
            refused = await self.wallets.judge(signed.raw)
            if refused is None:
                await self._keep(batch, signed, rate, outputs)
                await self.publish(batch.id)
                return True
            await self.free([coin for coin in signed.coins if coin not in batch.coins])
            if not refused.startswith(OF_THE_FEE):
                return False
            rate = rate * 3 // 2  # what it replaces pays more than its own fee: others have built upon it
        return False

    async def _outputs(self, batch: Batch) -> tuple[To, ...]:
        if batch.purpose is Purpose.PAYOUTS:
            async with self.db.reading() as tx:
                return tuple(To(one.address, one.sats) for one in await store.payouts_of(tx, batch.id))
        assert batch.address is not None, "coins that stay within the bank have an address"
        whole = sum(coin.sats for coin in batch.coins) if batch.purpose is Purpose.CHILD else batch.sats
        return (To(batch.address, whole),)

    async def _keep(self, batch: Batch, signed: Signed, rate: int, outputs: Sequence[To]) -> None:
        change = checked(
            signed, outputs, must_spend=batch.coins, fee_max=await self.fee_max(signed, self.rules.rate_cap),
            whole=batch.purpose is Purpose.CHILD,
        )  # fmt: skip
        async with self.db.transaction() as tx:
            await store.add_version(tx, batch.id, batch.newest.n + 1, signed, rate, change, self.clock.now())
        log.info("batch_bumped", batch=str(batch.id), rate=rate, fee=signed.fee)

    async def _pay_for(self, batch: Batch, wanted: int) -> bool:
        """A child that spends what the newest version pays to us. A refill, whose signers are not asked again, gets one
        also when the mempool has thrown it out; then both are handed in together."""
        coin = _own_output(batch, await self._outputs(batch))
        standing = await self.wallets.standing(self.wallets.hot, batch.newest.txid)
        if coin is None or standing is None or standing.confirmations < 0:
            return False
        is_out = not standing.in_mempool
        if is_out and batch.purpose is not Purpose.REFILL:
            return False
        address = await self.wallets.own_address(self.wallets.hot)
        outputs = (To(address, coin.sats),)
        signed = await self._signed_child(batch, coin, outputs, wanted, alone=is_out)
        if signed is None:
            return False
        checked(signed, outputs, fee_max=await self.fee_max(signed, self.rules.rate_cap), whole=True)
        child = new_id()
        async with self.db.transaction() as tx:
            now = self.clock.now()
            await store.put_batch(tx, child, Purpose.CHILD, now, speed=batch.speed, address=address, parent=batch.id)
            await store.add_version(tx, child, 1, signed, wanted, None, now)
        log.info("parent_paid_for", batch=str(batch.id), child=str(child), fee=signed.fee)
        if is_out:
            made = await self._child(batch)
            assert made is not None, "it was stored"
            await self._publish_with(batch, made)  # not taken: the next round looks at both again
            return True
        await self.publish(child)
        return True

    async def _signed_child(
        self, parent: Batch, coin: Coin, outputs: tuple[To, ...], wanted: int, *, alone: bool
    ) -> Signed | None:
        """``alone``: the mempool does not have the parent, so nobody but us counts it in, and none can judge."""
        order = Order(outputs, wanted, (coin,), more=False, whole=True)
        try:
            signed = await self.wallets.sign(order)
            if alone:  # its size is known now
                own = carrying(parent.newest.vsize, parent.newest.fee, signed.vsize, wanted)
                return await self.wallets.sign(replace(order, rate=own))
        except NodeRefused:
            return None
        if await self.wallets.judge(signed.raw) is not None:
            await self.free(signed.coins)
            return None
        return signed


def _deep(standing: Standing | None) -> int:
    return 0 if standing is None else standing.confirmations


def _own_output(batch: Batch, outputs: Sequence[To]) -> Coin | None:
    """What the newest version pays to the hot wallet, if anything."""
    if batch.purpose is Purpose.REFILL:
        return Coin(batch.newest.txid, 0, batch.sats)
    place = batch.newest.change_vout
    if place is None:
        return None
    left = sum(coin.sats for coin in batch.coins) - sum(one.sats for one in outputs) - batch.newest.fee
    return Coin(batch.newest.txid, place, left)
