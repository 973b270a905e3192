"""Codes to a mailbox: to log in, and to add the address to an account.

Asking to log in never tells whether an address is somebody's: the answer is an id in any case, it comes as fast,
and the mail goes out behind it.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from hazina.identity.errors import FactorExists, FactorTaken
from hazina.identity.factors import store
from hazina.identity.factors.errors import EmailCodeWrong, EmailExists, EmailTaken
from hazina.identity.factors.model import (
    EMAIL_CODE_LIFE_S,
    EMAIL_CODE_TRIES,
    LOGIN_PER_EMAIL_ID,
    EmailProof,
    email_rates,
    ip_rate,
    link_message,
    login_message,
    parse_email,
)
from hazina.identity.links import Links
from hazina.identity.model import Factor, FactorKind, Policy, Proved, new_code, parse_code
from hazina.identity.ports import Mail, MailRefused, MailUnavailable
from hazina.kernel import rates
from hazina.kernel.clock import Clock
from hazina.kernel.db import Database, Tx
from hazina.kernel.errors import TooManyRequests
from hazina.kernel.ids import UUID, public_id

log = structlog.get_logger("hazina.identity.emails")

LOGIN, LINK = "email.login", "email.link"
SUBJECTS = {LOGIN: "Your Hazina code", LINK: "Confirm your address"}
NOBODY = bytes(32)
AMR = ("otp", "email")


@dataclass(frozen=True, slots=True)
class Emails:
    db: Database
    clock: Clock
    links: Links
    mail: Mail
    policy: Policy
    under_way: set[asyncio.Task[None]] = field(default_factory=set, compare=False, repr=False)
    """Mails on their way; a bank that stops waits for none of them."""

    # -- logging in -----------------------------------------------------------------------------

    async def ask_login(self, email: str, ip: str | None) -> UUID:
        """Send a code to ``email``, if it logs somebody in; the id that it belongs to in any case. Raises
        InvalidEmail, TooManyRequests."""
        address = parse_email(email)
        await self._count(address, ip)
        id_, code = public_id(), new_code()
        async with self.db.transaction() as tx:
            factor = await self.links.find(tx, FactorKind.EMAIL, address)
            user_id = None if factor is None else factor.user_id
            sealed = None if user_id is None else await self._sealed(tx, user_id, id_, address)
            await self._put(tx, id_, LOGIN, user_id, code, sealed)
        if factor is not None:
            task = asyncio.create_task(self._send_quietly(address, LOGIN, login_message(code), id_))
            self.under_way.add(task)
            task.add_done_callback(self.under_way.discard)
        return id_

    async def prove_login(self, id_: UUID, code: str, ip: str | None, agent: str | None = None) -> EmailProof:
        """Check a code without using it up. A try is counted before the code is looked at; a wrong one is told in
        its owner's log. Raises InvalidCode, EmailCodeWrong, TooManyRequests."""
        return await self._prove(LOGIN, id_, code, ip, None, agent)

    async def redeem_login(self, tx: Tx, proof: EmailProof) -> Proved:
        """Use the code up: for ``Accounts.enter``. Raises EmailCodeWrong for whoever comes second."""
        if not await store.use_asked(tx, proof.asked_id):
            raise EmailCodeWrong
        return Proved(FactorKind.EMAIL, proof.address, AMR)

    # -- adding an address ----------------------------------------------------------------------

    async def ask_link(self, user_id: UUID, email: str, ip: str | None) -> UUID:
        """Send a code to an address that somebody wants to add. Raises InvalidEmail, TooManyRequests,
        MailRefused, MailUnavailable."""
        address = parse_email(email)
        await self._count(address, ip)
        id_, code = public_id(), new_code()
        async with self.db.transaction() as tx:
            await store.drop_asked(tx, user_id, LINK)
            await self._put(tx, id_, LINK, user_id, code, await self._sealed(tx, user_id, id_, address))
        await self._send(address, LINK, link_message(code), id_)
        return id_

    async def prove_link(self, user_id: UUID, id_: UUID, code: str, ip: str | None) -> EmailProof:
        """Raises InvalidCode, EmailCodeWrong (also for a wish of somebody else), TooManyRequests."""
        return await self._prove(LINK, id_, code, ip, user_id)

    async def link(self, tx: Tx, proof: EmailProof, *, ip: str | None, agent: str | None) -> Factor:
        """Add the address that was proved. Raises EmailCodeWrong for whoever comes second, EmailTaken, EmailExists."""
        if not await store.use_asked(tx, proof.asked_id):
            raise EmailCodeWrong
        try:
            return await self.links.link(tx, proof.user_id, FactorKind.EMAIL, proof.address, ip=ip, agent=agent)
        except FactorTaken:
            raise EmailTaken from None
        except FactorExists:
            raise EmailExists from None

    async def is_taken(self, proof: EmailProof) -> bool:
        """Whether the address that was proved logs somebody else in."""
        async with self.db.reading() as tx:
            found = await self.links.find(tx, FactorKind.EMAIL, proof.address)
        return found is not None and found.user_id != proof.user_id

    # -- inside ---------------------------------------------------------------------------------

    async def _count(self, address: str, ip: str | None) -> None:
        counted = self._marked(email_rates(address, ip, self.policy))
        async with self.db.transaction() as tx:
            wait = await rates.take(tx, counted, self.clock.now())
        if wait:
            raise TooManyRequests(retry_after_s=wait)

    def _marked(self, pairs: list[tuple[rates.Rate, str]]) -> list[tuple[rates.Rate, str]]:
        return [(rate, self.links.vault.keys.mark("rate", key).hex()) for rate, key in pairs]

    def _code_mark(self, id_: UUID, code: str) -> bytes:
        return self.links.vault.keys.mark("email code", f"{id_}:{code}")

    async def _sealed(self, tx: Tx, user_id: UUID, id_: UUID, address: str) -> bytes | None:
        key = await self.links.vault.key_of(tx, user_id)
        return None if key is None else key.seal(f"asked:{id_}", address)

    async def _put(
        self, tx: Tx, id_: UUID, purpose: str, user_id: UUID | None, code: str, sealed: bytes | None
    ) -> None:
        mark = NOBODY if user_id is None else self._code_mark(id_, code)
        ends = self.clock.now() + timedelta(seconds=EMAIL_CODE_LIFE_S)
        await store.put_asked(
            tx, id_, purpose, user_id=user_id, mark=mark, sealed=sealed, tries=EMAIL_CODE_TRIES, expires_at=ends
        )

    async def _prove(
        self, purpose: str, id_: UUID, code: str, ip: str | None, whose: UUID | None, agent: str | None = None
    ) -> EmailProof:
        digits, now = parse_code(code), self.clock.now()
        counted = self._marked(
            [(LOGIN_PER_EMAIL_ID, str(id_)), *ip_rate(self.policy.failed_login_per_ip, ip, self.policy)]
        )
        async with self.db.transaction() as tx:
            wait = await rates.take(tx, counted, now)
            found = None if wait else await store.spend_asked(tx, id_, purpose, now)
        if wait:
            raise TooManyRequests(retry_after_s=wait)
        user_id, mark, sealed = found or (None, NOBODY, None)
        right = secrets.compare_digest(mark or NOBODY, self._code_mark(id_, digits))
        if not right or user_id is None or sealed is None or (whose is not None and whose != user_id):
            if user_id is not None and whose is None:
                async with self.db.transaction() as tx:
                    await self.links.refused(tx, user_id, FactorKind.EMAIL, EmailCodeWrong, ip=ip, agent=agent)
            raise EmailCodeWrong
        async with self.db.transaction() as tx:
            await rates.give_back(tx, counted, now)
            key = await self.links.vault.key_of(tx, user_id)
        if key is None:
            raise EmailCodeWrong
        return EmailProof(id_, user_id, key.open(f"asked:{id_}", sealed))

    async def _send(self, address: str, purpose: str, text: str, id_: UUID) -> None:
        await self.mail.send(address, SUBJECTS[purpose], text, message_id=f"{id_}@code.hazina")

    async def _send_quietly(self, address: str, purpose: str, text: str, id_: UUID) -> None:
        try:
            await self._send(address, purpose, text, id_)
        except (MailRefused, MailUnavailable) as refusal:
            log.warning("mail_not_sent", code=refusal.code, purpose=purpose)
