"""Relying parties that nobody here wrote, over real HTTP on loopback: ``openid-client`` and ``oauth4webapi`` in Node,
Authlib's client in Python. Each goes all the way: code with PKCE, refresh, revocation, introspection, userinfo."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc.jwk import ECKey
from tests.oauth.browser import Browser, form_of, query_of
from tests.oauth.conftest import CALLBACK, App, Town

from hazina.oauth import SCOPES
from tools import web

Json = dict[str, Any]

LEFT = "https://app.example/left"
SECONDS_MAX = 90


@pytest.fixture(scope="session")
def node() -> dict[str, str]:
    """The environment in which node runs, with the locked packages in place."""
    return web.packages_in(web.RELYING, "the relying parties' packages")


@asynccontextmanager
async def party(node: dict[str, str], script: str, scenario: str, **given: Any) -> AsyncIterator[Any]:
    command = ("node", str(web.RELYING / script), scenario, json.dumps(given))
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, env=node, stdin=pipe, stdout=pipe, stderr=pipe)
    try:
        async with asyncio.timeout(SECONDS_MAX):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def play(node: dict[str, str], script: str, scenario: str, who: Browser, **given: Any) -> Json:
    """Run a scenario to its end, with ``who`` at the browser; what it found."""
    async with party(node, script, scenario, phone=who.phone, **given) as process:
        while line := await process.stdout.readline():
            said = json.loads(line)
            if "done" in said:
                found: Json = said["done"]
                return found
            answer = await act(who, said)
            process.stdin.write(answer.encode() + b"\n")
            await process.stdin.drain()
        raise AssertionError((await process.stderr.read()).decode())


async def act(who: Browser, said: Json) -> str:
    if "show" in said:
        return await approve(who, said["show"]["verification_uri"])
    page = await who.open(said["open"])
    if page.url.path == "/login":
        page = await who.log_in(page)
    if not page.is_redirect:
        page = await who.send(form_of(page), answer="allow")
    return str(page.headers["location"])


async def approve(who: Browser, address: str) -> str:
    """A device shows ``address``; the person opens it and agrees."""
    await asyncio.sleep(0.5)  # the device begins to ask before anybody has read its screen
    page = await who.open(address)
    if page.url.path == "/login":
        page = await who.log_in(page)
    consent = await who.send(form_of(page))
    done = await who.send(form_of(consent), answer="allow")
    assert "Device connected" in done.text
    return "seen"


async def of_all(town: Town, **more: Any) -> App:
    return await town.app(" ".join(SCOPES), redirect_uris=[CALLBACK], post_logout_redirect_uris=[LEFT], **more)


def given(app: App, **more: Any) -> Json:
    return {"issuer": app.town.url, "id": app.id, "secret": app.secret, "redirect": CALLBACK, "left": LEFT, **more}


@pytest.mark.parametrize("method", [None, "basic", "post"])
async def test_openid_client_with_a_secret_by_either_way(town: Town, node: dict[str, str], method: str | None) -> None:
    """Its own default is to post the secret, the standard's is Basic."""
    app, amina = await of_all(town), await town.browser()
    more = {} if method is None else {"method": method}
    found = await play(node, "openid-client.mjs", "code", amina, **given(app, **more))
    assert found["sub"]


async def test_openid_client_without_a_secret(town: Town, node: dict[str, str]) -> None:
    app, amina = await of_all(town, token_endpoint_auth_method="none"), await town.browser()
    assert (await play(node, "openid-client.mjs", "code", amina, **given(app, method="none")))["sub"]


async def test_openid_client_with_a_key(town: Town, node: dict[str, str]) -> None:
    key = ECKey.generate_key("P-256", {"kid": "one"})
    jwks = {"keys": [key.as_dict(private=False)]}
    app = await of_all(town, token_endpoint_auth_method="private_key_jwt", jwks=jwks)
    amina = await town.browser()
    more = {"method": "key", "key": key.as_dict(private=True)}
    assert (await play(node, "openid-client.mjs", "code", amina, **given(app, **more)))["sub"]


