"""Ways to log in that need no key of one's own: codes to a phone or a mailbox, authenticator apps, devices,
Telegram. Each proves in a journey and hands ``Accounts.enter`` (or ``Links``) a step that uses the proof up."""

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
from hazina.identity.factors.totp import Totp

__all__ = [
    "CaptchaAnswer",
    "CaptchaFailed",
    "Devices",
    "EmailCodeWrong",
    "EmailProof",
    "Emails",
    "InvalidDevice",
    "InvalidEmail",
    "Phones",
    "TelegramWaiting",
    "Totp",
    "TotpCodeWrong",
    "TotpNotSet",
    "parse_email",
]
