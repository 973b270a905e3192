"""The verbs: ask, and show. What was asked is good for one try, right or wrong, for the browser that asked.

Asking is counted by address, and so is every try. A proof that stands is a value (``Shown``), which arises once;
the caller enters, links or confirms with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from typing import Any

from hazina.identity.links import Links
from hazina.identity.model import Factor, FactorKind, Proved, clean_ip, ip_keys
from hazina.identity.proofs import bitcoin, lnurl, nostr, passkey, store
from hazina.identity.proofs.errors import (
    AttemptOver,
    InvalidPurpose,
    KeyKnown,
    KeyOfAnother,
    KeyUnknown,
    NotProvedYet,
    PasskeyDoubtful,
    PasskeyForeign,
    PasskeyUnknown,
    WalletAnswerInvalid,
    WalletMismatch,
    WalletSignatureWrong,
)
from hazina.identity.proofs.model import (
    ASK_PER_IP,
    LNURL_LIFE_S,
    LOGGED_OUT,
    MESSAGE_LIFE_S,
    NOSTR_LIFE_S,
    PASSKEY_LIFE_S,
    TRY_PER_IP,
    Asker,
    BitcoinAsked,
    Challenge,
    LnurlAsked,
    NostrAsked,
    Purpose,
    Shown,
    Site,
    new_nonce,
    nonce_hash,
    parse_key_name,
)
from hazina.kernel import lnurl as lnurl_text
from hazina.kernel import rates
from hazina.kernel.clock import Clock
from hazina.kernel.db import Database, Tx
from hazina.kernel.errors import NotAuthenticated, TooManyRequests
from hazina.kernel.events import tell
from hazina.kernel.ids import UUID, new_id
from hazina.kernel.rates import Rate

LNURL_CALLBACK = "/auth/lnurl/callback"
COLLECT_GRACE_S = 60
"""How long a browser may come late for what its wallet proved in time."""


@dataclass(frozen=True, slots=True)
class Proofs:
    db: Database
    clock: Clock
    links: Links
    site: Site

    # -- passkeys -------------------------------------------------------------------------------

    async def ask_new_passkey(self, asker: Asker, purpose: Purpose, user_name: str) -> dict[str, Any]:
        """Options for navigator.credentials.create. ``user_name`` is what the device will show. Raises
        InvalidPurpose, TooManyRequests."""
        if purpose not in (Purpose.REGISTER, Purpose.LINK):
            raise InvalidPurpose
        standing: list[passkey.Known] = []
        if purpose is Purpose.LINK and asker.user_id is not None:
            async with self.db.reading() as tx:
                standing = [passkey.known_of(one) for one in await self._passkeys(tx, asker.user_id)]
        handle = standing[0].handle if standing else new_nonce()
        nonce = new_nonce()
        await self._ask(FactorKind.PASSKEY, asker, purpose, nonce_hash(nonce), PASSKEY_LIFE_S, handle.hex())
        return passkey.creation_options(self.site, nonce, handle, parse_key_name(user_name), standing, PASSKEY_LIFE_S)

    async def show_new_passkey(self, asker: Asker, found: Any, name: str) -> Shown:
        """The answer of navigator.credentials.create, as JSON. Raises a PasskeyRefused, AttemptOver,
        TooManyRequests."""
        response, called = passkey.read_response(found), parse_key_name(name)
        challenge = await self._burn(FactorKind.PASSKEY, asker, response.challenge)
        if challenge.purpose not in (Purpose.REGISTER, Purpose.LINK):
            raise AttemptOver
        made = passkey.verify_creation(response, self.site)
        proved = Proved(
            FactorKind.PASSKEY,
            passkey.as_text(made.credential_id),
            passkey.amr(made.backup_eligible),
            name=called,
            data=passkey.new_data(made, bytes.fromhex(challenge.about)),
        )
        await self._check_purpose(challenge.purpose, proved, challenge.user_id)
        return Shown(proved, challenge.purpose, challenge.user_id)

    async def ask_passkey(
        self, asker: Asker, purpose: Purpose, *, about: str = "", named: str | None = None, known: UUID | None = None
    ) -> dict[str, Any]:
        """Options for navigator.credentials.get. Without ``named`` the device offers what it has (also from a
        login page's autofill). ``named`` is what somebody calls themselves, ``known`` whom that means, if
        anybody: for nobody, and for people without a passkey, the answer looks the same. Raises InvalidPurpose,
        TooManyRequests."""
        if purpose not in (Purpose.LOGIN, Purpose.AUTH):
            raise InvalidPurpose
        whose = asker.user_id if purpose is Purpose.AUTH else known
        allowed: list[passkey.Known] = []
        if whose is not None:
            async with self.db.reading() as tx:
                allowed = [passkey.known_of(one) for one in await self._passkeys(tx, whose)]
        shown = [(one.credential_id, one.transports) for one in allowed]
        if named is not None and not shown:
            shown = [(self.links.vault.keys.mark("passkey decoy", named.casefold()), ("internal", "hybrid"))]
        nonce = new_nonce()
        await self._ask(FactorKind.PASSKEY, asker, purpose, nonce_hash(nonce), PASSKEY_LIFE_S, about)
        return passkey.request_options(self.site, nonce, shown, PASSKEY_LIFE_S)

    async def show_passkey(self, asker: Asker, found: Any) -> Shown:
        """The answer of navigator.credentials.get, as JSON. A counter that went back logs in warily, is written
        to the audit log, and confirms nothing from then on. Raises a PasskeyRefused, AttemptOver,
        TooManyRequests."""
        response = passkey.read_response(found)
        challenge = await self._burn(FactorKind.PASSKEY, asker, response.challenge)
        if challenge.purpose not in (Purpose.LOGIN, Purpose.AUTH):
            raise AttemptOver
        subject = passkey.as_text(response.credential_id)
        async with self.db.transaction() as tx:
            found_factor = await self.links.find(tx, FactorKind.PASSKEY, subject)
            if found_factor is None:
                raise PasskeyUnknown
            factor = await self._locked(tx, found_factor)
            if challenge.purpose is Purpose.AUTH and factor.user_id != challenge.user_id:
                raise PasskeyForeign
            known = passkey.known_of(factor)
            used = passkey.verify_use(response, self.site, known)
            data = passkey.used_data(factor.data, used, self.clock.now())
            await self.links.used(tx, factor, data)
            if used.counter_fell:
                await self._say_doubtful(tx, factor, asker)
        doubtful = data.get("doubtful_since") is not None
        if doubtful and challenge.purpose is Purpose.AUTH:
            raise PasskeyDoubtful
        amr = passkey.amr(known.backup_eligible)
        proved = Proved(FactorKind.PASSKEY, subject, amr, wary=doubtful)
        return Shown(proved, challenge.purpose, factor.user_id, challenge.about)

    async def _passkeys(self, tx: Tx, user_id: UUID) -> list[Factor]:
        return [one for one in await self.links.of(tx, user_id) if one.kind is FactorKind.PASSKEY]

    async def _locked(self, tx: Tx, factor: Factor) -> Factor:
        """As it is now, and nobody else changes it: two uses of one passkey must see each other's counter."""
        return Factor(
            factor.id, factor.user_id, factor.kind, factor.subject, factor.name,
            await store.lock_factor(tx, factor.id), factor.created_at, factor.last_used_at,
        )  # fmt: skip

    async def _say_doubtful(self, tx: Tx, factor: Factor, asker: Asker) -> None:
        await self.links.audit.record(
            tx, at=self.clock.now(), actor="user", user_id=factor.user_id, verb="passkey.counter_fell",
            object=str(factor.id), ip=asker.ip, agent=asker.agent, result="flagged",
        )  # fmt: skip

    # -- LNURL-auth -----------------------------------------------------------------------------

    async def ask_wallet(
        self, asker: Asker, purpose: Purpose, *, about: str = "", callback: str = LNURL_CALLBACK
    ) -> LnurlAsked:
        """A link for a Lightning wallet. Its handle stays with the browser; what is in the link does not lead to
        it. Raises InvalidPurpose, TooManyRequests."""
        if asker.browser is None and asker.user_id is None:
            raise InvalidPurpose("A wallet answers a browser.")
        handle = lnurl.new_handle()
        k1 = lnurl.k1_of(handle)
        asked = await self._ask(FactorKind.LNURL, asker, purpose, nonce_hash(k1), LNURL_LIFE_S, about)
        callback_url = self.site.origin + callback.format(handle=handle)
        url = lnurl.wallet_url(callback_url, k1, None if purpose is Purpose.ENTER else purpose.value)
        return LnurlAsked(
            handle, k1, callback_url, url, lnurl_text.encode(url), lnurl.as_keyauth(url), asked.expires_at
        )

    async def answer_wallet(self, query: str, ip: str | None, *, handle: str | None = None) -> None:
        """A wallet's call. Its first well-formed answer uses k1 up, right or wrong. Raises WalletAnswerInvalid,
        WalletSignatureWrong, AttemptOver, KeyUnknown, KeyKnown, KeyOfAnother, TooManyRequests."""
        answer = lnurl.read_answer(query)
        if handle is not None and answer.k1 != lnurl.k1_of(handle):
            raise WalletMismatch
        await self._count(TRY_PER_IP, ip)
        hashed, now = nonce_hash(answer.k1), self.clock.now()
        async with self.db.reading() as tx:
            row = await store.look(tx, FactorKind.LNURL, hashed)
        if row is None or row.used or row.challenge.expires_at <= now:
            raise AttemptOver
        purpose = row.challenge.purpose
        if answer.action is not None and answer.action != purpose.value:
            raise WalletMismatch("Another action was asked for.")
        refusal = await self._judge(answer, row.challenge)
        async with self.db.transaction() as tx:
            burnt = await store.burn(tx, FactorKind.LNURL, hashed, now)
            if burnt is not None and refusal is None:
                await store.answered(tx, burnt.challenge.id, answer.key.hex())
            if burnt is not None:
                await tell(tx, "wallet_answered", [wallet_key(hashed)])
        if burnt is None:
            raise AttemptOver
        if refusal is not None:
            raise refusal

    async def _judge(
        self, answer: lnurl.WalletAnswer, challenge: Challenge
    ) -> WalletAnswerInvalid | WalletSignatureWrong | KeyUnknown | KeyKnown | KeyOfAnother | None:
        """Why not; None: it stands. The wallet is told at once what its person would else see too late."""
        try:
            lnurl.verify(answer)
            proved = Proved(FactorKind.LNURL, answer.key.hex(), ("pop",))
            await self._check_purpose(challenge.purpose, proved, challenge.user_id)
        except (WalletAnswerInvalid, WalletSignatureWrong, KeyUnknown, KeyKnown, KeyOfAnother) as refusal:
            return refusal
        return None

    async def wallet_params(self, handle: str) -> bytes:
        """The k1 of a request that is still open. Raises AttemptOver."""
        k1 = lnurl.k1_of(handle)
        async with self.db.reading() as tx:
            row = await store.look(tx, FactorKind.LNURL, nonce_hash(k1))
        if row is None or row.used or row.challenge.expires_at <= self.clock.now():
            raise AttemptOver
        return k1

    async def wallet_subject(self, asker: Asker, handle: str) -> str | None:
        """The key that the wallet proved; None: it has not answered yet. To be asked again and again, by whoever
        asked. Raises AttemptOver."""
        return (await self._wallet_row(asker, handle)).subject

    async def wallet_purpose(self, asker: Asker, handle: str) -> Purpose:
        """What a wallet was asked for. Raises AttemptOver."""
        return (await self._wallet_row(asker, handle)).challenge.purpose

    async def _wallet_row(self, asker: Asker, handle: str) -> store.Row:
        """One that is open, or proved in time."""
        async with self.db.reading() as tx:
            row = await store.look(tx, FactorKind.LNURL, nonce_hash(lnurl.k1_of(handle)))
        if row is None or not self._is_askers(row, asker):
            raise AttemptOver
        now, ends_at = self.clock.now(), row.challenge.expires_at
        waits = not row.used and now < ends_at
        proved = row.subject is not None and now < ends_at + timedelta(seconds=COLLECT_GRACE_S)
        if not waits and not proved:
            raise AttemptOver
        return row

    async def collect_wallet(self, asker: Asker, handle: str, name: str = "") -> Shown:
        """What the wallet proved, once, for the browser that asked. Raises NotProvedYet, AttemptOver."""
        row = await self._wallet_row(asker, handle)
        if row.subject is None:
            raise NotProvedYet
        now, challenge, called = self.clock.now(), row.challenge, parse_key_name(name or "Lightning wallet")
        async with self.db.transaction() as tx:
            if not await store.collect(tx, challenge.id, now):
                raise AttemptOver
        proved = Proved(FactorKind.LNURL, row.subject, ("pop",), wary=True, name=called)
        await self._check_purpose(challenge.purpose, proved, challenge.user_id)
        return Shown(proved, challenge.purpose, challenge.user_id, challenge.about)

    # -- Bitcoin --------------------------------------------------------------------------------

    async def ask_bitcoin(self, asker: Asker, purpose: Purpose, address: str, *, about: str = "") -> BitcoinAsked:
        """The text to sign with an address's key. Raises InvalidAddress, InvalidPurpose, TooManyRequests."""
        clean, nonce = bitcoin.parse_address(address, self.site.network), bitcoin.new_nonce()
        hashed = nonce_hash(nonce.encode())
        asked = await self._ask(FactorKind.BITCOIN, asker, purpose, hashed, MESSAGE_LIFE_S, f"{clean} {about}")
        return BitcoinAsked(nonce, clean, bitcoin.text_to_sign(self.site.netloc, asked, nonce), asked.expires_at)

    async def show_bitcoin(self, asker: Asker, nonce: str, signature: str, name: str = "") -> Shown:
        """Raises SignatureMalformed and SignatureUnsupported (the text stays good: nothing was judged),
        SignatureWrong, AttemptOver, KeyUnknown, KeyKnown, KeyOfAnother, TooManyRequests."""
        read, called = bitcoin.read_signature(signature), parse_key_name(name or "Bitcoin key")
        challenge = await self._burn(FactorKind.BITCOIN, asker, nonce.encode())
        address, _, about = challenge.about.partition(" ")
        text = bitcoin.text_to_sign(self.site.netloc, challenge, nonce)
        bitcoin.verify(address, self.site.network, text, read)
        proved = Proved(FactorKind.BITCOIN, address, ("pop",), name=called)
        await self._check_purpose(challenge.purpose, proved, challenge.user_id)
        return Shown(proved, challenge.purpose, challenge.user_id, about)

    # -- Nostr ----------------------------------------------------------------------------------

    async def ask_nostr(self, asker: Asker, purpose: Purpose, *, about: str = "") -> NostrAsked:
        """What a browser's extension is to sign (NIP-07): an event of kind 22242 that answers our challenge.
        Raises InvalidPurpose, TooManyRequests."""
        nonce = new_nonce().hex()
        hashed = nonce_hash(nonce.encode())
        asked = await self._ask(FactorKind.NOSTR, asker, purpose, hashed, NOSTR_LIFE_S, about)
        return NostrAsked(nonce, nostr.template(self.site.origin, nonce, self.clock.now()), asked.expires_at)

    async def show_nostr(self, asker: Asker, found: Any, name: str = "") -> Shown:
        """A signed event of kind 22242. Raises NostrMalformed, a NostrRefused, AttemptOver, KeyUnknown,
        KeyKnown, KeyOfAnother, TooManyRequests."""
        event, called = nostr.read_event(found), parse_key_name(name or "Nostr key")
        challenge = await self._burn(FactorKind.NOSTR, asker, nostr.challenge_in(event).encode())
        nostr.check_client_auth(event, self.site.origin, self.clock.now())
        proved = Proved(FactorKind.NOSTR, event.pubkey.hex(), ("pop",), name=called)
        await self._check_purpose(challenge.purpose, proved, challenge.user_id)
        return Shown(proved, challenge.purpose, challenge.user_id, challenge.about)

    async def show_nostr_header(self, asker: Asker, value: str, path: str, method: str, body: bytes) -> Shown:
        """An ``Authorization: Nostr`` header's value behind the scheme (NIP-98), for ``path`` (with its query)
        of this site; each event is good once. Raises as ``show_nostr``."""
        event, now = nostr.from_header(value), self.clock.now()
        nostr.check_http_auth(event, self.site.origin + path, method, body, now)
        await self._count(TRY_PER_IP, asker.ip)
        ends_at = now + timedelta(seconds=2 * nostr.HTTP_WINDOW_S)
        seen = Challenge(new_id(), FactorKind.NOSTR, Purpose.ENTER, None, "", ends_at)
        async with self.db.transaction() as tx:
            if not await store.put_used(tx, seen, nonce_hash(event.id), now):
                raise AttemptOver
        proved = Proved(FactorKind.NOSTR, event.pubkey.hex(), ("pop",), name="Nostr key")
        return Shown(proved, Purpose.ENTER, None)

    # -- common ---------------------------------------------------------------------------------

    async def links_by_passkey(self, found: Any) -> bool:
        """Whether a passkey's answer is to a request to link: that may need a second proof, which its asker must
        hear of before the answer is used up. Raises PasskeyMalformed."""
        return await self._links(FactorKind.PASSKEY, passkey.read_response(found).challenge)

    async def links_by_bitcoin(self, nonce: str) -> bool:
        """The same of a signature."""
        return await self._links(FactorKind.BITCOIN, nonce.encode())

    async def links_by_nostr(self, found: Any) -> bool:
        """The same of an event. Raises NostrMalformed, a NostrRefused."""
        return await self._links(FactorKind.NOSTR, nostr.challenge_in(nostr.read_event(found)).encode())

    async def _links(self, kind: FactorKind, nonce: bytes) -> bool:
        async with self.db.reading() as tx:
            row = await store.look(tx, kind, nonce_hash(nonce))
        return row is not None and row.challenge.purpose is Purpose.LINK

    async def sweep(self) -> int:
        """Drop challenges that are over: addresses and keys stand in them. Run it every few minutes."""
        async with self.db.transaction() as tx:
            return await store.sweep(tx, self.clock.now())

    async def _ask(
        self, kind: FactorKind, asker: Asker, purpose: Purpose, hashed: bytes, life_s: int, about: str
    ) -> Challenge:
        """Keep a new challenge."""
        user_id = None if purpose in LOGGED_OUT else asker.user_id
        if purpose not in LOGGED_OUT and user_id is None:
            raise NotAuthenticated
        if asker.counted:
            await self._count(ASK_PER_IP, asker.ip)
        ends_at = (self.clock.now() + timedelta(seconds=life_s)).replace(microsecond=0)
        challenge = Challenge(new_id(), kind, purpose, user_id, about, ends_at)
        async with self.db.transaction() as tx:
            await store.put(tx, challenge, hashed, asker.browser_hash)
        return challenge

    async def _burn(self, kind: FactorKind, asker: Asker, nonce: bytes) -> Challenge:
        """Use a challenge up, in its own commit, whatever comes of it; then see whether it was the asker's."""
        if asker.counted:
            await self._count(TRY_PER_IP, asker.ip)
        now = self.clock.now()
        async with self.db.transaction() as tx:
            row = await store.burn(tx, kind, nonce_hash(nonce), now)
        if row is None or row.challenge.expires_at <= now or not self._is_askers(row, asker):
            raise AttemptOver
        return row.challenge

    def _is_askers(self, row: store.Row, asker: Asker) -> bool:
        challenge = row.challenge
        same = row.browser_hash is None or row.browser_hash == asker.browser_hash
        return same and (challenge.purpose in LOGGED_OUT or challenge.user_id == asker.user_id)

    async def _check_purpose(self, purpose: Purpose, proved: Proved, user_id: UUID | None) -> None:
        """Raises KeyUnknown, KeyKnown, KeyOfAnother."""
        async with self.db.reading() as tx:
            factor = await self.links.find(tx, proved.kind, proved.subject)
        if purpose is Purpose.LOGIN and factor is None:
            raise KeyUnknown
        if purpose is Purpose.REGISTER and factor is not None:
            raise KeyKnown
        if purpose is Purpose.AUTH and (factor is None or factor.user_id != user_id):
            raise KeyOfAnother

    async def _count(self, rate: Rate, ip: str | None) -> None:
        """Raises TooManyRequests."""
        address = clean_ip(ip)
        if not self.links.policy.count_loopback and address is not None and ip_address(address).is_loopback:
            return
        key = self.links.vault.keys.mark("rate", ip_keys(address)[0]).hex()
        async with self.db.transaction() as tx:
            wait = await rates.take(tx, [(rate, key)], self.clock.now())
        if wait:
            raise TooManyRequests(retry_after_s=wait)


def wallet_key(hashed: bytes) -> str:
    """By which facts of a wallet's answer are found (``Hub.follow``)."""
    return f"wallet:{hashed.hex()}"


def wallet_key_of(handle: str) -> str:
    return wallet_key(nonce_hash(lnurl.k1_of(handle)))
