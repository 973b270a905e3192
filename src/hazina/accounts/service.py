"""The verbs of accounts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from hazina.access import ApiKey, Caller, Cap, Scope, caps_of, fingerprint, spent
from hazina.accounts import store
from hazina.accounts.errors import (
    InvalidUsername,
    RecipientNotActive,
    RecipientUnknown,
    UsernameFixed,
    UsernameTaken,
    WalletUnknown,
)
from hazina.accounts.model import (
    USABLE,
    Account,
    Holder,
    LimitKind,
    Limits,
    LoggedIn,
    Person,
    Status,
    Wallet,
    is_reserved,
    level_by,
    limit_now,
    limit_subject,
    parse_username,
    scopes_of,
    window_start,
)
from hazina.identity import (
    FACTOR_RELEASE,
    FACTOR_REMOVE,
    KEY,
    PAYMENT,
    FactorKind,
    FactorUnknown,
    Identity,
    InvalidPhone,
    Proved,
    User,
    clean_ip,
    outgoing_claim,
    parse_phone,
    step_up_claim,
    token_hash,
)
from hazina.kernel.clock import Clock
from hazina.kernel.db import Database, Tx
from hazina.kernel.errors import NotAuthorized, TooManyRequests
from hazina.kernel.events import tell
from hazina.kernel.gather import Gather
from hazina.kernel.ids import UUID, public_id
from hazina.kernel.money import Asset, Cents
from hazina.kernel.units import Claim
from hazina.ledger import balances, open_account

DISPLAY_CURRENCY = "USD"
STRONG = {FactorKind.TOTP.value, FactorKind.PASSKEY.value}


@dataclass(frozen=True, slots=True)
class Accounts:
    db: Database
    clock: Clock
    identity: Identity
    _tickets: Gather[bytes, store.Ticket] = field(init=False, repr=False, compare=False)
    _holders: Gather[UUID, Holder] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_tickets", Gather(self._look_up_tickets))
        object.__setattr__(self, "_holders", Gather(self._look_up_holders))

    async def _look_up_tickets(self, hashes: Sequence[bytes]) -> dict[bytes, store.Ticket]:
        async with self.db.reading() as tx:
            return await store.tickets(tx, hashes, self.identity.live_since(), self.clock.now())

    async def _look_up_holders(self, wallet_ids: Sequence[UUID]) -> dict[UUID, Holder]:
        async with self.db.reading() as tx:
            return await store.holders(tx, wallet_ids)

    # -- coming in ------------------------------------------------------------------------------

    async def log_in(self, phone: str, code: str, *, ip: str | None, agent: str | None) -> LoggedIn:
        """Trade a code for a session token. Whoever is new gets user, account and wallets in the same
        commit that uses the code up. Raises what ``Identity.prove`` raises."""
        proof = await self.identity.prove(phone, code, ip, agent)
        return await self.enter(lambda tx: self.identity.redeem(tx, proof), ip=ip, agent=agent)

    async def enter(self, redeem: Callable[[Tx], Awaitable[Proved]], *, ip: str | None, agent: str | None) -> LoggedIn:
        """The way in for every kind of factor. ``redeem``: a step that uses up what was proved and says what it
        was; it may run more than once. Whoever is new gets everything in that commit. Raises what ``redeem``
        raises, NotRegistered."""

        async def come_in(tx: Tx) -> LoggedIn:
            proved = await redeem(tx)
            entered = await self.identity.enter(tx, proved, ip=ip, agent=agent)
            await self._ensure_account(tx, entered.user, (proved.kind,))
            await store.activate(tx, entered.user.id)
            return LoggedIn(entered.token, entered.totp_required, entered.user.id, entered.new)

        return await self.db.again(come_in)

    # -- second proofs --------------------------------------------------------------------------

    def payment_claims(self, caller: Caller, payer: Account, cents: Cents, content: str, said: str) -> list[Claim]:
        """What a unit must claim by which money leaves the caller: that no hold is on, or that this little still
        fits, and a second proof for much. ``content``: fingerprint of the order; ``said``: the order, as it is
        shown where it is confirmed."""
        now = self.clock.now()
        claims = [outgoing_claim(caller.user_id, cents.n, now)]
        needed = self.identity.policy.step_up.payment_needs(payer.level, cents.n, caller.wary)
        if caller.session_id is None or not needed:  # a key or an app is bound by its caps
            return claims
        return [*claims, step_up_claim(caller.user_id, PAYMENT, content, said, caller.step_up, now)]

    async def second_proof(
        self, caller: Caller, verb: str, content: Mapping[str, str], said: str
    ) -> Callable[[Tx], Awaitable[None]]:
        """The same for what moves no money (``stepup.KEY``, ``FACTOR_ADD`` and the others): a step that uses the
        proof up in the transaction of the act, and does nothing where none is needed. It is asked of whoever has
        more to prove with than messages (an authenticator app, a passkey): clients written for Blink know no
        step-up, and a code by SMS proves little more than the session does. Of a session that may have been relayed
        it is asked in any case. Raises StepUpRequired."""
        if caller.session_id is None and verb != KEY:
            raise NotAuthorized("Only its holder, logged in, may change the ways into an account.")
        account = await self.account(caller.account_id)
        policy, mark = self.identity.policy.step_up, fingerprint(**content)
        needed = verb == FACTOR_RELEASE or (policy.keys if verb == KEY else policy.factors)[account.level]
        if needed and verb != FACTOR_RELEASE:
            methods = await self.identity.stepup.methods(caller.user_id)
            needed = not STRONG.isdisjoint(methods) or (caller.wary and (verb == KEY or bool(methods)))
        token = caller.step_up
        if needed and token is None:
            raise await self.identity.stepup.required(caller.user_id, verb, mark, said)

        async def spend(tx: Tx) -> None:
            if needed and token is not None:
                await self.identity.stepup.spend(tx, caller.user_id, verb, mark, token)

        return spend

    async def change_factors(
        self, caller: Caller, verb: str, content: Mapping[str, str], said: str, change: Callable[[Tx], Awaitable[None]]
    ) -> None:
        """``change`` adds or removes a way to log in: with the second proof that it needs, in one commit. Raises
        StepUpRequired, StepUpRefused, and what ``change`` raises."""
        spend = await self.second_proof(caller, verb, content, said)

        async def step(tx: Tx) -> None:
            await spend(tx)
            await change(tx)
            await self.raise_level(tx, caller.user_id)

        await self.db.again(step)

    async def remove_factor(
        self, caller: Caller, factor: UUID | FactorKind, *, ip: str | None, agent: str | None
    ) -> None:
        """One of the caller's own, by its id, or the only one of a kind. Raises FactorUnknown, LastFactor,
        StepUpRequired, StepUpRefused."""
        standing = await self.identity.factors(caller.user_id)
        found = next((one for one in standing if factor in (one.id, one.kind)), None)
        if found is None:
            raise FactorUnknown

        async def unlink(tx: Tx) -> None:
            await self.identity.links.unlink(tx, caller.user_id, found.id, ip=ip, agent=agent)

        said = f"Stop logging in by {found.kind.value}"
        await self.change_factors(caller, FACTOR_REMOVE, {"factor": str(found.id)}, said, unlink)

    async def release_factor(self, caller: Caller, factor_id: UUID, *, ip: str | None, agent: str | None) -> datetime:
        """The caller agrees that whoever proves this way to log in within ten minutes takes it over: so it moves
        between two accounts by both proofs, and never by one. Always behind a second proof. Raises FactorUnknown,
        LastFactor, StepUpRequired, StepUpRefused."""
        found = next((one for one in await self.identity.factors(caller.user_id) if one.id == factor_id), None)
        if found is None:
            raise FactorUnknown
        said = f"Let another account take over your {found.kind.value}"
        spend = await self.second_proof(caller, FACTOR_RELEASE, {"factor": str(factor_id)}, said)

        async def release(tx: Tx) -> datetime:
            await spend(tx)
            return await self.identity.links.release(tx, caller.user_id, factor_id, ip=ip, agent=agent)

        return await self.db.again(release)

    async def raise_level(self, tx: Tx, user_id: UUID) -> None:
        """After a phone was added to an account that had none."""
        account = await store.account_by_user(tx, user_id)
        kinds = [factor.kind for factor in await self.identity.links.of(tx, user_id)]
        if account is not None and account.level < (level := level_by(kinds)):
            await store.set_level(tx, account.id, level)

    async def _ensure_account(
        self, tx: Tx, user: User, kinds: Sequence[FactorKind] = (FactorKind.PHONE,), status: Status = Status.ACTIVE
    ) -> None:
        now = self.clock.now()
        if await store.account_by_user(tx, user.id) is not None:
            return
        account_id = public_id()
        wallets = [(public_id(), asset) for asset in (Asset.BTC, Asset.USD)]
        account = Account(account_id, user.id, None, level_by(kinds), status, wallets[0][0], DISPLAY_CURRENCY, now)
        if await store.put_account(tx, account):
            for wallet_id, asset in wallets:
                number = await open_account(tx, asset, floor=0)
                await store.put_wallet(tx, Wallet(wallet_id, account_id, asset, number), now)

    async def caller(self, token: str, ip: str | None) -> Caller | None:
        """Who holds ``token``; None when it is not valid (any more)."""
        hashed = token_hash(token)
        if hashed is None:
            return None
        found = await self._tickets.get(hashed)
        if found is None:
            return None
        if self.identity.is_due(found.last_used_at):
            async with self.db.transaction() as tx:
                await self.identity.touch(tx, found.session_id, found.last_used_at)
        scopes = scopes_of(Status(found.status))
        return Caller(
            found.user_id, found.account_id, found.session_id, scopes, clean_ip(ip),
            amr=tuple(found.amr), auth_time=found.auth_time, wary=found.wary,
        )  # fmt: skip

    async def caller_of_app(
        self, user_id: UUID, rights: frozenset[Scope], ip: str | None, *, client_id: str, caps: Sequence[Cap] = ()
    ) -> Caller | None:
        """An app that acts for somebody, as far as both of them may; None when the account is closed."""
        account = await self.of_user(user_id)
        if account is None:
            return None
        scopes = rights & scopes_of(account.status)
        return Caller(user_id, account.id, None, scopes, clean_ip(ip), tuple(caps), client_id)

    async def caller_of_key(self, key: ApiKey, ip: str | None) -> Caller | None:
        """A program that acts by a key, as far as the account may; None when it is closed."""
        account = await self.of_user(key.user_id)
        if account is None:
            return None
        return Caller(key.user_id, account.id, None, key.scopes & scopes_of(account.status), clean_ip(ip), caps_of(key))

    async def of_user(self, user_id: UUID) -> Account | None:
        """A person's account; None when it is closed, or there is none."""
        async with self.db.reading() as tx:
            account = await store.account_by_user(tx, user_id)
        return None if account is None or account.status is Status.CLOSED else account

    # -- looking --------------------------------------------------------------------------------

    async def me(self, caller: Caller) -> Person:
        async with self.db.reading() as tx:
            user = await self.identity.user(tx, caller.user_id)
            account = await store.account_by_id(tx, caller.account_id)
        assert user is not None and account is not None, "a caller has an account"
        return Person(user, account)

    async def account(self, account_id: UUID) -> Account:
        async with self.db.reading() as tx:
            account = await store.account_by_id(tx, account_id)
        assert account is not None, "account ids come from callers and wallets"
        return account

    async def set_display_currency(self, caller: Caller, currency: str) -> None:
        """What amounts are shown in from now on; ``currency`` is one that the dealer has a rate of. Open screens of the
        account are told."""
        async with self.db.transaction() as tx:
            await store.set_display_currency(tx, caller.account_id, currency)
            await tell(tx, "currency", [f"account:{caller.account_id}"], currency=currency)

    async def wallets(self, account_id: UUID) -> tuple[Wallet, ...]:
        """BTC, then USD."""
        async with self.db.reading() as tx:
            return await store.wallets_of(tx, account_id)

    async def holds_money(self, caller: Caller) -> bool:
        """Is there anything in the caller's wallets, also what is set aside?"""
        async with self.db.reading() as tx:
            wallets = await store.wallets_of(tx, caller.account_id)
            found = await balances(tx, [wallet.ledger_account for wallet in wallets])
        return any(one.balance for one in found.values())

    async def wallet_for(self, caller: Caller, wallet_id: UUID) -> Wallet:
        """The caller's own wallet. Raises WalletUnknown for a missing and for a foreign one."""
        async with self.db.reading() as tx:
            return await wallet_for(tx, caller, wallet_id)

    async def recipient(self, wallet_id: UUID) -> Wallet:
        """Any customer's wallet that can receive. Raises RecipientUnknown, RecipientNotActive."""
        async with self.db.reading() as tx:
            return await recipient(tx, wallet_id)

    async def holders(self, *wallet_ids: UUID) -> dict[UUID, Holder]:
        """Those wallets that exist, each with its account. Asked for by many at once: one query."""
        found = await asyncio.gather(*(self._holders.get(wallet_id) for wallet_id in wallet_ids))
        return {holder.wallet.id: holder for holder in found if holder is not None}

    async def default_wallet(
        self, username: str, currency: Asset | None, *, invite: bool = False, ip: str | None = None
    ) -> Wallet:
        """The wallet behind a customer's name or phone number: the one of ``currency``, else the one
        the customer chose. ``invite``: a phone that nobody here has gets an account that waits for its owner (for
        ``ip``, which asks). Raises InvalidUsername, RecipientUnknown, RecipientNotActive, TooManyRequests."""
        async with self.db.reading() as tx:
            account = await self._account_named(tx, username)
        if account is None and invite:
            account = await self._invite(username, ip)
        if account is None or account.status is Status.CLOSED:
            raise RecipientUnknown
        if account.status not in USABLE:
            raise RecipientNotActive
        async with self.db.reading() as tx:
            wallets = await store.wallets_of(tx, account.id)
        for wallet in wallets:
            if wallet.asset is currency or (currency is None and wallet.id == account.default_wallet_id):
                return wallet
        raise AssertionError("an account has a wallet of each asset")

    async def _account_named(self, tx: Tx, text: str) -> Account | None:
        """By username, else by phone number."""
        try:
            return await store.account_by_username(tx, parse_username(text))
        except InvalidUsername:
            pass
        try:
            user = await self.identity.user_by_phone(tx, parse_phone(text))
        except InvalidPhone:
            raise InvalidUsername from None
        return None if user is None else await store.account_by_user(tx, user.id)

    async def _invite(self, text: str, ip: str | None) -> Account | None:
        """An account for a phone, which its owner's first log-in makes theirs; None for what is no phone that the
        bank serves. Raises TooManyRequests."""
        try:
            phone = parse_phone(text)
        except InvalidPhone:
            return None
        if not self.identity.serves(phone):
            return None
        wait = await self.identity.count_invitation(ip)
        if wait:
            raise TooManyRequests(retry_after_s=wait)

        async def make(tx: Tx) -> Account | None:
            user, _ = await self.identity.person_of(tx, Proved(FactorKind.PHONE, phone, ()))
            await self._ensure_account(tx, user, status=Status.INVITED)
            return await store.account_by_user(tx, user.id)

        return await self.db.again(make)

    async def set_default_wallet(self, caller: Caller, wallet_id: UUID) -> Account:
        """The one that is paid where only the customer is named. Raises WalletUnknown."""
        async with self.db.transaction() as tx:
            wallet = await wallet_for(tx, caller, wallet_id)
            await store.set_default_wallet(tx, caller.account_id, wallet.id)
        return await self.account(caller.account_id)

    async def limits(self, caller: Caller) -> Limits:
        """What the caller's account may move in 24 hours, and what is left of that now."""
        since = window_start(self.clock.now())
        async with self.db.reading() as tx:
            account = await store.account_by_id(tx, caller.account_id)
            used = {kind: await spent(tx, limit_subject(kind, caller.account_id), since) for kind in LimitKind}
        assert account is not None, "a caller has an account"
        now = {kind: limit_now(account.level, kind, used[kind]) for kind in LimitKind}
        return Limits(now[LimitKind.WITHDRAWAL], now[LimitKind.INTRALEDGER], now[LimitKind.TRADE])

    # -- usernames ------------------------------------------------------------------------------

    async def username_available(self, name: str) -> bool:
        """May somebody new take this name? Raises InvalidUsername for what is no name."""
        parsed = parse_username(name)
        if is_reserved(parsed):
            return False
        async with self.db.reading() as tx:
            return await store.account_by_username(tx, parsed) is None

    async def set_username(self, caller: Caller, name: str) -> Account:
        """Name the caller's account, once. Raises InvalidUsername, UsernameTaken, UsernameFixed."""
        parsed = parse_username(name)
        async with self.db.transaction() as tx:
            account = await store.account_by_id(tx, caller.account_id)
            assert account is not None, "a caller has an account"
            if account.username is not None:
                raise UsernameFixed
            if is_reserved(parsed):
                raise UsernameTaken
            named = await store.name_account(tx, account.id, parsed)
            if named is None:
                raise UsernameTaken
            if not named:  # another request of the same caller was quicker
                raise UsernameFixed
        return await self.account(caller.account_id)


async def wallet_for(tx: Tx, caller: Caller, wallet_id: UUID) -> Wallet:
    """As ``Accounts.wallet_for``, in the caller's transaction."""
    wallet = await store.wallet_by_id(tx, wallet_id)
    if wallet is None or wallet.account_id != caller.account_id:
        raise WalletUnknown
    return wallet


async def recipient(tx: Tx, wallet_id: UUID) -> Wallet:
    """As ``Accounts.recipient``, in the caller's transaction."""
    wallet = await store.wallet_by_id(tx, wallet_id)
    account = None if wallet is None else await store.account_by_id(tx, wallet.account_id)
    if wallet is None or account is None or account.status is Status.CLOSED:
        raise RecipientUnknown
    if account.status not in USABLE:
        raise RecipientNotActive
    return wallet
