"""The pay page, checkout and the paycode: what they show and where they lead, without a script."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from starlette.routing import BaseRoute, Mount, Route
from tests.api.conftest import World
from tests.api.test_links import named
from tests.oauth.test_pages import Page

from hazina.accounts.model import is_reserved
from hazina.api.asgi import asgi
from hazina.api.pages.checkout import checked_return
from hazina.api.pages.money import SATS, minor_text, press, read_typed, sats_text
from hazina.dealer import currency
from hazina.kernel import bolt11, lnurl

FORM = {"content-type": "application/x-www-form-urlencoded"}


async def charge(world: World, name: str, **fields: str) -> str:
    """The address of the invoice's page."""
    answer = await world.http.post(f"/{name}", content=urlencode(fields), headers=FORM)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


async def test_a_sale_without_a_script(world: World) -> None:
    await named(await world.person(), "duka")
    till = await world.http.get("/duka")
    assert till.status_code == 200 and "Amount in USD" in till.text
    pressed = "/duka?typed=1&unit=USD&key=5&memo=Tea"
    for key in ("dot", "5", "0", "7"):
        pressed = (
            f"/duka?{urlencode({'typed': typed_of((await world.http.get(pressed)).text), 'unit': 'USD', 'key': key})}"
        )
    assert typed_of((await world.http.get(pressed)).text) == "15.50"
    where = await charge(world, "DUKA", typed="15.50", unit="USD", memo="Tea \u202e", tip="10")
    assert parse_qs(urlsplit(where).query) == {"from": ["duka"], "lang": ["en"]}
    page = await world.http.get(where)
    assert page.status_code == 200 and "Pay duka" in page.text and 'http-equiv="refresh"' in page.text
    invoice = re.search(r'href="lightning:(\w+)"', page.text)
    assert invoice is not None
    said = bolt11.decode(invoice[1])
    assert said.description == "Tea · tip 10 %" and said.amount is not None
    assert "USD 17.05" in page.text and sats_text(said.amount.sats_ceil) in page.text
    await world.outside("lightning/payments", {"paymentRequest": invoice[1]})

    async def paid() -> bool:
        status = (await world.http.get(f"{urlsplit(where).path}/status")).json()
        return bool(status == {"status": "PAID"})

    await world.until(paid)
    done = await world.http.get(where)
    assert "Paid" in done.text and "refresh" not in done.text and "lightning:" not in done.text
    assert not [one for text in (till, page, done) for one in Page(text.text).problems]


def typed_of(html: str) -> str:
    found = re.search(r'name="typed"[^>]* value="([^"]*)"', html)
    assert found is not None
    return found[1]


async def test_links_that_say_how_much(world: World) -> None:
    await named(await world.person(), "duka")
    page = await world.http.get("/duka?amount=250&display=SAT&memo=Mandazi&lang=sw")
    assert "250 sats" in page.text and "Mandazi" in page.text and 'name="typed"' not in page.text
    assert "Lipa duka" in page.text and page.headers["content-security-policy"].startswith("default-src 'none'")
    where = await charge(world, "duka", amount="250", unit="SAT", memo="Mandazi")
    assert "250 sats" in (await world.http.get(where)).text
    shown = await world.http.get('/duka?amount=5&display=USD&memo="><script>alert(1)</script>')
    assert "<script>alert" not in shown.text
    for wrong in ("", "0", "abc", "-5", "1e9", "5.123", "99999999999"):
        refused = await world.http.post("/duka", content=urlencode({"typed": wrong, "unit": "USD"}), headers=FORM)
        assert refused.status_code == 400 and 'role="alert"' in refused.text, wrong


async def test_pages_of_nobody(world: World) -> None:
    person = await world.person()
    for path in ("/nobody_here", "/nobody_here/print", f"/{person.phone.removeprefix('+')}"):
        answer = await world.http.get(path)
        assert answer.status_code == 404 and "Nobody has this name" in answer.text, path
    assert (await world.http.post("/nobody_here", content="typed=5", headers=FORM)).status_code == 404
    for path in (f"/checkout/{'0' * 64}", "/checkout/x", f"/checkout/{(await person.invoice(5))['paymentHash']}x"):
        assert (await world.http.get(path)).status_code == 404, path
    assert "Pay this invoice" in (await world.http.get(f"/checkout/{(await person.invoice(5))['paymentHash']}")).text


