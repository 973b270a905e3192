"""The callback portal: complete without a script, only for its owner, and never a secret in a page that is kept."""

from __future__ import annotations

import re
from uuid import UUID, uuid4

import httpx2
import pytest
from tests.oauth.browser import Form, _Forms
from tests.oauth.conftest import Town
from tests.oauth.test_pages import Page

from hazina.kernel.ids import new_id
from hazina.webhooks.store import put


def form_to(answer: httpx2.Response, action: str) -> Form:
    found = _Forms()
    found.feed(answer.text)
    return next(form for form in found.forms if form.action.endswith(action))


async def _stored(town: Town, endpoint: str) -> None:
    """As if something had happened."""
    bank = town.world.bank
    async with bank.db.transaction() as tx:
        await put(tx, new_id(), UUID(endpoint), "receive.lightning", "{}", bank.clock.now())


@pytest.mark.parametrize("lang", ["en", "sw"])
async def test_the_callback_portal(town: Town, lang: str) -> None:
    amina, url = await town.browser(), f"{town.world.bank.settings.sandbox_url}/hooks/portal"
    amina.http.headers["accept-language"] = lang
    login = await amina.open("/callbacks")
    assert login.url.path == "/login"
    empty = await amina.log_in(login)
    assert empty.url.path == "/callbacks"
    wrong = await amina.send(form_to(empty, "/callbacks"), url="https://10.0.0.1/")
    listed = await amina.send(form_to(empty, "/callbacks"), url=url)
    endpoint = re.findall(r'href="/callbacks/([0-9a-f-]{36})"', listed.text)[0]
    await _stored(town, endpoint)
    opened = await amina.open(f"/callbacks/{endpoint}")
    shown = await amina.send(form_to(opened, "/secret"))
    renewed = await amina.send(form_to(opened, "/rotate"))
    secrets = [re.findall(r"whsec_[A-Za-z0-9+/=]{44}", page.text) for page in (opened, shown, renewed)]
    assert [len(one) for one in secrets] == [0, 1, 1] and secrets[1] != secrets[2]
    assert (wrong.status_code, renewed.url.path) == (400, f"/callbacks/{endpoint}/rotate")
    await town.world.bank.webhooks.sender.begin()

    async def arrived() -> bool:
        return ("arrived" if lang == "en" else "imefika") in (await amina.open(f"/callbacks/{endpoint}")).text

    await town.world.until(arrived)
    again = await amina.send(form_to(opened, "/replay"))
    assert ("waits" if lang == "en" else "inasubiri") in again.text
    for page in (empty, wrong, listed, opened, shown, renewed, again):
        found = Page(page.text)
        assert found.problems == [] and found.lang == lang, page.text
        assert page.headers["cache-control"] == "no-store"
    gone = await amina.send(form_to(opened, "/delete"))
    assert gone.url.path == "/callbacks" and url not in gone.text
    assert (await amina.open(f"/callbacks/{endpoint}")).url.path == "/callbacks"


async def test_idr_01_the_portal_shows_nobody_elses(town: Town) -> None:
    amina, baraka = await town.browser(), await town.browser()
    url = f"{town.world.bank.settings.sandbox_url}/hooks/mine"
    listed = await amina.send(form_to(await amina.log_in(await amina.open("/callbacks")), "/callbacks"), url=url)
    endpoint = re.findall(r'href="/callbacks/([0-9a-f-]{36})"', listed.text)[0]
    mine = await amina.open(f"/callbacks/{endpoint}")
    theirs = form_to(await baraka.log_in(await baraka.open("/callbacks")), "/callbacks")
    for id_ in (endpoint, str(uuid4()), "none"):
        assert (await baraka.open(f"/callbacks/{id_}")).url.path == "/callbacks"
        for act in ("secret", "rotate", "enable", "delete", "replay"):
            answer = await baraka.send(Form(f"/callbacks/{id_}/{act}", fields=theirs.fields), delivery=str(uuid4()))
            assert answer.url.path == "/callbacks" and "whsec_" not in answer.text, act
    assert (await amina.open(f"/callbacks/{endpoint}")).text.count(url) == mine.text.count(url)
    assert (await baraka.http.post(f"/callbacks/{endpoint}/delete", data={})).status_code == 403
