"""People: who holds which phone, proven by a code, and the sessions they opened.

Owns the tables ``person``, ``phone_code`` and ``session``. Knows nothing of accounts or money. Codes
and tokens are kept as hashes. Whoever needs a user made together with something else takes ``prove``
(outside) and ``redeem`` (a step) instead of ``check_code``.
"""

from hazina.identity.errors import (
    InvalidChannel,
    InvalidCode,
    InvalidPhone,
    PhoneNotServed,
    SessionUnknown,
    SmsUnavailable,
    WrongCode,
)
from hazina.identity.model import (
    SANDBOX_POLICY,
    Policy,
    Proof,
    Session,
    User,
    clean_ip,
    country_of,
    parse_phone,
    reads_as_phone,
    token_hash,
)
from hazina.identity.ports import Sms
from hazina.identity.service import Identity
from hazina.identity.store import user_by_id, user_by_phone

__all__ = [
    "SANDBOX_POLICY",
    "Identity",
    "InvalidChannel",
    "InvalidCode",
    "InvalidPhone",
    "PhoneNotServed",
    "Policy",
    "Proof",
    "Session",
    "SessionUnknown",
    "Sms",
    "SmsUnavailable",
    "User",
    "WrongCode",
    "clean_ip",
    "country_of",
    "parse_phone",
    "reads_as_phone",
    "token_hash",
    "user_by_id",
    "user_by_phone",
]
