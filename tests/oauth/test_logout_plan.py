"""The modules of ``oidcc-rp-initiated-logout-certification-test-plan``, a test each."""

from __future__ import annotations

from urllib.parse import urlencode

import httpx2
from tests.oauth.browser import Browser, form_of
from tests.oauth.conftest import App, Town

LEFT = "https://app.example/left"


async def logged_in(town: Town) -> tuple[App, Browser, str]:
    """An app, a person who is logged in there, and the ID token."""
    app, amina = await town.app(post_logout_redirect_uris=[LEFT]), await town.browser()
    return app, amina, (await app.tokens(amina))["id_token"]


async def leave(amina: Browser, **fields: str) -> httpx2.Response:
    return await amina.open(f"/oauth/end_session?{urlencode(fields)}")


async def is_in(amina: Browser, app: App) -> bool:
    page = await amina.open(app.url(prompt="none"))
    return "code=" in page.headers["location"]


async def test_oidcc_rp_initiated_logout_discovery_endpoint_verification(town: Town) -> None:
    said = (await town.http.get("/.well-known/openid-configuration")).json()
    assert said["end_session_endpoint"] == f"{town.url}/oauth/end_session"


async def test_oidcc_rp_initiated_logout(town: Town) -> None:
    app, amina, hint = await logged_in(town)
    answer = await leave(amina, id_token_hint=hint, post_logout_redirect_uri=LEFT, state="s")
    assert answer.headers["location"] == f"{LEFT}?state=s"
    assert not await is_in(amina, app)


async def test_oidcc_rp_initiated_logout_bad_post_logout_redirect_uri(town: Town) -> None:
    """OID-09: no redirect."""
    app, amina, hint = await logged_in(town)
    answer = await leave(amina, id_token_hint=hint, post_logout_redirect_uri="https://evil.example/", state="s")
    assert answer.status_code == 400 and "evil" not in answer.text and await is_in(amina, app)


async def test_oidcc_rp_initiated_logout_modified_id_token_hint(town: Town) -> None:
    app, amina, hint = await logged_in(town)
    head, body, signature = hint.split(".")
    changed = f"{head}.{body}.{signature[:-8]}{'A' * 8}"
    answer = await leave(amina, id_token_hint=changed, post_logout_redirect_uri=LEFT, state="s")
    assert answer.status_code == 400 and await is_in(amina, app)


async def test_oidcc_rp_initiated_logout_bad_id_token_hint(town: Town) -> None:
    """OID-09: no redirect, and nobody is logged out."""
    app, amina, _ = await logged_in(town)
    tokens = await app.tokens(amina)
    for bad in ("no token", "a.b.c", tokens["access_token"]):
        answer = await leave(amina, id_token_hint=bad, post_logout_redirect_uri=LEFT, state="s")
        assert answer.status_code == 400 and await is_in(amina, app)


async def test_oidcc_rp_initiated_logout_no_id_token_hint(town: Town) -> None:
    """The person is asked, and nobody is sent anywhere."""
    app, amina, _ = await logged_in(town)
    page = await leave(amina, post_logout_redirect_uri=LEFT, state="s")
    assert page.status_code == 200 and await is_in(amina, app)
    done = await amina.send(form_of(page))
    assert not done.is_redirect and "You are logged out" in done.text and not await is_in(amina, app)


async def test_oidcc_rp_initiated_logout_no_params(town: Town) -> None:
    app, amina, _ = await logged_in(town)
    done = await amina.send(form_of(await leave(amina)))
    assert "You are logged out" in done.text and not await is_in(amina, app)


async def test_oidcc_rp_initiated_logout_no_post_logout_redirect_uri(town: Town) -> None:
    app, amina, hint = await logged_in(town)
    done = await leave(amina, id_token_hint=hint, state="s")
    assert "You are logged out" in done.text and not await is_in(amina, app)


async def test_oidcc_rp_initiated_logout_no_state(town: Town) -> None:
    app, amina, hint = await logged_in(town)
    answer = await leave(amina, id_token_hint=hint, post_logout_redirect_uri=LEFT)
    assert answer.headers["location"] == LEFT and not await is_in(amina, app)


async def test_oidcc_rp_initiated_logout_only_state(town: Town) -> None:
    app, amina, _ = await logged_in(town)
    page = await leave(amina, state="s")
    assert page.status_code == 200 and await is_in(amina, app)
    assert "You are logged out" in (await amina.send(form_of(page))).text


async def test_oidcc_rp_initiated_logout_query_added_to_post_logout_redirect_uri(town: Town) -> None:
    app, amina, hint = await logged_in(town)
    answer = await leave(amina, id_token_hint=hint, post_logout_redirect_uri=f"{LEFT}?extra=1", state="s")
    assert answer.status_code == 400 and await is_in(amina, app)


# -- beyond the plan ----------------------------------------------------------------------------


async def test_by_post_as_well(town: Town) -> None:
    app, amina, hint = await logged_in(town)
    answer = await amina.http.post("/oauth/end_session", data={"id_token_hint": hint, "post_logout_redirect_uri": LEFT})
    assert (await amina.open(answer.headers["location"])).headers["location"] == LEFT
    assert not await is_in(amina, app)


async def test_an_id_token_of_another_session_asks_first(town: Town) -> None:
    """Any page can show an old ID token: that must not log somebody out unasked."""
    app, amina, _ = await logged_in(town)
    _, _, of_juma = await logged_in(town)
    page = await leave(amina, id_token_hint=of_juma, post_logout_redirect_uri=LEFT)
    assert page.status_code == 200 and not page.is_redirect and await is_in(amina, app)
    done = await amina.send(form_of(page))
    assert done.status_code in (200, 303) and not await is_in(amina, app)


async def test_what_is_not_for_longer_ends_with_the_session(town: Town) -> None:
    app, amina = await town.app(), await town.browser()
    short = await app.tokens(amina)
    long = await app.tokens(amina, "openid offline_access")
    await amina.send(form_of(await amina.open("/logout")))
    assert not await app.active(short["access_token"])
    assert await app.active(long["access_token"])
    assert (await app.refresh(long["refresh_token"])).status_code == 200
