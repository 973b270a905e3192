"""BIP-321 links, read and made; LNURL's text forms (LUD-01, 16, 17)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hazina.kernel import bip21, lnurl
from hazina.kernel.bip21 import BadLink, Link
from hazina.kernel.lnurl import NoLnurl
from hazina.kernel.money import Msats

ADDRESS = "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"


@pytest.mark.parametrize(
    ("text", "link"),
    [
        (f"bitcoin:{ADDRESS}", Link(ADDRESS)),
        (f"BITCOIN:{ADDRESS}?amount=20.3&label=Luke-Jr", Link(ADDRESS, Msats.from_sats(2_030_000_000), "Luke-Jr")),
        (f"bitcoin:{ADDRESS}?AMOUNT=.5&message=Tea%20+", Link(ADDRESS, Msats.from_sats(50_000_000), None, "Tea +")),
        (f"bitcoin:{ADDRESS}?somethingyoudontunderstand=50", Link(ADDRESS)),
        ("bitcoin:?lightning=lnbc1x&lno=lno1y", Link("", ways={"lightning": "lnbc1x", "lno": "lno1y"})),
        (f"bitcoin:{ADDRESS.upper()}?LIGHTNING=LNBC1X", Link(ADDRESS.upper(), ways={"lightning": "LNBC1X"})),
    ],
)  # fmt: skip
def test_links_are_read(text: str, link: Link) -> None:
    assert bip21.read(text) == link


BAD = """amount=1e3 amount=-1 amount= amount=1,5 amount=0x1 amount=1.123456789 amount=1&amount=1 label=a&label=b
req-somethingyoudontunderstand=1 req-pop=x amount=١ message=a&MESSAGE=a label=%ff"""


@pytest.mark.parametrize("query", BAD.split())
def test_links_that_cannot_be_followed(query: str) -> None:
    with pytest.raises(BadLink):
        bip21.read(f"bitcoin:{ADDRESS}?{query}")


@pytest.mark.parametrize("text", ["bitcoin:", "bitcoin:?label=x", "", ADDRESS, "litecoin:x", f"bitcoin:{'x' * 9000}"])
def test_texts_that_are_no_links(text: str) -> None:
    with pytest.raises(BadLink):
        bip21.read(text)


@given(
    st.integers(0, 21_000_000 * 10**8), st.text(max_size=30).filter(str.strip), st.text(max_size=30).filter(str.strip)
)
def test_what_is_written_is_read(sats: int, label: str, message: str) -> None:
    link = Link(ADDRESS, Msats.from_sats(sats), label, message, {"lightning": "lnbc1x"})
    assert bip21.read(bip21.write(link)) == link


def test_a_unified_qr_code_is_upper_case() -> None:
    link = Link(ADDRESS, Msats.from_sats(10_000), ways={"lightning": "lnbc1x"})
    assert bip21.write(link, upper=True) == f"BITCOIN:{ADDRESS.upper()}?AMOUNT=0.0001&LIGHTNING=LNBC1X"


# -- LNURL ---------------------------------------------------------------------------------------

ODELL = "lnurl1dp68gurn8ghj7um5v93kketj9ehx2amn9uh8wetvdskkkmn0wahz7mrww4excup0dajx2mrv92x9xp"
SERVICE = (
    "LNURL1DP68GURN8GHJ7UM9WFMXJCM99E3K7MF0V9CXJ0M385EKVCENXC6R2C35XVUKXEFCV5MKVV34X5EKZD3EV56NYD3HXQURZEPEXEJXXEPNX"
    "SCRVWFNV9NXZCN9XQ6XYEFHVGCXXCMYXYMNSERXFQ5FNS"
)
SERVICE_URL = "https://service.com/api?q=3fc3645b439ce8e7f2553a69e5267081d96dcd340693afabe04be7b0ccd178df"


def test_bech32_vectors() -> None:
    assert lnurl.decode(SERVICE) == SERVICE_URL and lnurl.encode(SERVICE_URL) == SERVICE
    assert lnurl.decode(ODELL) == "https://stacker.news/.well-known/lnurlp/odell"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        (f"lightning:{SERVICE}", SERVICE_URL),
        (f"LIGHTNING:{SERVICE}", SERVICE_URL),
        (f"https://x.example/bob?a=1&lightning={SERVICE}", SERVICE_URL),
        (f"HTTPS://X.EXAMPLE/BOB?LIGHTNING={SERVICE}", SERVICE_URL),
        ("lnurlp://a.example/b?c=1", "https://a.example/b?c=1"),
        ("LNURLP:A.EXAMPLE/B", "https://A.EXAMPLE/B"),
        ("lnurlw://x.onion/b", "http://x.onion/b"),
        ("lnurlw://127.0.0.1:80/b", "http://127.0.0.1:80/b"),
        ("Bob@Bank.example", "https://bank.example/.well-known/lnurlp/bob"),
        ("₿bob+tea@bank.example", "https://bank.example/.well-known/lnurlp/bob%2Btea"),
        ("lightning:bob@bank.example", "https://bank.example/.well-known/lnurlp/bob"),
        ("bob@127.0.0.1:4455", "http://127.0.0.1:4455/.well-known/lnurlp/bob"),
        ("https://a.example/lnurlp/bob", "https://a.example/lnurlp/bob"),
    ],
)
def test_every_form_is_read(text: str, url: str) -> None:
    assert lnurl.read(text) == url


@pytest.mark.parametrize(
    "text",
    ["", "bob", "bob@", "@x.example", "b b@x.example", "bob@x..example", "bob@.x", "bob@x/y", "bob@x@y", "ü@x.example",
     "bob@x.example.", ODELL[:-1] + "q", ODELL[:20] + ODELL[20:].upper(), "lnurl1", "ftp://x.example", "lnurlp:",
     "bob@x:port", "javascript:alert(1)", "x" * 5000],
)  # fmt: skip
def test_lnu_10_what_is_none(text: str) -> None:
    with pytest.raises(NoLnurl):
        lnurl.read(text)