async def test_the_paycode(world: World) -> None:
    await named(await world.person(), "duka")
    page = await world.http.get("/duka/print")
    origin = world.bank.settings.origin
    assert page.status_code == 200 and f"duka@{urlsplit(origin).netloc}" in page.text
    assert not Page(page.text).problems
    upper = f"{origin}/duka?lightning={lnurl.encode(f'{origin}/.well-known/lnurlp/duka')}".upper()
    assert (await world.http.get(urlsplit(upper).path + "?" + urlsplit(upper).query)).status_code == 200


async def test_a_shop_leads_to_its_invoice(world: World) -> None:
    """Blink's way in, and the way back; whose invoice it is is not told to whoever has only its hash."""
    shop = await named(await world.person(), "duka")
    payment_hash = (await shop.invoice(500, "Order 7"))["paymentHash"]
    for given in ({"json": {"hash": payment_hash}}, {"content": urlencode({"hash": payment_hash}), "headers": FORM}):
        answer = await world.http.post("/checkout", **given)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/checkout/{payment_hash}")
    back = "https://shop.example/orders?id=7&ok=1"
    answer = await world.http.post("/checkout", json={"hash": payment_hash, "returnUrl": back})
    page = await world.http.get(answer.headers["location"])
    assert "https://shop.example/orders?id=7&amp;ok=1" in page.text and "back to shop.example" in page.text
    assert "Order 7" in page.text and "duka" not in page.text
    assert "Pay duka" in (await world.http.get(f"/checkout/{payment_hash}?from=duka")).text
    sent = await world.http.post("/checkout", json={"hash": payment_hash}, headers={"referer": "https://shop.example/"})
    assert sent.headers["location"].endswith("?returnUrl=https%3A%2F%2Fshop.example%2F")
    wrong: object
    for wrong in ({}, {"hash": "x"}, {"hash": payment_hash[:-1]}, [], "text"):
        refused = await world.http.post("/checkout", json=wrong)
        assert (refused.status_code, refused.json()) == (404, {"error": "Invalid hash"})
    evil = await world.http.get(f"/checkout/{payment_hash}?returnUrl=javascript:alert(1)")
    assert 'href="javascript' not in evil.text and "Back to" not in evil.text


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "http://shop.example/", "//shop.example/", "https://a@shop.example/", "/local", "", None, 5,
     "https://shop.example\\@evil.example", "https://shop.example/ x", "https://", "https://shop.example:port/",
     "data:text/html,x", "https://sh\u00f6p.example/", "https://shop.example/" + "x" * 2_000, 'https://x/"><b>'],
)  # fmt: skip
def test_ways_back_that_are_none(url: object) -> None:
    assert checked_return(url, local=False) == ""


def test_ways_back() -> None:
    assert checked_return("https://shop.example:8443/a?b=c#d", local=False) == "https://shop.example:8443/a?b=c#d"
    assert checked_return("http://localhost:5000/", local=True) == "http://localhost:5000/"


def paths(routes: list[BaseRoute]) -> Iterator[str]:
    for one in routes:
        if isinstance(one, Route | Mount):
            yield one.path


async def test_lnu_10_no_name_is_a_route(world: World) -> None:
    """A customer's page would lie behind it, or pass for it."""
    application = asgi(world.bank)
    first = {path.split("/")[1] for path in paths(application.routes)} - {"", "{name:username}"}
    assert {"login", "apps", "wallet", "checkout", "graphql"} <= first
    names = {part for part in first if re.fullmatch(r"[0-9a-z_]{3,50}", part)}
    assert not {name for name in names if not is_reserved(name)}


def test_amounts_as_they_are_typed() -> None:
    usd, yen = currency("USD"), currency("JPY")
    for text, minor in {
        "12.50": 1250, "12,5": 1250, "1,234.5": 123_450, "1 234": 123_400, "1\u202f234": 123_400, ".5": 50, "5.": 500,
        "": None, ".": None, "1.2.3": None, "12.345": None, "-1": None, "1e3": None, "٣": None, "0": 0,
    }.items():  # fmt: skip
        assert read_typed(text, usd) == minor, text
    assert read_typed("12.5", yen) is None and read_typed("1,234", yen) == 1_234
    assert (minor_text(123_450, usd), minor_text(1234, yen)) == ("USD 1,234.50", "JPY 1,234")
    assert minor_text(184_250, SATS) == "184\u202f250 sats"
    typed = ""
    for key in ("0", "0", "5", "dot", "dot", "2", "5", "9", "x", "back"):
        typed = press(typed, key, usd)
    assert typed == "5.2" and press("", "dot", yen) == ""
