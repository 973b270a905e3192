"""Proofs that a person asks: GeeTest v3 and Cloudflare Turnstile."""

from __future__ import annotations

import hashlib
import secrets
from typing import Protocol

from hazina.identity.ports import CaptchaUnavailable, Puzzle
from hazina.kernel.db import outside_call
from hazina.kernel.http import HttpClient, NoAnswer

STATUS_S, CALL_S = 1.0, 5.0
SDK = "hazina"


class Secret(Protocol):
    def get_secret_value(self) -> str: ...


class GeeTestAccount(Protocol):
    @property
    def base_url(self) -> str: ...
    @property
    def status_url(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def key(self) -> Secret: ...


class GeeTest:
    """Version 3, with ``digestmod=md5``. When GeeTest is away the puzzle is *offline*: the widget still draws it,
    but nothing can be proved; the caller stores the mode with the puzzle and decides what that is worth."""

    def __init__(self, account: GeeTestAccount) -> None:
        self._id, self._key = account.id, account.key.get_secret_value()
        self._http = HttpClient("GeeTest", account.base_url, timeout_s=CALL_S)
        self._status = HttpClient("GeeTest status", account.status_url, timeout_s=STATUS_S)

    async def close(self) -> None:
        await self._http.close()
        await self._status.close()

    async def puzzle(self) -> Puzzle:
        """Never raises: without GeeTest it is an offline puzzle."""
        outside_call("captcha.puzzle")
        challenge = await self._registered()
        if challenge is None:
            return Puzzle(self._id, secrets.token_hex(16), online=False)
        return Puzzle(self._id, _md5(challenge + self._key), online=True)

    async def _registered(self) -> str | None:
        query = {"gt": self._id, "json_format": "1", "digestmod": "md5", "client_type": "native", "sdk": SDK}
        try:
            status = (await self._status.call("GET", "/v1/bypass_status.php", query={"gt": self._id})).json()
            if not isinstance(status, dict) or status.get("status") != "success":
                return None
            said = (await self._http.call("GET", "/register.php", query=query)).json()
        except NoAnswer:
            return None
        challenge = said.get("challenge") if isinstance(said, dict) else None
        return challenge if isinstance(challenge, str) and len(challenge) == 32 else None

    async def solved(self, challenge: str, validate: str, seccode: str) -> bool:
        """Raises ``CaptchaUnavailable`` when GeeTest does not say."""
        outside_call("captcha.solved")
        form = {"seccode": seccode, "challenge": challenge, "captchaid": self._id, "json_format": "1", "sdk": SDK}
        try:
            answer = await self._http.call("POST", "/validate.php", form=form)
            said = answer.json()
        except NoAnswer as error:
            raise CaptchaUnavailable() from error
        if answer.status != 200 or not isinstance(said, dict):
            raise CaptchaUnavailable()
        return secrets.compare_digest(str(said.get("seccode", "")), _md5(seccode))


class TurnstileAccount(Protocol):
    @property
    def base_url(self) -> str: ...
    @property
    def secret(self) -> Secret: ...


class Turnstile:
    def __init__(self, account: TurnstileAccount) -> None:
        self._secret = account.secret.get_secret_value()
        self._http = HttpClient("Turnstile", account.base_url, timeout_s=CALL_S)

    async def close(self) -> None:
        await self._http.close()

    async def solved(self, token: str, ip: str | None, hostnames: frozenset[str]) -> bool:
        """A token is good for five minutes and once. ``hostnames``: where our pages stand; empty takes any.
        Raises ``CaptchaUnavailable`` when Cloudflare does not say, or does not know our secret."""
        outside_call("captcha.solved")
        form = {"secret": self._secret, "response": token, **({"remoteip": ip} if ip else {})}
        try:
            said = (await self._http.call("POST", "/turnstile/v0/siteverify", form=form)).json()
        except NoAnswer as error:
            raise CaptchaUnavailable() from error
        if not isinstance(said, dict) or not isinstance(said.get("success"), bool):
            raise CaptchaUnavailable()
        wrong = set(said.get("error-codes") or ())
        if wrong & {"missing-input-secret", "invalid-input-secret", "internal-error"}:
            raise CaptchaUnavailable()
        return bool(said["success"]) and (not hostnames or said.get("hostname") in hostnames)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()  # noqa: S324 - the vendor's form
