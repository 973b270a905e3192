"""The verbs of quizzes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import structlog

from hazina.access import ALL_SCOPES, Caller
from hazina.accounts import Accounts, RecipientUnknown, account_by_id, account_by_username, wallets_of
from hazina.kernel import rates
from hazina.kernel.clock import Clock
from hazina.kernel.db import Database
from hazina.kernel.errors import Kind, Refusal, TooManyRequests
from hazina.kernel.money import Asset, Msats
from hazina.learn import store
from hazina.learn.errors import (
    QuizAlreadyClaimed,
    QuizBeingPaid,
    QuizClaimedTooEarly,
    QuizFunderDepleted,
    QuizIpRefused,
    QuizUnknown,
)
from hazina.learn.model import (
    PER_IP,
    PER_PHONE,
    QUIZZES,
    REWARD_SATS,
    Claim,
    Policy,
    Quiz,
    State,
    is_open,
    may_be_rewarded,
    may_come_from,
    quizzes,
)
from hazina.learn.ports import IpLookup, IpUnknown
from hazina.ledger import balances
from hazina.payments import InsufficientBalance, Payments, SendInternal

log = structlog.get_logger("hazina.learn")

BATCH = 100
OTHER_OF_PHONE = "This quiz was rewarded for your phone number already."
SURE = frozenset({Kind.INVALID, Kind.FORBIDDEN, Kind.MISSING, Kind.LIMIT})
"""Refusals after which surely nothing was moved, nor will be."""


@dataclass(frozen=True, slots=True)
class Funder:
    """Who pays the rewards, and what is left, in satoshi."""

    account_id: UUID
    username: str | None
    sats: int


@dataclass(frozen=True, slots=True)
class Funding:
    """Who pays, as operators see and set it: the bank need not run for it."""

    db: Database
    clock: Clock

    async def funder(self) -> Funder | None:
        async with self.db.reading() as tx:
            account_id = await store.funder(tx)
            account = None if account_id is None else await account_by_id(tx, account_id)
            if account is None:
                return None
            wallet = next(one for one in await wallets_of(tx, account.id) if one.asset is Asset.BTC)
            held = (await balances(tx, [wallet.ledger_account]))[wallet.ledger_account]
        return Funder(account.id, account.username, Msats(max(held.available, 0)).sats_floor)

    async def choose(self, username: str) -> None:
        """Whose bitcoin wallet pays rewards from now on. Raises RecipientUnknown."""
        async with self.db.transaction() as tx:
            account = await account_by_username(tx, username.lower())
            if account is None:
                raise RecipientUnknown
            await store.set_funder(tx, account.id, self.clock.now())

    async def set(self, account_id: UUID | None) -> None:
        """The same by its id; None: nobody's, and there are none."""
        async with self.db.transaction() as tx:
            await store.set_funder(tx, account_id, self.clock.now())

    async def counted(self) -> dict[State, int]:
        """Claims by state."""
        async with self.db.reading() as tx:
            return await store.counted(tx)


