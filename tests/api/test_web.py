"""The web app's files and the sandbox's control API, where the page expects them."""

from __future__ import annotations

from pathlib import Path

import httpx2
from starlette.applications import Starlette
from tests.api.conftest import World

from hazina.api.web import pages


async def test_pages(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    for name in ("index.html", "wallet.html", "sandbox.html", "sw.js", "assets/app-1.js"):
        (tmp_path / name).write_text(name)
    transport = httpx2.ASGITransport(app=Starlette(routes=pages(tmp_path, with_sandbox=True)))
    async with httpx2.AsyncClient(transport=transport, base_url="http://bank.test") as http:
        for path, name in (("/", "index.html"), ("/wallet", "wallet.html"), ("/wallet/send/1", "wallet.html"),
                           ("/sandbox", "sandbox.html"), ("/sw.js", "sw.js")):  # fmt: skip
            answer = await http.get(path)
            assert (answer.status_code, answer.text) == (200, name)
            assert answer.headers["cache-control"] == "no-cache"
        script = await http.get("/assets/app-1.js")
        assert "immutable" in script.headers["cache-control"]
        again = await http.get("/assets/app-1.js", headers={"if-none-match": script.headers["etag"]})
        assert again.status_code == 304
        for path in ("/nothing", "/assets/nothing.js", "/assets/%2e%2e/%2e%2e/etc/passwd"):
            assert (await http.get(path)).status_code == 404
    transport = httpx2.ASGITransport(app=Starlette(routes=pages(tmp_path / "none", with_sandbox=False)))
    async with httpx2.AsyncClient(transport=transport, base_url="http://bank.test") as http:
        assert (await http.get("/wallet")).status_code == 503
        assert (await http.get("/sandbox")).status_code == 404


async def test_the_sandbox_answers_this_machine_only(world: World) -> None:
    path = "/sandbox/api/lightning/invoices"
    assert (await world.http.post(path, json={"amountMsat": 1_000})).status_code < 300
    assert (await world.http.post(path, content="{", headers={"content-type": "application/json"})).status_code == 400
    own = {"origin": "http://bank.test"}
    assert (await world.http.post(path, json={"amountMsat": 1_000}, headers=own)).status_code < 300
    for headers in ({"origin": "https://evil.example"}, {"origin": "null"}, {"x-forwarded-for": "203.0.113.9"},
                    {"x-real-ip": "203.0.113.9"}):  # fmt: skip
        refused = await world.http.post(path, json={"amountMsat": 1_000}, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (403, "NOT_AUTHORIZED")
    far = httpx2.ASGITransport(app=world.served, client=("203.0.113.9", 1234))
    async with httpx2.AsyncClient(transport=far, base_url="http://bank.test") as http:
        assert (await http.get("/sandbox/api/sms")).status_code == 403
        assert (await http.get("/sandbox/api/sms", headers={"x-real-ip": "127.0.0.1"})).status_code == 403
    assert (await world.http.get("/sandbox/api/../../lnd/v1/getinfo")).status_code in (404, 405)
    assert (await world.http.get("/sandbox/api/%2e%2e/%2e%2e/lnd/v1/getinfo")).status_code in (404, 405)
