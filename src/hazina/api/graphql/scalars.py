"""Scalars that never raise.

Blink answers a bad value of a custom scalar inside the payload of the mutation, not as an error of
the whole request. So a parser here returns ``Invalid`` for a value it refuses; execution goes on,
and the wrapper round the resolver (``verbs.py``) finds it before anything is done.

Rules of every scalar: Blink's public API, section 8 of our contract notes. One deliberate difference:
an amount with a fraction is refused, where Blink cuts the fraction off.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from ariadne import ScalarType
from babel import Locale

from hazina.accounts import Category
from hazina.identity import InvalidPhone, parse_phone
from hazina.identity.factors import InvalidEmail, parse_email
from hazina.kernel.money import Cents, Msats

AMOUNT_MAX = 10**13
"""Sats or cents: more than all bitcoin."""
MEMO_BYTES_MAX = 639  # BOLT 11: a tagged field holds 1,023 groups of five bits
URL_CHARS_MAX = 2_048
SAFE_INT_MAX = 2**53 - 1
SECONDS_MAX = 10**12
FEEDBACK_CHARS_MAX = 1_024
INVOICE_CHARS_MAX = 7_089  # what one QR code holds; BOLT 11 sets no limit of its own

_LANGUAGE = re.compile(r"([a-z]{2,3})(?:[-_]([a-z]{4}))?(?:[-_]([a-z]{2}))?", re.IGNORECASE | re.ASCII)
_DIGITS = re.compile(r"[0-9]{1,20}")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)
_HEX32 = re.compile(r"[0-9a-f]{64}", re.IGNORECASE)
_HEX32_LOWER = re.compile(r"[0-9a-f]{64}")
_INVOICE = re.compile(r"ln[a-z0-9]+", re.IGNORECASE)
_USERNAME = re.compile(r"(?![13_]|bc1|lnbc1)(?=.*[a-z])[0-9a-z_]{3,50}", re.IGNORECASE)
_EXTERNAL_ID = re.compile(r"[a-z0-9_-]{1,100}")
_CODE = re.compile(r"[0-9]{6}.{0,6}")
_TOTP_CODE = re.compile(r".{6}", re.ASCII)
_TOKEN = re.compile(r"[0-9A-Za-z_.-]{32}|[0-9A-Za-z_.-]{39}", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3,4}", re.IGNORECASE)
_URL = re.compile(r"https?://[^\s/?#]+[^\s]*", re.IGNORECASE | re.ASCII)
_OPAQUE = re.compile(r"[\x21-\x7e]{1,100}")
_MAJOR_AMOUNT = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,10})?", re.ASCII)
_COUNTRY = re.compile(r"[A-Z]{2}", re.IGNORECASE | re.ASCII)
_ALIAS = re.compile(r"[^\W\d_](?:[^\W\d_]|[ -]){3,99}")
_LN_ADDRESS = re.compile(
    r"[0-9a-z_.+-]{1,64}@(?:[0-9a-z](?:[0-9a-z-]{0,61}[0-9a-z])?\.)+[a-z][0-9a-z-]{1,62}", re.ASCII
)
_ADDRESS = re.compile(r"[0-9a-z]{14,100}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Invalid:
    """A value that its scalar refuses, with the sentence for the client."""

    message: str


def first_invalid(value: Any) -> Invalid | None:
    """The first refused value within a resolver's arguments. Text with NUL is refused everywhere:
    PostgreSQL cannot hold it."""
    if isinstance(value, Invalid):
        return value
    if isinstance(value, str):
        return Invalid("Text with a NUL character is not accepted.") if "\0" in value else None
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next((bad for part in parts if (bad := first_invalid(part))), None)


def _integer(value: Any, most: int) -> int:
    """An int, or a string of plain ASCII digits. Not true, not 1.0, not 1e3, not "1_000"."""
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    if type(value) is not int:
        raise ValueError("must be a whole number")
    if not 0 <= value <= most:
        raise ValueError(f"must lie between 0 and {most}")
    return value


def _text(value: Any, pattern: re.Pattern[str], what: str) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError(what)
    return value


def sat_amount(value: Any) -> Msats:
    return Msats.from_sats(_integer(value, AMOUNT_MAX))


def cent_amount(value: Any) -> Cents:
    return Cents(_integer(value, AMOUNT_MAX))


def whole_minutes(value: Any) -> int:
    return _integer(value, 10**9)


def wallet_id(value: Any) -> UUID:
    return UUID(_text(value, _UUID, "is not an id"))


def hash32(value: Any) -> bytes:
    return bytes.fromhex(_text(value, _HEX32, "must be 64 hexadecimal digits"))


def payment_request(value: Any) -> str:
    if isinstance(value, str) and len(value) > INVOICE_CHARS_MAX:
        raise ValueError(f"is longer than {INVOICE_CHARS_MAX} characters")
    return _text(value, _INVOICE, "is not a Lightning invoice")


def memo(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text")
    if len(value) > MEMO_BYTES_MAX or len(value.encode()) > MEMO_BYTES_MAX:
        raise ValueError(f"is longer than {MEMO_BYTES_MAX} bytes")
    return value


def phone(value: Any) -> str:
    """E.164. A leading 00, or no plus sign, is taken as the international form too."""
    try:
        return parse_phone(value if isinstance(value, str) else "")
    except InvalidPhone:
        raise ValueError("is not a phone number") from None


def email(value: Any) -> str:
    """In lower case."""
    try:
        return parse_email(value if isinstance(value, str) else "")
    except InvalidEmail:
        raise ValueError("is not an e-mail address") from None


def username(value: Any) -> str:
    """In lower case. Blink's clients also send a phone number here."""
    if isinstance(value, str) and _USERNAME.fullmatch(value):
        return value.lower()
    try:
        return phone(value)
    except ValueError:
        raise ValueError("has 3 to 50 letters, digits or _, with a letter") from None


