"""Hot and cold: what the hot wallet has too much goes to the cold wallet by itself; what comes back is drafted by one
operator, signed by people elsewhere, and released by another operator. The bank holds no key of a cold wallet.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import structlog

from hazina.chain import cold_store, payout_store
from hazina.chain.batch import Batch, Overtaken, Purpose, checked, fee
from hazina.chain.cold import (
    Cold,
    ColdPolicy,
    Draft,
    DraftState,
    cold_name,
    fee_in_bounds,
    psbt_text,
    public_descriptor,
    same_transaction,
    swept,
)
from hazina.chain.errors import (
    BadDescriptor,
    BadPsbt,
    ColdNameInvalid,
    ColdTooLittle,
    NeedsAnother,
    NoColdWallet,
    NoDraft,
    RefillStopped,
)
from hazina.chain.model import Speed
from hazina.chain.payouts import Payouts
from hazina.chain.ports import NodeRefused, NotEnough, Order, OutputRefused, Purse, To, Wallets
from hazina.kernel.clock import Clock
from hazina.kernel.db import Database
from hazina.kernel.ids import new_id
from hazina.safety import Rail, Safety, stopping

log = structlog.get_logger("hazina.chain")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A queue of payouts: how many, how much, since when."""

    speed: Speed
    payouts: int
    sats: int
    since: datetime


@dataclass(frozen=True, slots=True)
class TreasuryState:
    """What there is, where. ``cold`` None: no cold wallet is confirmed."""

    hot: Purse
    cold: Purse | None
    cold_wallet: Cold | None
    queues: tuple[Waiting, ...]
    in_flight: tuple[tuple[Batch, int], ...]
    """Each transaction on its way, and what it carries without its fee."""
    drafts: tuple[Draft, ...]


