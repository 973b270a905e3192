"""LNURL-auth: what is shown to a wallet, and what a wallet may answer."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contexts.identity.signers import Wallet, bech32_url, derivation, with_high_s

from hazina.identity.proofs import lnurl
from hazina.identity.proofs.errors import WalletAnswerInvalid, WalletSignatureWrong
from hazina.kernel.lnurl import encode

# LUD-04's and LUD-05's own data, and LUD-01's
K1 = "e2af6254a8df433264fa23f67eb8188635d15ce883e8fc020989d5f82ae6f11e"
KEY = "02c3b844b8104f0c1b15c507774c9ba7fc609f58f343b9b149122e944dd20c9362"
SIG = (
    "304402203767faf494f110b139293d9bab3c50e07b3bf33c463d4aa767256cd09132dc5102205821f8efacdb5c595b92ada255876d9201e1"
    "26e2f31a140d44561cc1f7e9e43d"
)
URL = "https://service.com/api?q=3fc3645b439ce8e7f2553a69e5267081d96dcd340693afabe04be7b0ccd178df"
BECH32 = (
    "LNURL1DP68GURN8GHJ7UM9WFMXJCM99E3K7MF0V9CXJ0M385EKVCENXC6R2C35XVUKXEFCV5MKVV34X5EKZD3EV56NYD3HXQURZEPEXEJXXEPNXSC"
    "RVWFNV9NXZCN9XQ6XYEFHVGCXXCMYXYMNSERXFQ5FNS"
)
HASHING_KEY = bytes.fromhex("7d417a6a5e9a6a4a879aeaba11a11838764c8fa2b959c242d43dea682b3e409b")


def query(**changes: str) -> str:
    return urlencode({"tag": "login", "k1": K1, "sig": SIG, "key": KEY} | changes)


def test_the_standards_own_data() -> None:
    lnurl.verify(lnurl.read_answer(query()))
    assert encode(URL) == BECH32
    assert bech32_url(BECH32) == bech32_url(BECH32.lower()) == URL
    assert derivation(HASHING_KEY, "site.com") == (1588488367, 2659270754, 38110259, 4136336762)


def test_links() -> None:
    k1 = bytes(31) + b"\x01"
    url = lnurl.wallet_url("https://bank.example/auth", k1, "login")
    assert url == f"https://bank.example/auth?tag=login&k1={k1.hex()}&action=login"
    assert lnurl.as_keyauth(url) == url.replace("https", "keyauth")
    assert bech32_url(encode(url)) == url
    assert Wallet().scan(lnurl.as_keyauth(url)) == url


def test_k1_belongs_to_its_handle_and_does_not_lead_back() -> None:
    handle = lnurl.new_handle()
    assert lnurl.k1_of(handle) == lnurl.k1_of(handle) != lnurl.k1_of(lnurl.new_handle())
    assert len(lnurl.k1_of(handle)) == 32 and lnurl.k1_of(handle).hex() not in handle


@pytest.mark.parametrize(
    "text",
    [
        query(k1=K1.upper(), key=KEY.upper(), sig=SIG.upper()),
        query(nonce="7", jwt="true"),
        query().replace("&sig=", "?sig="),  # appended to a URL that has a query
        query(action="login"),
        f"{query()}&k1={K1}",
        urlencode({"key": KEY, "sig": SIG, "k1": K1}),
    ],
)
def test_wallets_differ(text: str) -> None:
    lnurl.verify(lnurl.read_answer(text))


@pytest.mark.parametrize(
    "changes",
    [
        {"k1": K1[:-2]},
        {"k1": K1[:-1] + "g"},
        {"k1": "٣" * 64},
        {"key": "04" + KEY[2:] * 2},
        {"key": "06" + KEY[2:] + KEY[2:]},
        {"key": "05" + KEY[2:]},
        {"key": "02" + "ff" * 32},  # no point of the curve
        {"sig": ""},
        {"sig": "00" * 64},
        {"sig": SIG[:-1]},
        {"sig": "30" * 200},
        {"tag": "payRequest"},
    ],
)
def test_what_is_no_answer(changes: dict[str, str]) -> None:
    with pytest.raises(WalletAnswerInvalid):
        lnurl.verify(lnurl.read_answer(query(**changes)))


def test_two_values_for_one_part_are_no_answer() -> None:
    with pytest.raises(WalletAnswerInvalid):
        lnurl.read_answer(f"{query()}&key=03{KEY[2:]}")


@pytest.mark.parametrize(
    "changes",
    [
        {"k1": "00" * 32},
        {"key": "03" + KEY[2:]},
        {"sig": SIG[:-2] + "3e"},
        {"sig": SIG + "00"},  # DER, and a byte behind it
        {"sig": "3045022100" + SIG[8:]},
    ],
)
def test_a_signature_of_something_else(changes: dict[str, str]) -> None:
    with pytest.raises(WalletSignatureWrong):
        lnurl.verify(lnurl.read_answer(query(**changes)))


def test_lud_04_asks_for_no_low_s() -> None:
    """So a signature is never an identity: this one has a twin."""
    lnurl.verify(lnurl.read_answer(query(sig=with_high_s(bytes.fromhex(SIG)).hex())))


def test_a_wallet_has_a_key_for_each_host() -> None:
    wallet = Wallet()
    assert wallet.public_key("a.example") == wallet.public_key("a.example") != wallet.public_key("b.example")
    k1 = "11" * 32
    answer = lnurl.read_answer(urlencode({"k1": k1, **wallet.signed("a.example", k1)}))
    lnurl.verify(answer)
    assert answer.key.hex() == wallet.public_key("a.example")


hostile = st.text(max_size=100) | st.sampled_from([K1, KEY, SIG, KEY + KEY, "&", "=", "%ff", "\x00", "?"])


@given(st.dictionaries(st.sampled_from(["tag", "k1", "sig", "key", "action", "x"]), hostile), st.text(max_size=200))
def test_no_query_does_more_than_be_refused(parts: dict[str, str], more: str) -> None:
    for text in (urlencode(parts, errors="replace"), more, urlencode(parts, errors="replace") + "&" + more):
        try:
            lnurl.verify(lnurl.read_answer(text))
        except (WalletAnswerInvalid, WalletSignatureWrong):
            continue
        assert parts == {"k1": K1, "key": KEY, "sig": SIG} | parts


def test_a_long_query_is_not_read() -> None:
    with pytest.raises(WalletAnswerInvalid):
        lnurl.read_answer(query(x="y" * 2_000))
