"""Nostr events as proofs: who signed, what for, when."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contexts.identity.signers import NostrKey, sha

from hazina.identity.proofs import nostr
from hazina.identity.proofs.errors import NostrKind, NostrMalformed, NostrPlace, NostrRefused, NostrTime

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ORIGIN = "https://bank.example"
URL = ORIGIN + "/auth/nostr/login?x=1"
KEY = NostrKey()


def auth(tags: list[list[str]] | None = None, at: datetime = NOW, **changes: Any) -> dict[str, Any]:
    tags = [["relay", ORIGIN], ["challenge", "c0ffee"]] if tags is None else tags
    return KEY.sign({"kind": 22_242, "created_at": int(at.timestamp()), "tags": tags, "content": "", **changes})


def test_an_event_that_answers_our_challenge() -> None:
    event = nostr.read_event(KEY.sign(nostr.template(ORIGIN, "c0ffee", NOW)))
    assert event.pubkey.hex() == KEY.pubkey and nostr.challenge_in(event) == "c0ffee"
    nostr.check_client_auth(event, ORIGIN, NOW)


@pytest.mark.parametrize("content", ["", 'a "b" \\ \n\t\r\b\f', "\u2028 é 🙂 \x7f", "\x01\x1f"])
def test_ids_are_computed_as_others_do(content: str) -> None:
    assert nostr.read_event(auth(content=content)).content == content


@pytest.mark.parametrize(
    "change",
    [
        {"content": "other"},
        {"created_at": 1},
        {"tags": []},
        {"kind": 1},
        {"pubkey": NostrKey().pubkey},
        {"id": "00" * 32},
        {"sig": "00" * 64},
        {"sig": "ff" * 64},
        {"pubkey": "ff" * 32},  # no point of the curve
    ],
)
def test_what_its_key_did_not_sign(change: dict[str, Any]) -> None:
    with pytest.raises(NostrRefused):
        nostr.read_event(auth() | change)


def test_a_signature_over_a_wrong_id_is_of_no_use() -> None:
    digest = sha(b"something else")
    with pytest.raises(NostrRefused):
        nostr.read_event(auth() | {"id": digest.hex(), "sig": KEY.key.sign_schnorr(digest).hex()})


@pytest.mark.parametrize(
    "found",
    [
        None,
        [],
        "text",
        {},
        auth() | {"created_at": True},
        auth() | {"created_at": 1.5},
        auth() | {"kind": "22242"},
        auth() | {"kind": -1},
        auth() | {"tags": {}},
        auth() | {"tags": [["challenge", 1]]},
        auth() | {"tags": ["challenge"]},
        auth() | {"tags": [["x"]] * 21},
        auth() | {"tags": [["x"] * 11]},
        auth() | {"content": None},
        auth() | {"content": "x" * 8_193},
        auth() | {"content": "\ud800"},
        auth() | {"id": "AA" * 32},
        auth() | {"sig": "00" * 63},
        auth() | {"pubkey": "02" + "00" * 32},
    ],
)
def test_what_is_no_event(found: Any) -> None:
    with pytest.raises(NostrMalformed):
        nostr.read_event(found)


@pytest.mark.parametrize(
    ("tags", "right"),
    [
        ([["relay", "wss://bank.example/"], ["challenge", "c"]], True),
        ([["url", ORIGIN], ["challenge", "c"]], True),
        ([["u", "https://BANK.example:443/login"], ["challenge", "c"]], True),
        ([["challenge", "c"]], False),
        ([["relay"], ["challenge", "c"]], False),
        ([["relay", "https://bank.example.evil.test"], ["challenge", "c"]], False),
        ([["relay", "https://bank.example@evil.test"], ["challenge", "c"]], False),
        ([["relay", "https://bank.example@bank.example"], ["challenge", "c"]], False),
        ([["relay", "http://bank.example"], ["challenge", "c"]], False),
        ([["relay", "https://bank.example:8443"], ["challenge", "c"]], False),
        ([["relay", "https://bank.example:x"], ["challenge", "c"]], False),
        ([["relay", "bank.example"], ["challenge", "c"]], False),
        ([["relay", ORIGIN], ["u", "https://evil.test"], ["challenge", "c"]], False),
    ],
)
def test_the_place_it_was_made_for(tags: list[list[str]], right: bool) -> None:
    event = nostr.read_event(auth(tags))
    if right:
        nostr.check_client_auth(event, ORIGIN, NOW)
    else:
        with pytest.raises(NostrPlace):
            nostr.check_client_auth(event, ORIGIN, NOW)


@pytest.mark.parametrize(("seconds", "right"), [(-300, True), (-301, False), (60, True), (61, False)])
def test_the_time_it_was_made(seconds: int, right: bool) -> None:
    event = nostr.read_event(auth(at=NOW + timedelta(seconds=seconds)))
    if right:
        nostr.check_client_auth(event, ORIGIN, NOW)
    else:
        with pytest.raises(NostrTime):
            nostr.check_client_auth(event, ORIGIN, NOW)


def test_one_challenge_and_the_right_kind() -> None:
    for tags in ([["relay", ORIGIN]], [["challenge", "a"], ["challenge", "b"]], [["challenge"]]):
        with pytest.raises(NostrMalformed):
            nostr.challenge_in(nostr.read_event(auth(tags)))
    for kind in (1, 27_235):
        with pytest.raises(NostrKind):
            nostr.challenge_in(nostr.read_event(auth(kind=kind)))
    with pytest.raises(NostrKind):
        nostr.check_client_auth(nostr.read_event(auth(kind=1)), ORIGIN, NOW)


# -- NIP-98 -------------------------------------------------------------------------------------


def header(url: str = URL, method: str = "POST", at: datetime = NOW, body: bytes = b"", **changes: Any) -> str:
    return KEY.header(url, method, at, body, **changes).removeprefix("Nostr ")


def test_a_header_for_this_url_method_and_body() -> None:
    nostr.check_http_auth(nostr.from_header(header()), URL, "POST", b"", NOW)
    nostr.check_http_auth(nostr.from_header(header(method="post")), URL, "POST", b"whatever", NOW)
    nostr.check_http_auth(nostr.from_header(header(body=b"{}")), URL, "POST", b"{}", NOW)
    nostr.check_http_auth(nostr.from_header(header().rstrip("=")), URL, "POST", b"", NOW)


@pytest.mark.parametrize(
    "value",
    [
        header(url=ORIGIN + "/auth/nostr/login"),
        header(url=URL.replace("https", "http")),
        header(url=URL + "/"),
        header(method="GET"),
        header(body=b"other"),
        header(tags=[["u", URL], ["u", URL], ["method", "POST"]]),
        header(tags=[["u", URL]]),
        header(tags=[["method", "POST"]]),
    ],
)
def test_a_header_for_something_else(value: str) -> None:
    with pytest.raises(NostrPlace):
        nostr.check_http_auth(nostr.from_header(value), URL, "POST", b"{}", NOW)


@pytest.mark.parametrize("seconds", [-61, 61])
def test_a_header_of_another_minute(seconds: int) -> None:
    event = nostr.from_header(header(at=NOW + timedelta(seconds=seconds)))
    with pytest.raises(NostrTime):
        nostr.check_http_auth(event, URL, "POST", b"", NOW)


def test_a_header_of_another_kind() -> None:
    with pytest.raises(NostrKind):
        nostr.check_http_auth(nostr.from_header(header(kind=22_242)), URL, "POST", b"", NOW)


@pytest.mark.parametrize(
    "value",
    ["", "!!!", "e30", "A" * 9_000, base64.b64encode(b"\xff\xfe").decode(), base64.b64encode(b"[" * 5_000).decode()],
)
def test_what_is_no_header(value: str) -> None:
    with pytest.raises(NostrMalformed):
        nostr.from_header(value)


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from([*auth(), "x"]), json_like), st.booleans())
def test_no_event_does_more_than_be_refused(parts: dict[str, Any], mended: bool) -> None:
    found = auth() | parts if mended else parts
    if found == auth():
        return
    try:
        event = nostr.read_event(found)
    except (NostrMalformed, NostrRefused):
        return
    assert event == nostr.read_event(auth()), "only names that nobody reads may be added"
