"""A shop that logs people in with Hazina, and takes its price from their wallet within the cap that they set.

python examples/shop/app.py --bank http://localhost:4455 --client-id … --client-secret … [--port 4466]
"""

from __future__ import annotations

import argparse
import asyncio
import html
import secrets
import uuid
from dataclasses import dataclass, field
from typing import Any

import httpx2
import uvicorn
from authlib.integrations.httpx_client import AsyncOAuth2Client
from joserfc import jwt
from joserfc.jwk import KeySet
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

SCOPE = "openid profile read write"
PRICE_SATS = 200
COOKIE = "shop"
CLOCK_SKEW_S = 60

WALLETS = "{ me { username defaultAccount { wallets { id walletCurrency balance } } } }"
SHOP_WALLET = "query($name: Username!) { accountDefaultWallet(username: $name, walletCurrency: BTC) { id } }"
PAY = """mutation($input: IntraLedgerPaymentSendInput!) { intraLedgerPaymentSend(input: $input) {
    status errors { message code } } }"""


@dataclass
class Visit:
    """One browser. ``token`` is Authlib's, and renews itself."""

    state: str = ""
    nonce: str = ""
    verifier: str = ""
    token: dict[str, Any] | None = None
    name: str = ""
    said: str = ""
    bought: int = 0


@dataclass
class Shop:
    bank: str
    here: str
    payee: str
    client_id: str
    client_secret: str
    found: dict[str, Any] = field(default_factory=dict)
    visits: dict[str, Visit] = field(default_factory=dict)

    @property
    def back(self) -> str:
        return f"{self.here}/callback"

    async def discover(self) -> None:
        """Addresses from OpenID Connect Discovery."""
        async with httpx2.AsyncClient(trust_env=False, timeout=30) as http:
            self.found = (await http.get(f"{self.bank}/.well-known/openid-configuration")).raise_for_status().json()

    def client(self, visit: Visit) -> AsyncOAuth2Client:
        return AsyncOAuth2Client(
            self.client_id,
            self.client_secret,
            scope=SCOPE,
            redirect_uri=self.back,
            token=visit.token,
            code_challenge_method="S256",
            token_endpoint=self.found["token_endpoint"],
            trust_env=False,
        )

    # -- pages ----------------------------------------------------------------------------------

    async def home(self, request: Request) -> Response:
        visit = self._visit(request)
        if visit is None or visit.token is None:
            return page('<form action="/login"><button>Log in with Hazina</button></form>')
        said, visit.said = visit.said, ""
        return page(
            f"<p>Karibu, <b>{html.escape(visit.name)}</b>. You have bought {visit.bought}.</p>"
            f"{f'<p role=status>{html.escape(said)}</p>' if said else ''}"
            f'<form method="post" action="/buy"><button>Buy coffee, {PRICE_SATS} sats</button></form>'
        )

    async def login(self, request: Request) -> Response:
        visit, key = Visit(), secrets.token_urlsafe(24)
        visit.nonce, visit.verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(48)
        async with self.client(visit) as client:
            url, visit.state = client.create_authorization_url(
                self.found["authorization_endpoint"], code_verifier=visit.verifier, nonce=visit.nonce
            )
        self.visits[key] = visit
        response = RedirectResponse(url, 303)
        response.set_cookie(COOKIE, key, httponly=True, samesite="lax")
        return response

    async def callback(self, request: Request) -> Response:
        visit, query = self._visit(request), request.query_params
        if visit is None or not visit.state or not secrets.compare_digest(query.get("state", ""), visit.state):
            return page("<p role=alert>This log-in was not begun here.</p>", 400)
        if query.get("iss") != self.found["issuer"]:  # RFC 9207: whose answer is it?
            return page("<p role=alert>Another server answered.</p>", 400)
        if "error" in query:
            return page("<p role=alert>You refused. Nothing was connected.</p>")
        async with self.client(visit) as client:
            visit.token = await client.fetch_token(code=query["code"], code_verifier=visit.verifier)
            keys = (await client.request("GET", self.found["jwks_uri"], withhold_token=True)).json()
        self._check(visit, keys)
        visit.state = visit.verifier = ""
        return RedirectResponse("/", 303)

    def _check(self, visit: Visit, keys: Any) -> None:
        """The ID token, by OpenID Connect Core §3.1.3.7."""
        assert visit.token is not None
        token = jwt.decode(visit.token["id_token"], KeySet.import_key_set(keys), algorithms=["RS256", "ES256"])
        jwt.JWTClaimsRegistry(
            leeway=CLOCK_SKEW_S,
            iss={"essential": True, "value": self.found["issuer"]},
            aud={"essential": True, "value": self.client_id},
            exp={"essential": True},
            nonce={"essential": True, "value": visit.nonce},
        ).validate(token.claims)
        visit.name = token.claims["sub"][:8]

    async def buy(self, request: Request) -> Response:
        visit = self._visit(request)
        if visit is None or visit.token is None:
            return RedirectResponse("/", 303)
        async with self.client(visit) as client:
            mine = await self._ask(client, WALLETS)
            if mine is None:
                visit.token = None
                return page('<p role=alert>You have stopped this app.</p><p><a href="/">Back</a></p>')
            visit.name = mine["me"]["username"] or visit.name
            wallets = {one["walletCurrency"]: one["id"] for one in mine["me"]["defaultAccount"]["wallets"]}
            shop = (await self._ask(client, SHOP_WALLET, name=self.payee))["accountDefaultWallet"]["id"]
            order = {"walletId": wallets["BTC"], "recipientWalletId": shop, "amount": PRICE_SATS, "memo": "Coffee"}
            paid = (await self._ask(client, PAY, input=order))["intraLedgerPaymentSend"]
        if paid["status"] == "SUCCESS":
            visit.bought += 1
            visit.said = "Paid. Enjoy."
        else:
            visit.said = f"Not paid: {paid['errors'][0]['message']}"
        return RedirectResponse("/", 303)

    async def _ask(self, client: AsyncOAuth2Client, query: str, **variables: Any) -> Any:
        """``data`` of an answer; None when the bank takes the token no more."""
        headers = {"x-idempotency-key": str(uuid.uuid4())} if query == PAY else {}
        answer = await client.post(
            f"{self.bank}/graphql", json={"query": query, "variables": variables}, headers=headers
        )
        return None if answer.status_code == 401 else answer.raise_for_status().json()["data"]

    def _visit(self, request: Request) -> Visit | None:
        return self.visits.get(request.cookies.get(COOKIE, ""))


