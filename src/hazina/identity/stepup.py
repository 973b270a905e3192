"""Step-up: a fresh second proof that is good for exactly one thing, once.

    verb without a proof ── StepUpRequired ──> challenge ── begin, prove ──> token ── header ──> verb, in its commit

A challenge is of one person, one verb and one content (amount, recipient). Its token is spent by a claim of the
unit that moves the money (``model.step_up_claim``), or by ``spend`` in the transaction of what moves none; so of
two at once one wins, and no other content passes. What proves it is a ``Prover`` for each kind of factor.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from hazina.identity import store
from hazina.identity.errors import ChallengeUnknown, StepUpRefused, StepUpRequired, WrongCode
from hazina.identity.links import Links
from hazina.identity.model import (
    SAID_MAX,
    STEP_UP_LIFE_S,
    STEP_UP_SPARE_S,
    STEP_UP_TRIES,
    Challenge,
    FactorKind,
    Policy,
    clean_agent,
    clean_ip,
    code_matches,
    hash_code,
    masked,
    new_code,
    new_step_up,
    parse_code,
    step_up_hash,
    step_up_message,
)
from hazina.kernel import rates
from hazina.kernel.audit import Audit
from hazina.kernel.clock import Clock
from hazina.kernel.db import Database, Tx
from hazina.kernel.errors import Refusal, TooManyRequests
from hazina.kernel.ids import UUID, new_id

PAYMENT, KEY, FACTOR_ADD, FACTOR_REMOVE, FACTOR_RELEASE, ACCOUNT_DELETE = (
    "payment", "key.create", "factor.add", "factor.remove", "factor.release", "account.delete",
)  # fmt: skip
"""Verbs that may ask for it. ``FACTOR_RELEASE``: consent to give a factor to somebody else."""


@dataclass(frozen=True, slots=True)
class Checked:
    """The answer is right. ``redeem``: a step that uses it up where it could be shown again."""

    amr: tuple[str, ...]
    redeem: Callable[[Tx], Awaitable[None]] | None = None


class Prover(Protocol):
    """How one kind of factor proves. Both are journeys."""

    async def begin(self, asked: Challenge, ip: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
        """Send or make what is needed: what the client is shown, and what is kept until the answer comes
        (JSON, no secrets)."""
        ...

    async def check(self, asked: Challenge, answer: str) -> Checked:
        """Raises a Refusal for a wrong answer. ``asked.state``: what was kept."""
        ...


@dataclass(frozen=True, slots=True)
class StepUp:
    db: Database
    clock: Clock
    links: Links
    audit: Audit
    policy: Policy
    provers: dict[FactorKind, Prover] = field(default_factory=dict)
    """Filled where the bank is built."""

    # -- asking ---------------------------------------------------------------------------------

    async def methods(self, user_id: UUID) -> list[str]:
        """By what this person can prove, in the order of ``FactorKind``. A Lightning wallet only where there is
        nothing else: it shows its owner a domain and nothing of what is confirmed, so its QR code can be
        relayed."""
        async with self.db.reading() as tx:
            have = set(await store.kinds_of(tx, user_id))
        found = [kind for kind in FactorKind if kind in have and kind in self.provers]
        return [kind.value for kind in found if kind is not FactorKind.LNURL or len(found) == 1]

    async def required(self, user_id: UUID, verb: str, fingerprint: str, said: str) -> StepUpRequired:
        """The refusal to raise. A repeated request hears of the same challenge. Raises TooManyRequests."""
        now = self.clock.now()
        methods = await self.methods(user_id)
        async with self.db.transaction() as tx:
            spare = now + timedelta(seconds=STEP_UP_SPARE_S)
            asked = await store.open_challenge(tx, user_id, verb, fingerprint, spare)
            wait = 0
            if asked is None:
                wait = await rates.take(tx, [(self.policy.step_up_asked, str(user_id))], now)
            if asked is None and not wait:
                ends = now + timedelta(seconds=STEP_UP_LIFE_S)
                asked = Challenge(new_id(), user_id, verb, fingerprint, said[:SAID_MAX], ends)
                await store.put_challenge(tx, asked, STEP_UP_TRIES, now)
        if asked is None:
            raise TooManyRequests(retry_after_s=wait)
        return StepUpRequired(
            challenge=str(asked.id), methods=methods, said=asked.said, expires_at=asked.expires_at.isoformat()
        )

    # -- proving --------------------------------------------------------------------------------

    async def begin(self, user_id: UUID, challenge_id: UUID, method: str, ip: str | None) -> dict[str, Any]:
        """Choose how to prove it; what the client needs for that. Again: anew. Raises ChallengeUnknown, and
        what the method raises."""
        prover = await self._prover(user_id, method)
        async with self.db.reading() as tx:
            asked = await store.challenge(tx, user_id, challenge_id, self.clock.now())
        if asked is None:
            raise ChallengeUnknown
        shown, state = await prover.begin(asked, clean_ip(ip))
        async with self.db.transaction() as tx:
            await store.set_method(tx, challenge_id, method, state)
        return {**shown, "method": method, "said": asked.said, "expiresAt": asked.expires_at.isoformat()}

    async def prove(
        self, user_id: UUID, challenge_id: UUID, method: str, answer: str, *, ip: str | None, agent: str | None
    ) -> str:
        """The token of one use. A try is counted before the answer is looked at. Raises ChallengeUnknown, and
        what the method raises for a wrong answer."""
        prover = await self._prover(user_id, method)
        async with self.db.transaction() as tx:
            asked = await store.spend_challenge_try(tx, user_id, challenge_id, self.clock.now())
        if asked is None or asked.method not in (None, method):
            raise ChallengeUnknown
        try:
            checked = await prover.check(asked, answer)
        except Refusal as refusal:
            await self._note(asked, refusal.code, ip, agent)
            raise
        token = new_step_up()
        hashed = step_up_hash(token)
        assert hashed is not None

        async def keep(tx: Tx) -> None:
            now = self.clock.now()
            if not await store.prove_challenge(tx, asked, hashed, now + timedelta(seconds=STEP_UP_LIFE_S)):
                raise ChallengeUnknown
            if checked.redeem is not None:
                await checked.redeem(tx)
            await self._record(tx, asked, "ok", ip, agent, {"amr": list(checked.amr)})

        await self.db.again(keep)
        return token

    async def _note(self, asked: Challenge, result: str, ip: str | None, agent: str | None) -> None:
        async with self.db.transaction() as tx:
            await self._record(tx, asked, result, ip, agent, {})

    async def _record(
        self, tx: Tx, asked: Challenge, result: str, ip: str | None, agent: str | None, more: dict[str, Any]
    ) -> None:
        await self.audit.record(
            tx, at=self.clock.now(), actor="user", user_id=asked.user_id, verb="step_up.answered",
            object=str(asked.id), ip=clean_ip(ip), agent=clean_agent(agent), result=result,
            detail={"for": asked.verb, "said": asked.said, **more},
        )  # fmt: skip

    async def _prover(self, user_id: UUID, method: str) -> Prover:
        if method not in await self.methods(user_id):
            raise ChallengeUnknown("It cannot be confirmed this way.")
        return self.provers[FactorKind(method)]

    # -- spending -------------------------------------------------------------------------------

    async def spend(self, tx: Tx, user_id: UUID, verb: str, fingerprint: str, token: str) -> None:
        """Use a proof up, in the commit of what it is for. Raises StepUpRefused."""
        hashed, now = step_up_hash(token), self.clock.now()
        if hashed is None or not await store.spend_proof(tx, user_id, verb, fingerprint, hashed, new_id(), now):
            raise StepUpRefused


@dataclass(frozen=True, slots=True)
class ByCode:
    """Proof by a code of six digits to a phone or an e-mail address. ``send``: to whom, and the text."""

    kind: FactorKind
    db: Database
    links: Links
    clock: Clock
    send: Callable[[str, str, UUID], Awaitable[None]]
    counted: Callable[[str, str | None], list[tuple[rates.Rate, str]]]
    """What sending one is counted under."""
    amr: tuple[str, ...]

    async def begin(self, asked: Challenge, ip: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
        to = await self._subject(asked.user_id)
        async with self.db.transaction() as tx:
            wait = await rates.take(tx, self.counted(to, ip), self.clock.now())
        if wait:
            raise TooManyRequests(retry_after_s=wait)
        code = new_code()
        hash_ = hash_code(self.links.vault.keys, asked.id, code)
        await self.send(to, step_up_message(code, asked.said), asked.id)
        return {"to": masked(to)}, {"hash": hash_}

    async def check(self, asked: Challenge, answer: str) -> Checked:
        """Raises InvalidCode, WrongCode."""
        digits, hash_ = parse_code(answer), asked.state.get("hash")
        if hash_ is None or not code_matches(self.links.vault.keys, asked.id, digits, hash_):
            raise WrongCode
        return Checked(self.amr)

    async def _subject(self, user_id: UUID) -> str:
        async with self.db.reading() as tx:
            found = next((one for one in await self.links.of(tx, user_id) if one.kind is self.kind), None)
        if found is None:
            raise ChallengeUnknown
        return found.subject
