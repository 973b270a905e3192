"""The modules of ``oidcc-basic-certification-test-plan`` of the OpenID conformance suite by their names, a test each.
The suite itself is a Java server; this says that each of its questions has our answer."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from tests.oauth.browser import form_of, query_of
from tests.oauth.conftest import ALL, CALLBACK, App, Town

Json = dict[str, Any]


async def claims_of(app: App, tokens: Json) -> Json:
    _, claims = await app.town.read(tokens["id_token"])
    return claims


async def test_oidcc_server(town: Town) -> None:
    app = await town.app()
    tokens = await app.tokens(await town.browser())
    claims = await claims_of(app, tokens)
    now = int(town.world.clock.now().timestamp())
    assert claims["iss"] == town.url and claims["aud"] == [app.id] and claims["nonce"] == "some nonce"
    assert now - 60 <= claims["iat"] <= now + 1 and claims["exp"] > now and len(claims["sub"]) <= 255
    assert set(tokens) == {"access_token", "expires_in", "id_token", "scope", "token_type"}


async def test_oidcc_response_type_missing(town: Town) -> None:
    app, amina = await town.app(), await town.browser()
    said = query_of((await amina.open(app.url(without="response_type"))).headers["location"])
    assert said["error"] == "invalid_request" and said["state"] == "some state"


async def test_oidcc_idtoken_signature(town: Town) -> None:
    for alg in ("RS256", "ES256"):
        app = await town.app(id_token_signed_response_alg=alg)
        header, _ = await town.read((await app.tokens(await town.browser()))["id_token"])
        kids = {key["kid"]: key["alg"] for key in (await town.http.get("/oauth/jwks.json")).json()["keys"]}
        assert header["alg"] == alg == kids[header["kid"]]


async def test_oidcc_idtoken_unsigned(town: Town) -> None:
    """Not supported, and said so."""
    assert "none" not in town.oauth.metadata["id_token_signing_alg_values_supported"]
    asked = {"redirect_uris": [CALLBACK], "id_token_signed_response_alg": "none"}
    answer = await town.http.post("/oauth/register", json=asked)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")


async def test_oidcc_userinfo_get(town: Town) -> None:
    app = await town.app()
    tokens = await app.tokens(await town.browser())
    info = await app.userinfo(tokens["access_token"])
    assert info.headers["content-type"] == "application/json"
    assert info.json() == {"sub": (await claims_of(app, tokens))["sub"]}


async def test_oidcc_userinfo_post_header(town: Town) -> None:
    app = await town.app()
    tokens = await app.tokens(await town.browser())
    headers = {"authorization": f"Bearer {tokens['access_token']}"}
    info = await town.http.post("/oauth/userinfo", headers=headers)
    assert info.json()["sub"] == (await claims_of(app, tokens))["sub"]


async def test_oidcc_userinfo_post_body(town: Town) -> None:
    app = await town.app()
    tokens = await app.tokens(await town.browser())
    info = await town.http.post("/oauth/userinfo", data={"access_token": tokens["access_token"]})
    assert info.json()["sub"] == (await claims_of(app, tokens))["sub"]
    headers = {"authorization": f"Bearer {tokens['access_token']}"}
    twice = await town.http.post("/oauth/userinfo", data={"access_token": tokens["access_token"]}, headers=headers)
    assert twice.status_code == 400


async def test_oidcc_ensure_request_without_nonce_succeeds_for_code_flow(town: Town) -> None:
    app, amina = await town.app(), await town.browser()
    back = query_of(await amina.authorize(app.url(without="nonce")))
    claims = await claims_of(app, (await app.exchange(back["code"])).json())
    assert "nonce" not in claims


async def scoped(town: Town, scope: str) -> Json:
    app = await town.app()
    tokens = await app.tokens(await town.browser(), f"openid {scope}")
    found: Json = (await app.userinfo(tokens["access_token"])).json()
    return found


async def test_oidcc_scope_profile(town: Town) -> None:
    app, amina = await town.app(), await town.browser()
    await amina.log_in()
    [token] = [cookie.value for cookie in amina.http.cookies.jar if cookie.name == "hazina"]
    caller = await town.world.bank.accounts.caller(str(token), None)
    assert caller is not None
    await town.world.bank.accounts.set_username(caller, "amina_books")
    tokens = await app.tokens(amina, "openid profile")
    info = (await app.userinfo(tokens["access_token"])).json()
    assert info["preferred_username"] == info["name"] == "amina_books" and "phone_number" not in info


async def test_oidcc_scope_email(town: Town) -> None:
    """Amina has no e-mail address here: what is not known is not there, and never null."""
    assert set(await scoped(town, "email")) == {"sub"}


async def test_oidcc_scope_address(town: Town) -> None:
    """Not known here: refused, and never granted in silence."""
    app, amina = await town.app(), await town.browser()
    assert "address" not in town.oauth.metadata["scopes_supported"]
    said = query_of((await amina.open(app.url(scope="openid address"))).headers["location"])
    assert said["error"] == "invalid_scope"


async def test_oidcc_scope_phone(town: Town) -> None:
    info = await scoped(town, "phone")
    assert info["phone_number"].startswith("+254") and info["phone_number_verified"] is True


async def test_oidcc_scope_all(town: Town) -> None:
    app = await town.app()
    tokens = await app.tokens(await town.browser(), ALL)
    assert tokens["scope"].split() == ALL.split() and tokens["refresh_token"]


async def test_oidcc_alternate_happy_flow(town: Town) -> None:
    """The scopes in another order, and another app of the same person."""
    app, other, amina = await town.app(), await town.app(), await town.browser()
    first = await app.tokens(amina, "phone openid")
    second = await other.tokens(amina, "phone openid")
    assert (await claims_of(app, first))["sub"] == (await claims_of(other, second))["sub"]


async def test_oidcc_display_page(town: Town) -> None:
    app = await town.app()
    assert await app.tokens(await town.browser(), url={"display": "page"})


async def test_oidcc_display_popup(town: Town) -> None:
    app = await town.app()
    assert await app.tokens(await town.browser(), url={"display": "popup"})


async def test_oidcc_prompt_login(town: Town) -> None:
    app, amina = await town.app(), await town.browser()
    before = await claims_of(app, await app.tokens(amina))
    town.world.clock.shift += timedelta(seconds=5)
    page = await amina.open(app.url(prompt="login"))
    assert page.url.path == "/login", "asked again though logged in"
    back = await amina.log_in(page)
    assert back.is_redirect, "and only once: the app goes on after it"
    after = await claims_of(app, (await app.exchange(query_of(back.headers["location"])["code"])).json())
    assert after["sub"] == before["sub"] and after["auth_time"] >= before["auth_time"] + 5


async def test_oidcc_prompt_none_not_logged_in(town: Town) -> None:
    """OID-09: the standard's error, at the registered address and nowhere else."""
    app, amina = await town.app(), await town.browser()
    said = query_of((await amina.open(app.url(prompt="none"))).headers["location"])
    assert said["error"] == "login_required" and said["state"] == "some state" and said["iss"] == town.url


