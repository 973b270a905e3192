"""Rules of links: names, metadata and their hashes, what others' services say, zap requests and receipts."""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hazina.kernel import nostr
from hazina.kernel.errors import Refusal
from hazina.kernel.money import Msats
from hazina.links.errors import CommentTooLong, LnurlFailed, PayerDataInvalid, ZapInvalid
from hazina.links.model import (
    Name,
    Place,
    Places,
    clean,
    hash_of,
    memo_of,
    metadata_of,
    read_comment,
    read_name,
    read_pay_request,
    read_payer_data,
    read_withdraw_request,
)
from hazina.links.zap import RECEIPT, REQUEST, read_zap, receipt, relays_of

NOW = datetime(2026, 5, 1, tzinfo=UTC)
HERE = Places((Place("https://bank.example"), Place("https://pay.example:8443")))


def test_names_and_places() -> None:
    assert read_name("Amina") == Name("amina") and read_name("amina+Stall.1") == Name("amina", "stall.1")
    assert read_name("+254712345678") == Name("+254712345678")
    assert read_name("amina+a b") == Name("amina+a b")  # no tag: nobody has this name
    assert Name("amina", "x").path == "amina%2Bx"
    assert HERE.at("PAY.example:8443").domain == "pay.example:8443"
    assert HERE.at("evil.example").domain == HERE.at(None).domain == "bank.example"
    assert HERE.ours("Bank.Example") and not HERE.ours("sub.bank.example")
    said = metadata_of(Name("amina"), HERE.all[0])
    assert said == '[["text/plain","Payment to amina"],["text/identifier","amina@bank.example"]]'


def test_hashes_of_the_specification() -> None:
    """LUD-06 and LUD-18: of the very text, and of it with what the payer sent."""
    metadata = '[["text/plain", "description"], ["image/png;base64", "AAA=="]]'
    payer = (
        '{"name":"bob","auth":{"key":"02c9323d02fc164f89c8f688dbfba8aad69a96fa8f6253ba8cce2c6f1546073fa3","sig":'
        '"2afd21794e2a801d0d516584ceebe1a24ed8991dd5ec708259aeaee5c0d2d1437542b689ee5d39e619a01a257142d49c18a4af3088'
        'c46ce87e2d941a1bcc7210"},"identifier":"bob@bob.com","pubkey":'
        '"03ee58475055820fbfa52e356a8920f62f8316129c39369dbdde3e5d0198a9e315"}'
    )
    assert hash_of(metadata).hex() == "b5d77f8d3228c7f015fbf0c3f0b2167cc1c1db6148517cf1a4c951f09d48954e"
    assert hash_of(metadata + payer).hex() == "449be9db5a2d7eae50fa5a1b6f4ade66dbf5dbfd7fa6348d939370f008e16323"


def test_what_cannot_be_seen_is_taken_out() -> None:
    assert clean("a\u202eb\u200bc\u0000d\u2066e\ufefff\tg\nh\ud83d") == "abcdef\tg\nh"
    assert read_comment("") is None and read_comment(" \u200b ") is None
    assert read_comment("x" * 280) == "x" * 280
    for long in ("x" * 281, "\u20bf" * 214):
        with pytest.raises(CommentTooLong):
            read_comment(long)
    assert memo_of("Tea", {"name": "Juma"}) == "Tea (Juma)" and memo_of(None, {"email": "a@b"}) == "a@b"
    assert memo_of(None, {}) is None


@pytest.mark.parametrize("text", ["", "[]", "null", '{"auth":{}}', '{"name":1}', '{"x":"y"}', "x" * 3000, "[" * 2000])
def test_payer_data_that_are_none(text: str) -> None:
    with pytest.raises(PayerDataInvalid):
        read_payer_data(text)


GOOD: dict[str, Any] = {
    "tag": "payRequest", "callback": "https://a.example/cb", "minSendable": 1000, "maxSendable": 2000,
    "metadata": '[["text/plain","x"]]',
}  # fmt: skip


def test_a_pay_request() -> None:
    found = read_pay_request({**GOOD, "commentAllowed": 9})
    assert (found.least, found.most, found.comment_max, found.place) == (Msats(1000), Msats(2000), 9, "a.example")


