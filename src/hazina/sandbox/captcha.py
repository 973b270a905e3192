"""GeeTest v3 and Cloudflare Turnstile as their servers answer (field names of the vendors' own pages).

A GeeTest puzzle is solved by answering with ``validate`` = MD5 of ``challenge`` + ``sandbox``, and the seccode is
that with ``|jordan`` behind it. A Turnstile token begins with ``ok-`` and is good once; Cloudflare's own test
secrets work too.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from hazina.sandbox import faults
from hazina.sandbox.problems import read_body
from hazina.sandbox.world import World

GEETEST_ID, GEETEST_KEY = "5a" * 16, "a5" * 16
TURNSTILE_SECRET = "sandbox"  # noqa: S105 - opens nothing but this sandbox
ALWAYS_PASSES, ALWAYS_FAILS, ALREADY_SPENT = (f"{first}x{'0' * 31}AA" for first in "123")

PATHS = (
    ("/geetest/v1/bypass_status.php", "status"),
    ("/geetest/register.php", "register"),
    ("/geetest/validate.php", "verify"),
    ("/turnstile/v0/siteverify", "siteverify"),
)


def solution(challenge: str) -> tuple[str, str]:
    """What a solved GeeTest puzzle sends: (validate, seccode). ``challenge`` as the page got it."""
    validate = hashlib.md5(f"{challenge}sandbox".encode()).hexdigest()  # noqa: S324 - the vendor's form
    return validate, f"{validate}|jordan"


class Server:
    def __init__(self, world: World, call: str) -> None:
        self.world = world
        self.call = call

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def act(scope: Scope, receive: Receive, send: Send) -> None:
            request = Request(scope, receive)
            sent: dict[str, str] = dict(request.query_params)
            if request.method == "POST":
                raw = (await read_body(request)).decode("utf-8", "replace")
                sent |= {name: values[-1] for name, values in parse_qs(raw, keep_blank_values=True).items()}
            await self._answer(sent)(scope, receive, send)

        call = "verify" if self.call == "siteverify" else self.call
        await faults.serve(self.world.faults.take("captcha", call), act, scope, receive, send)

    def _answer(self, sent: Mapping[str, str]) -> Response:
        match self.call:
            case "status":
                return JSONResponse({"status": "success" if sent.get("gt") == GEETEST_ID else "fail"})
            case "register":
                return JSONResponse({"challenge": secrets.token_hex(16) if sent.get("gt") == GEETEST_ID else "0"})
            case "verify":
                return self._geetest(sent)
            case _:
                return self._turnstile(sent)

    def _geetest(self, sent: Mapping[str, str]) -> Response:
        seccode, challenge = sent.get("seccode", ""), sent.get("challenge", "")
        good = sent.get("captchaid") == GEETEST_ID and seccode == solution(challenge)[1]
        if not good or not self._first_use(f"geetest:{challenge}"):
            return JSONResponse({"seccode": "false"})
        return JSONResponse({"seccode": hashlib.md5(seccode.encode()).hexdigest()})  # noqa: S324

    def _turnstile(self, sent: Mapping[str, str]) -> Response:
        secret, token = sent.get("secret", ""), sent.get("response", "")
        wrong = None
        if not secret:
            wrong = "missing-input-secret"
        elif secret not in (TURNSTILE_SECRET, ALWAYS_PASSES, ALWAYS_FAILS, ALREADY_SPENT):
            wrong = "invalid-input-secret"
        elif not token:
            wrong = "missing-input-response"
        elif secret == ALWAYS_FAILS or (secret == TURNSTILE_SECRET and not token.startswith("ok-")):
            wrong = "invalid-input-response"
        elif secret == ALREADY_SPENT or (secret == TURNSTILE_SECRET and not self._first_use(f"turnstile:{token}")):
            wrong = "timeout-or-duplicate"
        if wrong:
            return JSONResponse({"success": False, "error-codes": [wrong]})
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        return JSONResponse({"success": True, "challenge_ts": now, "hostname": "localhost", "error-codes": [],
                             "action": "login", "cdata": ""})  # fmt: skip

    def _first_use(self, token: str) -> bool:
        return bool(
            self.world.store.run(
                "INSERT INTO captchas (token, used_at) VALUES (?, ?) ON CONFLICT DO NOTHING", token[:200], time.time()
            )
        )