async def test_oidcc_prompt_none_logged_in(town: Town) -> None:
    app, amina = await town.app(), await town.browser()
    before = await claims_of(app, await app.tokens(amina))
    said = query_of((await amina.open(app.url(prompt="none"))).headers["location"])
    after = await claims_of(app, (await app.exchange(said["code"])).json())
    assert (after["sub"], after["auth_time"]) == (before["sub"], before["auth_time"])


async def test_oidcc_max_age_1(town: Town) -> None:
    """OID-09."""
    app, amina = await town.app(), await town.browser()
    before = await claims_of(app, await app.tokens(amina))
    town.world.clock.shift += timedelta(seconds=3)
    page = await amina.open(app.url(max_age="1"))
    assert page.url.path == "/login"
    back = await amina.log_in(page)
    after = await claims_of(app, (await app.exchange(query_of(back.headers["location"])["code"])).json())
    assert after["auth_time"] > before["auth_time"]


async def test_oidcc_max_age_10000(town: Town) -> None:
    app, amina = await town.app(), await town.browser()
    before = await claims_of(app, await app.tokens(amina, url={"max_age": "10000"}))
    back = await amina.open(app.url(max_age="10000"))
    after = await claims_of(app, (await app.exchange(query_of(back.headers["location"])["code"])).json())
    assert after["auth_time"] == before["auth_time"]


