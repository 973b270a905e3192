"""Devices without a browser (RFC 8628)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx2
from tests.oauth.browser import Browser, form_of
from tests.oauth.conftest import App, Town

Json = dict[str, Any]
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


async def television(town: Town, **more: Any) -> App:
    grants = [DEVICE, "refresh_token"]
    return await town.app(grant_types=grants, redirect_uris=[], token_endpoint_auth_method="none", **more)


async def begin(app: App, scope: str = "openid offline_access") -> Json:
    answer = await app.post("/oauth/device_authorization", scope=scope)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


async def poll(app: App, asked: Json) -> httpx2.Response:
    return await app.post("/oauth/token", grant_type=DEVICE, device_code=asked["device_code"])


async def consent_page(who: Browser, asked: Json) -> httpx2.Response:
    page = await who.open(asked["verification_uri_complete"])
    if page.url.path == "/login":
        page = await who.log_in(page)
    return await who.send(form_of(page))


async def test_from_its_screen_to_its_tokens(town: Town) -> None:
    app, amina, clock = await television(town), await town.browser(), town.world.clock
    asked = await begin(app)
    assert asked["verification_uri"] == f"{town.url}/device" and asked["expires_in"] == 600 and asked["interval"] == 5
    assert (await poll(app, asked)).json()["error"] == "authorization_pending"
    page = await consent_page(amina, asked)
    assert asked["user_code"] in page.text and "If somebody sent you this code, refuse" in page.text
    assert "Device connected" in (await amina.send(form_of(page), answer="allow")).text
    clock.shift += timedelta(seconds=6)
    answers = await asyncio.gather(*(poll(app, asked) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200, *[400] * 7], "a device code works once"
    [tokens] = [answer.json() for answer in answers if answer.status_code == 200]
    _, claims = await town.read(tokens["id_token"])
    assert claims["auth_time"] <= int(clock.now().timestamp()) - 6, "when they logged in, not when it asked"
    assert (await app.refresh(tokens["refresh_token"])).status_code == 200
    clock.shift += timedelta(seconds=6)
    assert (await poll(app, asked)).json()["error"] == "invalid_grant"


async def test_who_asks_too_soon_waits_longer(town: Town) -> None:
    app, clock = await television(town), town.world.clock
    clock.stop()
    asked = await begin(app)
    assert (await poll(app, asked)).json()["error"] == "authorization_pending"
    clock.shift += timedelta(seconds=2)
    assert (await poll(app, asked)).json()["error"] == "slow_down"
    clock.shift += timedelta(seconds=6)
    assert (await poll(app, asked)).json()["error"] == "slow_down", "five seconds more"
    clock.shift += timedelta(seconds=16)
    assert (await poll(app, asked)).json()["error"] == "authorization_pending"


async def test_refused_expired_foreign_and_wrong(town: Town) -> None:
    app, other, amina = await television(town), await television(town), await town.browser()
    asked = await begin(app)
    assert (await poll(other, asked)).json()["error"] == "invalid_grant"
    assert (await poll(app, {"device_code": "x"})).json()["error"] == "invalid_grant"
    assert (await app.post("/oauth/token", grant_type=DEVICE)).json()["error"] == "invalid_request"
    refused = await amina.send(form_of(await consent_page(amina, asked)), answer="refuse")
    assert "Device refused" in refused.text
    town.world.clock.shift += timedelta(seconds=6)
    assert (await poll(app, asked)).json()["error"] == "access_denied"
    late = await begin(app)
    town.world.clock.shift += timedelta(seconds=601)
    assert (await poll(app, late)).json()["error"] == "expired_token"
    again = await amina.send(form_of(await amina.open("/device")), user_code=late["user_code"])
    assert again.status_code == 400 and "No device waits" in again.text


async def test_its_scope_is_the_apps(town: Town) -> None:
    app = await television(town, scope="openid profile")
    for scope in ("openid write", "openid nothing"):
        answer = await app.post("/oauth/device_authorization", scope=scope)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")
    assert await begin(app, "openid")
    nobody = await town.http.post("/oauth/device_authorization", data={"client_id": "client_nobody"})
    assert nobody.status_code == 401


async def test_codes_as_people_type_them(town: Town) -> None:
    app, amina = await television(town), await town.browser()
    await amina.log_in()
    asked = await begin(app)
    typed = f" {asked['user_code'].lower().replace('-', ' ')} "
    page = await amina.send(form_of(await amina.open("/device")), user_code=typed)
    assert "Vitabu Books wants" in page.text
    for wrong in ("", "AAAA-AAAA", "BCDF", "<script>", "BCDF-GHJK-LMNP"):
        answer = await amina.send(form_of(await amina.open("/device")), user_code=wrong or " ")
        assert answer.status_code == 400 and "<script>" not in answer.text


async def test_nobody_guesses_user_codes(town: Town) -> None:
    amina = await town.browser()
    await amina.log_in()
    form = form_of(await amina.open("/device"))
    answers = [(await amina.send(form, user_code="BCDF-GHJK")).status_code for _ in range(21)]
    assert answers == [400] * 20 + [429]
