"""Where the toolkit is lax by default, and this provider is not; attacks by their numbers in the abuse catalogue."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey
from tests.oauth.browser import Browser, form_of, query_of
from tests.oauth.conftest import ALL, CALLBACK, App, Town

from hazina.oauth import SCOPES
from hazina.oauth.discovery import document

Json = dict[str, Any]
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
PUBLIC: Json = {"token_endpoint_auth_method": "none"}


def refused(answer: httpx2.Response, error: str, status: int = 400) -> bool:
    body = answer.json()
    assert (answer.status_code, body["error"]) == (status, error), answer.text
    assert "access_token" not in body
    return True


async def code_for(app: App, who: Browser, **more: str) -> str:
    return query_of(await who.authorize(app.url(**more)))["code"]


# -- codes --------------------------------------------------------------------------------------


async def test_oid_03_of_twenty_parallel_exchanges_one_wins(town: Town) -> None:
    app, amina = await town.app(), await town.browser()
    code = await code_for(app, amina)
    answers = await asyncio.gather(*(app.exchange(code) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200, *[400] * 19]
    [won] = [answer.json() for answer in answers if answer.status_code == 200]
    assert not await app.active(won["access_token"]), "seen twice: what came of it is dead"


async def test_oid_03_another_app_gets_nothing_and_harms_nobody(town: Town) -> None:
    app, thief, amina = await town.app(), await town.app(), await town.browser()
    code = await code_for(app, amina)
    assert refused(await thief.exchange(code, code_verifier=app.verifier), "invalid_grant")
    assert (await app.exchange(code)).status_code == 200


@pytest.mark.parametrize("more", [{"redirect_uri": "https://app.example/other"}, {"code_verifier": "x" * 43}])
async def test_oid_03_a_code_has_one_try(town: Town, more: dict[str, str]) -> None:
    app, amina = await town.app(), await town.browser()
    code = await code_for(app, amina)
    assert refused(await app.exchange(code, **more), "invalid_grant")
    assert refused(await app.exchange(code), "invalid_grant"), "right, but too late"


async def test_a_code_lives_a_minute(town: Town) -> None:
    app, amina = await town.app(), await town.browser()
    code = await code_for(app, amina)
    town.world.clock.shift += timedelta(seconds=61)
    assert refused(await app.exchange(code), "invalid_grant")


# -- PKCE ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["secret", "public"])
@pytest.mark.parametrize(
    ("without", "more"),
    [
        ("code_challenge code_challenge_method", {}),
        ("code_challenge_method", {}),
        ("", {"code_challenge_method": "plain"}),
        ("code_challenge", {}),
        ("", {"code_challenge": "short"}),
        ("", {"code_challenge": "x" * 44}),
    ],
)
async def test_oid_02_no_pkce_and_plain(town: Town, kind: str, without: str, more: dict[str, str]) -> None:
    app = await town.app(**(PUBLIC if kind == "public" else {}))
    amina = await town.browser()
    said = query_of((await amina.open(app.url(without, **more))).headers["location"])
    assert said["error"] == "invalid_request" and said["iss"] == town.url and said["state"] == "some state"


@pytest.mark.parametrize("verifier", ["", "x" * 42, "x" * 129, "é" * 43])
async def test_oid_02_a_verifier_that_is_none(town: Town, verifier: str) -> None:
    app, amina = await town.app(), await town.browser()
    assert refused(await app.exchange(await code_for(app, amina), code_verifier=verifier), "invalid_request")


# -- redirects and scopes -----------------------------------------------------------------------


@pytest.mark.parametrize("scope", ["openid admin", "read", "openid write", " "])
async def test_a_scope_that_is_not_the_apps_gives_no_token(town: Town, scope: str) -> None:
    app, amina = await town.app("openid profile"), await town.browser()
    if not scope.strip():
        tokens = await app.tokens(amina, scope)
        assert tokens["scope"] == "openid profile", "no scope is the default one, and never an empty one"
        return
    said = query_of((await amina.open(app.url(scope=scope))).headers["location"])
    assert said["error"] == "invalid_scope" and said["iss"] == town.url


async def test_an_app_of_its_own_gets_no_identity_scopes(town: Town) -> None:
    app = await town.app("openid read", grant_types=["client_credentials"], redirect_uris=[])
    assert (await app.post("/oauth/token", grant_type="client_credentials")).json()["scope"] == "read"
    for scope in ("openid", "write", "read write"):
        assert refused(await app.post("/oauth/token", grant_type="client_credentials", scope=scope), "invalid_scope")
    none = await town.app("openid", grant_types=["client_credentials"], redirect_uris=[])
    assert refused(await none.post("/oauth/token", grant_type="client_credentials"), "invalid_scope")


async def test_grants_that_an_app_is_not_registered_for(town: Town) -> None:
    app, amina = await town.app(grant_types=["authorization_code"]), await town.browser()
    tokens = await app.tokens(amina, ALL)
    assert refused(await app.refresh(tokens.get("refresh_token", "x")), "unauthorized_client")
    assert refused(await app.post("/oauth/token", grant_type="client_credentials"), "unauthorized_client")
    assert refused(await app.post("/oauth/device_authorization"), "unauthorized_client")
    for grant in ("password", "implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer", "x"):
        assert refused(await app.post("/oauth/token", grant_type=grant), "unsupported_grant_type")


# -- refresh ------------------------------------------------------------------------------------


async def test_of_twenty_parallel_refreshes_one_wins(town: Town) -> None:
    app, amina = await town.app(), await town.browser()
    tokens = await app.tokens(amina, "openid offline_access")
    answers = await asyncio.gather(*(app.refresh(tokens["refresh_token"]) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200, *[400] * 19]
    [won] = [answer.json() for answer in answers if answer.status_code == 200]
    assert refused(await app.refresh(won["refresh_token"]), "invalid_grant"), "seen twice: its family is dead"
    assert not await app.active(won["access_token"])


async def test_no_app_can_end_another_apps_family(town: Town) -> None:
    app, thief, amina = await town.app(), await town.app(), await town.browser()
    tokens = await app.tokens(amina, "openid offline_access")
    fresh = (await app.refresh(tokens["refresh_token"])).json()
    assert refused(await thief.refresh(tokens["refresh_token"]), "invalid_grant"), "one that was traded"
    assert refused(await thief.refresh(fresh["refresh_token"]), "invalid_grant")
    assert (await app.refresh(fresh["refresh_token"])).status_code == 200


async def test_less_scope_for_once_and_never_more(town: Town) -> None:
    app, amina = await town.app(), await town.browser()
    tokens = await app.tokens(amina, "openid phone offline_access")
    assert refused(await app.refresh(tokens["refresh_token"], scope="openid email"), "invalid_scope")
    less = (await app.refresh(tokens["refresh_token"], scope="openid")).json()
    assert less["scope"] == "openid", "and what was refused did not use the token up"
    assert "phone_number" not in (await app.userinfo(less["access_token"])).json()
    again = (await app.refresh(less["refresh_token"])).json()
    assert again["scope"] == "openid phone offline_access"


async def test_who_may_not_come_back_gets_no_refresh_token(town: Town) -> None:
    app, amina = await town.app(), await town.browser()
    assert "refresh_token" not in await app.tokens(amina, "openid phone")


async def test_a_refresh_token_ends_unused_and_a_family_ends_anyway(town: Town) -> None:
    app, amina, clock = await town.app(), await town.browser(), town.world.clock
    idle = await app.tokens(amina, "openid offline_access")
    clock.shift += timedelta(days=31)
    assert refused(await app.refresh(idle["refresh_token"]), "invalid_grant")
    tokens = await app.tokens(amina, "openid offline_access", {"prompt": "consent"})
    for _ in range(4):
        clock.shift += timedelta(days=20)
        tokens = (await app.refresh(tokens["refresh_token"])).json()
    clock.shift += timedelta(days=11)
    assert refused(await app.refresh(tokens["refresh_token"]), "invalid_grant"), "91 days after the log-in"


async def test_a_person_who_is_gone_refreshes_nothing(town: Town) -> None:
    app, amina = await town.app(), await town.browser()
    tokens = await app.tokens(amina, "openid offline_access")
    _, claims = await town.read(tokens["id_token"])
    async with town.world.bank.db.transaction() as tx:
        await tx.execute("update account set status = 'closed' where user_id = %(id)s", {"id": claims["sub"]})
    assert refused(await app.refresh(tokens["refresh_token"]), "invalid_grant")
    assert not await app.active(tokens["access_token"])


async def test_what_is_forgotten_stops_at_once(town: Town) -> None:
    app, amina = await town.app(), await town.browser()
    tokens = await app.tokens(amina, "openid offline_access")
    _, claims = await town.read(tokens["id_token"])
    await town.world.bank.identity.forget(UUID(claims["sub"]))
    assert not await app.active(tokens["access_token"])
    assert (await app.userinfo(tokens["access_token"])).status_code == 401
    assert refused(await app.refresh(tokens["refresh_token"]), "invalid_grant")


# -- access tokens ------------------------------------------------------------------------------


async def test_an_access_token_says_what_rfc_9068_wants(town: Town) -> None:
    app, amina = await town.app(), await town.browser()
    tokens = await app.tokens(amina, "openid phone")
    header, claims = await town.read(tokens["access_token"])
    assert header["typ"] == "at+jwt" and header["alg"] == "ES256" and header["kid"]
    assert claims["aud"] == claims["iss"] == town.url and claims["client_id"] == app.id
    assert claims["exp"] - claims["iat"] == tokens["expires_in"] == 3600
    assert claims["acr"] and claims["amr"] == ["otp", "sms"] and claims["auth_time"] and claims["jti"]
    assert claims["scope"] == "openid phone"
    town.world.clock.shift += timedelta(seconds=3601)
    assert not await app.active(tokens["access_token"])
    assert (await app.userinfo(tokens["access_token"])).status_code == 401


async def test_an_id_token_opens_nothing(town: Town) -> None:
    app, amina = await town.app(), await town.browser()
    tokens = await app.tokens(amina)
    assert (await app.userinfo(tokens["id_token"])).status_code == 401
    assert not await app.active(tokens["id_token"])


async def test_userinfo_says_what_is_missing(town: Town) -> None:
    app, amina = await town.app(" ".join(SCOPES)), await town.browser()
    nobody = await town.http.get("/oauth/userinfo")
    assert nobody.status_code == 401 and nobody.headers["www-authenticate"] == 'Bearer realm="hazina"'
    bad = await app.userinfo("x")
    assert bad.status_code == 401 and 'error="invalid_token"' in bad.headers["www-authenticate"]
    tokens = await app.tokens(amina, "read")
    narrow = await app.userinfo(tokens["access_token"])
    assert narrow.status_code == 403 and 'scope="openid"' in narrow.headers["www-authenticate"]


# -- introspection and revocation ---------------------------------------------------------------


async def test_oid_07_introspection_is_no_oracle(town: Town) -> None:
    app, other, public = await town.app(), await town.app(), await town.app(**PUBLIC)
    tokens = await app.tokens(await town.browser(), "openid offline_access")
    for headers, fields in (
        ({}, {}),
        ({}, {"client_id": app.id}),
        ({}, {"client_id": public.id}),
        ({}, {"client_id": "client_nobody", "client_secret": "x"}),
        ({"authorization": "Basic " + base64.b64encode(f"{app.id}:wrong".encode()).decode()}, {}),
        ({"authorization": "Basic \xff\xfe"}, {}),
        ({"authorization": "Basic !!!"}, {}),
    ):
        raw = {name.encode(): value.encode("latin-1") for name, value in headers.items()}
        answer = await town.http.post("/oauth/introspect", data={**fields, "token": "x"}, headers=raw)
        assert refused(answer, "invalid_client", 401) and "www-authenticate" in answer.headers
    said = {(await other.post("/oauth/introspect", token=token)).text for token in (tokens["access_token"], "nothing")}
    assert said == {'{"active":false}'}
    server = await town.oauth.make_app(
        None, {"client_name": "A resource server", "grant_types": ["client_credentials"], "scope": "read"},
        introspects=True,
    )  # fmt: skip
    guard = App(town, server.client.id, server.secret)
    assert await guard.active(tokens["access_token"]) and not await guard.active(tokens["refresh_token"])


async def test_oid_07_revocation_of_anothers_token_does_nothing(town: Town) -> None:
    app, other = await town.app(), await town.app(**PUBLIC)
    tokens = await app.tokens(await town.browser(), "openid offline_access")
    for token in (tokens["access_token"], tokens["refresh_token"], "nothing"):
        assert (await other.post("/oauth/revoke", token=token)).status_code == 200
    assert await app.active(tokens["access_token"]) and await app.active(tokens["refresh_token"])
    assert refused(await town.http.post("/oauth/revoke", data={"token": "x"}), "invalid_client", 401)


async def test_a_hint_that_nobody_knows_is_no_hint(town: Town) -> None:
    app = await town.app()
    tokens = await app.tokens(await town.browser())
    for hint in ("refresh_token", "session", "access_token"):
        answer = await app.post("/oauth/introspect", token=tokens["access_token"], token_type_hint=hint)
        assert answer.json()["active"] is True
    gone = await app.post("/oauth/revoke", token=tokens["access_token"], token_type_hint="session")
    assert gone.status_code == 200 and not await app.active(tokens["access_token"])
    assert refused(await app.post("/oauth/revoke"), "invalid_request")


async def test_introspection_takes_json_as_well(town: Town) -> None:
    app = await town.app()
    tokens = await app.tokens(await town.browser())
    body = {"token": tokens["access_token"], "client_id": app.id, "client_secret": app.secret}
    assert (await town.http.post("/oauth/introspect", json=body)).json()["active"] is True
    assert refused(await town.http.post("/oauth/introspect", json={"token": 7}), "invalid_request")


# -- client authentication ----------------------------------------------------------------------


async def test_one_way_of_authentication_at_a_time(town: Town) -> None:
    app, amina = await town.app(), await town.browser()
    both = await app.exchange(await code_for(app, amina), client_id=app.id, client_secret=str(app.secret))
    assert refused(both, "invalid_request")
    foreign = await app.exchange(await code_for(app, amina), client_id=(await town.app()).id)
    assert refused(foreign, "invalid_client", 401)
    named_only = await app.post("/oauth/token", {}, grant_type="refresh_token", refresh_token="x", client_id=app.id)
    assert refused(named_only, "invalid_client", 401), "an app with a secret shows it"


async def keyed(town: Town) -> tuple[App, ECKey]:
    key = ECKey.generate_key("P-256", {"kid": "one"})
    jwks = {"keys": [key.as_dict(private=False)]}
    how: Json = {"token_endpoint_auth_method": "private_key_jwt", "jwks": jwks, "grant_types": ["client_credentials"]}
    app = await town.app("read", redirect_uris=[], **how)
    return app, key


async def by_assertion(app: App, assertion: str) -> httpx2.Response:
    shown = {"client_assertion_type": JWT_BEARER, "client_assertion": assertion}
    return await app.post("/oauth/token", {}, grant_type="client_credentials", **shown)


async def test_an_assertion_must_be_right_in_everything(town: Town) -> None:
    app, key = await keyed(town)
    now = int(town.world.clock.now().timestamp())
    right = {"iss": app.id, "sub": app.id, "aud": town.url, "exp": now + 3600, "iat": now, "jti": "1"}
    head = {"alg": "ES256", "kid": "one"}
    wrong: list[Json] = [
        {"aud": "https://elsewhere.example"},
        {"iss": "client_other"},
        {"sub": 7},
        {"exp": now - 120},
        {"exp": now + 100_000},
        {"exp": "soon"},
        {"exp": None},
        {"jti": None},
        {"jti": ""},
        {"jti": "x" * 201},
        {"jti": 7},
    ]
    for change in wrong:
        claims = {name: value for name, value in {**right, **change}.items() if value is not None}
        assert refused(await by_assertion(app, jwt.encode(head, claims, key)), "invalid_client", 401), change
    stranger = ECKey.generate_key("P-256", {"kid": "one"})
    assert refused(await by_assertion(app, jwt.encode(head, right, stranger)), "invalid_client", 401)
    public = OctKey.import_key(json.dumps(key.as_dict(private=False)))
    by_secret = jwt.encode({"alg": "HS256", "kid": "one"}, right, public)
    assert refused(await by_assertion(app, by_secret), "invalid_client", 401), "a public key is no secret"
    body = base64.urlsafe_b64encode(json.dumps(right).encode()).rstrip(b"=").decode()
    for bare in (f"eyJhbGciOiJub25lIn0.{body}.", "x", "a.b.c", "e30.e30.", f"e30.{body}.x", "..", "é"):
        assert refused(await by_assertion(app, bare), "invalid_client", 401), bare
    good = jwt.encode(head, right, key)
    answers = await asyncio.gather(*(by_assertion(app, good) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200, *[401] * 7], "each is taken once"


async def test_a_secret_app_cannot_use_assertions_nor_a_key_app_secrets(town: Town) -> None:
    app, key = await keyed(town)
    secret = await town.app("read", grant_types=["client_credentials"], redirect_uris=[])
    now = int(town.world.clock.now().timestamp())
    claims = {"iss": secret.id, "sub": secret.id, "aud": town.url, "exp": now + 60, "jti": "1"}
    assert refused(await by_assertion(app, jwt.encode({"alg": "ES256"}, claims, key)), "invalid_client", 401)
    for how in ({"client_secret": ""}, {"client_secret": "x"}):
        answer = await app.post("/oauth/token", {}, grant_type="client_credentials", client_id=app.id, **how)
        assert refused(answer, "invalid_client", 401)


# -- what the adapter refuses -------------------------------------------------------------------


async def test_repeated_parameters_wrong_kinds_and_large_bodies(town: Town) -> None:
    app, amina = await town.app(), await town.browser()
    page = await amina.open(app.url() + "&nonce=again")
    assert page.status_code == 400 and not page.is_redirect
    form = {"content-type": "application/x-www-form-urlencoded", **app.basic}
    for content, headers in (
        (b"grant_type=client_credentials&grant_type=password", form),
        (b"grant_type=client_credentials", {**form, "content-type": "text/plain"}),
        (b'{"grant_type": "client_credentials"}', {**form, "content-type": "application/json"}),
        (b"a=" + b"x" * 30_000, form),
        (b"grant_type=%ff", form),
        (b"grant_type=a%00b", form),
        (b"&".join(b"a%d=1" % n for n in range(90)), form),
    ):
        assert refused(await town.http.post("/oauth/token", content=content, headers=headers), "invalid_request")
    in_address = await town.http.post("/oauth/token?grant_type=client_credentials", data={"a": "b"}, headers=app.basic)
    assert refused(in_address, "invalid_request")
    for content in (b"[]", b"7", b"null", b"{", b'{"a": "\\u0000"}', b"[" * 100_000):
        headers = {"content-type": "application/json"}
        assert refused(await town.http.post("/oauth/register", content=content, headers=headers), "invalid_request")
    assert (await town.http.get("/oauth/token")).status_code == 405


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"response_mode": "form_post"}, "invalid_request"),
        ({"response_mode": "jwt"}, "invalid_request"),
        ({"registration": "{}"}, "registration_not_supported"),
        ({"resource": "https://elsewhere.example"}, "invalid_target"),
        ({"dpop_jkt": "x"}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "create"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "soon"}, "invalid_request"),
        ({"id_token_hint": "x"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"claims": "["}, "invalid_request"),
        ({"scope": "openid nothing"}, "invalid_scope"),
        ({"prompt": "none"}, "login_required"),
    ],
)
async def test_oid_10_every_error_names_us_and_nothing_is_left_out(
    town: Town, more: dict[str, str], error: str
) -> None:
    app, amina = await town.app(), await town.browser()
    said = query_of((await amina.open(app.url(**more))).headers["location"])
    assert said["error"] == error and said["iss"] == town.url and said["state"] == "some state"


# -- ourselves ----------------------------------------------------------------------------------


def test_the_documents_are_checked_when_the_bank_is_built() -> None:
    assert document("https://bank.example")["issuer"] == "https://bank.example"
    with pytest.raises(ValueError):
        document("http://bank.example")


async def test_one_document_at_both_addresses(town: Town) -> None:
    known = ("openid-configuration", "oauth-authorization-server")
    one, two = [(await town.http.get(f"/.well-known/{name}")).json() for name in known]
    assert one == two == dict(town.oauth.metadata)
    resource = (await town.http.get("/.well-known/oauth-protected-resource")).json()
    assert resource["authorization_servers"] == [town.url]
    keys = [(await town.http.get(path)).json() for path in ("/oauth/jwks.json", "/.well-known/jwks.json")]
    assert keys[0] == keys[1]


async def test_no_secret_is_ever_written_to_the_log(
    town: Town, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    app, amina = await town.app(), await town.browser()
    with caplog.at_level(logging.DEBUG):
        assert logging.getLogger("authlib.oauth2").getEffectiveLevel() == logging.INFO
        code = await code_for(app, amina, scope="openid offline_access")
        tokens = (await app.exchange(code)).json()
        fresh = (await app.refresh(tokens["refresh_token"])).json()
    ours = [record for record in caplog.records if not record.name.startswith("http")]  # the test's own client
    said = "".join(str(record.__dict__) for record in ours) + "".join(capsys.readouterr())
    assert "/oauth/token" in said
    for secret in (code, app.secret, *tokens.values(), *fresh.values()):
        assert not isinstance(secret, str) or len(secret) < 20 or secret not in said


async def test_at_rest_there_are_only_hashes(town: Town) -> None:
    app, amina = await town.app(), await town.browser()
    tokens = await app.tokens(amina, "openid offline_access")
    tables = ("client", "code", "token", "family", "request", "key")
    async with town.world.bank.db.reading() as tx:
        rows = [await tx.rows(str, f"select t::text from oauth_{name} t") for name in tables]
    kept = "".join(one for table in rows for one in table)
    assert app.id in kept
    for secret in (app.secret, tokens["access_token"], tokens["refresh_token"]):
        assert str(secret) not in kept and base64.b64encode(str(secret).encode()).decode() not in kept
    assert '"d"' not in kept, "private keys are sealed"


async def test_state_and_long_values_come_back_unchanged(town: Town) -> None:
    app, amina = await town.app(), await town.browser()
    state = "ü &=#?/'\"<script> " + "x" * 500
    page = await amina.log_in(await amina.open(app.url(state=state)))
    back = await amina.send(form_of(page), answer="allow")
    assert query_of(back.headers["location"])["state"] == state
    assert back.headers["location"].startswith(CALLBACK)


async def test_what_has_run_out_is_forgotten(town: Town) -> None:
    app, amina = await town.app(), await town.browser()
    asked = {"redirect_uris": [CALLBACK], "client_name": "Never used"}
    assert (await town.http.post("/oauth/register", json=asked)).status_code == 201
    await app.tokens(amina, "openid offline_access")
    await (await town.browser()).open(app.url())  # one who never came back

    async def kept() -> dict[str, int]:
        tables = ("client", "family", "token", "code", "request", "key")
        async with town.world.bank.db.reading() as tx:
            return {name: await tx.value(f"select count(*) from oauth_{name}") for name in tables}

    assert await kept() == {"client": 2, "family": 1, "token": 2, "code": 1, "request": 1, "key": 2}
    town.world.clock.shift += timedelta(hours=2)
    await town.oauth.sweep()
    assert await kept() == {"client": 2, "family": 1, "token": 1, "code": 1, "request": 0, "key": 2}
    town.world.clock.shift += timedelta(days=91)
    await town.oauth.sweep()
    assert await kept() == {"client": 1, "family": 0, "token": 0, "code": 0, "request": 0, "key": 2}
