"""The browser that asks: a cookie that nothing else can know. What is asked for here is handed out here only.

It says nothing of who somebody is, opens nothing by itself, and is forgotten when the browser closes.
"""

from __future__ import annotations

import re
import secrets

from starlette.requests import HTTPConnection
from starlette.responses import Response

from hazina.api.bank import Bank

_SECRET = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


def cookie_name(bank: Bank) -> str:
    """Over https the name itself keeps other hosts of the domain from setting it."""
    return "__Host-hazina-browser" if _secure(bank) else "hazina-browser"


def browser_of(bank: Bank, connection: HTTPConnection) -> str | None:
    found = connection.cookies.get(cookie_name(bank), "")
    return found if _SECRET.fullmatch(found) else None


def new_browser() -> str:
    return secrets.token_urlsafe(32)


def remember(bank: Bank, response: Response, browser: str) -> None:
    response.set_cookie(cookie_name(bank), browser, path="/", secure=_secure(bank), httponly=True, samesite="lax")


def _secure(bank: Bank) -> bool:
    return bank.settings.origin.startswith("https://")
