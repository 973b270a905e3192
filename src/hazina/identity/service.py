"""The verbs of identity."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import psycopg.errors
import structlog

from hazina.identity import store
from hazina.identity.errors import (
    ChallengeUnknown,
    NotRegistered,
    PhoneNotServed,
    SessionUnknown,
    SmsUnavailable,
    WrongCode,
)
from hazina.identity.links import Links
from hazina.identity.model import (
    Channel,
    Entered,
    Factor,
    FactorKind,
    Policy,
    Proof,
    Proved,
    Session,
    User,
    clean_agent,
    clean_ip,
    code_matches,
    code_message,
    code_rates,
    confirm_rates,
    hash_code,
    invitation_rates,
    is_served,
    login_rates,
    needs_totp,
    new_code,
    new_token,
    parse_channel,
    parse_code,
    parse_phone,
    token_hash,
)
from hazina.identity.ports import Mail, MailRefused, MailUnavailable, Sms
from hazina.identity.stepup import ByCode, StepUp
from hazina.kernel import rates
from hazina.kernel.audit import Audit, Entry
from hazina.kernel.clock import Clock
from hazina.kernel.crypto import Keys, PersonKey
from hazina.kernel.db import Database, Tx
from hazina.kernel.errors import TooManyRequests
from hazina.kernel.events import tell
from hazina.kernel.ids import UUID, new_id
from hazina.kernel.vault import Vault

log = structlog.get_logger("hazina.identity")

TOUCH_S = 60
"""A session's last use is written at most this often."""
NOTICE_AGAIN_S = 120
NOTICE_BATCH = 20
MOVE_BATCH = 500


