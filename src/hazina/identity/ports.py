"""What identity needs from outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from hazina.identity.errors import SmsUnavailable
from hazina.kernel.errors import Kind, Refusal

__all__ = [
    "Captcha", "CaptchaUnavailable", "CaptchaWidget", "Lines", "Mail", "MailRefused", "MailUnavailable", "Puzzle",
    "Sms", "SmsUnavailable",
]  # fmt: skip


class MailUnavailable(Refusal):
    """The mail server did not take the message now, or did not say whether it did."""

    code = "MAIL_UNAVAILABLE"
    kind = Kind.UNAVAILABLE
    blink = "UNKNOWN_CLIENT_ERROR"
    message = "The e-mail could not be sent. Try again in a moment."


class MailRefused(Refusal):
    """The mail server says that it will never take mail for this address."""

    code = "MAIL_REFUSED"
    kind = Kind.INVALID
    message = "Mail to this address is refused. Check how it is written."


class CaptchaUnavailable(Refusal):
    """The captcha's provider did not say whether a person asks."""

    code = "CAPTCHA_UNAVAILABLE"
    kind = Kind.UNAVAILABLE
    blink = "CAPTCHA_USER_FAILURE"
    message = "The captcha could not be checked. Try again in a moment."


class Sms(Protocol):
    async def send(self, to: str, body: str, *, whatsapp: str | None = None) -> None:
        """Hand a short text for the phone ``to`` (E.164) to the provider. ``whatsapp``: a code that should go by
        WhatsApp instead, where the provider can. Raises ``SmsUnavailable`` when the provider refuses it, is away,
        or does not say whether it took it."""
        ...


class Mail(Protocol):
    async def send(self, to: str, subject: str, text: str, *, message_id: str) -> None:
        """Hand a message of plain text to the mail server. ``message_id`` (no angle brackets) is the same when the
        same message is sent again. Raises ``MailRefused``, ``MailUnavailable``."""
        ...


@dataclass(frozen=True, slots=True)
class Puzzle:
    """What a page needs to draw GeeTest's puzzle. ``online`` False: the provider was away, nothing can be proved."""

    id: str
    challenge: str
    online: bool


class Captcha(Protocol):
    """A puzzle of ours that a person solves (GeeTest)."""

    async def puzzle(self) -> Puzzle: ...

    async def solved(self, challenge: str, validate: str, seccode: str) -> bool:
        """Raises ``CaptchaUnavailable``."""
        ...


class CaptchaWidget(Protocol):
    """A token that the provider's own widget made (Turnstile)."""

    async def solved(self, token: str, ip: str | None, hostnames: frozenset[str]) -> bool:
        """Raises ``CaptchaUnavailable``."""
        ...


class Lines(Protocol):
    async def kind(self, phone: str) -> str | None:
        """What kind of line ``phone`` (E.164) is, in Twilio's words (mobile, landline, nonFixedVoip …); None when
        nobody says."""
        ...
