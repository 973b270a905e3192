"""Nouns and rules of identity: phone numbers, codes, tokens, what may be asked how often."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, StrEnum
from typing import Any

import phonenumbers
from phonenumbers import PhoneNumberType

from hazina.identity.errors import InvalidChannel, InvalidCode, InvalidPhone
from hazina.kernel.crypto import Keys
from hazina.kernel.ids import UUID
from hazina.kernel.rates import Rate
from hazina.kernel.units import Claim

HOUR_S, DAY_S = 3_600, 86_400
CODE_TRIES = 5
CODE_LIFE_S = 600

TOKEN_PREFIX = "hzn_st_"  # noqa: S105 - a mark by which leaked tokens are found, no secret
TOKEN_LENGTH = 39
"""Blink's clients take session tokens of 32 or 39 characters."""

AGENT_MAX = 200


FACTORS_MAX = 50
"""Of one person."""


class FactorKind(StrEnum):
    """Ways to log in, and ``TOTP``, which only confirms. The names are in the database."""

    PHONE = "phone"  # subject: E.164
    EMAIL = "email"  # subject: the address in lower case
    TOTP = "totp"  # subject: the person's id
    PASSKEY = "passkey"  # subject: the credential id, base64url
    LNURL = "lnurl"  # subject: the linking key, 66 hex digits
    BITCOIN = "bitcoin"  # subject: the address
    NOSTR = "nostr"  # subject: the public key, 64 hex digits
    DEVICE = "device"  # subject: the pair's user name


@dataclass(frozen=True, slots=True)
class User:
    id: UUID
    phone: str | None  # E.164
    language: str  # "" = not chosen
    created_at: datetime
    email: str | None = None
    totp: bool = False


@dataclass(frozen=True, slots=True)
class Factor:
    """One way to log in. ``data``: what the kind keeps in clear (a public key, a counter)."""

    id: UUID
    user_id: UUID
    kind: FactorKind
    subject: str
    name: str
    data: Mapping[str, Any]
    created_at: datetime
    last_used_at: datetime | None
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Proved:
    """Somebody proved ``subject`` a moment ago. ``amr``: how (RFC 8176). ``wary``: in a way that can be relayed
    or copied (a scanned QR code, a passkey whose counter went back), so that money needs a second proof sooner.
    ``name``, ``data``: of the factor, when it is new."""

    kind: FactorKind
    subject: str
    amr: tuple[str, ...]
    wary: bool = False
    name: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entered:
    """``token`` is shown once. ``totp_required``: it opens nothing until a second factor is shown."""

    user: User
    token: str
    totp_required: bool
    new: bool


@dataclass(frozen=True, slots=True)
class Session:
    id: UUID
    user_id: UUID
    created_at: datetime
    last_used_at: datetime  # exact to a minute
    expires_at: datetime
    ip: str | None
    agent: str | None
    amr: tuple[str, ...]
    auth_time: datetime
    totp_pending: bool

    @property
    def device(self) -> str:
        return device_of(self.agent)

    @property
    def place(self) -> str | None:
        """The network that it came from: an address tells little more without a map of addresses."""
        return None if self.ip is None else ip_keys(self.ip)[1]


@dataclass(frozen=True, slots=True)
class Challenge:
    """A second proof that was asked for. It is good for exactly this: ``fingerprint`` of the content, shown to
    the customer as ``said``. ``state``: what the chosen ``method`` keeps until the answer comes."""

    id: UUID
    user_id: UUID
    verb: str
    fingerprint: str
    said: str
    expires_at: datetime
    method: str | None = None
    state: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StepUpPolicy:
    """What needs a second proof, by the level of the account (0 to 3). Callers that act by an API key or for an
    app are bound by its caps instead."""

    payment_over_cents: tuple[int | None, ...] = (None, None, 500_000, 2_000_000)
    """A payment of more than this; None: none does. The limits of the lower two levels are small themselves."""
    wary_over_cents: int | None = 5_000
    """The same at every level where the session was opened in a way that can be relayed or copied."""
    keys: tuple[bool, ...] = (True, True, True, True)
    """Making an API key: asked of whoever has an authenticator app or a passkey."""
    factors: tuple[bool, ...] = (True, True, True, True)
    """Adding or removing a way to log in: asked of the same."""

    def payment_needs(self, level: int, cents: int, wary: bool) -> bool:
        most = [self.payment_over_cents[level], *([self.wary_over_cents] if wary else [])]
        return any(one is not None and cents > one for one in most)


