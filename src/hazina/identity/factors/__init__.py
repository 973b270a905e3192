"""Ways to log in that need no key of one's own: codes to a phone or a mailbox, authenticator apps, devices,
Telegram. Each proves in a journey and hands ``Accounts.enter`` (or ``Links``) a step that uses the proof up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hazina.identity.factors import store
from hazina.identity.factors.devices import Devices
from hazina.identity.factors.emails import Emails
from hazina.identity.factors.errors import (
    CaptchaFailed,
    EmailCodeWrong,
    InvalidDevice,
    InvalidEmail,
    TelegramWaiting,
    TotpCodeWrong,
    TotpNotSet,
)
from hazina.identity.factors.model import CaptchaAnswer, EmailProof, parse_email
from hazina.identity.factors.phones import Phones
from hazina.identity.factors.telegram import BadUpdate, Bot, Telegram
from hazina.identity.factors.totp import Totp
from hazina.identity.ports import Mail
from hazina.identity.service import Identity
from hazina.kernel.db import Tx

__all__ = [
    "BadUpdate",
    "Bot",
    "CaptchaAnswer",
    "CaptchaFailed",
    "Devices",
    "EmailCodeWrong",
    "EmailProof",
    "Emails",
    "Factors",
    "InvalidDevice",
    "InvalidEmail",
    "Phones",
    "Telegram",
    "TelegramWaiting",
    "Totp",
    "TotpCodeWrong",
    "TotpNotSet",
    "parse_email",
]


@dataclass(frozen=True, slots=True)
class Factors:
    emails: Emails
    totp: Totp
    devices: Devices
    phones: Phones
    telegram: Telegram

    @classmethod
    def of(cls, identity: Identity, mail: Mail, phones: Phones, bot: Bot | None) -> Factors:
        db, clock, links, policy = identity.db, identity.clock, identity.links, identity.policy
        return cls(
            Emails(db, clock, links, mail, policy),
            Totp(identity),
            Devices(db, clock, links, policy),
            phones,
            Telegram(identity, bot),
        )

    async def sweep(self, tx: Tx, at: datetime) -> int:
        """Drop what is over. Run it now and then."""
        return await store.sweep(tx, at)
