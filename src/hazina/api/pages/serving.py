"""What every page answers when it cannot be shown."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog
from psycopg import OperationalError
from starlette.requests import Request
from starlette.responses import Response

from hazina.api.pages.browser import Visitor
from hazina.api.pages.kernel import BadForm, Pages
from hazina.oauth import Malformed

log = structlog.get_logger("hazina.pages")

Show = Callable[[Request, Visitor], Awaitable[Response]]


def page(pages: Pages, show: Show) -> Callable[[Request], Awaitable[Response]]:
    """``show`` with the browser's session looked up, and its failures as pages."""

    async def endpoint(request: Request) -> Response:
        visitor = Visitor(None, None)
        try:
            visitor = await pages.sessions.visitor(request)
            return await show(request, visitor)
        except BadForm:
            return pages.stop(request, visitor, "form", 403)
        except Malformed:
            return pages.stop(request, visitor, "request")
        except OperationalError as error:
            log.error("database", error=type(error).__name__)
            return pages.stop(request, visitor, "database", 503)

    return endpoint