@dataclass(frozen=True, slots=True)
class Learn:
    """Quizzes that pay a satoshi each, once, from the funder's wallet."""

    db: Database
    clock: Clock
    accounts: Accounts
    payments: Payments
    ips: IpLookup | None = None  # None: nothing is asked about addresses
    policy: Policy = field(default_factory=Policy)

    @property
    def funding(self) -> Funding:
        return Funding(self.db, self.clock)

    async def quizzes(self, account_id: UUID) -> list[Quiz]:
        async with self.db.reading() as tx:
            return quizzes(await store.done(tx, account_id), self.clock.now())

    async def claim(self, caller: Caller, quiz_id: str, *, rewarded: bool = True) -> list[Quiz]:
        """The caller has done a quiz: all quizzes afterwards. Raises the refusals of this context, TooManyRequests.

        The claim is stored first, then paid under a key that follows from it: whoever pays it, and however often,
        it is paid once."""
        if quiz_id not in QUIZZES:
            raise QuizUnknown
        quiz = next(one for one in await self.quizzes(caller.account_id) if one.id == quiz_id)
        if quiz.completed:
            raise QuizAlreadyClaimed
        now = self.clock.now()
        claim = Claim(caller.account_id, quiz_id, State.UNREWARDED, None, None, now)
        if rewarded:
            if not is_open(quiz, now):
                raise QuizClaimedTooEarly
            phone = await self._gates(caller)
            funder = await self._able_funder()
            wallet = next(one for one in await self.accounts.wallets(caller.account_id) if one.asset is Asset.BTC)
            claim = Claim(caller.account_id, quiz_id, State.PAYING, funder, wallet.id, now, phone)
        async with self.db.transaction() as tx:
            added = await store.add(tx, claim)
            by_account = added or quiz_id in await store.done(tx, caller.account_id)
        if not added:
            raise QuizAlreadyClaimed() if by_account else QuizAlreadyClaimed(OTHER_OF_PHONE)
        if rewarded:
            await self._pay(claim, first=True)
        return await self.quizzes(caller.account_id)

    async def _gates(self, caller: Caller) -> bytes:
        """Who, from where, and how often, with every phone that the account was ever rewarded for; the mark of the
        present one."""
        person = await self.accounts.me(caller)
        phone = may_be_rewarded(person.user.phone, self.policy)
        if caller.ip is None:
            raise QuizIpRefused
        mark = self.accounts.identity.keys.mark("quiz", phone)
        async with self.db.transaction() as tx:
            marks = {mark} | await store.phones(tx, caller.account_id)
            each = [(PER_PHONE, one.hex()) for one in marks]
            wait = await rates.take(tx, [(PER_IP, caller.ip), *each], self.clock.now())
        if wait:
            raise TooManyRequests(retry_after_s=wait)
        if self.ips is not None:
            try:
                facts = await self.ips.look_up(caller.ip)
            except IpUnknown:
                raise QuizIpRefused from None  # a reward is given to whom we know enough of, or to nobody
            may_come_from(facts, self.policy)
        return mark

    async def _able_funder(self) -> UUID:
        """Raises QuizFunderDepleted, also where there is none."""
        found = await self.funding.funder()
        if found is None or found.sats < REWARD_SATS:
            raise QuizFunderDepleted
        return found.account_id

    async def _pay(self, claim: Claim, *, first: bool) -> None:
        """Pay a claim, or find that it was paid. Raises QuizFunderDepleted when it is refused: the ``first`` time
        nothing can have been moved before, so the quiz may be claimed again. QuizBeingPaid: that is not known yet."""
        assert claim.funder_id is not None and claim.to_wallet_id is not None
        payer = await self.accounts.account(claim.funder_id)
        wallets = await self.accounts.wallets(payer.id)
        source = next(one for one in wallets if one.asset is Asset.BTC)
        reward = Msats.from_sats(REWARD_SATS)
        order = SendInternal(source.id, claim.to_wallet_id, reward, claim.quiz_id, claim.key)
        caller = Caller(payer.user_id, payer.id, None, ALL_SCOPES, None)
        try:
            sent = await self.payments.send_internal(caller, order)
        except Refusal as refusal:
            if not first or (refusal.kind not in SURE and not isinstance(refusal, InsufficientBalance)):
                raise QuizBeingPaid from refusal
            async with self.db.transaction() as tx:
                await store.withdraw(tx, claim)
            raise QuizFunderDepleted from refusal
        assert sent.status == "SUCCESS", "a payment inside has happened, or was refused"
        async with self.db.transaction() as tx:
            await store.move(tx, claim, State.PAID)

    # --- work that goes on by itself ---

    async def settle(self) -> int:
        """Pay what was claimed by processes that died; how many were paid."""
        now, paid = self.clock.now(), 0
        async with self.db.reading() as tx:
            found = await store.unpaid(tx, now - timedelta(seconds=self.policy.again_after_s), BATCH)
        for claim in found:
            if claim.at < now - timedelta(seconds=self.policy.doubtful_after_s):
                log.error("quiz_reward_doubtful", account=str(claim.account_id), quiz=claim.quiz_id)
                async with self.db.transaction() as tx:
                    await store.move(tx, claim, State.DOUBTFUL)
                continue
            try:
                await self._pay(claim, first=False)
                paid += 1
            except Refusal as refusal:
                log.info("quiz_reward_not_paid", quiz=claim.quiz_id, code=refusal.code)
        return paid
