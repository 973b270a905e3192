"""Everything that the bank serves, at its addresses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from hazina.api import oauth, status
from hazina.api.bank import Bank
from hazina.api.graphql.documents import Documents
from hazina.api.graphql.http import Endpoint
from hazina.api.graphql.live import Socket
from hazina.api.graphql.public.price_stream import PriceStream
from hazina.api.graphql.schema import build_schema
from hazina.api.pages import Pages
from hazina.api.pages.callbacks import Callbacks
from hazina.api.pages.checkout import Checkout
from hazina.api.pages.pay import Pay
from hazina.api.rest import auth, callbacks, factors, links, lnurl, proofs, security, step_up
from hazina.api.web import SandboxProxy, bundle, pages

# Wallets in a browser live on other sites. A credential is always a header that their own code sets, so
# an origin gains nothing that its visitor did not give it.
ANY_ORIGIN = Middleware(
    CORSMiddleware,
    allow_origins=["*"],
    allow_methods=["GET", "POST"],
    allow_headers=[
        "authorization",
        "content-type",
        "x-api-key",
        "oauth2-token",
        "x-idempotency-key",
        "appcheck",
        "x-step-up",
    ],
    expose_headers=["x-request-id", "retry-after"],
    max_age=86_400,
)


def asgi(bank: Bank) -> Starlette:
    """The application. ``bank`` is started and stopped by whoever serves it."""
    documents = Documents(build_schema())
    shared = Pages(bank)
    endpoint = Endpoint(bank, documents)

    prices = PriceStream(bank)

    async def live(websocket: WebSocket) -> None:
        await Socket(bank, documents, prices, websocket).serve()

    sandbox = SandboxProxy(bank.settings.sandbox_url) if bank.settings.sandbox_url else None

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        if sandbox is not None:
            await sandbox.client.close()

    routes: list[BaseRoute] = [
        Route("/graphql", endpoint.serve, methods=["GET", "POST", "OPTIONS"], middleware=[ANY_ORIGIN]),
        WebSocketRoute("/graphql", live),
        WebSocketRoute("/graphqlws", live),
        *auth.routes(bank, middleware=[ANY_ORIGIN]),
        *factors.routes(bank, middleware=[ANY_ORIGIN]),
        *step_up.routes(bank, middleware=[ANY_ORIGIN]),
        *proofs.routes(bank),
        *lnurl.routes(bank),
        *links.routes(bank, middleware=[ANY_ORIGIN]),
        *security.routes(bank),
        *callbacks.routes(bank),
        *shared.routes(),
        *Callbacks(shared).routes(),
        *Checkout(shared).routes(),
        *oauth.routes(bank, shared, middleware=[ANY_ORIGIN]),
        *status.routes(bank),
        *([sandbox.route()] if sandbox is not None else []),
        *pages(bundle(), with_sandbox=sandbox is not None),
        *Pay(shared).routes(),  # the last: every name that is nothing else
    ]
    application = Starlette(routes=routes, lifespan=lifespan)
    application.state.proxies = tuple(ip_network(one) for one in bank.settings.trusted_proxies)
    return application
