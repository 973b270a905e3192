"""Logging in by key over HTTP, as a browser, a wallet and an app do it."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx2
import pytest
from tests.api.conftest import Json, World
from tests.contexts.identity.signers import BitcoinKey, NostrKey, Passkey, Wallet

from hazina.identity import FactorKind
from hazina.kernel.ids import new_id


@dataclass
class Browser:
    """One browser profile: cookies of its own, and a session once it is in."""

    http: httpx2.AsyncClient
    token: str | None = None

    async def send(self, method: str, path: str, body: Any = None, **headers: str) -> httpx2.Response:
        shown = {"authorization": f"Bearer {self.token}"} if self.token else {}
        return await self.http.request(method, f"/auth/{path}", json=body, headers={**shown, **headers})

    async def post(self, path: str, **fields: Any) -> Json:
        answer = await self.send("POST", path, fields)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    async def refused(self, path: str, **fields: Any) -> tuple[int, str]:
        answer = await self.send("POST", path, fields)
        return answer.status_code, answer.json()["code"]

    async def enter(self, path: str, **fields: Any) -> Json:
        entered = await self.post(path, **fields)
        self.token = entered["authToken"]
        return entered

    async def with_passkey(self) -> Passkey:
        """Register somebody new."""
        one = Passkey()
        options = (await self.post("passkey/register/options"))["publicKey"]
        await self.enter("passkey/register", credential=one.create(options), name="My phone")
        return one

    async def step_up(self, answer: httpx2.Response, passkey: Passkey) -> dict[str, str]:
        """The header for the same request once more, by passkey."""
        assert (answer.status_code, answer.json()["code"]) == (403, "STEP_UP_REQUIRED"), answer.text
        asked = {"challenge": answer.json()["extensions"]["challenge"], "method": "passkey"}
        options = (await self.post("step-up/begin", **asked))["publicKey"]
        proved = await self.post("step-up/prove", **asked, answer=json.dumps(passkey.get(options)))
        return {"x-step-up": proved["token"]}

    async def link(self, passkey: Passkey, path: str, **fields: Any) -> tuple[Json, dict[str, str]]:
        """Ask for something to link, with the second proof that this takes."""
        fields["purpose"] = "link"
        header = await self.step_up(await self.send("POST", path, fields), passkey)
        answer = await self.send("POST", path, fields, **header)
        assert answer.status_code == 200, answer.text
        return answer.json(), header


@asynccontextmanager
async def browser_at(world: World) -> AsyncIterator[Browser]:
    transport = httpx2.ASGITransport(app=world.served, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost:4455") as http:
        yield Browser(http)


@pytest.fixture
async def browser(world: World) -> AsyncIterator[Browser]:
    async with browser_at(world) as one:
        yield one


async def call(world: World, url: str) -> Json:
    """What a wallet does with its URL."""
    parts = urlsplit(url)
    answer = await world.http.get(f"{parts.path}?{parts.query}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    found: Json = answer.json()
    return found


async def me(world: World, browser: Browser) -> Json:
    found: Json = (await world.ask("{ me { id phone defaultAccount { level } } }", token=browser.token))["me"]
    return found


# -- passkeys -----------------------------------------------------------------------------------


async def test_somebody_registers_with_a_passkey_and_comes_back(world: World, browser: Browser) -> None:
    one = await browser.with_passkey()
    first = await me(world, browser)
    assert (first["phone"], first["defaultAccount"]["level"]) == (None, "ZERO")
    async with browser_at(world) as other:
        options = (await other.post("passkey/options"))["publicKey"]
        assert (options["rpId"], options["allowCredentials"]) == ("localhost", [])
        entered = await other.enter("passkey/login", credential=one.get(options))
        assert not entered["new"] and not entered["totpRequired"]
        assert (await me(world, other))["id"] == first["id"] == entered["id"]


async def test_by_user_name(world: World, browser: Browser) -> None:
    one = await browser.with_passkey()
    await world.ask('mutation { userUpdateUsername(input: {username: "amina"}) { errors { message } } }', browser.token)
    for named, known in (("amina", True), ("AMINA", True), ("nobody", False), ("+254700000001", False), ("..", False)):
        options = (await browser.http.post("/auth/passkey/options", json={"username": named})).json()["publicKey"]
        (allowed,) = options["allowCredentials"]
        assert (allowed["id"] == one.create({"user": {"id": "AA"}, "challenge": "AA"})["id"]) is known
    assert (await browser.http.post("/auth/passkey/options", json={"username": 7})).json()["code"] == "INVALID_INPUT"


async def test_aut_07_each_refusal_has_its_code(world: World, browser: Browser) -> None:
    one = await browser.with_passkey()
    browser.token = None

    async def tried(**changes: Any) -> tuple[int, str]:
        options = (await browser.post("passkey/options"))["publicKey"]
        return await browser.refused("passkey/login", credential=one.get(options, **changes))

    assert await tried(origin="https://evil.test") == (401, "PASSKEY_ORIGIN")
    assert await tried(type="webauthn.create") == (401, "PASSKEY_TYPE")
    assert await tried(crossOrigin=True) == (401, "PASSKEY_FRAMED")
    assert await tried(tokenBinding={"status": "present"}) == (401, "PASSKEY_TOKEN_BINDING")
    assert await tried(flags=0x1C) == (401, "PASSKEY_USER_ABSENT")
    assert await tried(flags=0x19) == (401, "PASSKEY_USER_UNVERIFIED")
    assert await tried(flags=0x05) == (401, "PASSKEY_FLAGS")
    assert await tried(handle=b"other") == (401, "PASSKEY_FOREIGN")
    assert await tried(challenge="AAAA") == (401, "ATTEMPT_OVER")
    one.host = "evil.test"
    assert await tried() == (401, "PASSKEY_SITE")
    one = Passkey()
    assert await tried() == (401, "PASSKEY_UNKNOWN")
    junk: Any
    for junk in (None, "x", [], {}, {"id": "x"}, {"id": "x", "response": {}}):
        assert await browser.refused("passkey/login", credential=junk) == (400, "PASSKEY_MALFORMED")


async def test_api_07_a_host_header_changes_nothing(world: World, browser: Browser) -> None:
    for headers in ({"host": "evil.test"}, {"x-forwarded-host": "evil.test", "x-forwarded-proto": "https"}):
        options = (await browser.http.post("/auth/passkey/options", json={}, headers=headers)).json()["publicKey"]
        assert options["rpId"] == "localhost"
        made = (await browser.http.post("/auth/lnurl/challenge", json={}, headers=headers)).json()
        assert Wallet().scan(made["lnurl"]).startswith("http://localhost:4455/auth/lnurl/callback?tag=login&k1=")
        event = (await browser.http.post("/auth/nostr/challenge", json={}, headers=headers)).json()["event"]
        assert event["tags"][0] == ["relay", "http://localhost:4455"]
        body = {"address": BitcoinKey().address()}
        text = (await browser.http.post("/auth/bitcoin/message", json=body, headers=headers)).json()["message"]
        assert text.startswith("localhost:4455: log in as bcrt1")


async def test_the_cookie(world: World, browser: Browser) -> None:
    answer = await browser.send("POST", "passkey/options", {})
    (cookie,) = answer.headers.get_list("set-cookie")
    assert cookie.startswith("hazina-browser=") and "HttpOnly" in cookie and "SameSite=lax" in cookie
    assert "Max-Age" not in cookie and "expires" not in cookie.lower()
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in (await browser.send("POST", "passkey/options", {})).headers
    assert "access-control-allow-origin" not in answer.headers


# -- Lightning wallets --------------------------------------------------------------------------


async def test_a_lightning_wallet_registers_and_logs_in(world: World, browser: Browser) -> None:
    wallet = Wallet()
    made = await browser.post("lnurl/challenge")
    assert made["qr"].startswith("<svg") and made["expiresAt"] > 0
    assert (await browser.send("POST", "lnurl/login", {"id": made["id"]})).status_code == 202
    assert await call(world, wallet.answer(made["lnurl"])) == {"status": "OK"}
    entered = await browser.enter("lnurl/login", id=made["id"], name="Phoenix")
    assert entered["new"]
    (factor,) = (await browser.send("GET", "factors")).json()["factors"]
    assert (factor["kind"], factor["name"], factor["subject"]) == ("lnurl", "Phoenix", wallet.public_key("localhost"))
    async with browser_at(world) as other:
        made = await other.post("lnurl/challenge", purpose="login")
        assert await call(world, wallet.answer(made["keyauth"], action="login")) == {"status": "OK"}
        again = await other.enter("lnurl/login", id=made["id"])
        assert (again["id"], again["new"]) == (entered["id"], False)


async def test_the_page_hears_of_the_wallet_at_once(world: World, browser: Browser) -> None:
    made = await browser.post("lnurl/challenge")
    waiting = asyncio.create_task(browser.post("lnurl/login", id=made["id"], wait=25))
    await world.until(lambda: asyncio.sleep(0, bool(world.bank.hub._queues)))
    await call(world, Wallet().answer(made["lnurl"]))
    async with asyncio.timeout(15):
        assert (await waiting)["new"]
    assert await browser.refused("lnurl/login", id=made["id"], wait=26) == (400, "INVALID_INPUT")


async def test_aut_01_one_session_and_errors_in_the_wallets_shape(world: World, browser: Browser) -> None:
    made = await browser.post("lnurl/challenge")
    calls = await asyncio.gather(*[call(world, Wallet().answer(made["lnurl"])) for _ in range(5)])
    assert Counter(answer["status"] for answer in calls) == {"OK": 1, "ERROR": 4}
    tries = [browser.send("POST", "lnurl/login", {"id": made["id"]}) for _ in range(5)]
    assert Counter(answer.status_code for answer in await asyncio.gather(*tries)) == {200: 1, 401: 4}
    answer = await world.http.get("/auth/lnurl/callback?tag=login", headers={"origin": "https://wallet.example"})
    assert (answer.status_code, answer.json()) == (200, {"status": "ERROR", "reason": "Invalid or missing k1."})
    assert answer.headers["access-control-allow-origin"] == "*"
    for url in ("?" + "x" * 5_000, "?k1=%ff", "", "?k1=1&k1=2"):
        answer = await world.http.get("/auth/lnurl/callback" + url)
        assert (answer.status_code, answer.json()["status"]) == (200, "ERROR")


async def test_aut_02_a_relayed_code_gives_nothing_to_who_relayed_it_elsewhere(world: World, browser: Browser) -> None:
    made = await browser.post("lnurl/challenge")
    await call(world, Wallet().answer(made["lnurl"]))
    async with browser_at(world) as other:
        assert await other.refused("lnurl/login", id=made["id"]) == (401, "ATTEMPT_OVER")
        assert await other.refused("lnurl/login", id="x" * 5_000) == (401, "ATTEMPT_OVER")
    entered = await browser.enter("lnurl/login", id=made["id"])
    caller = await world.bank.accounts.caller(entered["authToken"], None)
    assert caller is not None and caller.wary, "money needs a second proof sooner"


async def test_hodlxxi_paths(world: World, browser: Browser) -> None:
    wallet, api = Wallet(), "/api/lnurl-auth"
    made = (await browser.http.post(f"{api}/create", json={})).json()
    id_ = made["session_id"]
    assert made == {
        "session_id": id_,
        "challenge": made["challenge"],
        "lnurl": made["lnurl"],
        "qr_code": made["lnurl"],
        "tag": "login",
        "callback_url": f"http://localhost:4455{api}/callback/{id_}",
        "params_url": f"http://localhost:4455{api}/params?session_id={id_}",
    }
    params = (await world.http.get(f"{api}/params", params={"session_id": id_})).json()
    assert params == {
        "tag": "login",
        "k1": made["challenge"],
        "callback": made["callback_url"],
        "callback_url": made["callback_url"],
    }
    waiting = {"verified": False, "pubkey": None}
    assert (await browser.http.get(f"{api}/check/{id_}")).json() == waiting
    assert (await browser.http.get(f"{api}/status", params={"session_id": id_})).json() == waiting

    async def callback(id_: str, **query: str) -> tuple[int, str]:
        answer = await world.http.get(f"{api}/callback/{id_}", params=query)
        return answer.status_code, answer.json()["status"]

    signed = wallet.signed("localhost", made["challenge"])
    assert await callback(id_) == (400, "ERROR")
    assert await callback(id_, k1="00" * 32, **signed) == (403, "ERROR")
    assert await callback("other", k1=made["challenge"], **signed) == (403, "ERROR")
    assert await call(world, wallet.answer(made["lnurl"])) == {"status": "OK"}
    assert await callback(id_, k1=made["challenge"], **signed) == (404, "ERROR")
    async with browser_at(world) as other:
        answer = await other.http.get(f"{api}/check/{id_}")
        assert (answer.status_code, list(answer.json())) == (404, ["error"])
    key = wallet.public_key("localhost")
    found = (await browser.http.get(f"{api}/check/{id_}")).json()
    assert found == {"verified": True, "pubkey": key, "session_token": found["session_token"]}
    assert await world.bank.accounts.caller(found["session_token"], None) is not None
    assert (await browser.http.get(f"{api}/check/{id_}")).json() == {"verified": True, "pubkey": key}
    assert (await world.http.get(f"{api}/params", params={"session_id": id_})).status_code == 404
    assert (await world.http.get(f"{api}/params")).status_code == 400


# -- Bitcoin, Nostr -----------------------------------------------------------------------------


async def test_a_bitcoin_key(world: World, browser: Browser) -> None:
    key = BitcoinKey()
    made = await browser.post("bitcoin/message", address=key.address())
    body = {"nonce": made["nonce"], "signature": "ful" + key.sign(made["message"])[3:]}
    assert await browser.refused("bitcoin/login", **body) == (400, "SIGNATURE_UNSUPPORTED")
    entered = await browser.enter("bitcoin/login", nonce=made["nonce"], signature=key.sign(made["message"]))
    assert entered["new"]
    assert await Browser(browser.http).refused(
        "bitcoin/login", nonce=made["nonce"], signature=key.sign(made["message"])
    ) == (401, "ATTEMPT_OVER")
    refused = await Browser(browser.http).refused("bitcoin/message", address=key.address("bc"))
    assert refused == (400, "INVALID_BITCOIN_ADDRESS")
    refused = await Browser(browser.http).refused("bitcoin/message", address=key.address(), purpose="auth")
    assert refused == (400, "INVALID_INPUT")


async def test_a_nostr_key(world: World, browser: Browser) -> None:
    key = NostrKey()
    made = await browser.post("nostr/challenge")
    entered = await browser.enter("nostr/login", event=key.sign(made["event"]), name="Alby")
    assert entered["new"]
    async with browser_at(world) as other:
        header = key.header("http://localhost:4455/auth/nostr/login", "POST", world.clock.now())
        again = await other.http.post("/auth/nostr/login", headers={"authorization": header})
        assert (again.status_code, again.json()["id"], again.json()["new"]) == (200, entered["id"], False)
        again = await other.http.post("/auth/nostr/login", headers={"authorization": header})
        assert (again.status_code, again.json()["code"]) == (401, "ATTEMPT_OVER")
        header = key.header("http://evil.test/auth/nostr/login", "POST", world.clock.now())
        again = await other.http.post("/auth/nostr/login", headers={"authorization": header})
        assert (again.status_code, again.json()["code"]) == (401, "NOSTR_PLACE")
    assert await Browser(browser.http).refused("nostr/login", event="x") == (400, "NOSTR_MALFORMED")


async def test_whoever_has_a_session_may_log_in_once_more(world: World, browser: Browser) -> None:
    """Only linking takes a second proof."""
    one, key, bitcoin = await browser.with_passkey(), NostrKey(), BitcoinKey()
    made = await browser.post("nostr/challenge")
    assert (await browser.post("nostr/login", event=key.sign(made["event"])))["new"]
    made = await browser.post("bitcoin/message", address=bitcoin.address())
    assert (await browser.post("bitcoin/login", nonce=made["nonce"], signature=bitcoin.sign(made["message"])))["new"]
    made = await browser.post("lnurl/challenge")
    await call(world, Wallet().answer(made["lnurl"]))
    assert (await browser.post("lnurl/login", id=made["id"]))["new"]
    options = (await browser.post("passkey/options"))["publicKey"]
    assert not (await browser.post("passkey/login", credential=one.get(options)))["new"]
    options = (await browser.post("passkey/register/options"))["publicKey"]
    assert (await browser.post("passkey/register", credential=Passkey().create(options)))["new"]
    made, _ = await browser.link(one, "bitcoin/message", address=BitcoinKey().address())
    anybody = await Browser(browser.http).refused("bitcoin/login", nonce=made["nonce"], signature=key.pubkey)
    assert anybody == (401, "NOT_AUTHENTICATED"), "who linked must be there when it is answered"


# -- linking ------------------------------------------------------------------------------------


async def test_somebody_has_many_keys(world: World, browser: Browser) -> None:
    """A passkey confirms each; several wallets belong to one person."""
    one = await browser.with_passkey()
    for name in ("Phoenix", "Zeus"):
        made, header = await browser.link(one, "lnurl/challenge")
        await call(world, Wallet().answer(made["lnurl"], action="link"))
        answer = await browser.send("POST", "lnurl/login", {"id": made["id"], "name": name}, **header)
        assert answer.json()["factor"]["name"] == name, answer.text
    key = BitcoinKey()
    made, header = await browser.link(one, "bitcoin/message", address=key.address())
    assert "to account" in made["message"]
    body = {"nonce": made["nonce"], "signature": key.sign(made["message"]), "name": "Cold"}
    assert (await browser.send("POST", "bitcoin/login", body, **header)).status_code == 200
    made, header = await browser.link(one, "nostr/challenge")
    body = {"event": NostrKey().sign(made["event"])}
    assert (await browser.send("POST", "nostr/login", body, **header)).status_code == 200
    two = Passkey()
    made, header = await browser.link(one, "passkey/register/options")
    body = {"credential": two.create(made["publicKey"]), "name": "Laptop"}
    assert (await browser.send("POST", "passkey/register", body, **header)).status_code == 200

    factors = (await browser.send("GET", "factors")).json()["factors"]
    assert [(found["kind"], found["name"]) for found in factors] == [
        ("passkey", "My phone"),
        ("lnurl", "Phoenix"),
        ("lnurl", "Zeus"),
        ("bitcoin", "Cold"),
        ("nostr", "Nostr key"),
        ("passkey", "Laptop"),
    ]
    path = f"factors/{factors[1]['id']}"
    assert (await browser.send("PATCH", path, {"name": "Old phone"})).json()["name"] == "Old phone"
    assert (await browser.send("PATCH", path, {"name": "x" * 51})).json()["code"] == "INVALID_KEY_NAME"
    header = await browser.step_up(await browser.send("DELETE", path, {}), two)
    assert (await browser.send("DELETE", path, {}, **header)).json() == {"removed": factors[1]["id"]}
    left = (await browser.send("GET", "factors")).json()["factors"]
    assert [found["name"] for found in left] == ["My phone", "Zeus", "Cold", "Nostr key", "Laptop"]


async def test_linking_needs_a_session_and_a_second_proof(world: World, browser: Browser) -> None:
    assert await browser.refused("lnurl/challenge", purpose="link") == (401, "NOT_AUTHENTICATED")
    one = await browser.with_passkey()
    assert await browser.refused("nostr/challenge", purpose="link") == (403, "STEP_UP_REQUIRED")
    made, header = await browser.link(one, "nostr/challenge")
    event = NostrKey().sign(made["event"])
    assert await browser.refused("nostr/login", event=event) == (403, "STEP_UP_REQUIRED")
    assert (await browser.send("POST", "nostr/login", {"event": event}, **header)).status_code == 200
    made = (await browser.send("POST", "nostr/challenge", {"purpose": "link"}, **header)).json()
    answer = await browser.send("POST", "nostr/login", {"event": NostrKey().sign(made["event"])}, **header)
    assert (answer.status_code, answer.json()["code"]) == (403, "STEP_UP_REFUSED"), "a proof is for one act"
    browser.token = "hzn_st_" + "a" * 32
    assert await browser.refused("nostr/challenge", purpose="link") == (401, "NOT_AUTHENTICATED")


async def test_aut_11_a_key_of_somebody_else_is_not_taken_over(world: World, browser: Browser) -> None:
    key = NostrKey()
    async with browser_at(world) as other:
        made = await other.post("nostr/challenge")
        await other.enter("nostr/login", event=key.sign(made["event"]))
    one = await browser.with_passkey()
    made, header = await browser.link(one, "nostr/challenge")
    answer = await browser.send("POST", "nostr/login", {"event": key.sign(made["event"])}, **header)
    assert (answer.status_code, answer.json()["code"]) == (409, "FACTOR_TAKEN")
    assert len((await browser.send("GET", "factors")).json()["factors"]) == 1


async def test_the_last_one_stays_and_foreign_ones_are_unknown(world: World, browser: Browser) -> None:
    one = await browser.with_passkey()
    async with browser_at(world) as other:
        await other.with_passkey()
        (foreign,) = (await other.send("GET", "factors")).json()["factors"]
    (mine,) = (await browser.send("GET", "factors")).json()["factors"]
    assert (mine["subject"], mine["backedUp"], mine["doubtfulSince"]) == (None, True, None)
    for id_, status, code in (
        (mine["id"], 409, "LAST_FACTOR"),
        (foreign["id"], 404, "FACTOR_UNKNOWN"),
        (mine["id"][::-1], 404, "FACTOR_UNKNOWN"),
    ):
        asked = await browser.send("DELETE", f"factors/{id_}", {})
        if asked.json()["code"] == "STEP_UP_REQUIRED":
            asked = await browser.send("DELETE", f"factors/{id_}", {}, **await browser.step_up(asked, one))
        assert (asked.status_code, asked.json()["code"]) == (status, code)
        renamed = await browser.send("PATCH", f"factors/{id_}", {"name": "x"})
        assert renamed.status_code == (200 if id_ == mine["id"] else 404)


# -- second proofs ------------------------------------------------------------------------------


async def test_every_key_can_confirm(world: World, browser: Browser) -> None:
    """Each by what it says it confirms; the wallet only for somebody who has nothing else."""
    wallet, nostr, bitcoin = Wallet(), NostrKey(), BitcoinKey()
    made = await browser.post("lnurl/challenge")
    await call(world, wallet.answer(made["lnurl"]))
    user_id = UUID((await browser.enter("lnurl/login", id=made["id"]))["id"])
    stepup, links = world.bank.identity.stepup, world.bank.identity.links

    async def asked(kind: str, *methods: str) -> dict[str, str]:
        refusal = await stepup.required(user_id, "payment", new_id().hex * 2, "Pay $40 to Baraka")
        assert refusal.facts["methods"] == list(methods)
        return {"challenge": refusal.facts["challenge"], "method": kind}

    async def proves(step: dict[str, str], answer: str) -> bool:
        proved = await browser.send("POST", "step-up/prove", {**step, "answer": answer})
        return proved.status_code == 200 and proved.json()["token"].startswith("hzn_su_")

    step = await asked("lnurl", "lnurl")
    begun = await browser.post("step-up/begin", **step)
    assert not await proves(step, begun["id"])
    assert await browser.post("lnurl/wait", id=begun["id"]) == {"status": "WAITING"}
    assert await call(world, wallet.answer(begun["lnurl"], action="auth")) == {"status": "OK"}
    assert await browser.post("lnurl/wait", id=begun["id"]) == {"status": "ANSWERED"}
    assert await Browser(browser.http).refused("lnurl/wait", id=begun["id"]) == (401, "ATTEMPT_OVER")
    assert await proves(step, begun["id"])

    step = await asked("lnurl", "lnurl")
    begun = await browser.post("step-up/begin", **step)
    await call(world, wallet.answer(begun["lnurl"], action="auth"))
    assert await browser.refused("lnurl/login", id=begun["id"]) == (401, "ATTEMPT_OVER"), "it confirms, nothing else"

    async with world.bank.db.transaction() as tx:
        await links.link(tx, user_id, FactorKind.NOSTR, nostr.pubkey)
    step = await asked("lnurl", "nostr")
    assert (await browser.send("POST", "step-up/begin", step)).status_code >= 400, "there is something better now"
    step["method"] = "nostr"
    event = (await browser.post("step-up/begin", **step))["event"]
    assert event["content"].startswith("Pay $40 to Baraka (#")
    assert not await proves(step, json.dumps(nostr.sign({**event, "content": "Pay $1"})))
    assert await proves(step, json.dumps(nostr.sign(event)))

    async with world.bank.db.transaction() as tx:
        await links.link(tx, user_id, FactorKind.BITCOIN, bitcoin.address())
    step = await asked("bitcoin", "bitcoin", "nostr")
    begun = await browser.post("step-up/begin", **step)
    assert begun["text"].startswith("localhost:4455: confirm Pay $40 to Baraka (#")
    assert not await proves(step, BitcoinKey().sign(begun["text"]))
    begun = await browser.post("step-up/begin", **step)
    assert await proves(step, bitcoin.sign(begun["text"]))
    assert not await proves(step, bitcoin.sign(begun["text"])), "once"


async def test_aut_08_a_copied_passkey_logs_in_warily_and_confirms_nothing(world: World, browser: Browser) -> None:
    one = Passkey(synced=False, counter=9)
    options = (await browser.post("passkey/register/options"))["publicKey"]
    await browser.enter("passkey/register", credential=one.create(options))
    one.counter = 3
    async with browser_at(world) as other:
        options = (await other.post("passkey/options"))["publicKey"]
        entered = await other.enter("passkey/login", credential=one.get(options))
        caller = await world.bank.accounts.caller(entered["authToken"], None)
        assert caller is not None and caller.wary
        answer = await other.send("POST", "nostr/challenge", {"purpose": "link"})
        step = {"challenge": answer.json()["extensions"]["challenge"], "method": "passkey"}
        options = (await other.post("step-up/begin", **step))["publicKey"]
        refused = await other.send("POST", "step-up/prove", {**step, "answer": json.dumps(one.get(options))})
        assert (refused.status_code, "copied" in refused.json()["error"]) == (400, True)
        (factor,) = (await other.send("GET", "factors")).json()["factors"]
        assert factor["doubtfulSince"] is not None


# -- sessions -----------------------------------------------------------------------------------


async def test_sessions_are_listed_and_ended(world: World, browser: Browser) -> None:
    one = await browser.with_passkey()
    async with browser_at(world) as other:
        options = (await other.post("passkey/options"))["publicKey"]
        await other.enter("passkey/login", credential=one.get(options))
        found = (await browser.send("GET", "sessions")).json()["sessions"]
        assert [session["current"] for session in found].count(True) == 1 and len(found) == 2
        assert found[0]["amr"] == ["swk", "user", "mfa"]
        theirs = next(session["id"] for session in found if not session["current"])
        assert (await browser.send("DELETE", f"sessions/{theirs}")).json() == {"ended": theirs}
        assert (await other.send("GET", "sessions")).status_code == 401
        assert (await browser.send("DELETE", f"sessions/{theirs}")).status_code == 404
        assert (await browser.send("DELETE", "sessions/x")).status_code == 404
        other.token = None
        options = (await other.post("passkey/options"))["publicKey"]
        await other.enter("passkey/login", credential=one.get(options))
        assert (await browser.send("DELETE", "sessions")).json() == {"ended": 1}
        assert (await other.send("GET", "sessions")).status_code == 401
    assert (await browser.send("GET", "sessions")).status_code == 200
    assert (await Browser(browser.http).send("GET", "sessions")).status_code == 401
    assert (await Browser(browser.http).send("GET", "factors")).status_code == 401


async def test_a_passkeys_challenge_lasts_as_long_as_a_login_page_waits(world: World, browser: Browser) -> None:
    one = await browser.with_passkey()
    browser.token = None
    world.clock.stop()
    options = (await browser.post("passkey/options"))["publicKey"]
    assert options["timeout"] == 600_000
    world.clock.shift += timedelta(seconds=590)
    assert (await browser.post("passkey/login", credential=one.get(options)))["new"] is False
    options = (await browser.post("passkey/options"))["publicKey"]
    world.clock.shift += timedelta(seconds=601)
    assert await browser.refused("passkey/login", credential=one.get(options)) == (401, "ATTEMPT_OVER")