def endpoint_url(value: Any) -> str:
    """An address to call back. Whether it may be called is looked at when it is."""
    if isinstance(value, str) and len(value) > URL_CHARS_MAX:
        raise ValueError(f"is longer than {URL_CHARS_MAX} characters")
    return _text(value, _URL, "is not an http or https address")


def currency(value: Any) -> str:
    return _text(value, _CURRENCY, "has 3 or 4 letters").upper()


def alias(value: Any) -> str:
    return _text(value, _ALIAS, "has a letter first, then at least three letters, blanks or hyphens")


def contact_handle(value: Any) -> str:
    """In lower case: a username, or an address elsewhere."""
    text = value.lower() if isinstance(value, str) and len(value) <= 255 else ""
    if not (_USERNAME.fullmatch(text) or _LN_ADDRESS.fullmatch(text)):
        raise ValueError("is neither a username nor a Lightning Address")
    return text


def feedback(value: Any) -> str:
    if not isinstance(value, str) or len(value) > FEEDBACK_CHARS_MAX:
        raise ValueError(f"is text of at most {FEEDBACK_CHARS_MAX} characters")
    return value


def category(value: Any) -> Category:
    try:
        return Category(value)
    except ValueError:
        raise ValueError("is no category of notifications") from None


@functools.cache
def _languages() -> frozenset[str]:
    """What CLDR has names for: en, es-SV, zh-Hans and the like."""
    known = Locale("en")
    return frozenset({*known.languages, *(f"/{one}" for one in known.territories), *known.scripts})


def language(value: Any) -> str:
    """A tag in its usual spelling; empty and DEFAULT: not chosen."""
    if value in ("", "DEFAULT"):
        return ""
    if not isinstance(value, str) or not (read := _LANGUAGE.fullmatch(value)):
        raise ValueError("is no language")
    spelled = read[1].lower(), (read[2] or "").title(), (read[3] or "").upper()
    known = _languages()
    parts = (spelled[0], *([spelled[1]] if spelled[1] else []), *([f"/{spelled[2]}"] if spelled[2] else []))
    if not known.issuperset(parts):
        raise ValueError("is no language")
    return "-".join(part for part in spelled if part)


