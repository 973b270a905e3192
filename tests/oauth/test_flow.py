"""The ordinary way, from the app's first address to its last token."""

from __future__ import annotations

from tests.oauth.browser import form_of, query_of
from tests.oauth.conftest import ALL, CALLBACK, Town


async def test_log_in_consent_code_tokens_userinfo_refresh_revoke(town: Town) -> None:
    app, amina = await town.app(ALL), await town.browser()
    page = await amina.open(app.url(scope=ALL))
    assert page.url.path == "/login" and "Vitabu Books" in page.text
    consent = await amina.log_in(page)
    assert consent.url.path.startswith("/oauth/authorize/"), consent.text
    assert "Vitabu Books wants to use your account" in consent.text
    back = await amina.send(form_of(consent), answer="allow")
    assert back.status_code == 303
    said = query_of(back.headers["location"])
    assert back.headers["location"].startswith(f"{CALLBACK}?")
    assert said["state"] == "some state" and said["iss"] == town.url

    answer = await app.exchange(said["code"])
    assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store"
    tokens = answer.json()
    assert tokens["token_type"] == "Bearer" and tokens["expires_in"] == 3600
    assert tokens["scope"].split() == ALL.split()
    header, claims = await town.read(tokens["id_token"])
    assert header["alg"] == "RS256" and header["kid"]
    assert claims["iss"] == town.url and claims["aud"] == [app.id] and claims["nonce"] == "some nonce"
    assert {"acr", "amr", "auth_time", "sid", "at_hash"} <= claims.keys() and "phone_number" not in claims

    info = (await app.userinfo(tokens["access_token"])).json()
    assert info["sub"] == claims["sub"] and info["phone_number"] == amina.phone
    assert await app.active(tokens["access_token"])

    fresh = (await app.refresh(tokens["refresh_token"])).json()
    assert fresh["refresh_token"] != tokens["refresh_token"]
    _, again = await town.read(fresh["id_token"])
    assert again["auth_time"] == claims["auth_time"] and again["sub"] == claims["sub"] and "nonce" not in again

    assert (await app.post("/oauth/revoke", token=fresh["refresh_token"])).status_code == 200
    assert not await app.active(fresh["access_token"])
    assert (await app.userinfo(fresh["access_token"])).status_code == 401
    assert (await app.refresh(fresh["refresh_token"])).json()["error"] == "invalid_grant"