@dataclass(frozen=True, slots=True)
class Identity:
    db: Database
    clock: Clock
    sms: Sms
    keys: Keys
    policy: Policy = field(default_factory=Policy)
    mail: Mail | None = None
    vault: Vault = field(init=False)
    audit: Audit = field(init=False)
    links: Links = field(init=False)
    stepup: StepUp = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "vault", Vault(self.keys))
        object.__setattr__(self, "audit", Audit(self.vault))
        object.__setattr__(self, "links", Links(self.vault, self.audit, self.clock, self.policy))
        object.__setattr__(self, "stepup", StepUp(self.db, self.clock, self.links, self.audit, self.policy))
        self.stepup.provers[FactorKind.PHONE] = self._by_code(FactorKind.PHONE, self._text, ("otp", "sms"))
        if self.mail is not None:
            self.stepup.provers[FactorKind.EMAIL] = self._by_code(FactorKind.EMAIL, self._write, ("otp",))

    def _by_code(
        self, kind: FactorKind, send: Callable[[str, str, UUID], Awaitable[None]], amr: tuple[str, ...]
    ) -> ByCode:
        def counted(to: str, ip: str | None) -> list[tuple[rates.Rate, str]]:
            return self._counted(confirm_rates(kind, to, ip, self.policy))

        return ByCode(kind, self.db, self.links, self.clock, send, counted, amr)

    async def _text(self, to: str, text: str, _: UUID) -> None:
        await self.sms.send(to, text)

    async def _write(self, to: str, text: str, id_: UUID) -> None:
        assert self.mail is not None
        await self.mail.send(to, "Confirm it", text, message_id=f"{id_}@step-up.hazina")

    # -- keys -----------------------------------------------------------------------------------

    async def open_keys(self) -> None:
        """Before anything else: see that the keys are those of this database, and seal what an older revision
        kept in clear. Raises crypto.BadKeys."""
        async with self.db.transaction() as tx:
            await self.vault.check(tx)
        while await self.db.again(self._seal_phones) or await self._phones_left():
            pass

    async def _phones_left(self) -> bool:
        """Another process may be at the last ones."""
        async with self.db.reading() as tx:
            return await store.any_phone_to_move(tx)

    async def _seal_phones(self, tx: Tx) -> int:
        found = await store.phones_to_move(tx, MOVE_BATCH)
        for user_id, phone in found:
            await self.vault.new(tx, user_id)
            await self.links.seal_first(tx, user_id, FactorKind.PHONE, phone)
            await store.phone_moved(tx, user_id)
        return len(found)

    async def rewrap(self) -> int:
        """Bring every person's key under the active wrapping key; how many were under another."""
        done = 0
        while some := await self.db.again(self.vault.rewrap):
            done += some
        return done

    def _counted(self, pairs: Iterable[tuple[rates.Rate, str]]) -> list[tuple[rates.Rate, str]]:
        """Counts lie in the database: under marks, not under phones and addresses."""
        return [(rate, self.keys.mark("rate", key).hex()) for rate, key in pairs]

    # -- proving a phone ------------------------------------------------------------------------

    async def request_code(self, phone: str, channel: str, ip: str | None) -> None:
        """Send a new code to ``phone``; an earlier one is dead. ``channel``: SMS, or WHATSAPP where the bank has it
        (else it goes by SMS).

        Raises InvalidPhone, InvalidChannel, PhoneNotServed, TooManyRequests, SmsUnavailable.
        """
        number = parse_phone(phone)
        by_whatsapp = parse_channel(channel) is Channel.WHATSAPP
        if not is_served(number, self.policy):
            raise PhoneNotServed
        async with self.db.transaction() as tx:
            counted = self._counted(code_rates(number, clean_ip(ip), self.policy))
            wait = await rates.take(tx, counted, self.clock.now())
        if wait:
            raise TooManyRequests(retry_after_s=wait)
        code = new_code()
        id_ = new_id()
        hash_ = hash_code(self.keys, id_, code)
        async with self.db.transaction() as tx:
            await store.put_code(tx, self.links.mark(FactorKind.PHONE, number), id_, hash_, self.clock.now())
        # last: a code that arrives is always stored
        await self.sms.send(number, code_message(code), whatsapp=code if by_whatsapp else None)

    async def prove(self, phone: str, code: str, ip: str | None, agent: str | None = None) -> Proof:
        """Check a code without using it up: ``redeem`` does, in the caller's transaction.

        The try is counted and committed before the code is looked at, so that parallel guesses
        get five tries together. A wrong one is told in its owner's log. Raises InvalidPhone,
        InvalidCode, WrongCode, TooManyRequests.
        """
        number, digits, address = parse_phone(phone), parse_code(code), clean_ip(ip)
        now = self.clock.now()
        async with self.db.transaction() as tx:
            wait = await rates.take(tx, self._counted(login_rates(number, address, self.policy)), now)
            live = None if wait else await store.spend_try(tx, self.links.mark(FactorKind.PHONE, number), now)
        if wait:
            raise TooManyRequests(retry_after_s=wait)
        if live is None or not code_matches(self.keys, live[0], digits, live[1]):
            async with self.db.transaction() as tx:
                if (factor := await self.links.find(tx, FactorKind.PHONE, number)) is not None:
                    await self.links.refused(tx, factor.user_id, FactorKind.PHONE, WrongCode, ip=address, agent=agent)
            raise WrongCode
        return Proof(live[0], number, address)

    async def redeem(self, tx: Tx, proof: Proof) -> Proved:
        """Use the code up. Raises WrongCode for whoever comes second."""
        # Counts first, then the code: the order in which ``prove`` locks them.
        pairs = self._counted(login_rates(proof.phone, proof.ip, self.policy))
        await rates.give_back(tx, pairs, self.clock.now())
        if not await store.use_code(tx, self.links.mark(FactorKind.PHONE, proof.phone), proof.code_id):
            raise WrongCode
        return Proved(FactorKind.PHONE, proof.phone, ("otp", "sms"))

    async def check_code(self, phone: str, code: str, ip: str | None) -> User:
        """``prove`` and ``redeem`` in one: the user with that phone, made when new."""
        proof = await self.prove(phone, code, ip)

        async def known(tx: Tx) -> User:
            return (await self.person_of(tx, await self.redeem(tx, proof)))[0]

        return await self.db.again(known)

    # -- coming in ------------------------------------------------------------------------------

    async def person_of(self, tx: Tx, proved: Proved) -> tuple[User, bool]:
        """Who is proved; made when new (True) and the kind allows it. To be run by ``Database.again``. Raises
        NotRegistered."""
        found = await self.links.find(tx, proved.kind, proved.subject)
        if found is not None:
            await self.links.used(tx, found)
            user = await self.links.user(tx, found.user_id)
            assert user is not None, "a factor is somebody's"
            return user, False
        if proved.kind not in self.policy.new_by:
            raise NotRegistered
        user_id = await self.links.begin(tx, proved.kind, proved.subject, name=proved.name, data=proved.data)
        user = None if user_id is None else await self.links.user(tx, user_id)
        if user is None:
            raise psycopg.errors.SerializationFailure("the same factor was registered at this moment")
        return user, True

    async def enter(self, tx: Tx, proved: Proved, *, ip: str | None, agent: str | None) -> Entered:
        """Log in by what was proved: a session, and the person when new. A step, so that it is one commit with
        the use of the proof; ``Accounts.enter`` is the journey around it. Raises NotRegistered."""
        user, new = await self.person_of(tx, proved)
        pending = needs_totp(proved.amr, user.totp)
        token = await self.start_session(
            tx, user.id, ip=ip, agent=agent, amr=proved.amr, totp_pending=pending, wary=proved.wary
        )
        await self.audit.record(
            tx, at=self.clock.now(), actor="user", user_id=user.id, verb="session.opened",
            ip=clean_ip(ip), agent=clean_agent(agent), detail={"amr": list(proved.amr)},
        )  # fmt: skip
        return Entered(user, token, pending, new)

    def serves(self, phone: str) -> bool:
        """May a code be sent to this number (E.164)?"""
        return is_served(phone, self.policy)

    async def count_invitation(self, ip: str | None) -> int:
        """One more phone is given an account before its owner has come: 0, or how many seconds to wait."""
        async with self.db.transaction() as tx:
            pairs = self._counted(invitation_rates(clean_ip(ip), self.policy))
            return await rates.take(tx, pairs, self.clock.now())

    # -- people ---------------------------------------------------------------------------------

    async def user(self, tx: Tx, user_id: UUID) -> User | None:
        return await self.links.user(tx, user_id)

    async def user_by_phone(self, tx: Tx, phone: str) -> User | None:
        """``phone``: E.164."""
        return await self.links.user_by(tx, FactorKind.PHONE, phone)

    async def factors(self, user_id: UUID) -> list[Factor]:
        """Ways to log in, oldest first."""
        async with self.db.reading() as tx:
            return await self.links.of(tx, user_id)

    async def held_until(self, user_id: UUID) -> datetime | None:
        """Until when only little may leave; None: there is no hold."""
        async with self.db.reading() as tx:
            return await store.held_until(tx, user_id, self.clock.now())

    async def history(self, user_id: UUID, before: UUID | None = None, limit: int = 50) -> list[Entry]:
        """This person's part of the audit log, newest first."""
        async with self.db.transaction() as tx:
            return await self.audit.mine(tx, user_id, before, limit)

    async def set_language(self, user_id: UUID, language: str) -> None:
        """A tag such as ``sw-KE``; empty: not chosen."""
        async with self.db.transaction() as tx:
            await store.set_language(tx, user_id, language)

    async def forget(self, user_id: UUID) -> bool:
        """``erase`` in a transaction of its own."""
        return await self.db.again(lambda tx: self.erase(tx, user_id))

    async def erase(self, tx: Tx, user_id: UUID) -> bool:
        """Destroy the key of everything personal, for good, with all ways to log in and all sessions. What the
        books say of the accounts stays, of nobody. False: it was done before."""
        await store.lock_person(tx, user_id)
        now = self.clock.now()
        await self._end(tx, await store.drop_sessions(tx, user_id))
        await store.drop_factors(tx, user_id)
        done = await self.vault.destroy(tx, user_id)
        if done:
            await self.audit.record(tx, at=now, actor="user", user_id=user_id, verb="person.forgotten")
        return done

    # -- notices --------------------------------------------------------------------------------

    async def send_notices(self) -> int:
        """Send what is due; how many went. At least once each; given up after a day."""
        now = self.clock.now()
        async with self.db.transaction() as tx:
            due = await store.take_notices(tx, now, now + timedelta(seconds=NOTICE_AGAIN_S), NOTICE_BATCH)
            texts = []
            for id_, user_id, kind, sealed in due:
                key = await self.vault.key_of(tx, user_id)
                texts.append((id_, kind, None if key is None else json.loads(key.open(f"notice:{id_}", sealed))))
        return sum([await self._send_notice(*one) for one in texts])

    async def _send_notice(self, id_: UUID, kind: FactorKind, what: dict[str, str] | None) -> bool:
        try:
            if what is not None and kind is FactorKind.PHONE:
                await self.sms.send(what["to"], what["text"])
            elif what is not None and kind is FactorKind.EMAIL and self.mail is not None:
                message_id = f"{id_}@notice.hazina"
                await self.mail.send(what["to"], "Your Hazina account", what["text"], message_id=message_id)
        except (SmsUnavailable, MailUnavailable):
            log.warning("notice_not_sent", notice=str(id_), kind=kind.value)
            return False
        except MailRefused:
            pass
        async with self.db.transaction() as tx:
            await store.drop_notice(tx, id_)
        return True

    # -- sessions -------------------------------------------------------------------------------

    async def start_session(
        self, tx: Tx, user_id: UUID, *, ip: str | None, agent: str | None, amr: tuple[str, ...] = (),
        totp_pending: bool = False, wary: bool = False,
    ) -> str:  # fmt: skip
        """A new token. It is shown once; only its hash is kept."""
        token, now = new_token(), self.clock.now()
        hashed = token_hash(token)
        assert hashed is not None
        ends = now + timedelta(seconds=self.policy.session_max_s)
        new = Session(new_id(), user_id, now, now, ends, None, None, amr, now, totp_pending)
        origin = json.dumps({"ip": clean_ip(ip), "agent": clean_agent(agent)})
        key = await self.vault.key_of(tx, user_id)
        await store.put_session(tx, hashed, new, wary, None if key is None else key.seal(_origin_of(new), origin))
        return token

    async def open_session(self, user_id: UUID, *, ip: str | None, agent: str | None, amr: tuple[str, ...] = ()) -> str:
        """``start_session`` in a transaction of its own."""
        async with self.db.transaction() as tx:
            return await self.start_session(tx, user_id, ip=ip, agent=agent, amr=amr)

    async def session(self, tx: Tx, token: str) -> Session | None:
        """The live session of a token, also one that waits for its second factor."""
        hashed = token_hash(token)
        if hashed is None:
            return None
        return await store.session_by_hash(tx, hashed, self.clock.now(), self.live_since())

    async def complete(
        self, tx: Tx, session: Session, amr: tuple[str, ...], *, ip: str | None, agent: str | None
    ) -> None:
        """The second factor of this session was shown: its token opens everything from now on. Raises
        ChallengeUnknown when it waited for none."""
        if not await store.complete_session(tx, session.id, [*amr, "mfa"], self.clock.now()):
            raise ChallengeUnknown
        await self.audit.record(
            tx, at=self.clock.now(), actor="user", user_id=session.user_id, verb="session.completed",
            object=str(session.id), ip=clean_ip(ip), agent=clean_agent(agent), detail={"amr": list(amr)},
        )  # fmt: skip

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
            found = await store.sessions_of(tx, user_id, self.clock.now(), self.live_since())
            key = await self.vault.key_of(tx, user_id)
        return [_placed(session, key, sealed) for session, sealed in found]

    async def revoke(self, user_id: UUID, session_id: UUID) -> None:
        """End one session of this user, its open sockets included, in every process. Raises SessionUnknown for
        a foreign one too."""
        async with self.db.transaction() as tx:
            if not await store.drop_session(tx, user_id, session_id):
                raise SessionUnknown
            await self._end(tx, [session_id])
            await self._audit_end(tx, user_id, str(session_id))

    async def revoke_all(self, user_id: UUID, but: UUID | None = None) -> int:
        """End every session of this user, but one; how many there were."""
        async with self.db.transaction() as tx:
            ended = await store.drop_sessions(tx, user_id, but)
            await self._end(tx, ended)
            if ended:
                await self._audit_end(tx, user_id, "all")
            return len(ended)

    async def _end(self, tx: Tx, session_ids: list[UUID]) -> None:
        if session_ids:
            await tell(tx, "session_ended", [f"session:{id_}" for id_ in session_ids])

    async def _audit_end(self, tx: Tx, user_id: UUID, what: str) -> None:
        await self.audit.record(
            tx, at=self.clock.now(), actor="user", user_id=user_id, verb="session.ended", object=what
        )

    async def sweep(self) -> int:
        """Drop dead codes, forgotten sessions and old counts. Run it now and then."""
        now = self.clock.now()
        async with self.db.transaction() as tx:
            return await store.sweep(tx, now, self.live_since()) + await rates.sweep(tx, now)


def _origin_of(session: Session) -> str:
    return f"session:{session.id}"


def _placed(session: Session, key: PersonKey | None, sealed: bytes | None) -> Session:
    """With from where it came."""
    if key is None or sealed is None:
        return session
    origin = json.loads(key.open(_origin_of(session), sealed))
    return replace(session, ip=origin["ip"], agent=origin["agent"])
