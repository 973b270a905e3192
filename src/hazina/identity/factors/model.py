"""Values and rules of e-mail addresses, codes and captchas."""

from __future__ import annotations

import base64
import re
import secrets
from dataclasses import dataclass

import pyotp

from hazina.identity.factors.errors import InvalidEmail
from hazina.identity.model import HOUR_S, Policy, clean_ip, ip_keys
from hazina.kernel.ids import UUID
from hazina.kernel.rates import Rate

EMAIL_CODE_LIFE_S = 15 * 60
EMAIL_CODE_TRIES = 5
EMAIL_MAX = 254  # RFC 5321 §4.5.3.1.3, without the brackets
TOTP_LIFE_S = 15 * 60
TOTP_TRIES = 5
TOTP_STEP_S = 30
RECOVERY_CODES = 10
ISSUER = "Hazina"

CODE_PER_EMAIL = Rate("code_per_email", 6, HOUR_S, HOUR_S)
LOGIN_PER_EMAIL_ID = Rate("login_per_email_id", 8, HOUR_S, HOUR_S)
TOTP_PER_USER = Rate("totp_per_user", 8, HOUR_S, HOUR_S)

_EMAIL = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]",
    re.ASCII,
)


def parse_email(text: str) -> str:
    """An address in lower case: mailboxes that differ by case alone are one person's everywhere that matters.
    Only dot-atoms of ASCII before the @ (RFC 5322 §3.2.3) and names with a dot behind it. Raises InvalidEmail."""
    address = text.strip(" ").lower() if len(text) <= EMAIL_MAX + 10 else ""
    if len(address) > EMAIL_MAX or not _EMAIL.fullmatch(address) or len(address.partition("@")[0]) > 64:
        raise InvalidEmail
    return address


@dataclass(frozen=True, slots=True)
class EmailProof:
    """Somebody showed the right code of one wish (``asked_id``). Worth one redemption."""

    asked_id: UUID
    user_id: UUID
    address: str


@dataclass(frozen=True, slots=True)
class CaptchaAnswer:
    """What a page sends along with the wish for a code. GeeTest: the first three. Turnstile: ``token``."""

    challenge: str = ""
    validate: str = ""
    seccode: str = ""
    token: str = ""


def email_rates(address: str, ip: str | None, policy: Policy) -> list[tuple[Rate, str]]:
    """What one code to a mailbox is counted under: Blink's numbers."""
    return [(CODE_PER_EMAIL, address), *ip_rate(policy.code_per_ip, ip, policy)]


def ip_rate(rate: Rate, ip: str | None, policy: Policy) -> list[tuple[Rate, str]]:
    """``rate`` for an address; nothing for this machine's own where that is not counted."""
    address = clean_ip(ip)
    counted = policy.count_loopback or address is None or not _loopback(address)
    return [(rate, ip_keys(address)[0])] if counted else []


def _loopback(address: str) -> bool:
    return address == "::1" or address.startswith("127.")


def login_message(code: str) -> str:
    return (
        f"Your code to log in to Hazina is {code}.\n\nIt is valid for {EMAIL_CODE_LIFE_S // 60} minutes. "
        "Nobody of the bank will ever ask you for it.\nIf you did not ask for it, do nothing.\n"
    )


def link_message(code: str) -> str:
    return (
        f"Your code to confirm this address at Hazina is {code}.\n\nIt is valid for {EMAIL_CODE_LIFE_S // 60} "
        "minutes.\nIf you did not ask for it, do nothing: the address is not used.\n"
    )


# -- authenticator apps (RFC 6238) ----------------------------------------------------------------


def new_totp_secret() -> str:
    """160 bits in 32 characters of base32, as Blink's apps expect."""
    return pyotp.random_base32(32)


def totp_step(secret: str, code: str, at_s: float) -> int | None:
    """The time step that ``code`` is of, one step early or late allowed; None: it is not right."""
    if not re.fullmatch(r"[0-9]{6}", code, re.ASCII):
        return None
    totp, now = pyotp.TOTP(secret), int(at_s)
    for step in (now // TOTP_STEP_S + shift for shift in (0, -1, 1)):
        if secrets.compare_digest(totp.generate_otp(step), code):
            return step
    return None


def totp_uri(secret: str, account: str) -> str:
    """For the QR code that an app scans (otpauth://)."""
    return pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=ISSUER)


def new_recovery_code() -> str:
    """50 random bits as ``abcde-fghij``."""
    text = base64.b32encode(secrets.token_bytes(10)).decode().lower()[:10]
    return f"{text[:5]}-{text[5:]}"


def parse_recovery_code(text: str) -> str | None:
    """As it was shown, whatever blanks, hyphens and case a person typed; None: it is none."""
    typed = re.sub(r"[\s-]", "", text[:40]).lower()
    return f"{typed[:5]}-{typed[5:]}" if re.fullmatch(r"[a-z2-7]{10}", typed, re.ASCII) else None
