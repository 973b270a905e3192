"""The verbs of identity."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hazina.identity import store
from hazina.identity.errors import PhoneNotServed, SessionUnknown, WrongCode
from hazina.identity.model import (
    NO_CODE,
    Policy,
    Proof,
    Session,
    User,
    clean_agent,
    clean_ip,
    code_matches,
    code_message,
    code_rates,
    hash_code,
    is_served,
    login_rates,
    new_code,
    new_token,
    parse_channel,
    parse_code,
    parse_phone,
    token_hash,
)
from hazina.identity.ports import Sms
from hazina.kernel import rates
from hazina.kernel.clock import Clock
from hazina.kernel.db import Database, Tx
from hazina.kernel.errors import TooManyRequests
from hazina.kernel.ids import UUID

TOUCH_S = 60
"""A session's last use is written at most this often."""


@dataclass(frozen=True, slots=True)
class Identity:
    db: Database
    clock: Clock
    sms: Sms
    policy: Policy = field(default_factory=Policy)

    # -- proving a phone ------------------------------------------------------------------------

    async def request_code(self, phone: str, channel: str, ip: str | None) -> None:
        """Send a new code to ``phone``; an earlier one is dead. Both channels go by SMS for now.

        Raises InvalidPhone, InvalidChannel, PhoneNotServed, TooManyRequests, SmsUnavailable.
        """
        number = parse_phone(phone)
        parse_channel(channel)
        if not is_served(number, self.policy):
            raise PhoneNotServed
        async with self.db.transaction() as tx:
            wait = await rates.take(tx, code_rates(number, clean_ip(ip), self.policy), self.clock.now())
        if wait:
            raise TooManyRequests(retry_after_s=wait)
        code = new_code()
        hash_ = await asyncio.to_thread(hash_code, code)
        async with self.db.transaction() as tx:
            await store.put_code(tx, number, hash_, self.clock.now())
        await self.sms.send(number, code_message(code))  # last: a code that arrives is always stored

    async def prove(self, phone: str, code: str, ip: str | None) -> Proof:
        """Check a code without using it up: ``redeem`` does, in the caller's transaction.

        The try is counted and committed before the code is looked at, so that parallel guesses
        get five tries together. Raises InvalidPhone, InvalidCode, WrongCode, TooManyRequests.
        """
        number, digits, address = parse_phone(phone), parse_code(code), clean_ip(ip)
        now = self.clock.now()
        async with self.db.transaction() as tx:
            wait = await rates.take(tx, login_rates(number, address, self.policy), now)
            live = None if wait else await store.spend_try(tx, number, now)
        if wait:
            raise TooManyRequests(retry_after_s=wait)
        right = await asyncio.to_thread(code_matches, live[1] if live else NO_CODE, digits)
        if live is None or not right:
            raise WrongCode
        return Proof(live[0], number, address)

    async def redeem(self, tx: Tx, proof: Proof) -> User:
        """Use the code up. The user with that phone, made when new. Raises WrongCode for whoever
        comes second."""
        now = self.clock.now()
        # Counts first, then the code: the order in which ``prove`` locks them.
        await rates.give_back(tx, login_rates(proof.phone, proof.ip, self.policy), now)
        if not await store.use_code(tx, proof.phone, proof.code_id):
            raise WrongCode
        return await store.user_of_phone(tx, proof.phone, now)

    async def check_code(self, phone: str, code: str, ip: str | None) -> User:
        """``prove`` and ``redeem`` in one."""
        proof = await self.prove(phone, code, ip)
        async with self.db.transaction() as tx:
            return await self.redeem(tx, proof)

    # -- sessions -------------------------------------------------------------------------------

    async def start_session(self, tx: Tx, user_id: UUID, *, ip: str | None, agent: str | None) -> str:
        """A new token. It is shown once; only its hash is kept."""
        token = new_token()
        hashed = token_hash(token)
        assert hashed is not None
        await store.put_session(tx, user_id, hashed, clean_ip(ip), clean_agent(agent), self.clock.now())
        return token

    async def open_session(self, user_id: UUID, *, ip: str | None, agent: str | None) -> str:
        """``start_session`` in a transaction of its own."""
        async with self.db.transaction() as tx:
            return await self.start_session(tx, user_id, ip=ip, agent=agent)

    def live_since(self) -> datetime:
        """A session last used before this is over."""
        return self.clock.now() - timedelta(seconds=self.policy.session_idle_s)

    def is_due(self, last_used_at: datetime) -> bool:
        """Whether a session's use should be noted: at most once a minute."""
        return last_used_at <= self.clock.now() - timedelta(seconds=TOUCH_S)

    async def touch(self, tx: Tx, session_id: UUID, last_used_at: datetime) -> None:
        """Note that a session is in use, if that is due."""
        if self.is_due(last_used_at):
            now = self.clock.now()
            await store.touch_session(tx, session_id, now, now - timedelta(seconds=TOUCH_S))

    async def sessions(self, user_id: UUID) -> list[Session]:
        """Live sessions, the one used last first."""
        async with self.db.transaction() as tx:
            return await store.sessions_of(tx, user_id, self.live_since())

    async def revoke(self, user_id: UUID, session_id: UUID) -> None:
        """End one session of this user. Raises SessionUnknown for a foreign one too."""
        async with self.db.transaction() as tx:
            if not await store.drop_session(tx, user_id, session_id):
                raise SessionUnknown

    async def revoke_all(self, user_id: UUID) -> int:
        """End every session of this user; how many there were."""
        async with self.db.transaction() as tx:
            return await store.drop_sessions(tx, user_id)

    async def sweep(self) -> int:
        """Drop dead codes, forgotten sessions and old counts. Run it now and then."""
        now = self.clock.now()
        async with self.db.transaction() as tx:
            return await store.sweep(tx, now, self.live_since()) + await rates.sweep(tx, now)
