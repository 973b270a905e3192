"""People: how they prove who they are, the sessions they opened, what of them is personal.

Owns the tables ``person``, ``factor``, ``phone_code``, ``session``, ``step_up``, ``outgoing_hold`` and ``notice``.
Knows nothing of accounts. Every way to log in is a row of ``factor`` (``links``); what proves one of them is in
``factors/`` and ``proofs/``. Codes and tokens are kept as hashes, subjects and names sealed. A new way to log in
proves in a journey of its own and hands ``Accounts.enter`` a step that uses the proof up and gives ``Proved``.
"""

from hazina.identity.effects import CLAIMS
from hazina.identity.errors import (
    ChallengeUnknown,
    FactorExists,
    FactorTaken,
    FactorUnknown,
    InvalidChannel,
    InvalidCode,
    InvalidPhone,
    LastFactor,
    NotRegistered,
    OutgoingHeld,
    PhoneNotServed,
    SessionUnknown,
    SmsUnavailable,
    StepUpRefused,
    StepUpRequired,
    TooManyFactors,
    WrongCode,
)
from hazina.identity.links import Links
from hazina.identity.model import (
    SANDBOX_POLICY,
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
    country_of,
    ip_keys,
    outgoing_claim,
    parse_phone,
    reads_as_phone,
    token_hash,
)
from hazina.identity.ports import Mail, MailUnavailable, Sms
from hazina.identity.service import Identity

__all__ = [
    "CLAIMS",
    "SANDBOX_POLICY",
    "ChallengeUnknown",
    "Entered",
    "Factor",
    "FactorExists",
    "FactorKind",
    "FactorTaken",
    "FactorUnknown",
    "Identity",
    "InvalidChannel",
    "InvalidCode",
    "InvalidPhone",
    "LastFactor",
    "Links",
    "Mail",
    "MailUnavailable",
    "NotRegistered",
    "OutgoingHeld",
    "PhoneNotServed",
    "Policy",
    "Proof",
    "Proved",
    "Session",
    "SessionUnknown",
    "Sms",
    "SmsUnavailable",
    "StepUpRefused",
    "StepUpRequired",
    "TooManyFactors",
    "User",
    "WrongCode",
    "clean_agent",
    "clean_ip",
    "country_of",
    "ip_keys",
    "outgoing_claim",
    "parse_phone",
    "reads_as_phone",
    "token_hash",
]
