"""The whole bank on a port of this machine, with the address in its settings; people at browsers; apps."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
import uvicorn
from joserfc import jwt
from joserfc.jwk import KeySet
from tests.api.conftest import World, numbers, opened, sandbox_settings
from tests.oauth.browser import Browser, query_of

from hazina.kernel.db import Database
from hazina.oauth import Made
from hazina.settings import Settings

__all__ = ["numbers", "sandbox_settings"]

Json = dict[str, Any]
ANSWER_S = 60
CALLBACK = "https://app.example/back"
ALL = "openid profile email phone offline_access"


@dataclass
class App:
    """A relying party, by hand: for what the libraries of others would not do wrong on purpose."""

    town: Town
    id: str
    secret: str | None
    redirect_uri: str = CALLBACK
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    @property
    def challenge(self) -> str:
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()

    def url(self, without: str = "", **more: str) -> str:
        """Of an authorization request."""
        fields = {
            "response_type": "code",
            "client_id": self.id,
            "redirect_uri": self.redirect_uri,
            "scope": "openid",
            "state": "some state",
            "nonce": "some nonce",
            "code_challenge": self.challenge,
            "code_challenge_method": "S256",
            **more,
        }
        return f"/oauth/authorize?{urlencode({name: fields[name] for name in fields if name not in without.split()})}"

    @property
    def basic(self) -> dict[str, str]:
        if self.secret is None:
            return {}
        return {"authorization": "Basic " + base64.b64encode(f"{self.id}:{self.secret}".encode()).decode()}

    async def post(self, path: str, headers: dict[str, str] | None = None, /, **fields: str) -> httpx2.Response:
        """With the app's secret, or its name where it has none."""
        own = {} if self.secret is not None else {"client_id": self.id}
        return await self.town.http.post(
            path, data={**own, **fields}, headers=self.basic if headers is None else headers
        )

    async def exchange(self, code: str, **more: str) -> httpx2.Response:
        fields = {"redirect_uri": self.redirect_uri, "code_verifier": self.verifier, **more}
        return await self.post("/oauth/token", grant_type="authorization_code", code=code, **fields)

    async def tokens(self, who: Browser, scope: str = "openid", url: Json | None = None, **answer: str) -> Json:
        """A whole log-in."""
        back = query_of(await who.authorize(self.url(scope=scope, **(url or {})), **answer))
        answered = await self.exchange(back["code"])
        assert answered.status_code == 200, answered.text
        found: Json = answered.json()
        return found

    async def refresh(self, token: str, **more: str) -> httpx2.Response:
        return await self.post("/oauth/token", grant_type="refresh_token", refresh_token=token, **more)

    async def active(self, token: str) -> bool:
        return bool((await self.post("/oauth/introspect", token=token)).json()["active"])

    async def userinfo(self, token: str) -> httpx2.Response:
        return await self.town.http.get("/oauth/userinfo", headers={"authorization": f"Bearer {token}"})


@dataclass
class Town:
    world: World
    url: str
    http: httpx2.AsyncClient

    @property
    def oauth(self) -> Any:
        return self.world.bank.oauth

    async def browser(self) -> Browser:
        http = httpx2.AsyncClient(base_url=self.url, trust_env=False, timeout=ANSWER_S)
        OPEN.append(http)
        return Browser(http, self.world.code_of, f"+2547{next(self.world.numbers):08d}", self.url)

    async def app(self, scope: str = ALL, **description: Any) -> App:
        """One that an operator made."""
        made: Made = await self.oauth.make_app(
            None,
            {
                "client_name": "Vitabu Books",
                "redirect_uris": [CALLBACK],
                "grant_types": ["authorization_code", "refresh_token"],
                "scope": scope,
                **description,
            },
        )
        uris = made.client.redirect_uris
        return App(self, made.client.id, made.secret, uris[0] if uris else CALLBACK)

    async def read(self, token: str) -> tuple[Json, Json]:
        """Header and claims of a JWT of ours, checked against our published keys."""
        keys = KeySet.import_key_set((await self.http.get("/oauth/jwks.json")).json())
        found = jwt.decode(token, keys, algorithms=["ES256", "RS256"])
        return dict(found.header), dict(found.claims)


OPEN: list[httpx2.AsyncClient] = []


MADE: list[tuple[Any, ...]] = []


async def same_keys(world: World, http: httpx2.AsyncClient) -> None:
    """The signing keys of the first test serve all: to make RSA keys takes longer than most tests."""
    columns = "kid, alg, public::text, sealed, created_at, active_at"
    async with world.bank.db.transaction() as tx:
        for row in MADE:
            await tx.execute("insert into oauth_key values (%s, %s, %s::jsonb, %s, %s, %s)", row)
    if not MADE:
        assert (await http.get("/oauth/jwks.json")).status_code == 200
        async with world.bank.db.reading() as tx:
            MADE.extend(await tx.rows(lambda *row: row, f"select {columns} from oauth_key"))


@asynccontextmanager
async def served(program_url: str, settings: Settings, numbers: Iterator[int], **more: Any) -> AsyncIterator[Town]:
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    async with opened(program_url, settings, numbers, public_url=url, **more) as world:
        server = uvicorn.Server(
            uvicorn.Config(world.served, log_config=None, access_log=False, lifespan="off", http="httptools")
        )
        task = asyncio.create_task(server.serve(sockets=[listening]))
        await world.until(lambda: asyncio.sleep(0, server.started))
        async with httpx2.AsyncClient(base_url=url, trust_env=False, timeout=ANSWER_S) as http:
            await same_keys(world, http)
            yield Town(world, url, http)
        while OPEN:
            await OPEN.pop().aclose()
        server.should_exit = True
        await task


@pytest.fixture
async def town(
    db: Database, program_url: str, sandbox_settings: Settings, numbers: Iterator[int]
) -> AsyncIterator[Town]:
    async with served(program_url, sandbox_settings, numbers) as found:
        yield found
