"""The provider over HTTP: what programs ask (``programs``) and what people's browsers do (``browsers``)."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.middleware import Middleware
from starlette.routing import Route

from hazina.api.bank import Bank
from hazina.api.oauth import browsers, programs
from hazina.api.pages import Pages


def routes(bank: Bank, pages: Pages, middleware: Sequence[Middleware] = ()) -> list[Route]:
    """``middleware``: for what apps in a browser may call from other sites."""
    return [*programs.routes(bank, middleware), *browsers.routes(bank, pages)]