@dataclass(frozen=True, slots=True)
class Proof:
    """Somebody showed the right code for ``phone``. Worth one redemption."""

    code_id: UUID
    phone: str
    ip: str | None


class Channel(Enum):
    SMS = "SMS"
    WHATSAPP = "WHATSAPP"


CODE_PER_PHONE = Rate("code_per_phone", 6, HOUR_S, HOUR_S)
CODE_PER_IP = Rate("code_per_ip", 30, HOUR_S, HOUR_S)
LOGIN_PER_PHONE = Rate("login_per_phone", 8, HOUR_S, HOUR_S)
FAILED_LOGIN_PER_IP = Rate("failed_login_per_ip", 40, 6 * HOUR_S, 4 * HOUR_S)
CODE_PER_NETWORK = Rate("code_per_network", 200, DAY_S, HOUR_S)
CODE_PER_RANGE = Rate("code_per_range", 100, DAY_S, HOUR_S)
CODE_PER_COUNTRY = Rate("code_per_country", 5_000, DAY_S, HOUR_S)
FACTOR_CHANGES = Rate("factor_changes", 30, DAY_S, DAY_S)
STEP_UP_ASKED = Rate("step_up_asked", 30, HOUR_S, HOUR_S)
CODE_IN_ALL = Rate("code_in_all", 20_000, DAY_S, HOUR_S)
INVITATIONS_PER_IP = Rate("invitations_per_ip", 10, HOUR_S, HOUR_S)
INVITATIONS_IN_ALL = Rate("invitations_in_all", 2_000, DAY_S, HOUR_S)


@dataclass(frozen=True, slots=True)
class Policy:
    """How often and to whom codes are sent. The first four rates are Blink's; the others bound what a
    pumping attack can cost: by network, by range of a thousand numbers, by country and in all.
    None switches a rate off."""

    code_per_phone: Rate = CODE_PER_PHONE
    code_per_ip: Rate = CODE_PER_IP
    login_per_phone: Rate = LOGIN_PER_PHONE
    failed_login_per_ip: Rate = FAILED_LOGIN_PER_IP
    code_per_network: Rate | None = CODE_PER_NETWORK
    code_per_range: Rate | None = CODE_PER_RANGE
    code_per_country: Rate | None = CODE_PER_COUNTRY
    code_in_all: Rate | None = CODE_IN_ALL
    invitations_per_ip: Rate = INVITATIONS_PER_IP
    """Accounts for phones whose owners have not come yet: anyone may ask for them."""
    invitations_in_all: Rate = INVITATIONS_IN_ALL
    countries: frozenset[str] | None = None
    """ISO codes that codes are sent to; None: every country. Numbers of no country never."""
    count_loopback: bool = True
    """False where the outside is a sandbox: this machine's own tests share one address."""
    session_idle_s: int = 365 * DAY_S
    """A session that was not used for so long is over."""
    session_max_s: int = 3 * 365 * DAY_S
    """However much it is used."""
    new_by: frozenset[FactorKind] = frozenset(FactorKind) - {FactorKind.EMAIL, FactorKind.TOTP}
    """Which make an account for whoever is new."""
    step_up: StepUpPolicy = field(default_factory=StepUpPolicy)
    step_up_asked: Rate = STEP_UP_ASKED
    factor_changes: Rate = FACTOR_CHANGES
    """Of one person: each change sends messages."""
    hold_s: int = DAY_S
    """After a way to log in was added or removed, little may leave for so long. At most 30 days; 0: no hold."""
    hold_cents: int = 5_000
    """How much may leave in all while that lasts."""


