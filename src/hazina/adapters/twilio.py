"""Text messages and WhatsApp by Twilio's ``Messages`` resource; kinds of lines by ``Lookups`` v2."""

from __future__ import annotations

import json
import re
from typing import Any, Protocol

from hazina.identity.ports import SmsUnavailable
from hazina.kernel.db import outside_call
from hazina.kernel.http import HttpClient, NoAnswer

TIMEOUT_S = 10.0
LOOKUP_S = 4.0


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
    @property
    def whatsapp_sender(self) -> str | None: ...
    @property
    def whatsapp_template(self) -> str | None: ...


class Twilio:
    """``sender`` is a number of the account's, or the id of a messaging service (``MG…``)."""

    def __init__(
        self,
        base_url: str,
        account_sid: str,
        auth_token: str,
        sender: str,
        *,
        whatsapp_sender: str | None = None,
        whatsapp_template: str | None = None,
    ) -> None:
        self._http = HttpClient("Twilio", base_url, basic_auth=(account_sid, auth_token), timeout_s=TIMEOUT_S)
        self._path = f"/2010-04-01/Accounts/{account_sid}/Messages.json"
        self._whatsapp = (whatsapp_sender, whatsapp_template)
        self._from = {"MessagingServiceSid" if sender.startswith("MG") else "From": sender}

    @classmethod
    def of(cls, account: Account) -> Twilio:
        token = account.auth_token.get_secret_value()
        return cls(
            account.base_url,
            account.account_sid,
            token,
            account.sender,
            whatsapp_sender=account.whatsapp_sender,
            whatsapp_template=account.whatsapp_template,
        )

    async def close(self) -> None:
        await self._http.close()

    async def send(self, to: str, body: str, *, whatsapp: str | None = None) -> None:
        """Twilio has no idempotency key: a call without an answer may have sent the text, and is not repeated
        here. Raises ``SmsUnavailable``."""
        outside_call("sms.send")
        try:
            form = self._code_by_whatsapp(to, whatsapp) or {"To": to, "Body": body, **self._from}
            answer = await self._http.call("POST", self._path, form=form)
            if answer.status == 201:
                return
            said = answer.json()
        except NoAnswer as error:
            raise SmsUnavailable() from error
        code = said.get("code") if isinstance(said, dict) else None
        raise SmsUnavailable(provider_code=code, status=answer.status)

    def _code_by_whatsapp(self, to: str, code: str | None) -> dict[str, str] | None:
        """A business may begin a conversation with a template only."""
        sender, template = self._whatsapp
        if code is None or sender is None or template is None:
            return None
        return {
            "To": f"whatsapp:{to}",
            "From": f"whatsapp:{sender}",
            "ContentSid": template,
            "ContentVariables": json.dumps({"1": code}),
        }


class Lookup:
    """What kind of line a number is. When Twilio does not say, nobody is refused for that."""

    def __init__(self, base_url: str, account_sid: str, auth_token: str) -> None:
        self._http = HttpClient("Twilio lookup", base_url, basic_auth=(account_sid, auth_token), timeout_s=LOOKUP_S)

    async def close(self) -> None:
        await self._http.close()

    async def kind(self, phone: str) -> str | None:
        outside_call("lines.kind")
        assert re.fullmatch(r"\+[0-9]{4,15}", phone, re.ASCII), "E.164"
        try:
            query = {"Fields": "line_type_intelligence"}
            answer = await self._http.call("GET", f"/v2/PhoneNumbers/{phone}", query=query)
            said: Any = answer.json() if answer.status == 200 else {}
        except NoAnswer:
            return None
        found = said.get("line_type_intelligence") if isinstance(said, dict) else None
        kind = found.get("type") if isinstance(found, dict) else None
        return kind if isinstance(kind, str) else None