async def test_oidcc_ensure_request_with_unknown_parameter_succeeds(town: Town) -> None:
    app = await town.app()
    assert await app.tokens(await town.browser(), url={"extra": "foobar"})


async def test_oidcc_id_token_hint(town: Town) -> None:
    """OID-09."""
    app, amina, juma = await town.app(), await town.browser(), await town.browser()
    tokens = await app.tokens(amina)
    back = query_of((await amina.open(app.url(prompt="none", id_token_hint=tokens["id_token"]))).headers["location"])
    assert "code" in back
    await app.tokens(juma)
    other = query_of((await juma.open(app.url(prompt="none", id_token_hint=tokens["id_token"]))).headers["location"])
    assert other["error"] == "login_required", "somebody else is logged in"


async def test_oidcc_login_hint(town: Town) -> None:
    app, amina = await town.app(), await town.browser()
    page = await amina.open(app.url(login_hint="+254712345678"))
    assert form_of(page).fields["phone"] == "+254712345678"


async def test_oidcc_ui_locales(town: Town) -> None:
    app = await town.app()
    assert await app.tokens(await town.browser(), url={"ui_locales": "se"})


async def test_oidcc_claims_locales(town: Town) -> None:
    app = await town.app()
    assert await app.tokens(await town.browser(), url={"claims_locales": "se"})


async def test_oidcc_claims_essential(town: Town) -> None:
    app, amina = await town.app(), await town.browser()
    wish = {"userinfo": {"name": {"essential": True}}, "id_token": {"auth_time": {"essential": True}}}
    tokens = await app.tokens(amina, url={"claims": json.dumps(wish)})
    assert "auth_time" in await claims_of(app, tokens)
    best = {"id_token": {"acr": {"essential": True, "values": ["phr"]}}}
    said = query_of((await amina.open(app.url(claims=json.dumps(best)))).headers["location"])
    assert said["error"] == "unmet_authentication_requirements", "a code by SMS is no passkey"
    enough = {"id_token": {"acr": {"essential": True, "values": ["urn:hazina:acr:1"]}}}
    assert "code" in query_of((await amina.open(app.url(claims=json.dumps(enough)))).headers["location"])
    broken = query_of((await amina.open(app.url(claims='{"id_token": 7}'))).headers["location"])
    assert broken["error"] == "invalid_request"


async def test_oidcc_ensure_request_with_acr_values_succeeds(town: Town) -> None:
    app = await town.app()
    tokens = await app.tokens(await town.browser(), url={"acr_values": "1 2"})
    assert (await claims_of(app, tokens))["acr"] == "urn:hazina:acr:1"