def page(content: str, status: int = 200) -> Response:
    return HTMLResponse(
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<title>Corner shop</title><link rel="icon" href="data:,"><body>'
        f"<main><h1>Corner shop</h1>{content}</main></body></html>",
        status,
    )


def application(shop: Shop) -> Starlette:
    routes = [
        Route("/", shop.home),
        Route("/login", shop.login),
        Route("/callback", shop.callback),
        Route("/buy", shop.buy, methods=["POST"]),
    ]
    return Starlette(routes=routes)


async def serve(shop: Shop, port: int) -> None:
    await shop.discover()
    print(f"The shop is open at {shop.here} (comes back to {shop.back})", flush=True)
    await uvicorn.Server(uvicorn.Config(application(shop), port=port, log_level="warning")).serve()


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    reader.add_argument("--bank", default="http://localhost:4455", help="where the bank is, as people see it")
    reader.add_argument("--port", type=int, default=4466)
    reader.add_argument("--payee", default="shop", help="username at the bank that is paid")
    reader.add_argument("--client-id", required=True)
    reader.add_argument("--client-secret", required=True)
    given = reader.parse_args()
    here = f"http://localhost:{given.port}"
    shop = Shop(given.bank.rstrip("/"), here, given.payee, given.client_id, given.client_secret)
    asyncio.run(serve(shop, given.port))


if __name__ == "__main__":
    main()
