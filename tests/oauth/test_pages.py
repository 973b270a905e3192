"""The pages: complete without a script, framed by nobody, sent by nobody else, leading nowhere else."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
from tests.api.conftest import World, opened
from tests.oauth.browser import Browser, form_of, query_of
from tests.oauth.conftest import CALLBACK, Town

from hazina.api.pages import local_path
from hazina.api.pages.kernel import HERE, WORDS
from hazina.kernel.db import Database
from hazina.settings import Settings

ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
TOKEN = re.compile(r"(--[a-z0-9-]+)\s*:\s*([^;]+);")


class Page(HTMLParser):
    """What a screen reader would miss, and what a policy would block."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.problems: list[str] = []
        self.ids: set[str] = set()
        self.labels: set[str] = set()
        self.inputs: list[str] = []
        self.headings = 0
        self.lang = ""
        self.feed(text)
        self.problems += [f"no label for {one}" for one in self.inputs if one not in self.labels]
        if self.headings != 1:
            self.problems.append(f"{self.headings} main headings")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        self.problems += [f"{tag} {name}" for name in said if name.startswith("on") or name == "style"]
        if tag in ("style", "iframe") or (tag == "script" and not (said.get("src") or "").startswith("/pages/")):
            self.problems.append(tag)
        if tag == "img" and not said.get("alt"):
            self.problems.append("img without words")
        if tag == "html":
            self.lang = said.get("lang") or ""
        self.headings += tag == "h1"
        if tag == "label" and (where := said.get("for")):
            self.labels.add(where)
        if tag == "textarea" or (tag == "input" and said.get("type") not in ("hidden", "checkbox")):
            self.inputs.append(said.get("id") or "?")


async def every_page(town: Town, lang: str) -> AsyncIterator[httpx2.Response]:
    app, amina = await town.app("openid offline_access read receive write"), await town.browser()
    amina.http.headers["accept-language"] = lang
    login = await amina.open(app.url(scope="openid offline_access read receive write"))
    yield login
    yield await amina.send(form_of(login), phone="no number")
    code = await amina.send(form_of(login), phone=amina.phone)
    yield code
    yield await amina.send(form_of(code), code="000000")
    consent = await amina.send(form_of(code), code=await town.world.code_of(amina.phone))
    yield consent
    yield await amina.send(form_of(consent), answer="allow", give_write="on", cap="much")
    yield await amina.open("/device")
    yield await amina.send(form_of(await amina.open("/device")), user_code="BCDF-GHJK")
    yield await amina.open("/login/second")
    yield await amina.open(app.url(client_id="client_nobody"))
    yield await amina.open(app.url(redirect_uri="https://evil.example/"))
    yield await amina.open("/oauth/authorize/r_nothing")
    yield await amina.open("/oauth/end_session?id_token_hint=x")
    for way in ("email", "wallet", "bitcoin", "nostr"):
        yield await amina.open(f"/login/{way}?next=/wallet")
    yield await amina.send(form_of(await amina.open("/login/email")), email="nobody@example.org")
    asked = await amina.send(form_of(await amina.open("/login/bitcoin")), address=ADDRESS)
    yield asked
    yield await amina.send(form_of(asked), signature="no signature")
    yield await amina.send(form_of(await amina.open("/login/wallet")))
    leave = await amina.open("/logout")
    yield leave
    yield await amina.send(form_of(leave))


@pytest.mark.parametrize("lang", ["en", "sw"])
async def test_every_page_needs_no_script_and_reads_well(town: Town, lang: str) -> None:
    seen = 0
    async for page in every_page(town, lang):
        found = Page(page.text)
        assert found.problems == [] and found.lang == lang, page.text
        policy = page.headers["content-security-policy"]
        assert "unsafe" not in policy and "frame-ancestors 'none'" in policy and "default-src 'none'" in policy
        assert page.headers["cache-control"] == "no-store" and page.headers["x-frame-options"] == "DENY"
        assert "Sandbox" in page.text or "majaribio" in page.text
        seen += 1
    assert seen == 23


async def test_oid_10_only_the_way_back_is_added_to_where_forms_may_lead(town: Town) -> None:
    app, amina = await town.app(), await town.browser()
    login = await amina.open(app.url())
    assert "form-action 'self' https://app.example;" in login.headers["content-security-policy"]
    consent = await amina.log_in(login)
    assert "form-action 'self' https://app.example;" in consent.headers["content-security-policy"]
    assert "form-action 'self';" in (await amina.open("/device")).headers["content-security-policy"]


async def test_oid_10_a_growing_scope_asks_again(town: Town) -> None:
    app, amina = await town.app("openid phone read"), await town.browser()
    await app.tokens(amina, "openid")
    assert "code" in query_of((await amina.open(app.url())).headers["location"]), "agreed to before"
    page = await amina.open(app.url(scope="openid phone"))
    assert page.status_code == 200 and "See your phone number" in page.text
    said = query_of((await amina.open(app.url(scope="openid phone", prompt="none"))).headers["location"])
    assert said["error"] == "consent_required"
    back = await amina.send(form_of(page), answer="allow", give_phone=None)  # type: ignore[arg-type]
    assert (await app.exchange(query_of(back.headers["location"])["code"])).json()["scope"] == "openid"
    quiet = query_of((await amina.open(app.url(scope="openid phone"))).headers["location"])
    assert (await app.exchange(quiet["code"])).json()["scope"] == "openid", "refused is remembered as well"


