"""The modules of ``oidcc-config-certification-test-plan`` and ``oidcc-dynamic-certification-test-plan``, a test each.
What this provider does not do on purpose (fetch addresses that an app names, request objects, signed userinfo) is
refused by name at registration, and that is what its test says."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx2
from joserfc import jwt
from joserfc.jwk import ECKey
from tests.oauth.browser import query_of
from tests.oauth.conftest import CALLBACK, App, Town
from tests.oauth.test_basic_plan import (
    claims_of,
    test_oidcc_ensure_request_object_with_redirect_uri,
    test_oidcc_idtoken_unsigned,
    test_oidcc_refresh_token,
)

Json = dict[str, Any]
__all__ = [
    "test_oidcc_ensure_request_object_with_redirect_uri",
    "test_oidcc_idtoken_unsigned",
    "test_oidcc_refresh_token",
]


async def registered(town: Town, **description: Any) -> App:
    """An app that registers itself."""
    asked = {"redirect_uris": [CALLBACK], "client_name": "By program", **description}
    answer = await town.http.post("/oauth/register", json=asked)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    return App(town, made["client_id"], made.get("client_secret"), made["redirect_uris"][0])


async def not_registered(town: Town, **description: Any) -> Json:
    answer = await town.http.post("/oauth/register", json={"redirect_uris": [CALLBACK], **description})
    assert answer.status_code == 400, answer.text
    said: Json = answer.json()
    return said


async def test_oidcc_discovery_endpoint_verification(town: Town) -> None:
    answer = await town.http.get("/.well-known/openid-configuration")
    said = answer.json()
    assert answer.headers["content-type"] == "application/json" and said["issuer"] == town.url
    for name in ("authorization", "token", "userinfo", "registration", "end_session"):
        assert said[f"{name}_endpoint"].startswith(f"{town.url}/oauth/")
    assert "openid" in said["scopes_supported"] and said["response_types_supported"] == ["code"]
    assert "RS256" in said["id_token_signing_alg_values_supported"] and said["subject_types_supported"]
    keys = (await town.http.get(said["jwks_uri"])).json()["keys"]
    assert {key["alg"] for key in keys} == {"RS256", "ES256"} and not any(key.keys() & {"d", "p"} for key in keys)
    assert {key["use"] for key in keys} == {"sig"} and len({key["kid"] for key in keys}) == len(keys)


async def test_oidcc_server(town: Town) -> None:
    app = await registered(town)
    assert (await claims_of(app, await app.tokens(await town.browser())))["aud"] == [app.id]


async def test_oidcc_ensure_client_assertion_with_iss_aud_succeeds(town: Town) -> None:
    """Beside the token endpoint's address, the issuer is an audience (RFC 7523)."""
    key = ECKey.generate_key("P-256", {"kid": "one"})
    more = {"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [key.as_dict(private=False)]}}
    app, amina = await registered(town, **more), await town.browser()
    code = query_of(await amina.authorize(app.url()))["code"]
    now = int(town.world.clock.now().timestamp())
    claims = {"iss": app.id, "sub": app.id, "aud": town.url, "exp": now + 60, "iat": now, "jti": "once"}
    shown = {
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": jwt.encode({"alg": "ES256", "kid": "one"}, claims, key),
    }
    answer = await app.exchange(code, **shown)
    assert answer.status_code == 200, answer.text
    again = await app.post("/oauth/introspect", token=answer.json()["access_token"], **shown)
    assert (again.status_code, again.json()["error"]) == (401, "invalid_client"), "an assertion is taken once"


async def test_oidcc_ensure_redirect_uri_in_authorization_request(town: Town) -> None:
    app, amina = await registered(town), await town.browser()
    page = await amina.open(app.url(without="redirect_uri"))
    assert page.status_code == 400 and not page.is_redirect


async def test_oidcc_idtoken_rs256(town: Town) -> None:
    app = await registered(town, id_token_signed_response_alg="RS256")
    header, _ = await town.read((await app.tokens(await town.browser()))["id_token"])
    assert header["alg"] == "RS256"


async def test_oidcc_redirect_uri_query_OK(town: Town) -> None:
    app, amina = await registered(town, redirect_uris=[f"{CALLBACK}?foo=bar"]), await town.browser()
    back = await amina.authorize(app.url())
    assert back.startswith(f"{CALLBACK}?foo=bar&") and query_of(back)["foo"] == "bar" and "code" in query_of(back)


async def test_oidcc_redirect_uri_query_added(town: Town) -> None:
    app, amina = await registered(town), await town.browser()
    assert (await amina.open(app.url(redirect_uri=f"{CALLBACK}?foo=bar"))).status_code == 400


async def test_oidcc_redirect_uri_query_mismatch(town: Town) -> None:
    app, amina = await registered(town, redirect_uris=[f"{CALLBACK}?foo=bar"]), await town.browser()
    assert (await amina.open(app.url(redirect_uri=f"{CALLBACK}?bar=foo"))).status_code == 400


async def test_oidcc_redirect_uri_regfrag(town: Town) -> None:
    assert (await not_registered(town, redirect_uris=[f"{CALLBACK}#foobar"]))["error"] == "invalid_redirect_uri"


async def test_oidcc_refresh_token_rp_key_rotation(town: Town) -> None:
    """An app that changes its keys by itself goes on with the new ones, and the old ones are dead."""
    old, new = (ECKey.generate_key("P-256", {"kid": kid}) for kid in ("old", "new"))
    asked: Json = {
        "redirect_uris": [CALLBACK],
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": [old.as_dict(private=False)]},
    }
    made = (await town.http.post("/oauth/register", json=asked)).json()
    app = App(town, made["client_id"], None)

    def shown(key: ECKey, jti: str) -> dict[str, str]:
        now = int(town.world.clock.now().timestamp())
        claims = {"iss": app.id, "sub": app.id, "aud": f"{town.url}/oauth/token", "exp": now + 60, "jti": jti}
        return {
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": jwt.encode({"alg": "ES256", "kid": key.kid}, claims, key),
        }

    amina = await town.browser()
    code = query_of(await amina.authorize(app.url(scope="openid offline_access")))["code"]
    tokens = (await app.exchange(code, **shown(old, "1"))).json()
    changed = await town.http.put(
        made["registration_client_uri"],
        json={**asked, "client_id": app.id, "jwks": {"keys": [new.as_dict(private=False)]}},
        headers={"authorization": f"Bearer {made['registration_access_token']}"},
    )
    assert changed.status_code == 200, changed.text
    assert (await app.refresh(tokens["refresh_token"], **shown(old, "2"))).status_code == 401
    assert (await app.refresh(tokens["refresh_token"], **shown(new, "3"))).status_code == 200


async def test_oidcc_registration_jwks_uri(town: Town) -> None:
    """Keys are taken by value: this provider fetches nothing that an app names."""
    said = await not_registered(town, jwks_uri="https://app.example/jwks.json")
    assert said["error"] == "invalid_client_metadata" and "jwks" in said["error_description"]


async def kept_and_never_fetched(town: Town, name: str) -> None:
    answer = await town.http.post(
        "/oauth/register", json={"redirect_uris": [CALLBACK], name: "https://app.example/page"}
    )
    assert answer.json()[name] == "https://app.example/page"
    assert (await not_registered(town, **{name: "http://127.0.0.1/admin"}))["error"] == "invalid_client_metadata"


async def test_oidcc_registration_logo_uri(town: Town) -> None:
    await kept_and_never_fetched(town, "logo_uri")


async def test_oidcc_registration_policy_uri(town: Town) -> None:
    await kept_and_never_fetched(town, "policy_uri")


async def test_oidcc_registration_tos_uri(town: Town) -> None:
    await kept_and_never_fetched(town, "tos_uri")


async def test_oidcc_registration_sector_uri(town: Town) -> None:
    """Pairwise subjects work for redirects of one host; the address of a sector is not fetched."""
    two = [f"{CALLBACK}/1", f"{CALLBACK}/2"]
    one, same = [await registered(town, subject_type="pairwise", redirect_uris=two) for _ in range(2)]
    other = await registered(town, subject_type="pairwise", redirect_uris=["https://other.example/back"])
    plain, amina = await registered(town), await town.browser()
    subs = [(await claims_of(app, await app.tokens(amina)))["sub"] for app in (one, same, other, plain)]
    assert subs[0] == subs[1] and len(set(subs)) == 3
    token = (await one.tokens(amina))["access_token"]
    _, access = await town.read(token)
    info = (await one.userinfo(token)).json()
    seen = (await one.post("/oauth/introspect", token=token)).json()
    assert access["sub"] == info["sub"] == seen["sub"] == subs[0], "everywhere the same"


async def test_oidcc_registration_sector_bad(town: Town) -> None:
    said = await not_registered(town, subject_type="pairwise", sector_identifier_uri="https://app.example/sector")
    assert said["error"] == "invalid_client_metadata"
    hosts = [CALLBACK, "https://other.example/back"]
    assert (await not_registered(town, subject_type="pairwise", redirect_uris=hosts))["error"]


async def test_oidcc_request_uri_signed_rs256(town: Town) -> None:
    said = await not_registered(town, request_uris=["https://app.example/r"], request_object_signing_alg="RS256")
    assert said["error"] == "invalid_client_metadata"


async def test_oidcc_request_uri_unsigned(town: Town) -> None:
    app, amina = await registered(town), await town.browser()
    said = query_of((await amina.open(app.url(request_uri="https://app.example/r"))).headers["location"])
    assert said["error"] == "request_uri_not_supported"


async def test_oidcc_server_rotate_keys(town: Town) -> None:
    app, amina = await registered(town), await town.browser()
    before, _ = await town.read((await app.tokens(amina))["id_token"])
    await town.oauth.rotate_keys()
    published = {key["kid"] for key in (await fresh_keys(town)).json()["keys"]}
    assert before["kid"] in published and len(published) == 4
    await travel(town, days=3)
    after, _ = await town.read((await app.tokens(amina))["id_token"])
    assert after["kid"] in published - {before["kid"]}


async def fresh_keys(town: Town) -> httpx2.Response:
    """What is published after a minute."""
    await travel(town, minutes=2)
    return await town.http.get("/oauth/jwks.json")


async def travel(town: Town, **by: float) -> None:
    town.world.clock.shift += timedelta(**by)


async def test_oidcc_userinfo_rs256(town: Town) -> None:
    """Userinfo is plain JSON, and never signed in silence or unsigned in silence."""
    assert (await not_registered(town, userinfo_signed_response_alg="RS256"))["error"] == "invalid_client_metadata"


def test_every_module_has_its_test() -> None:
    modules = [
        "oidcc-discovery-endpoint-verification",
        "oidcc-server",
        "oidcc-ensure-client-assertion-with-iss-aud-succeeds",
        "oidcc-ensure-redirect-uri-in-authorization-request",
        "oidcc-ensure-request-object-with-redirect-uri",
        "oidcc-idtoken-rs256",
        "oidcc-idtoken-unsigned",
        "oidcc-redirect-uri-query-OK",
        "oidcc-redirect-uri-query-added",
        "oidcc-redirect-uri-query-mismatch",
        "oidcc-redirect-uri-regfrag",
        "oidcc-refresh-token",
        "oidcc-refresh-token-rp-key-rotation",
        "oidcc-registration-jwks-uri",
        "oidcc-registration-logo-uri",
        "oidcc-registration-policy-uri",
        "oidcc-registration-sector-bad",
        "oidcc-registration-sector-uri",
        "oidcc-registration-tos-uri",
        "oidcc-request-uri-signed-rs256",
        "oidcc-request-uri-unsigned",
        "oidcc-server-rotate-keys",
        "oidcc-userinfo-rs256",
    ]
    assert [one for one in modules if f"test_{one.replace('-', '_')}" not in globals()] == []
