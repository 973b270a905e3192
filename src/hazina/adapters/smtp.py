"""E-mail over SMTP (RFC 5321; submission with STARTTLS or TLS, RFC 8314)."""

from __future__ import annotations

from email.message import EmailMessage
from email.utils import format_datetime
from typing import Literal, Protocol

import aiosmtplib

from hazina.identity.ports import MailRefused, MailUnavailable
from hazina.kernel.clock import Clock
from hazina.kernel.db import outside_call

TIMEOUT_S = 15.0


class Secret(Protocol):
    def get_secret_value(self) -> str: ...


class Account(Protocol):
    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def security(self) -> Literal["tls", "starttls", "none"]: ...
    @property
    def username(self) -> str | None: ...
    @property
    def password(self) -> Secret | None: ...
    @property
    def sender(self) -> str: ...


class Smtp:
    """One connection a message: mail is rare, and a server that restarts costs nothing then."""

    def __init__(self, account: Account, clock: Clock) -> None:
        self._account = account
        self._clock = clock

    async def send(self, to: str, subject: str, text: str, *, message_id: str) -> None:
        """``message_id`` without angle brackets; the same again lets the receiver drop a doubled mail. Raises
        ``MailRefused`` (5xx, for good) and ``MailUnavailable`` (4xx, no answer: it may have been taken)."""
        outside_call("mail.send")
        one, message = self._account, EmailMessage()
        message["From"], message["To"], message["Subject"] = one.sender, to, subject
        message["Date"] = format_datetime(self._clock.now())
        message["Message-ID"] = f"<{message_id}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        try:
            await aiosmtplib.send(
                message,
                hostname=one.host,
                port=one.port,
                username=one.username,
                password=one.password.get_secret_value() if one.password else None,
                use_tls=one.security == "tls",
                start_tls=one.security == "starttls",
                timeout=TIMEOUT_S,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = [refused.code for refused in error.recipients]
            raise (MailRefused() if all(code >= 500 for code in codes) else MailUnavailable()) from error
        except aiosmtplib.SMTPResponseException as error:
            raise (MailRefused() if error.code >= 500 else MailUnavailable()) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise MailUnavailable() from error