SANDBOX_POLICY = Policy(
    code_per_network=None, code_per_range=None, code_per_country=None, code_in_all=None, count_loopback=False
)
"""Messages cost nothing there. The limits for a phone stay, and those for addresses from outside."""


# -- phones -------------------------------------------------------------------------------------

_PHONE = re.compile(r"(?:\+|00)?[0-9][0-9 ().-]{3,29}", re.ASCII)
_NEVER = frozenset(
    {
        PhoneNumberType.PREMIUM_RATE,
        PhoneNumberType.SHARED_COST,
        PhoneNumberType.TOLL_FREE,
        PhoneNumberType.UAN,
        PhoneNumberType.PAGER,
        PhoneNumberType.VOICEMAIL,
    }
)


def parse_phone(text: str) -> str:
    """E.164 of what a person typed: blanks, brackets and dots are dropped, a leading 00 or a missing +
    is mended. Raises ``InvalidPhone`` for what the numbering plans do not know, letters, other
    scripts' digits and extensions."""
    typed = text.strip(" ") if len(text) <= 40 else ""
    if not _PHONE.fullmatch(typed):
        raise InvalidPhone
    digits = re.sub(r"[^0-9]", "", typed)
    number = _parsed("+" + (digits[2:] if typed.startswith("00") else digits))
    if number is None:
        raise InvalidPhone
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def reads_as_phone(text: str) -> bool:
    """Would somebody's phone dial this? (letters count as keys: "800flowersx" would)"""
    return _parsed("+" + text) is not None


def _parsed(text: str) -> phonenumbers.PhoneNumber | None:
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_valid_number(number) else None


def country_of(phone: str) -> str | None:
    """ISO code of the number's country; None for satellite and other numbers of no country."""
    region = phonenumbers.region_code_for_number(phonenumbers.parse(phone, None))
    return region if region is not None and len(region) == 2 and region.isalpha() else None


def is_served(phone: str, policy: Policy) -> bool:
    """May a code be sent there?"""
    country = country_of(phone)
    if country is None or (policy.countries is not None and country not in policy.countries):
        return False
    return phonenumbers.number_type(phonenumbers.parse(phone, None)) not in _NEVER


def parse_channel(text: str) -> Channel:
    """Raises ``InvalidChannel`` for anything but SMS and WHATSAPP (in any case)."""
    if len(text) <= 20 and text.isascii():
        for channel in Channel:
            if text.upper() == channel.value:
                return channel
    raise InvalidChannel


# -- codes --------------------------------------------------------------------------------------


def new_code() -> str:
    """Six digits."""
    return f"{secrets.randbelow(1_000_000):06d}"


def parse_code(text: str) -> str:
    """Raises ``InvalidCode`` for anything but six digits 0-9."""
    if len(text) > 20 or not re.fullmatch(r"[0-9]{6}", text.strip(" ")):
        raise InvalidCode
    return text.strip(" ")


def hash_code(keys: Keys, id_: UUID, code: str) -> str:
    """As it is kept. A code has a million values, so no hash without a key hides it from who reads the row; this
    one has the bank's, and ``id_`` (of the row) for salt."""
    return keys.mark("code", f"{id_}:{code}").hex()


def code_matches(keys: Keys, id_: UUID, code: str, hash_: str) -> bool:
    """In constant time."""
    return hmac.compare_digest(hash_, hash_code(keys, id_, code))


def code_message(code: str) -> str:
    """One SMS: only letters of the GSM 7-bit alphabet, under 160 of them."""
    return f"Your Hazina code is {code}. It is valid for {CODE_LIFE_S // 60} minutes."


# -- tokens -------------------------------------------------------------------------------------

_ALNUM = string.ascii_letters + string.digits
_TOKEN = re.compile(TOKEN_PREFIX + r"[0-9A-Za-z]{32}", re.ASCII)


