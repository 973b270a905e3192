"""Nouns and rules of accounts: levels, limits, usernames."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, IntEnum

from hazina.access import ALL_SCOPES, READ_ONLY, Scope, limit_claim
from hazina.accounts.errors import InvalidUsername
from hazina.identity import FactorKind, User, reads_as_phone
from hazina.kernel.ids import UUID
from hazina.kernel.money import Asset, Cents
from hazina.kernel.units import Claim


class Status(Enum):
    """What an account may."""

    INVITED = "invited"  # somebody asked where to pay this phone: may be paid; its owner's first log-in makes it ACTIVE
    ACTIVE = "active"
    LOCKED = "locked"  # may look, may not move
    CLOSED = "closed"  # may not even log in


USABLE = frozenset({Status.ACTIVE, Status.INVITED})
"""Accounts that may be paid, and pay."""


class Level(IntEnum):
    """How well the bank knows a customer; Blink's names."""

    ZERO = 0  # a device
    ONE = 1  # a phone
    TWO = 2  # a person with papers
    THREE = 3  # a business


@dataclass(frozen=True, slots=True)
class Account:
    id: UUID
    user_id: UUID
    username: str | None
    level: Level
    status: Status
    default_wallet_id: UUID
    display_currency: str  # ISO 4217
    created_at: datetime
    merchant: bool = False  # on the map, and an operator has looked


@dataclass(frozen=True, slots=True)
class Wallet:
    id: UUID
    account_id: UUID
    asset: Asset
    ledger_account: int


@dataclass(frozen=True, slots=True)
class Holder:
    """A wallet and the account that it belongs to."""

    account: Account
    wallet: Wallet

    @property
    def active(self) -> bool:
        """May money be moved to and from it?"""
        return self.account.status in USABLE


@dataclass(frozen=True, slots=True)
class Person:
    user: User
    account: Account


@dataclass(frozen=True, slots=True)
class LoggedIn:
    token: str  # shown once
    totp_required: bool
    user_id: UUID
    new: bool = False


def scopes_of(status: Status) -> frozenset[Scope]:
    """How far a session of an account goes."""
    return ALL_SCOPES if status is Status.ACTIVE else READ_ONLY


def level_by(kinds: Iterable[FactorKind]) -> Level:
    """Of somebody who shows no papers: ONE with a phone."""
    return Level.ONE if FactorKind.PHONE in kinds else Level.ZERO


# -- limits (Blink's table; cents in any 24 hours, both wallets together) -------------------------


class LimitKind(Enum):
    WITHDRAWAL = "withdrawal"  # leaves the bank
    INTRALEDGER = "intraledger"  # to another customer
    TRADE = "trade"  # between the customer's own wallets


LIMIT_WINDOW_S = 86_400
_CAPS: dict[LimitKind, tuple[int, int, int, int]] = {
    LimitKind.WITHDRAWAL: (12_500, 100_000, 5_000_000, 10_000_000),
    LimitKind.INTRALEDGER: (12_500, 200_000, 5_000_000, 10_000_000),
    LimitKind.TRADE: (200_000, 5_000_000, 20_000_000, 30_000_000),
}


@dataclass(frozen=True, slots=True)
class Limit:
    """Of one kind, at one moment."""

    total: Cents
    remaining: Cents
    window_s: int


@dataclass(frozen=True, slots=True)
class Limits:
    withdrawal: Limit
    internal_send: Limit
    convert: Limit


def level_cap(level: Level, kind: LimitKind) -> Cents:
    """What an account of ``level`` may move in any 24 hours."""
    return Cents(_CAPS[kind][level])


def limit_subject(kind: LimitKind, account_id: UUID) -> str:
    return f"{kind.value}:{account_id}"


def limit_for(account: Account, kind: LimitKind, amount: Cents, at: datetime) -> Claim:
    """The claim that reserves ``amount`` of what the account may move. Fees are no part of it."""
    cap = level_cap(account.level, kind).n
    return limit_claim(limit_subject(kind, account.id), LIMIT_WINDOW_S, cap, amount.n, at)