def safe_integer(value: Any) -> int:
    if type(value) is not int or abs(value) > SAFE_INT_MAX:
        raise ValueError("must be a whole number that a double holds")
    return value


def signed_amount(value: Any) -> int:
    if type(value) is not int or abs(value) > AMOUNT_MAX:
        raise ValueError("must be a whole number")
    return value


def seconds_of(value: datetime) -> int:
    return math.floor(value.timestamp())


def hexadecimal(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.hex()


def _output_only(value: Any) -> Any:
    raise ValueError("is never sent")


def _scalar(name: str, parse: Callable[[Any], Any], show: Callable[[Any], Any] = lambda v: v) -> ScalarType:
    def read(value: Any) -> Any:
        try:
            return parse(value)
        except ValueError as error:
            return Invalid(f"Invalid value for {name}: {error}")

    return ScalarType(name, serializer=show, value_parser=read)  # literals go through it too


SCALARS = (
    _scalar("SatAmount", sat_amount),
    _scalar("CentAmount", cent_amount),
    _scalar("SignedAmount", signed_amount),
    _scalar("SignedDisplayMajorAmount", lambda v: _text(v, _MAJOR_AMOUNT, "is not an amount")),
    _scalar("SafeInt", safe_integer),
    _scalar("Seconds", lambda v: _integer(v, SECONDS_MAX)),
    _scalar("Minutes", whole_minutes),
    _scalar("Timestamp", _output_only, seconds_of),
    _scalar("WalletId", wallet_id, str),
    _scalar("Username", username),
    _scalar("Phone", phone),
    _scalar("OneTimeAuthCode", lambda v: _text(v, _CODE, "starts with six digits")),
    _scalar("AuthToken", lambda v: _text(v, _TOKEN, "is not a session's secret")),
    _scalar("EmailAddress", email),
    _scalar("EmailRegistrationId", lambda v: str(wallet_id(v))),
    _scalar("TotpCode", lambda v: _text(v, _TOTP_CODE, "has six characters")),
    _scalar("TotpRegistrationId", lambda v: str(wallet_id(v))),
    _scalar("TotpSecret", _output_only),
    _scalar("TelegramPassportNonce", lambda v: str(wallet_id(v))),
    _scalar("Language", language),
    _scalar("DisplayCurrency", currency),
    _scalar("ContactAlias", alias),
    _scalar("ContactDisplayName", alias),
    _scalar("ContactHandle", contact_handle),
    _scalar("ContactId", wallet_id, str),
    _scalar("Feedback", feedback),
    _scalar("NotificationCategory", category, lambda v: v.value if isinstance(v, Category) else v),
    _scalar("CountryCode", lambda v: _text(v, _COUNTRY, "has two letters").upper()),
    _scalar("Memo", memo),
    _scalar("LnPaymentRequest", payment_request),
    _scalar("PaymentHash", hash32, hexadecimal),
    _scalar("LnPaymentPreImage", hash32, hexadecimal),
    _scalar("LnPaymentSecret", hash32, hexadecimal),
    _scalar("Hex32Bytes", lambda v: bytes.fromhex(_text(v, _HEX32_LOWER, "must be 64 digits of 0-9 and a-f"))),
    _scalar("EndpointUrl", endpoint_url),
    _scalar("EndpointId", lambda v: _text(v, _OPAQUE, "is not an id"), str),
    _scalar("OnChainAddress", lambda v: _text(v, _ADDRESS, "is not an address")),
    _scalar("OnChainTxHash", hash32, hexadecimal),
    _scalar("TxExternalId", lambda v: _text(v, _EXTERNAL_ID, "has 1 to 100 of a-z, 0-9, _ and -")),
)
