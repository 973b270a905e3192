"""The log-in page of a bank that asks for a captcha before it sends a code."""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest
from pydantic import SecretStr
from tests.oauth.browser import Browser, form_of
from tests.oauth.conftest import Town, served

from hazina.api.pages.captcha import widget_of
from hazina.api.pages.kernel import WORDS, policy
from hazina.kernel.db import Database
from hazina.sandbox import captcha
from hazina.settings import GeeTest, Settings, Turnstile


@pytest.fixture(params=["turnstile", "geetest"])
async def guarded(
    request: pytest.FixtureRequest, db: Database, program_url: str, sandbox_settings: Settings, numbers: Iterator[int]
) -> AsyncIterator[Town]:
    url = sandbox_settings.sandbox_url or ""
    widget = {
        "turnstile": Turnstile(base_url=url, site_key="1x", secret=SecretStr(captcha.TURNSTILE_SECRET)),
        "geetest": GeeTest(
            base_url=f"{url}/geetest", status_url=f"{url}/geetest",
            id=captcha.GEETEST_ID, key=SecretStr(captcha.GEETEST_KEY),
        ),
    }[request.param]  # fmt: skip
    async with served(program_url, sandbox_settings, numbers, **{request.param: widget}) as town:
        yield town


async def solved(town: Town) -> dict[str, str]:
    """What the provider's script puts into the form."""
    if town.world.bank.settings.turnstile is not None:
        return {"cf-turnstile-response": f"ok-{secrets.token_hex(8)}"}
    challenge = (await town.http.post("/auth/phone/captcha")).json()["result"]["challengeCode"]
    validate, seccode = captcha.solution(challenge)
    return {"captcha_challenge": challenge, "captcha_validate": validate, "captcha_seccode": seccode}


async def test_a_code_is_sent_to_whoever_solved_what_the_page_draws(guarded: Town) -> None:
    amina: Browser = await guarded.browser()
    page = await amina.open("/login?next=/logout")
    widget = widget_of(guarded.world.bank.settings)
    assert widget is not None
    scripts = re.findall(r'<script src="([^"]+)"', page.text)
    assert [one for one in scripts if not one.startswith("/pages/")] == [widget.script]
    assert widget.key in page.text or "data-geetest" in page.text
    assert f'<noscript><p class="note wait">{WORDS["en"]["captcha_noscript"]}' in page.text

    unsolved = await amina.send(form_of(page), phone=amina.phone)
    assert unsolved.status_code == 400 and WORDS["en"]["error_captcha"] in unsolved.text
    answer = await solved(guarded)
    asked = await amina.send(form_of(unsolved), phone=amina.phone, **answer)
    assert asked.status_code == 200, asked.text
    again = await amina.send(form_of(unsolved), phone=amina.phone, **answer)
    assert again.status_code == 400, "an answer is good once"
    done = await amina.send(form_of(asked), code=await amina.codes(amina.phone))
    assert done.status_code == 200 and "/logout" in str(done.url)


async def test_only_this_page_loads_from_elsewhere(guarded: Town) -> None:
    amina: Browser = await guarded.browser()

    def elsewhere(page: httpx2.Response) -> set[str]:
        return set(re.findall(r"https?://[^\s;]+", page.headers["content-security-policy"]))

    widget = widget_of(guarded.world.bank.settings)
    assert widget is not None
    assert elsewhere(await amina.open("/login")) == {host for hosts in widget.hosts.values() for host in hosts.split()}
    assert elsewhere(await amina.open("/login/email")) == set()


def test_without_a_captcha_nothing_is_loaded_from_elsewhere() -> None:
    assert widget_of(Settings.model_validate({})) is None
    assert "http" not in policy() and "require-trusted-types-for 'script'" in policy()