def new_token() -> str:
    """A session token: 190 random bits behind a prefix."""
    return TOKEN_PREFIX + "".join(secrets.choice(_ALNUM) for _ in range(TOKEN_LENGTH - len(TOKEN_PREFIX)))


def token_hash(token: str) -> bytes | None:
    """SHA-256, the form at rest (a random token needs no slow hash); None: no token of ours."""
    if len(token) != TOKEN_LENGTH or not _TOKEN.fullmatch(token):
        return None
    return hashlib.sha256(token.encode()).digest()


# -- factors ------------------------------------------------------------------------------------

_CALLED = {
    FactorKind.PHONE: "a phone number",
    FactorKind.EMAIL: "an e-mail address",
    FactorKind.TOTP: "an authenticator app",
    FactorKind.PASSKEY: "a passkey",
    FactorKind.LNURL: "a Lightning wallet",
    FactorKind.BITCOIN: "a Bitcoin key",
    FactorKind.NOSTR: "a Nostr key",
    FactorKind.DEVICE: "a device",
}


def change_message(kind: FactorKind, added: bool) -> str:
    """What the other factors are told: one SMS."""
    what = f"{_CALLED[kind]} was {'added to' if added else 'removed from'}"
    return f"Hazina: {what} your account. Was it not you? End all sessions and contact us at once."


def needs_totp(amr: tuple[str, ...], has_totp: bool) -> bool:
    """``mfa``: a passkey that has verified its user is two factors in one."""
    return has_totp and "mfa" not in amr


def outgoing_claim(user_id: UUID, cents: int, at: datetime) -> Claim:
    """Of a unit by which money leaves a person. Lost with code 1 while a hold is on that this would exceed;
    detail ``{"remaining", "until"}``."""
    return Claim("outgoing", {"user_id": str(user_id), "amount": cents, "at": at.isoformat()})


# -- step-up ------------------------------------------------------------------------------------

STEP_UP_PREFIX = "hzn_su_"
STEP_UP_LIFE_S = 300
"""To prove it, and again to use the proof."""
STEP_UP_SPARE_S = 60
"""A challenge that lasts less is not handed out again."""
STEP_UP_TRIES = 5
SAID_MAX = 120
_STEP_UP = re.compile(STEP_UP_PREFIX + r"[0-9A-Za-z]{32}", re.ASCII)


def new_step_up() -> str:
    return STEP_UP_PREFIX + "".join(secrets.choice(_ALNUM) for _ in range(32))


def step_up_hash(token: str) -> bytes | None:
    """SHA-256, the form at rest; None: no proof of ours."""
    return hashlib.sha256(token.encode()).digest() if _STEP_UP.fullmatch(token) else None


STEP_UP_MISSING = 2
"""Code of a lost ``step_up`` claim to which no proof was given: time to ask for one."""


def step_up_claim(user_id: UUID, verb: str, fingerprint: str, said: str, token: str | None, at: datetime) -> Claim:
    """Of a unit that needs a second proof: uses it up in the same commit. Lost with code 1, or with
    ``STEP_UP_MISSING``; detail ``{"user_id", "verb", "fingerprint", "said"}``. So a second proof is asked for only
    when everything else that claims decide is well."""
    hashed = None if token is None else step_up_hash(token) or bytes(32)
    return Claim(
        "step_up",
        {
            "user_id": str(user_id),
            "verb": verb,
            "fingerprint": fingerprint,
            "said": said,
            "token": None if hashed is None else hashed.hex(),
            "at": at.isoformat(),
        },
    )


def step_up_message(code: str, said: str) -> str:
    """One SMS (or the text of an e-mail): what the code is good for, then the code."""
    return f"Hazina: {said}. Code to confirm: {code}. Never tell it to anybody."


def masked(subject: str) -> str:
    """Enough of a phone or an address for its owner to know it."""
    name, at, host = subject.partition("@")
    return f"{name[:1]}***@{host}" if at else f"{subject[:4]}***{subject[-3:]}"