@pytest.mark.parametrize(
    "change",
    [{"tag": "x"}, {"callback": None}, {"minSendable": "1000"}, {"minSendable": 0}, {"minSendable": 3000},
     {"maxSendable": True}, {"maxSendable": 10**30}, {"minSendable": -1}, {"metadata": None}, {"metadata": "{}"},
     {"metadata": "[]"}, {"metadata": '[["text/plain","a"],["text/plain","b"]]'}, {"metadata": "x" * 300_000}],
)  # fmt: skip
def test_pay_requests_that_are_none(change: dict[str, Any]) -> None:
    with pytest.raises(LnurlFailed):
        read_pay_request({**GOOD, **change})


SAID = st.one_of(st.none(), st.integers(), st.text(), st.lists(st.none()))


@given(st.dictionaries(st.sampled_from([*GOOD, "k1"]), SAID))
def test_whatever_a_service_says_is_read_or_refused(found: dict[str, Any]) -> None:
    with contextlib.suppress(Refusal):
        read_pay_request({**GOOD, **found})
    with contextlib.suppress(Refusal):
        read_withdraw_request({**GOOD, **found}, "https://a.example/x")


# -- zaps ----------------------------------------------------------------------------------------

SECRET, SIGNER = nostr.new_secret(), nostr.pubkey_of(nostr.new_secret())
P, E = secrets.token_hex(32), secrets.token_hex(32)
RELAYS = ["relays", "wss://a.example", "wss://b.example/x"]


def asked(*tags: list[str], kind: int = REQUEST, at: datetime = NOW) -> str:
    event = nostr.write(SECRET, created_at=int(at.timestamp()), kind=kind, tags=tags, content="hi \u202e")
    return json.dumps(event)


def test_a_zap_request_and_its_receipt() -> None:
    text = asked(["p", P], ["e", E], RELAYS, ["amount", "21000"], ["a", f"30023:{P}:x"], ["k", "1"])
    zap = read_zap(text, Msats(21_000), SIGNER, NOW)
    assert zap.comment == "hi" and zap.relays == tuple(RELAYS[1:]) == relays_of(text)
    bank, preimage = nostr.new_secret(), secrets.token_bytes(32)
    one, two = (receipt(bank, text, "lnbc1x", preimage, NOW) for _ in range(2))
    assert one["id"] == two["id"] and one["kind"] == RECEIPT and one["content"] == ""
    read = nostr.read(dict(one), tags_max=99, items_max=99, chars_max=99_999)
    assert {tag[0] for tag in read.tags} == {"p", "e", "a", "k", "P", "bolt11", "description", "preimage"}
    assert read.values("description") == [text] and read.values("preimage") == [preimage.hex()]


@pytest.mark.parametrize(
    "tags",
    [[], [RELAYS], [["p", P]], [["p", P], ["p", E], RELAYS], [["p", "x"], RELAYS], [["p", P], RELAYS, RELAYS],
     [["p", P], ["e", E], ["e", P], RELAYS], [["p", P], ["relays"]], [["p", P], ["relays", "https://a.example"]],
     [["p", P], ["relays", "wss://"]], [["p", P], ["relays", *["wss://a.example"] * 21]],
     [["p", P], RELAYS, ["amount", "1"]], [["p", P], RELAYS, ["P", E]], [["p", P], RELAYS, ["a", "x"]],
     [["p", P], ["relays", "wss://a.example/" + "x" * 200]], [["p", P], RELAYS, *[["t", "x"]] * 50]],
)  # fmt: skip
def test_zap_requests_that_are_refused(tags: list[list[str]]) -> None:
    with pytest.raises(ZapInvalid):
        read_zap(asked(*tags), Msats(21_000), SIGNER, NOW)


def test_a_zap_request_that_is_old_forged_or_no_event() -> None:
    good = asked(["p", P], RELAYS)
    forged = json.dumps({**json.loads(good), "content": "other"})
    old, early = (asked(["p", P], RELAYS, at=NOW + timedelta(hours=by)) for by in (-25, 1))
    other = asked(["p", P], RELAYS, kind=1)
    for text in (forged, old, early, other, "", "null", "[]", "x" * 20_000, "[" * 5_000):
        with pytest.raises(ZapInvalid):
            read_zap(text, Msats(21_000), SIGNER, NOW)
    assert hashlib.sha256(good.encode()).digest() == hash_of(good)
    read_zap(good, Msats(21_000), SIGNER, NOW)