async def test_openid_client_with_es256(town: Town, node: dict[str, str]) -> None:
    app, amina = await of_all(town, id_token_signed_response_alg="ES256"), await town.browser()
    assert (await play(node, "openid-client.mjs", "code", amina, **given(app, alg="ES256")))["sub"]


async def test_openid_client_sees_a_reused_refresh_token_end_its_family(town: Town, node: dict[str, str]) -> None:
    await play(node, "openid-client.mjs", "reuse", await town.browser(), **given(await of_all(town)))


async def test_openid_client_logs_out(town: Town, node: dict[str, str]) -> None:
    await play(node, "openid-client.mjs", "logout", await town.browser(), **given(await of_all(town)))


async def test_openid_client_registers_itself(town: Town, node: dict[str, str]) -> None:
    found = await play(node, "openid-client.mjs", "register", await town.browser(), issuer=town.url, redirect=CALLBACK)
    assert found["id"].startswith("client_") and found["sub"]


async def test_openid_client_on_a_device(town: Town, node: dict[str, str]) -> None:
    grants = ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"]
    app = await of_all(town, grant_types=grants)
    assert (await play(node, "openid-client.mjs", "device", await town.browser(), **given(app)))["sub"]


async def test_openid_client_for_the_app_itself(town: Town, node: dict[str, str]) -> None:
    app = await of_all(town, grant_types=["client_credentials"])
    await play(node, "openid-client.mjs", "own", await town.browser(), **given(app))


async def test_oauth4webapi_checks_our_access_tokens_by_our_keys(town: Town, node: dict[str, str]) -> None:
    app, amina = await of_all(town), await town.browser()
    assert (await play(node, "oauth4webapi.mjs", "code", amina, **given(app)))["sub"]


# -- Authlib's client ---------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none", "private_key_jwt"])
async def test_authlib_client(town: Town, method: str) -> None:
    more: Json = {"token_endpoint_auth_method": method}
    key = ECKey.generate_key("P-256", {"kid": "one"})
    if method == "private_key_jwt":
        more["jwks"] = {"keys": [key.as_dict(private=False)]}
    app, amina = await of_all(town, **more), await town.browser()
    client = AsyncOAuth2Client(
        app.id, key if method == "private_key_jwt" else app.secret, scope="openid phone offline_access",
        redirect_uri=CALLBACK, token_endpoint_auth_method=method, revocation_endpoint_auth_method=method,
        code_challenge_method="S256", trust_env=False,
    )  # fmt: skip
    if method == "private_key_jwt":
        client.register_client_auth_method(PrivateKeyJWT(f"{town.url}/oauth/token", alg="ES256"))
    async with client:
        document = (await town.http.get("/.well-known/openid-configuration")).json()
        url, state = client.create_authorization_url(document["authorization_endpoint"], code_verifier=app.verifier)
        back = await amina.authorize(url)
        tokens = await client.fetch_token(
            document["token_endpoint"], authorization_response=back, state=state, code_verifier=app.verifier
        )
        _, claims = await town.read(tokens["id_token"])
        info = (await client.get(document["userinfo_endpoint"])).json()
        assert info == {"sub": claims["sub"], "phone_number": amina.phone, "phone_number_verified": True}
        fresh = await client.refresh_token(document["token_endpoint"], refresh_token=tokens["refresh_token"])
        if method != "none":
            seen = await client.introspect_token(document["introspection_endpoint"], token=fresh["access_token"])
            assert seen.json()["active"] is True
        revoked = await client.revoke_token(document["revocation_endpoint"], token=fresh["refresh_token"])
        assert revoked.status_code == 200
        assert (await app.userinfo(fresh["access_token"])).status_code == 401
    assert query_of(back)["iss"] == town.url
