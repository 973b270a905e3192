"""Apps that register and manage themselves (RFC 7591, 7592), and what is refused there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx2
import pytest
from joserfc.jwk import ECKey
from tests.oauth.browser import query_of
from tests.oauth.conftest import CALLBACK, App, Town, served

from hazina.kernel.db import Database
from hazina.settings import Settings

Json = dict[str, Any]


async def register(town: Town, headers: dict[str, str] | None = None, **description: Any) -> httpx2.Response:
    body = {"redirect_uris": [CALLBACK], "client_name": "By program", **description}
    return await town.http.post("/oauth/register", json={k: v for k, v in body.items() if v != ""}, headers=headers)


KEY = ECKey.generate_key("P-256", {"kid": "one"})
REFUSED: list[Json] = [
    {"redirect_uris": ["javascript://x/%0aalert(1)"]},
    {"redirect_uris": ["javascript:alert(1)"]},
    {"redirect_uris": ["data://h/x"]},
    {"redirect_uris": ["data:text/html,x"]},
    {"redirect_uris": ["vbscript:x"]},
    {"redirect_uris": ["file:///etc/passwd"]},
    {"redirect_uris": ["http://evil.test/"]},
    {"redirect_uris": ["http://localhost.evil.test/"]},
    {"redirect_uris": ["https://*.app.example/"]},
    {"redirect_uris": ["https://user:pass@app.example/"]},
    {"redirect_uris": ["https://app.example/#x"]},
    {"redirect_uris": ["https:///back"]},
    {"redirect_uris": ["https://app.example/ back"]},
    {"redirect_uris": ["https://app.example/\u2028"]},
    {"redirect_uris": ["https://app.example:port/"]},
    {"redirect_uris": ["https://[::1/"]},
    {"redirect_uris": ["https://app.example/%zz"]},
    {"redirect_uris": ["//app.example/back"]},
    {"redirect_uris": ["/back"]},
    {"redirect_uris": [""]},
    {"redirect_uris": ["https://app.example/" + "x" * 600]},
    {"redirect_uris": [7]},
    {"redirect_uris": [None]},
    {"redirect_uris": [{}]},
    {"redirect_uris": "https://app.example/back"},
    {"redirect_uris": []},
    {"redirect_uris": [CALLBACK] * 11},
    {"redirect_uris": ["com.example.app:/cb"]},  # an app on a device keeps no secret
    {"redirect_uris": ["myapp:/cb"], "token_endpoint_auth_method": "none"},  # no domain in its scheme
    {"id_token_signed_response_alg": "none"},
    {"id_token_signed_response_alg": "HS256"},
    {"token_endpoint_auth_method": "private_key_jwt"},
    {"token_endpoint_auth_method": "client_secret_jwt"},
    {"token_endpoint_auth_method": "tls_client_auth"},
    {"token_endpoint_auth_method": "none", "grant_types": ["authorization_code", "client_credentials"]},
    {"client_name": {}},
    {"client_name": 7},
    {"client_name": " "},
    {"client_name": "x" * 81},
    {"client_name": "Bank\u202egnp.exe"},
    {"jwks": "text"},
    {"jwks": {}},
    {"jwks": {"keys": []}},
    {"jwks": {"keys": [7]}},
    {"jwks": {"keys": [{"kty": "EC"}]}},
    {"jwks": {"keys": [KEY.as_dict(private=True)]}},
    {"jwks": {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}},
    {"jwks": {"keys": [{"kty": "RSA", "e": "AQAB", "n": "q" * 171}]}},
    {"jwks": {"keys": [{"kty": "RSA", "e": "AQAB", "n": "q" * 2999}]}},
    {"jwks": {"keys": [{"kty": "RSA", "e": "AQAB", "n": 7}]}},
    {"jwks_uri": "https://app.example/jwks"},
    {"jwks_uri": "http://169.254.169.254/latest"},
    {"logo_uri": "http://169.254.169.254/latest"},
    {"logo_uri": "javascript:alert(1)"},
    {"client_uri": "file:///etc/passwd"},
    {"initiate_login_uri": "http://app.example/"},
    {"sector_identifier_uri": "https://app.example/"},
    {"software_statement": "x.y.z"},
    {"post_logout_redirect_uris": ["http://evil.test/"]},
    {"post_logout_redirect_uris": ["javascript:alert(1)"]},
    {"post_logout_redirect_uris": [7]},
    {"post_logout_redirect_uris": ["http://evil.test/"], "token_endpoint_auth_method": "none"},
    {"grant_types": ["password"]},
    {"grant_types": ["implicit"]},
    {"grant_types": "authorization_code"},
    {"grant_types": [7]},
    {"grant_types": ["client_credentials"], "response_types": ["code"]},
    {"response_types": ["token"]},
    {"response_types": ["code id_token"]},
    {"scope": "openid admin"},
    {"scope": "openid write"},
    {"scope": "read"},
    {"scope": ["openid"]},
    {"contacts": "x"},
    {"contacts": [7]},
    {"default_max_age": "x"},
    {"default_max_age": -1},
    {"default_max_age": True},
    {"require_auth_time": "yes"},
    {"default_acr_values": ["gold"]},
    {"application_type": "toaster"},
    {"subject_type": "secret"},
    {"userinfo_signed_response_alg": "RS256"},
    {"id_token_encrypted_response_alg": "RSA-OAEP"},
    {"dpop_bound_access_tokens": True},
]


async def test_oid_08_what_no_app_may_say(town: Town) -> None:
    for description in REFUSED:
        answer = await register(town, **description)
        said = answer.json()
        assert answer.status_code == 400, (description, said)
        assert said["error"] in ("invalid_client_metadata", "invalid_redirect_uri"), description
    async with town.world.bank.db.reading() as tx:
        assert await tx.value("select count(*) from oauth_client") == 0


async def test_what_an_app_may_say(town: Town) -> None:
    public = {"token_endpoint_auth_method": "none"}
    for description in (
        {"redirect_uris": ["com.example.app:/cb"], **public},
        {"redirect_uris": ["http://127.0.0.1:8123/cb", "http://[::1]:8123/cb", "http://localhost/cb"], **public},
        {"redirect_uris": ["https://app.example/back?a=b&c=d%20e"]},
        {"jwks": {"keys": [KEY.as_dict(private=False)]}, "token_endpoint_auth_method": "private_key_jwt"},
        {"client_name": "Duka la Asha · クラブ"},
        {"logo_uri": "https://app.example/logo.png", "contacts": ["asha@app.example"], "unknown_member": {"a": 1}},
    ):
        answer = await register(town, **description)
        assert answer.status_code == 201, (description, answer.text)
        assert "unknown_member" not in answer.json()
        assert ("client_secret" in answer.json()) == ("token_endpoint_auth_method" not in description)


async def test_hodlxxis_registration_is_answered_with_the_same_names(town: Town) -> None:
    answer = await register(
        town, grant_types=["authorization_code"], response_types=["code"],
        token_endpoint_auth_method="client_secret_post", scope="openid profile",
    )  # fmt: skip
    made = answer.json()
    assert made["client_id"].startswith("client_") and len(made["client_secret"]) >= 43
    wanted = {
        "client_name", "redirect_uris", "grant_types", "response_types", "scope", "token_endpoint_auth_method",
        "client_id_issued_at",
    }  # fmt: skip
    assert wanted <= made.keys()
    app, amina = App(town, made["client_id"], made["client_secret"]), await town.browser()
    code = query_of(await amina.authorize(app.url(scope="openid profile")))["code"]
    answer = await app.post(
        "/oauth/token", {}, grant_type="authorization_code", code=code, redirect_uri=CALLBACK,
        code_verifier=app.verifier, client_id=app.id, client_secret=str(app.secret),
    )  # fmt: skip
    assert answer.json()["id_token"]


async def test_an_app_reads_changes_and_removes_itself(town: Town) -> None:
    made = (await register(town)).json()
    at, own = made["registration_client_uri"], {"authorization": f"Bearer {made['registration_access_token']}"}
    read = (await town.http.get(at, headers=own)).json()
    assert read["client_id"] == made["client_id"] and "client_secret" not in read and read["scope"] == made["scope"]
    body = {"client_id": made["client_id"], "redirect_uris": ["https://app.example/new"], "client_name": "New name"}
    changed = (await town.http.put(at, json=body, headers=own)).json()
    assert changed["redirect_uris"] == ["https://app.example/new"] and changed["client_name"] == "New name"
    for wrong in ({**body, "client_id": "other"}, {**body, "client_secret": "x"}, {**body, "client_id_issued_at": 1}):
        assert (await town.http.put(at, json=wrong, headers=own)).status_code == 400
    for evil in ({"redirect_uris": ["javascript:x"]}, {"scope": "openid write"}):
        assert (await town.http.put(at, json={**body, **evil}, headers=own)).status_code == 400
    amina = await town.browser()
    app = App(town, made["client_id"], made["client_secret"], "https://app.example/new")
    tokens = await app.tokens(amina)
    assert (await town.http.delete(at, headers=own)).status_code == 204
    assert (await town.http.get(at, headers=own)).status_code == 401
    assert (await app.userinfo(tokens["access_token"])).status_code == 401
    assert (await amina.open(app.url())).status_code == 400


async def test_the_token_of_one_app_opens_no_other(town: Town) -> None:
    one, two = (await register(town)).json(), (await register(town)).json()
    for token in (two["registration_access_token"], "x", one["client_secret"]):
        for method in ("GET", "PUT", "DELETE"):
            body = {"client_id": one["client_id"], "redirect_uris": [CALLBACK]} if method == "PUT" else None
            headers = {"authorization": f"Bearer {token}"}
            answer = await town.http.request(method, one["registration_client_uri"], headers=headers, json=body)
            assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
    gone = await town.http.get("/oauth/register/client_nobody", headers={"authorization": "Bearer x"})
    assert gone.status_code == 401, "what is not there looks the same"


async def test_a_secret_comes_and_goes_with_the_way_of_authentication(town: Town) -> None:
    made = (await register(town, token_endpoint_auth_method="none")).json()
    own = {"authorization": f"Bearer {made['registration_access_token']}"}
    body = {"client_id": made["client_id"], "redirect_uris": [CALLBACK]}
    with_secret = (await town.http.put(made["registration_client_uri"], json=body, headers=own)).json()
    app, amina = App(town, made["client_id"], with_secret["client_secret"]), await town.browser()
    assert await app.tokens(amina)
    public = {**body, "token_endpoint_auth_method": "none"}
    await town.http.put(made["registration_client_uri"], json=public, headers=own)
    late = await app.exchange(query_of(await amina.authorize(app.url()))["code"])
    assert late.status_code == 401


@pytest.fixture
async def closed_town(db: Database, program_url: str, sandbox_settings: Settings, numbers: Any) -> Any:
    async with served(program_url, sandbox_settings, numbers, open_registration=False) as found:
        yield found


async def test_oid_08_registration_by_initial_access_token(closed_town: Town) -> None:
    town = closed_town
    for headers in ({}, {"authorization": "Bearer x"}, {"authorization": "Basic x"}):
        answer = await register(town, headers)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
    token = await town.oauth.initial_token("the till maker", uses=2, days=1)
    headers = {"authorization": f"Bearer {token}"}
    assert (await register(town, headers, redirect_uris=[7])).status_code == 400
    made = await register(town, headers, scope="openid read receive write")
    assert made.status_code == 201 and made.json()["scope"] == "openid read receive write"
    assert (await register(town, headers)).status_code == 401, "a use is a use, whatever came of it"
    another = await town.oauth.initial_token("another", uses=9, days=1)
    town.world.clock.shift += timedelta(days=2)
    assert (await register(town, {"authorization": f"Bearer {another}"})).status_code == 401


async def test_oid_08_mass_registration_from_one_address(town: Town) -> None:
    far = {"x-forwarded-for": "198.51.100.7"}
    town.world.clock.stop()  # all in one minute
    answers = [(await register(town, far)).status_code for _ in range(11)]
    assert answers == [201] * 10 + [429]