@dataclass(frozen=True, slots=True)
class Treasury:
    db: Database
    clock: Clock
    wallets: Wallets
    payouts: Payouts
    safety: Safety
    policy: ColdPolicy = field(default_factory=ColdPolicy)

    async def state(self) -> TreasuryState:
        async with self.db.reading() as tx:
            current = await cold_store.current(tx)
            waiting = await payout_store.waiting(tx)
            batches = await payout_store.live(tx)
            paying = await payout_store.in_flight(tx)
            drafts = await cold_store.drafts(tx)
        if current is not None:
            await self.wallets.watch(current.wallet, current.descriptor)
        return TreasuryState(
            hot=await self.wallets.purse(self.wallets.hot),
            cold=None if current is None else await self.wallets.purse(current.wallet),
            cold_wallet=current,
            queues=tuple(Waiting(speed, *waiting[speed]) for speed in Speed if speed in waiting),
            in_flight=tuple((batch, paying.get(batch.id, batch.sats)) for batch in batches),
            drafts=tuple(drafts),
        )

    # --- the cold wallet ---------------------------------------------------------------------------

    async def colds(self) -> list[Cold]:
        async with self.db.reading() as tx:
            return await cold_store.colds(tx)

    async def propose(self, name: str, descriptor: str, operator: str, passphrase: str) -> Cold:
        """Say where coins are to be kept; nothing is sent there before another operator confirms it. Compare the
        first address with the signers' devices.

        :raises OperatorRefused, BadDescriptor, ColdNameInvalid:
        """
        cold_id, name, descriptor = new_id(), cold_name(name), public_descriptor(descriptor)
        await self.safety.prove(operator, passphrase)
        try:
            first = await self.wallets.first_address(descriptor)
        except NodeRefused as refused:
            raise BadDescriptor(f"The node does not take it: {refused.text}") from refused
        async with self.db.transaction() as tx:
            if not await cold_store.propose(tx, cold_id, name, descriptor, first, operator, self.clock.now()):
                raise ColdNameInvalid()
            made = await cold_store.cold(tx, name)
        assert made is not None, "it was put there"
        return made

    async def confirm(self, name: str, operator: str, passphrase: str) -> Cold:
        """From now on coins are swept there; the wallet before it is retired (its coins stay where they are).

        :raises OperatorRefused, NoColdWallet, NeedsAnother:
        """
        await self.safety.prove(operator, passphrase)
        async with self.db.reading() as tx:
            found = await cold_store.cold(tx, name)
        if found is None or found.retired_at is not None:
            raise NoColdWallet()
        if found.confirmed_by is None and found.proposed_by == operator:
            raise NeedsAnother()
        await self.wallets.watch(found.wallet, found.descriptor)
        async with self.db.transaction() as tx:
            await cold_store.confirm(tx, name, operator, self.clock.now())
            confirmed = await cold_store.cold(tx, name)
        assert confirmed is not None and confirmed.confirmed_by is not None, "it is confirmed now, or was"
        return confirmed

    # --- hot to cold -------------------------------------------------------------------------------

    async def sweep(self) -> UUID | None:
        """Send to cold what is too much, if there is; one transaction at a time. Part of the payouts' round."""
        async with self.db.reading() as tx:
            cold = await cold_store.current(tx)
            waiting = await payout_store.waiting(tx)
            under_way = any(batch.purpose is Purpose.SWEEP for batch in await payout_store.live(tx))
        if cold is None or under_way:
            return None
        ready = (await self.wallets.purse(self.wallets.hot)).ready
        sats = swept(ready, sum(sats for _, sats, _ in waiting.values()), self.policy)
        if sats == 0:
            return None
        await self.wallets.watch(cold.wallet, cold.descriptor)
        address = await self.wallets.own_address(cold.wallet)
        rate = (await self.payouts.rates())[Speed.SLOW]
        outputs = (To(address, sats),)
        try:
            signed = await self.wallets.sign(Order(outputs, rate))
        except NotEnough:
            return None  # coins without a block yet: later
        if not fee_in_bounds(signed.fee, sats, self.policy) or not await self.wallets.owns(cold.wallet, address):
            await self.payouts.free(signed.coins)
            log.error("sweep_refused", sats=sats, fee=signed.fee)
            return None
        change = checked(signed, outputs, fee_max=await self.payouts.fee_max(signed, self.payouts.rules.rate_cap))
        batch_id, now = new_id(), self.clock.now()
        try:
            async with self.db.transaction() as tx:
                await payout_store.put_batch(
                    tx, batch_id, Purpose.SWEEP, now, speed=Speed.SLOW, sats=sats, address=address
                )
                await payout_store.add_version(tx, batch_id, 1, signed, rate, change, now)
        except Overtaken:
            await self.payouts.free(signed.coins)
            return None
        log.info("swept_to_cold", batch=str(batch_id), sats=sats, fee=signed.fee)
        await self.payouts.publish(batch_id)
        return batch_id

    # --- cold to hot -------------------------------------------------------------------------------

    async def drafts(self, *, all_of_them: bool = False) -> list[Draft]:
        async with self.db.reading() as tx:
            return await cold_store.drafts(tx, all_of_them=all_of_them)

    async def draft(self, sats: int, operator: str, passphrase: str) -> Draft:
        """A transaction of ``sats`` from cold to hot for the signers: export it, have it signed, and let another
        operator release it.

        :raises OperatorRefused, RefillStopped, NoColdWallet, ColdTooLittle:
        """
        assert sats > 0, "something is moved"
        await self.safety.prove(operator, passphrase)
        await self._must_be_open()
        async with self.db.reading() as tx:
            cold = await cold_store.current(tx)
        if cold is None:
            raise NoColdWallet()
        await self.wallets.watch(cold.wallet, cold.descriptor)
        address = await self.wallets.own_address(self.wallets.hot)
        rate = (await self.payouts.rates())[Speed.MEDIUM]
        outputs = (To(address, sats),)
        try:
            made = await self.wallets.draft(cold.wallet, Order(outputs, rate))
        except (NotEnough, OutputRefused) as refused:
            raise ColdTooLittle() from refused
        coins = [(coin.txid, coin.vout) for coin in made.coins]
        change = checked(made, outputs, fee_max=fee(made.vsize, self.payouts.rules.rate_cap))
        to_itself = change is None or await self._is_own_change(cold, made.outputs[change].address)
        if not fee_in_bounds(made.fee, sats, self.policy) or not to_itself:
            await self.wallets.lock(cold.wallet, coins, on=False)
            raise ColdTooLittle()
        draft_id = new_id()
        async with self.db.transaction() as tx:
            await cold_store.put_draft(tx, draft_id, cold.id, sats, address, made, rate, operator, self.clock.now())
            found = await cold_store.draft(tx, draft_id)
        assert found is not None, "it was put there"
        return found

    async def _is_own_change(self, cold: Cold, address: str | None) -> bool:
        return address is not None and await self.wallets.owns(cold.wallet, address)

    async def release(self, draft_id: UUID, psbt: str, operator: str, passphrase: str) -> UUID:
        """Broadcast a draft that came back signed. Held against our own copy first: the same coins, outputs,
        amounts and change, every signature for the whole transaction, none missing. Another operator than the one
        who drafted it. The id of its batch.

        :raises OperatorRefused, RefillStopped, NoDraft, NeedsAnother, BadPsbt:
        """
        theirs = psbt_text(psbt)
        await self.safety.prove(operator, passphrase)
        await self._must_be_open()
        draft, cold = await self._open_draft(draft_id)
        if draft.drafted_by == operator:
            raise NeedsAnother()
        await self.wallets.watch(cold.wallet, cold.descriptor)
        try:
            ours = await self.wallets.read(draft.psbt)
            same_transaction(ours, await self.wallets.read(theirs))
            signed = await self.wallets.finish(draft.psbt, theirs)
        except NodeRefused as refused:
            raise BadPsbt(f"The node does not take it: {refused.text}") from refused
        outputs = (To(draft.address, draft.sats),)
        change = checked(signed, outputs, fee_max=draft.fee)
        if not await self.wallets.owns(self.wallets.hot, draft.address):
            raise BadPsbt("It pays to an address that is not of the hot wallet.")
        if change is not None and not await self._is_own_change(cold, signed.outputs[change].address):
            raise BadPsbt("Its change does not come back to the cold wallet.")
        if (refused_why := await self.wallets.judge(signed.raw)) is not None:
            raise BadPsbt(f"The network would not take it: {refused_why}")
        batch_id, now = new_id(), self.clock.now()
        try:
            async with self.db.transaction() as tx:
                await payout_store.put_batch(tx, batch_id, Purpose.REFILL, now, sats=draft.sats, address=draft.address)
                await payout_store.add_version(tx, batch_id, 1, signed, draft.rate, change, now)
                if not await cold_store.end_draft(tx, draft_id, DraftState.RELEASED, operator, now, batch_id):
                    raise NoDraft()
        except Overtaken as why:
            raise BadPsbt(f"Another transaction spends its coins: {why}") from why
        log.info("refill_released", batch=str(batch_id), sats=draft.sats, by=operator)
        await self.payouts.publish(batch_id)
        return batch_id

    async def _must_be_open(self) -> None:
        """While the rail is closed somebody may hold the hot wallet's keys: nothing is brought to it."""
        async with self.db.reading() as tx:
            if await stopping(tx, Rail.ONCHAIN):
                raise RefillStopped()

    async def drop(self, draft_id: UUID, operator: str, passphrase: str) -> None:
        """Forget a draft. Whoever has signatures for it could still broadcast it: it moves coins only to the hot
        wallet.

        :raises OperatorRefused, NoDraft:
        """
        await self.safety.prove(operator, passphrase)
        draft, cold = await self._open_draft(draft_id)
        spends = list((await self.wallets.read(draft.psbt)).spends)
        async with self.db.transaction() as tx:
            if not await cold_store.end_draft(tx, draft_id, DraftState.DROPPED, operator, self.clock.now()):
                raise NoDraft()
        await self.wallets.watch(cold.wallet, cold.descriptor)
        await self.wallets.lock(cold.wallet, spends, on=False)

    async def _open_draft(self, draft_id: UUID) -> tuple[Draft, Cold]:
        async with self.db.reading() as tx:
            draft = await cold_store.draft(tx, draft_id)
            cold = None if draft is None else await cold_store.cold_by_id(tx, draft.cold_id)
        if draft is None or cold is None or draft.state is not DraftState.OPEN:
            raise NoDraft()
        return draft, cold