# -- where a request comes from -----------------------------------------------------------------


def clean_ip(text: str | None) -> str | None:
    """The address in its usual form; None for what is none."""
    if text is None or len(text) > 60:
        return None
    try:
        address = ipaddress.ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    return str(getattr(address, "ipv4_mapped", None) or address)


def clean_agent(text: str | None) -> str | None:
    """What a client calls itself, fit for showing."""
    shown = "".join(c for c in (text or "")[:AGENT_MAX] if c.isprintable()).strip()
    return shown or None


_SYSTEMS = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("CrOS", "ChromeOS"),
    ("Mac OS X", "Mac"), ("Linux", "Linux"),
)  # fmt: skip
_PROGRAMS = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser", "Samsung Internet"), ("Firefox/", "Firefox"),
    ("FxiOS", "Firefox"), ("CriOS", "Chrome"), ("Chrome/", "Chrome"), ("Safari/", "Safari"),
)  # fmt: skip
DEVICE_MAX = 40


def device_of(agent: str | None) -> str:
    """A short name for a list of sessions: "Firefox on Android"; else what the client calls itself first."""
    if not agent:
        return "Unknown device"
    system = next((name for mark, name in _SYSTEMS if mark in agent), None)
    program = next((name for mark, name in _PROGRAMS if mark in agent), None)
    if agent.startswith("Mozilla/") and (program or system):
        return f"{program or 'Browser'} on {system}" if system else str(program)
    return agent.split("/")[0].split(" ")[0][:DEVICE_MAX] or "Unknown device"


def ip_keys(ip: str | None) -> tuple[str, str]:
    """Keys to count an address and its network by. One IPv6 customer holds a whole /64. Requests of
    unknown origin share one key."""
    if ip is None:
        return "unknown", "unknown"
    wide = (64, 48) if ipaddress.ip_address(ip).version == 6 else (32, 24)
    one, net = (ipaddress.ip_network(f"{ip}/{bits}", strict=False) for bits in wide)
    return str(one), str(net)


def _counts(ip: str | None, policy: Policy) -> bool:
    return policy.count_loopback or ip is None or not ipaddress.ip_address(ip).is_loopback


def code_rates(phone: str, ip: str | None, policy: Policy) -> list[tuple[Rate, str]]:
    """What one request for a code is counted under."""
    one, net = ip_keys(ip)
    wanted: list[tuple[Rate | None, str]] = [
        (policy.code_per_phone, phone),
        (policy.code_per_range, phone[:-3]),
        (policy.code_per_country, country_of(phone) or ""),
        (policy.code_in_all, ""),
    ]
    if _counts(ip, policy):
        wanted += [(policy.code_per_ip, one), (policy.code_per_network, net)]
    return [(rate, key) for rate, key in wanted if rate is not None]


def invitation_rates(ip: str | None, policy: Policy) -> list[tuple[Rate, str]]:
    """What one account for a phone whose owner has not come yet is counted under."""
    counted = [(policy.invitations_per_ip, ip_keys(ip)[0])] if _counts(ip, policy) else []
    return [*counted, (policy.invitations_in_all, "")]


def confirm_rates(kind: FactorKind, to: str, ip: str | None, policy: Policy) -> list[tuple[Rate, str]]:
    """What one code that confirms something is counted under."""
    if kind is FactorKind.PHONE:
        return code_rates(to, ip, policy)
    wanted = [(policy.code_per_phone, to)]
    if _counts(ip, policy):
        wanted.append((policy.code_per_ip, ip_keys(ip)[0]))
    return wanted


def login_rates(phone: str, ip: str | None, policy: Policy) -> list[tuple[Rate, str]]:
    """What one try of a code is counted under; returned when the code is right."""
    wanted = [(policy.login_per_phone, phone)]
    if _counts(ip, policy):
        wanted.append((policy.failed_login_per_ip, ip_keys(ip)[0]))
    return wanted