async def test_oidcc_codereuse(town: Town) -> None:
    app, amina = await town.app(), await town.browser()
    code = query_of(await amina.authorize(app.url()))["code"]
    tokens = (await app.exchange(code)).json()
    again = await app.exchange(code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert (await app.userinfo(tokens["access_token"])).status_code == 401


async def test_oidcc_codereuse_30seconds(town: Town) -> None:
    app, amina = await town.app(), await town.browser()
    code = query_of(await amina.authorize(app.url()))["code"]
    tokens = (await app.exchange(code)).json()
    town.world.clock.shift += timedelta(seconds=30)
    assert (await app.exchange(code)).json()["error"] == "invalid_grant"
    assert not await app.active(tokens["access_token"])


async def test_oidcc_ensure_registered_redirect_uri(town: Town) -> None:
    app, amina = await town.app(), await town.browser()
    for uri in (f"{CALLBACK}/more", f"{CALLBACK}?a=b", "https://app.example:8443/back", CALLBACK.upper()):
        page = await amina.open(app.url(redirect_uri=uri))
        assert page.status_code == 400 and "not registered" in page.text and uri not in page.text


async def test_oidcc_ensure_post_request_succeeds(town: Town) -> None:
    app, amina = await town.app(), await town.browser()
    await app.tokens(amina)
    answer = await amina.http.post("/oauth/authorize", data=query_of(app.url()))
    back = await amina.open(answer.headers["location"])
    assert "code" in query_of(back.headers["location"])


async def test_oidcc_server_client_secret_post(town: Town) -> None:
    app, amina = await town.app(token_endpoint_auth_method="client_secret_post"), await town.browser()
    back = query_of(await amina.authorize(app.url()))
    answer = await app.post(
        "/oauth/token", {}, grant_type="authorization_code", code=back["code"], redirect_uri=CALLBACK,
        code_verifier=app.verifier, client_id=app.id, client_secret=str(app.secret),
    )  # fmt: skip
    assert answer.status_code == 200


async def test_oidcc_request_uri_unsigned_supported_correctly_or_rejected_as_unsupported(town: Town) -> None:
    app, amina = await town.app(), await town.browser()
    said = query_of((await amina.open(app.url(request_uri="https://app.example/request"))).headers["location"])
    assert said["error"] == "request_uri_not_supported"


async def test_oidcc_unsigned_request_object_supported_correctly_or_rejected_as_unsupported(town: Town) -> None:
    app, amina = await town.app(), await town.browser()
    said = query_of((await amina.open(app.url(request="eyJhbGciOiJub25lIn0.e30."))).headers["location"])
    assert said["error"] == "request_not_supported"


async def test_oidcc_ensure_request_object_with_redirect_uri(town: Town) -> None:
    """A redirect inside a request object counts for nothing: the one outside must be right."""
    app, amina = await town.app(), await town.browser()
    page = await amina.open(app.url(redirect_uri="https://evil.example/", request="eyJhbGciOiJub25lIn0.e30."))
    assert page.status_code == 400 and not page.is_redirect


async def test_oidcc_ensure_request_with_valid_pkce_succeeds(town: Town) -> None:
    app, amina = await town.app(), await town.browser()
    back = query_of(await amina.authorize(app.url()))
    assert (await app.exchange(back["code"])).status_code == 200


async def test_oidcc_refresh_token(town: Town) -> None:
    app, other, amina = await town.app(), await town.app(), await town.browser()
    tokens = await app.tokens(amina, "openid offline_access")
    before = await claims_of(app, tokens)
    stolen = await other.refresh(tokens["refresh_token"])
    assert stolen.json()["error"] == "invalid_grant", "of another app"
    fresh = (await app.refresh(tokens["refresh_token"])).json()
    after = await claims_of(app, fresh)
    same = ("iss", "sub", "aud", "auth_time", "azp")
    assert [after[name] for name in same] == [before[name] for name in same] and after["iat"] >= before["iat"]


def test_every_module_has_its_test() -> None:
    modules = [
        "oidcc-server",
        "oidcc-response-type-missing",
        "oidcc-idtoken-signature",
        "oidcc-idtoken-unsigned",
        "oidcc-userinfo-get",
        "oidcc-userinfo-post-header",
        "oidcc-userinfo-post-body",
        "oidcc-ensure-request-without-nonce-succeeds-for-code-flow",
        "oidcc-scope-profile",
        "oidcc-scope-email",
        "oidcc-scope-address",
        "oidcc-scope-phone",
        "oidcc-scope-all",
        "oidcc-alternate-happy-flow",
        "oidcc-display-page",
        "oidcc-display-popup",
        "oidcc-prompt-login",
        "oidcc-prompt-none-not-logged-in",
        "oidcc-prompt-none-logged-in",
        "oidcc-max-age-1",
        "oidcc-max-age-10000",
        "oidcc-ensure-request-with-unknown-parameter-succeeds",
        "oidcc-id-token-hint",
        "oidcc-login-hint",
        "oidcc-ui-locales",
        "oidcc-claims-locales",
        "oidcc-claims-essential",
        "oidcc-ensure-request-with-acr-values-succeeds",
        "oidcc-codereuse",
        "oidcc-codereuse-30seconds",
        "oidcc-ensure-registered-redirect-uri",
        "oidcc-ensure-post-request-succeeds",
        "oidcc-server-client-secret-post",
        "oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported",
        "oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported",
        "oidcc-ensure-request-object-with-redirect-uri",
        "oidcc-ensure-request-with-valid-pkce-succeeds",
        "oidcc-refresh-token",
    ]
    assert len(modules) == 38
    assert [one for one in modules if f"test_{one.replace('-', '_')}" not in globals()] == []
