"""Authenticator apps (RFC 6238): the second factor of a session, and a way to confirm. A step counts once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from hazina.identity import store as identity_store
from hazina.identity.errors import ChallengeUnknown
from hazina.identity.factors import store
from hazina.identity.factors.errors import TotpCodeWrong, TotpExists, TotpNotSet
from hazina.identity.factors.model import (
    RECOVERY_CODES,
    TOTP_LIFE_S,
    TOTP_PER_USER,
    TOTP_TRIES,
    new_recovery_code,
    new_totp_secret,
    parse_recovery_code,
    totp_step,
    totp_uri,
)
from hazina.identity.links import Links
from hazina.identity.model import Challenge, Factor, FactorKind, Session, masked
from hazina.identity.service import Identity
from hazina.identity.stepup import Checked
from hazina.kernel import rates
from hazina.kernel.clock import Clock
from hazina.kernel.db import Database, Tx
from hazina.kernel.errors import TooManyRequests
from hazina.kernel.ids import UUID, public_id

LINK = "totp.link"
AMR = ("otp",)


@dataclass(frozen=True, slots=True)
class Asked:
    """``secret`` is shown once, as text and as ``uri`` in a QR code."""

    id: UUID
    secret: str
    uri: str


@dataclass(frozen=True, slots=True)
class Totp:
    identity: Identity

    @property
    def db(self) -> Database:
        return self.identity.db

    @property
    def clock(self) -> Clock:
        return self.identity.clock

    @property
    def links(self) -> Links:
        return self.identity.links

    # -- adding an app --------------------------------------------------------------------------

    async def ask_link(self, user_id: UUID) -> Asked:
        """A new secret for an app; it stands when a code of it was shown. An earlier wish is dead."""
        id_, secret = public_id(), new_totp_secret()
        async with self.db.transaction() as tx:
            user = await self.identity.user(tx, user_id)
            key = await self.links.vault.key_of(tx, user_id)
            if user is None or key is None:
                raise ChallengeUnknown
            await store.drop_asked(tx, user_id, LINK)
            await store.put_asked(
                tx, id_, LINK, user_id=user_id, mark=None, sealed=key.seal(f"asked:{id_}", secret), tries=TOTP_TRIES,
                expires_at=self.clock.now() + timedelta(seconds=TOTP_LIFE_S),
            )  # fmt: skip
        shown = user.phone or user.email
        return Asked(id_, secret, totp_uri(secret, masked(shown) if shown else "account"))

    async def prove_link(self, user_id: UUID, id_: UUID, code: str) -> tuple[UUID, str, int]:
        """Id, secret and step of a wish whose app shows the right code: for ``link``. Raises TotpCodeWrong,
        ChallengeUnknown."""
        now = self.clock.now()
        async with self.db.transaction() as tx:
            found = await store.spend_asked(tx, id_, LINK, now)
            key = await self.links.vault.key_of(tx, user_id)
        if found is None or found[0] != user_id or found[2] is None or key is None:
            raise ChallengeUnknown
        secret = key.open(f"asked:{id_}", found[2])
        step = totp_step(secret, code, now.timestamp())
        if step is None:
            raise TotpCodeWrong
        return id_, secret, step

    async def link(
        self, tx: Tx, user_id: UUID, proved: tuple[UUID, str, int], *, ip: str | None, agent: str | None
    ) -> list[str]:
        """The app is the second factor from now on; its recovery codes, shown once. Raises ChallengeUnknown for
        whoever comes second, FactorExists."""
        id_, secret, step = proved
        if not await store.use_asked(tx, id_):
            raise ChallengeUnknown
        if any(one.kind is FactorKind.TOTP for one in await self.links.of(tx, user_id)):
            raise TotpExists
        await self.links.link(
            tx, user_id, FactorKind.TOTP, str(user_id), data={"step": step}, secret=secret, ip=ip, agent=agent
        )
        return await self.new_recovery_codes(tx, user_id)

    async def new_recovery_codes(self, tx: Tx, user_id: UUID) -> list[str]:
        """In place of those there were; each stands in for the app once."""
        codes = [new_recovery_code() for _ in range(RECOVERY_CODES)]
        await store.put_recovery_codes(tx, user_id, [self._mark(user_id, code) for code in codes])
        return codes

    async def renew_recovery_codes(self, user_id: UUID, code: str) -> list[str]:
        """New ones for whoever shows a code of the app. Raises TotpNotSet, TotpCodeWrong, TooManyRequests."""
        now = self.clock.now()
        async with self.db.transaction() as tx:
            wait = await rates.take(tx, [(TOTP_PER_USER, str(user_id))], now)
        if wait:
            raise TooManyRequests(retry_after_s=wait)

        async def renew(tx: Tx) -> list[str]:
            await self._use(tx, user_id, code)
            await rates.give_back(tx, [(TOTP_PER_USER, str(user_id))], now)
            return await self.new_recovery_codes(tx, user_id)

        return await self.db.again(renew)

    async def recovery_codes_left(self, user_id: UUID) -> int:
        async with self.db.reading() as tx:
            return await store.recovery_codes_left(tx, user_id)

    async def unlink(self, tx: Tx, user_id: UUID, *, ip: str | None, agent: str | None) -> Factor:
        """Raises TotpNotSet."""
        factor = await self._factor(tx, user_id)
        await store.put_recovery_codes(tx, user_id, [])
        return await self.links.unlink(tx, user_id, factor.id, ip=ip, agent=agent)

    # -- the second factor of a session ---------------------------------------------------------

    async def validate(self, token: str, code: str, *, ip: str | None, agent: str | None) -> Session:
        """Complete the session of ``token`` by a code of the app, or a recovery code: that one also holds what
        leaves, as any change of factors does. Raises ChallengeUnknown when the session waits for nothing,
        TotpCodeWrong, TooManyRequests."""
        now = self.clock.now()
        async with self.db.transaction() as tx:
            session = await self.identity.session(tx, token)
            waits = session is not None and session.totp_pending
            wait = await rates.take(tx, [(TOTP_PER_USER, str(session.user_id))], now) if session and waits else 0
        if wait:
            raise TooManyRequests(retry_after_s=wait)
        if session is None or not waits:
            raise ChallengeUnknown

        async def complete(tx: Tx) -> None:
            recovered = parse_recovery_code(code)
            if recovered is not None:
                await self._recover(tx, session, recovered)
            else:
                await self._use(tx, session.user_id, code)
            await rates.give_back(tx, [(TOTP_PER_USER, str(session.user_id))], now)
            await self.identity.complete(tx, session, ("kba",) if recovered else AMR, ip=ip, agent=agent)

        try:
            await self.db.again(complete)
        except TotpCodeWrong as wrong:
            async with self.db.transaction() as tx:
                await self.links.refused(tx, session.user_id, FactorKind.TOTP, type(wrong), ip=ip, agent=agent)
            raise
        return session

    async def _recover(self, tx: Tx, session: Session, code: str) -> None:
        now, policy = self.clock.now(), self.identity.policy
        if not await store.use_recovery_code(tx, session.user_id, self._mark(session.user_id, code), now):
            raise TotpCodeWrong
        if policy.hold_s:
            until = now + timedelta(seconds=policy.hold_s)
            await identity_store.start_hold(tx, session.user_id, now, until, policy.hold_cents)

    # -- confirming -----------------------------------------------------------------------------

    async def begin(self, asked: Challenge, ip: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
        """Nothing is sent: the app shows a code by itself."""
        return {}, {}

    async def check(self, asked: Challenge, answer: str) -> Checked:
        """Raises TotpCodeWrong."""
        async with self.db.reading() as tx:
            factor = await self._factor(tx, asked.user_id)
        if totp_step(factor.secret or "", answer.strip(), self.clock.now().timestamp()) is None:
            raise TotpCodeWrong

        async def redeem(tx: Tx) -> None:
            await self._use(tx, asked.user_id, answer)

        return Checked(AMR, redeem)

    # -- inside ---------------------------------------------------------------------------------

    async def _factor(self, tx: Tx, user_id: UUID) -> Factor:
        found = next((one for one in await self.links.of(tx, user_id) if one.kind is FactorKind.TOTP), None)
        if found is None or found.secret is None:
            raise TotpNotSet
        return found

    async def _use(self, tx: Tx, user_id: UUID, code: str) -> None:
        """A code of the app, once. Raises TotpCodeWrong."""
        factor, now = await self._factor(tx, user_id), self.clock.now()
        step = totp_step(factor.secret or "", code.strip(), now.timestamp())
        if step is None or not await store.take_totp_step(tx, factor.id, step, now):
            raise TotpCodeWrong

    def _mark(self, user_id: UUID, code: str) -> bytes:
        return self.links.vault.keys.mark("recovery code", f"{user_id}:{code}")