async def test_prompt_consent_and_an_app_that_anybody_can_pretend_to_be_ask_each_time(town: Town) -> None:
    app, amina = await town.app(), await town.browser()
    device = await town.app(token_endpoint_auth_method="none", redirect_uris=["com.example.app:/cb"])
    await app.tokens(amina)
    assert (await amina.open(app.url(prompt="consent"))).status_code == 200
    back = await amina.authorize(device.url())
    assert back.startswith("com.example.app:/cb?")
    page = await amina.open(device.url())
    assert page.status_code == 200 and "form-action 'self' com.example.app:;" in page.headers["content-security-policy"]


async def test_refusing_tells_the_app(town: Town) -> None:
    app, amina = await town.app(), await town.browser()
    page = await amina.log_in(await amina.open(app.url()))
    said = query_of((await amina.send(form_of(page), answer="refuse")).headers["location"])
    assert said["error"] == "access_denied" and said["iss"] == town.url
    gone = await amina.send(form_of(page), answer="allow")
    assert gone.status_code == 400 and "This took too long" in gone.text, "a request has one answer"


async def test_a_cap_must_be_an_amount(town: Town) -> None:
    app, amina = await town.app("openid write"), await town.browser()
    page = await amina.log_in(await amina.open(app.url(scope="openid write")))
    assert 'value="10.00"' in page.text and "give_write" in page.text
    for wrong in ("", "0", "-5", "1e3", "ten", "1000000.01", "1.234", "٣"):
        page = await amina.send(form_of(page), answer="allow", give_write="on", cap=wrong or " ")
        assert page.status_code == 400 and "Write an amount" in page.text, wrong
    back = await amina.send(form_of(page), answer="allow", give_write="on", cap="1,000.5")
    assert "code" in query_of(back.headers["location"])


# -- forms ---------------------------------------------------------------------------------------


async def test_forms_of_other_sites_and_old_pages_do_nothing(town: Town) -> None:
    app, amina, juma = await town.app(), await town.browser(), await town.browser()
    page = await amina.log_in(await amina.open(app.url()))
    form = form_of(page)
    fields = {**form.fields, "answer": "allow"}
    for data, headers in (
        ({**fields, "form": ""}, {}),
        ({**fields, "form": "x" * 64}, {}),
        ({name: value for name, value in fields.items() if name != "form"}, {}),
        (fields, {"origin": "https://evil.example"}),
        (fields, {"sec-fetch-site": "cross-site"}),
        (fields, {"sec-fetch-site": "same-site"}),
    ):
        answer = await amina.http.post(form.action, data=data, headers=headers)
        assert answer.status_code == 403 and not answer.is_redirect
    await juma.log_in()
    stolen = await juma.http.post(form.action, data=fields)
    assert stolen.status_code == 403, "made in another browser"
    before = form_of(await amina.open("/logout"))
    await amina.log_in(await amina.open("/login?next=/logout"))
    late = await amina.http.post(before.action, data=before.fields)
    assert late.status_code == 403, "made in another session"
    assert (await amina.http.post("/login", content=b"{}", headers={"content-type": "text/plain"})).status_code == 400


async def test_a_new_log_in_ends_the_browsers_old_session(town: Town) -> None:
    amina = await town.browser()
    await amina.log_in()
    [old] = [cookie.value for cookie in amina.http.cookies.jar if cookie.name == "hazina"]
    await amina.log_in(await amina.open("/login?next=/logout"))
    assert await town.world.bank.accounts.caller(str(old), None) is None
    [new] = [cookie for cookie in amina.http.cookies.jar if cookie.name == "hazina"]
    assert new.value != old and new.has_nonstandard_attr("HttpOnly") and new.get_nonstandard_attr("SameSite") == "lax"


# -- where to --------------------------------------------------------------------------------------

ELSEWHERE = [
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "javascript:alert(1)",
    "https://evil.example/",
    "http:/evil.example",
    "",
    " /wallet",
    "/wallet\r\nset-cookie: a=b",
    "/%0a\n",
    "///evil.example",
    "/" + "x" * 3_000,
    "/é",
    "data:text/html,x",
    "evil.example",
    "?next=/",
]


@pytest.mark.parametrize("there", ELSEWHERE)
def test_oid_11_only_local_paths(there: str) -> None:
    assert local_path(there) == "/wallet"


@pytest.mark.parametrize("there", ["/", "/wallet", "/oauth/authorize/r_x-Y_9", "/device?user_code=BCDF-GHJK", "/a//b"])
def test_oid_11_and_those(there: str) -> None:
    assert local_path(there) == there


