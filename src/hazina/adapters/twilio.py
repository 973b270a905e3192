"""Text messages by Twilio's ``Messages`` resource."""

from __future__ import annotations

from typing import Protocol

from hazina.identity.ports import SmsUnavailable
from hazina.kernel.db import outside_call
from hazina.kernel.http import HttpClient, NoAnswer

TIMEOUT_S = 10.0


class Secret(Protocol):
    def get_secret_value(self) -> str: ...


class Account(Protocol):
    @property
    def base_url(self) -> str: ...
    @property
    def account_sid(self) -> str: ...
    @property
    def auth_token(self) -> Secret: ...
    @property
    def sender(self) -> str: ...


class Twilio:
    """``sender`` is a number of the account's, or the id of a messaging service (``MG…``)."""

    def __init__(self, base_url: str, account_sid: str, auth_token: str, sender: str) -> None:
        self._http = HttpClient("Twilio", base_url, basic_auth=(account_sid, auth_token), timeout_s=TIMEOUT_S)
        self._path = f"/2010-04-01/Accounts/{account_sid}/Messages.json"
        self._from = {"MessagingServiceSid" if sender.startswith("MG") else "From": sender}

    @classmethod
    def of(cls, account: Account) -> Twilio:
        token = account.auth_token.get_secret_value()
        return cls(account.base_url, account.account_sid, token, account.sender)

    async def close(self) -> None:
        await self._http.close()

    async def send(self, to: str, body: str) -> None:
        """Twilio has no idempotency key: a call without an answer may have sent the text, and is not repeated
        here. Raises ``SmsUnavailable``."""
        outside_call("sms.send")
        try:
            answer = await self._http.call("POST", self._path, form={"To": to, "Body": body, **self._from})
            if answer.status == 201:
                return
            said = answer.json()
        except NoAnswer as error:
            raise SmsUnavailable() from error
        code = said.get("code") if isinstance(said, dict) else None
        raise SmsUnavailable(provider_code=code, status=answer.status)