def window_start(at: datetime) -> datetime:
    """Volume moved at or before this counts no longer."""
    return at - timedelta(seconds=LIMIT_WINDOW_S)


def limit_now(level: Level, kind: LimitKind, spent: int) -> Limit:
    total = level_cap(level, kind)
    return Limit(total, Cents(max(total.n - spent, 0)), LIMIT_WINDOW_S)


# -- usernames ----------------------------------------------------------------------------------

# ASCII only, so that two names that look alike are the same name.
_USERNAME = re.compile(r"(?![13_]|bc1|lnbc1)(?=[0-9a-z_]*[a-z])[0-9a-z_]{3,50}", re.ASCII)
# fmt: off
_RESERVED = frozenset({
    "abuse", "account", "accounts", "admin", "administrator", "api", "app", "bank", "billing", "blink",
    "compliance", "dealer", "finance", "funder", "hazina", "help", "helpdesk", "hostmaster", "info", "legal",
    "mail", "moderator", "node", "null", "official", "operator", "owner", "payments", "postmaster", "root",
    "sales", "security", "service", "staff", "support", "system", "team", "treasury", "undefined", "webmaster",
    "www",
})
# First parts of the bank's own addresses: a customer's page is at /<username>.
_PATHS = frozenset({
    "accounts", "apps", "assets", "auth", "balance", "callbacks", "chat", "checkout", "device", "docs", "explore",
    "favicon", "graphql", "graphqlws", "health", "healthz", "hooks", "images", "index", "links", "livez", "lnurl",
    "lnurlp", "lnurlw", "login", "logout", "manifest", "map", "me", "metrics", "oauth", "pages", "pay", "privacy",
    "readyz", "receive", "register", "robots", "sandbox", "scan", "send", "settings", "setup", "setuppwa", "share",
    "shops", "sitemap", "static", "status", "terms", "token", "userinfo", "voucher", "wallet", "well_known",
})
# fmt: on


def parse_username(text: str) -> str:
    """The one form of a name: lower case. Raises InvalidUsername for what is none, phone numbers
    (also such as are dialled by letters) included."""
    name = text.lower() if len(text) <= 50 and text.isascii() else ""
    if not _USERNAME.fullmatch(name) or reads_as_phone(name):
        raise InvalidUsername
    return name


def is_reserved(name: str) -> bool:
    """Names that could pass for the bank's own, or whose page would lie behind one of its own."""
    bare = name.strip("_0123456789")
    return bare in _RESERVED or name in _PATHS or bare in _PATHS or name.startswith("hazina")


# -- contacts, notices --------------------------------------------------------------------------


class ContactKind(Enum):
    INTRALEDGER = "intraledger"  # handle: a username of this bank
    LNADDRESS = "lnaddress"  # handle: a Lightning Address elsewhere


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody whom an account knows. ``alias``: what its owner calls them."""

    id: UUID
    kind: ContactKind
    handle: str
    alias: str | None
    transactions_count: int
    created_at: datetime


class Category(Enum):
    """What notifications are about; Blink's names."""

    PAYMENTS = "Payments"
    CIRCLES = "Circles"
    PRICE = "Price"
    ADMIN_NOTIFICATION = "AdminNotification"
    MARKETING = "Marketing"


@dataclass(frozen=True, slots=True)
class PushSettings:
    """Whether anything is pushed to a person's devices, and which categories are not."""

    enabled: bool = True
    disabled: frozenset[Category] = frozenset()


@dataclass(frozen=True, slots=True)
class Notice:
    """Told inside the app, until it is acknowledged. ``deep_link``: a path of the app; ``url``: a page elsewhere; one
    of them at most, with ``label`` on its button. ``bulletin``: shown on the home screen. ``icon``: Blink's name."""

    id: UUID
    title: str
    body: str
    deep_link: str | None
    url: str | None
    label: str | None
    icon: str | None
    bulletin: bool
    created_at: datetime
    acknowledged_at: datetime | None = None