async def test_oid_11_a_log_in_leads_nowhere_else(town: Town) -> None:
    for there in ("//evil.example", "/\\evil.example", "https://evil.example/", "javascript:alert(1)"):
        amina = await town.browser()
        asked = await amina.http.get(f"/login?{urlencode({'next': there})}")
        assert "evil.example" not in form_of(asked).fields["next"]
        form = form_of(asked)
        form.fields["next"] = there
        code = form_of(await amina.send(form, phone=amina.phone))
        code.fields["next"] = there
        headers = {"origin": amina.origin}
        data = {**code.fields, "code": await town.world.code_of(amina.phone)}
        answer = await amina.http.post(code.action, data=data, headers=headers)
        assert answer.headers["location"] == "/wallet"


# -- the configured address -----------------------------------------------------------------------


@pytest.fixture
async def public(
    db: Database, program_url: str, sandbox_settings: Settings, numbers: Iterator[int]
) -> AsyncIterator[World]:
    """Behind a proxy that speaks TLS for it."""
    async with opened(program_url, sandbox_settings, numbers, public_url="https://bank.example") as found:
        yield found


async def test_api_07_whatever_a_request_calls_us(public: World) -> None:
    forged = {"host": "evil.example", "x-forwarded-host": "evil.example", "x-forwarded-proto": "http"}
    said = await public.http.get("/.well-known/openid-configuration", headers=forged)
    assert said.json()["issuer"] == "https://bank.example" and "evil" not in said.text
    made = await public.http.post("/oauth/register", json={"redirect_uris": [CALLBACK]}, headers=forged)
    assert made.json()["registration_client_uri"].startswith("https://bank.example/")
    app = made.json()
    device = await public.bank.oauth.make_app(
        None, {"client_name": "TV", "grant_types": ["urn:ietf:params:oauth:grant-type:device_code"],
               "token_endpoint_auth_method": "none"},
    )  # fmt: skip
    asked = await public.http.post(
        "/oauth/device_authorization", data={"client_id": device.client.id, "scope": "openid"}, headers=forged
    )
    assert asked.json()["verification_uri"] == "https://bank.example/device"
    nobody = {
        "response_type": "code", "client_id": app["client_id"], "redirect_uri": CALLBACK, "scope": "openid",
        "code_challenge": "x" * 43, "code_challenge_method": "S256", "prompt": "none",
    }  # fmt: skip
    back = await public.http.get(f"/oauth/authorize?{urlencode(nobody)}", headers=forged)
    assert query_of(back.headers["location"])["iss"] == "https://bank.example"
    login = await public.http.get("/login", headers=forged)
    assert "bank.example" in login.text and "evil" not in login.text


async def test_cookies_of_a_public_bank_are_for_https_and_this_host_alone(public: World) -> None:
    http = httpx2.AsyncClient(transport=public.http._transport, base_url="https://bank.example")
    amina = Browser(http, public.code_of, f"+2547{next(public.numbers):08d}", "https://bank.example")
    async with http:
        asked = await amina.send(form_of(await amina.open("/login")), phone=amina.phone)
        data = {**form_of(asked).fields, "code": await public.code_of(amina.phone)}
        answer = await http.post("/login/code", data=data, headers={"origin": amina.origin})
    [cookie] = [one for one in answer.headers.get_list("set-cookie") if one.startswith("__Host-hazina=hzn_st_")]
    assert all(part in cookie for part in ("Secure", "HttpOnly", "SameSite=lax", "Path=/")) and "Domain" not in cookie


# -- what the pages are made of -------------------------------------------------------------------


def test_both_languages_have_the_same_words() -> None:
    assert WORDS["en"].keys() == WORDS["sw"].keys()
    for name, text in WORDS["en"].items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", WORDS["sw"][name])), name
        assert text and WORDS["sw"][name], name


def test_the_values_are_those_of_the_web_app() -> None:
    web = Path(__file__).parents[2] / "web" / "src" / "styles" / "tokens.css"
    ours = TOKEN.findall((HERE / "tokens.css").read_text())
    assert ours == TOKEN.findall(web.read_text()) and len(ours) > 100


def test_styles_use_only_tokens() -> None:
    known = {name for name, _ in TOKEN.findall((HERE / "tokens.css").read_text())}
    for style in (HERE / "pages.css", HERE.parent / "templates" / "status.css"):
        text = style.read_text()
        assert set(re.findall(r"var\((--[a-z0-9-]+)\)", text)) <= known, style.name
        assert re.findall(r"#[0-9a-f]{3,8}\b", text) == [], style.name


def test_every_word_of_a_template_is_known() -> None:
    used = set()
    for template in (HERE / "templates").glob("*.html"):
        used |= set(re.findall(r"say\.([a-z_]+)", template.read_text()))
    assert used <= WORDS["en"].keys(), json.dumps(sorted(used - WORDS["en"].keys()))


def test_pages_stay_small() -> None:
    """Budget: 9 kB of CSS and 5 kB of HTML, packed."""
    import gzip

    styles: Any = [(HERE / name).read_bytes() for name in ("tokens.css", "pages.css")]
    assert sum(len(gzip.compress(style)) for style in styles) < 9_000
