"""The BOLT11 codec: every vector of the specification, round trips, and text that means harm."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace

import pytest
from bech32 import CHARSET, bech32_create_checksum
from coincurve import PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from tests.rules.bolt11_vectors import INVALID, VALID

from hazina.kernel.bolt11 import (
    AMOUNT_MSAT_MAX,
    Bolt11Code,
    Bolt11Error,
    Fallback,
    Hop,
    Invoice11,
    Network,
    decode,
    encode,
)

KEY = bytes.fromhex("e126f68f7eafcc8b74f54d269fe206be715000f94dac067d1c04a8ca3b2db734")
CAKE = hashlib.sha256(
    b"One piece of chocolate cake, one icecream cone, one pickle, one slice of swiss cheese, one slice of salami, "
    b"one lollypop, one piece of cherry pie, one sausage, one cupcake, and one slice of watermelon"
).digest()
BASE = Invoice11(
    network=Network.MAIN,
    timestamp=1496314658,
    payment_hash=bytes.fromhex("0001020304050607080900010203040506070809000102030405060708090102"),
    payment_secret=b"\x11" * 32,
    payee=bytes.fromhex("03e7156ae33b0a208d0744199163177e909e80176e55d97a2f221ede0f934dd9ad"),
)
MSAT_20M = 2_000_000_000
WITH_HASH = replace(BASE, amount_msat=MSAT_20M, description_hash=CAKE)
SCID = 66051 << 40 | 263430 << 16 | 1800
SCID_2 = 197637 << 40 | 395016 << 16 | 2314
NODE = "9e03a901b85534ff1e92c43c74431f7ce72046060fcf7a95c37e148f78c77255"


def address(version: int, program: str) -> Invoice11:
    return replace(WITH_HASH, fallbacks=(Fallback(version, bytes.fromhex(program)),))


COFFEE = replace(BASE, amount_msat=2_500_000_000, description="coffee beans", features=frozenset({8, 14, 99}))
EXPECTED = {
    "V1": replace(BASE, description="Please consider supporting this project"),
    "V2": replace(BASE, amount_msat=250_000_000, description="1 cup coffee", expiry_s=60),
    "V3": replace(BASE, amount_msat=250_000_000, description="ナンセンス 1杯", expiry_s=60),
    "V4": WITH_HASH,
    "V5": replace(address(17, "3172b5654f6683c8fb146959d347ce303cae4ca7"), network=Network.TEST),
    "V6": replace(
        address(17, "04b61f7dc1ea0dc99424464cc4064dc564d91e89"),
        route_hints=(
            (Hop(bytes.fromhex("02" + NODE), SCID, 1, 20, 3), Hop(bytes.fromhex("03" + NODE), SCID_2, 2, 30, 4)),
        ),
    ),
    "V7": address(18, "8f55563b9a19f321c211e9b9f38cdf686ea07845"),
    "V8": address(0, "751e76e8199196d454941c45d1b3a323f1433bd6"),
    "V9": address(0, "1863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262"),
    "V10": address(1, "0adac43daa9c8a5a68e09ea10692b82226ee190e572db9b90e17a410484ab405"),
    "V11": replace(
        BASE,
        timestamp=1572468703,
        amount_msat=967_878_534,
        payment_hash=bytes.fromhex("462264ede7e14047e9b249da94fefc47f41f7d02ee9b091815a5506bc8abf75f"),
        description='Blockstream Store: 88.85 USD for Blockstream Ledger Nano S x 1, "Back In My Day" Sticker x 2, '
        '"I Got Lightning Working" Sticker x 2 and 1 more items',
        expiry_s=604800,
        min_final_cltv=10,
        route_hints=(
            (
                Hop(
                    bytes.fromhex("03d06758583bb5154774a6eb221b1276c9e82d65bbaceca806d90e20c108f4b1c7"),
                    589390 << 40 | 3312 << 16 | 1,
                    1000,
                    2500,
                    40,
                ),
            ),
        ),
    ),
    "V12": COFFEE,
    "V13": COFFEE,
    "V14": COFFEE,
    "V15": replace(
        BASE,
        amount_msat=1_000_000_000,
        description="payment metadata inside",
        metadata=bytes.fromhex("01fafaf0"),
        features=frozenset({8, 14, 48}),
    ),
    "V16": replace(
        BASE,
        description="Please consider supporting this project",
        payee=bytes.fromhex("02d0139ce7427d6dfffd26a326c18be754ef1e64672b42694ba5b23ef6e6e7803d"),
    ),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_valid_vector(name: str) -> None:
    assert decode(VALID[name]) == EXPECTED[name]


def test_every_vector_is_expected() -> None:
    assert set(VALID) == set(EXPECTED)
    assert set(INVALID) == set(REFUSED)


REFUSED = {
    "X1": Bolt11Code.UNKNOWN_FEATURE,
    "X2": Bolt11Code.BAD_CHECKSUM,
    "X3": Bolt11Code.NOT_AN_INVOICE,
    "X4": Bolt11Code.MIXED_CASE,
    "X5": Bolt11Code.BAD_SIGNATURE,
    "X6": Bolt11Code.TOO_SHORT,
    "X7": Bolt11Code.BAD_AMOUNT,
    "X8": Bolt11Code.BAD_AMOUNT,
    "X9": Bolt11Code.MISSING_SECRET,
    "X10": Bolt11Code.BAD_SIGNATURE,
}


@pytest.mark.parametrize(("name", "code"), REFUSED.items())
def test_invalid_vector(name: str, code: Bolt11Code) -> None:
    with pytest.raises(Bolt11Error) as refusal:
        decode(INVALID[name])
    assert refusal.value.code is code


@pytest.mark.parametrize("name", ["V1", "V2", "V3", "V4"])
def test_writes_the_vector_to_the_letter(name: str) -> None:
    """Deterministic signatures (RFC 6979) make the writer's text comparable."""
    assert encode(EXPECTED[name], KEY) == VALID[name]


def sealed(prefix: str, words: list[int]) -> str:
    return prefix + "1" + "".join(CHARSET[word] for word in words + bech32_create_checksum(prefix, words))


def reworded(text: str, prefix: str | None = None, cut: slice = slice(None)) -> str:
    """The same data under another prefix, with a right checksum."""
    head, _, data = text.rpartition("1")
    return sealed(prefix if prefix is not None else head, [CHARSET.index(c) for c in data[:-6]][cut])


V1 = VALID["V1"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", Bolt11Code.NOT_AN_INVOICE),
        ("hello", Bolt11Code.NOT_AN_INVOICE),
        ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", Bolt11Code.NOT_AN_INVOICE),
        ("lnurl1dp68gurn8ghj7um9wfmxjcm99e3k7mf0v9cxj0m385ekvcenxc6r2c35xvukxefcv5mkvv34x5ekzd3ev56nyd3hxqurzepexejxx",
         Bolt11Code.BAD_CHECKSUM),
        (V1[:-1], Bolt11Code.BAD_CHECKSUM),
        (V1.replace("pvjluez", "pvjluey"), Bolt11Code.BAD_CHECKSUM),
        (V1 + "b", Bolt11Code.NOT_AN_INVOICE),
        (V1[:40] + "\x00" + V1[40:], Bolt11Code.NOT_AN_INVOICE),
        (V1[:40] + "\ud800" + V1[40:], Bolt11Code.NOT_AN_INVOICE),
        (V1[:-1] + V1[-1].upper(), Bolt11Code.MIXED_CASE),
        ("LIGHTNING:" + V1[:50] + V1[50:].upper(), Bolt11Code.MIXED_CASE),
        (reworded(V1, "lnsb"), Bolt11Code.WRONG_NETWORK),
        (reworded(V1, "lnbcr"), Bolt11Code.WRONG_NETWORK),
        (reworded(V1, "lnbc0"), Bolt11Code.BAD_AMOUNT),
        (reworded(V1, "lnbc01u"), Bolt11Code.BAD_AMOUNT),
        (reworded(V1, "lnbc21000001"), Bolt11Code.BAD_AMOUNT),
        (reworded(V1, "lnbc" + "9" * 400), Bolt11Code.BAD_AMOUNT),
        (reworded(V1, "lnbc1.5u"), Bolt11Code.BAD_AMOUNT),
        (reworded(V1, "lnbc-1u"), Bolt11Code.BAD_AMOUNT),
        (reworded(V1, "lnbc5mm"), Bolt11Code.BAD_AMOUNT),
        (reworded(V1, cut=slice(0, 110)), Bolt11Code.TOO_SHORT),
        (reworded(V1, cut=slice(0, -106)), Bolt11Code.BAD_FIELD),
        ("l" * 7_090, Bolt11Code.TOO_LONG),
        ("lnbc1" + "q" * 1_000_000, Bolt11Code.TOO_LONG),
    ],
)  # fmt: skip
def test_refused_by_name(text: str, code: Bolt11Code) -> None:
    with pytest.raises(Bolt11Error) as refusal:
        decode(text)
    assert refusal.value.code is code


def fields(*tagged: tuple[str, list[int]]) -> str:
    """An invoice of exactly these fields, signed."""
    body = [0, 0, 0, 0, 0, 0, 1]
    for tag, data in tagged:
        body += [CHARSET.index(tag), len(data) // 32, len(data) % 32, *data]
    bits = "".join(f"{word:05b}" for word in body)
    octets = int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")
    signed = PrivateKey(KEY).sign_recoverable(hashlib.sha256(b"lnbc" + octets).digest(), hasher=None)
    bits = "".join(f"{octet:08b}" for octet in signed)
    return sealed("lnbc", body + [int(bits[at : at + 5], 2) for at in range(0, 520, 5)])


HASH = ("p", [1] * 51 + [16])
SECRET = ("s", [2] * 51 + [16])
TEXT: tuple[str, list[int]] = ("d", [])


@pytest.mark.parametrize(
    ("tagged", "code"),
    [
        ([SECRET, TEXT], Bolt11Code.MISSING_HASH),
        ([("p", [1] * 51), SECRET, TEXT], Bolt11Code.MISSING_HASH),
        ([HASH, TEXT], Bolt11Code.MISSING_SECRET),
        ([HASH, SECRET], Bolt11Code.BAD_DESCRIPTION),
        ([HASH, SECRET, TEXT, ("h", [0] * 52)], Bolt11Code.BAD_DESCRIPTION),
        ([HASH, SECRET, TEXT, TEXT], Bolt11Code.BAD_DESCRIPTION),
        ([HASH, SECRET, ("d", [31, 28])], Bolt11Code.BAD_DESCRIPTION),  # 0xff is not UTF-8
        ([HASH, ("s", [2] * 51 + [17]), TEXT], Bolt11Code.BAD_FIELD),  # padding that is not zero
        ([HASH, SECRET, TEXT, ("x", [0, 1])], Bolt11Code.BAD_FIELD),
        ([HASH, SECRET, TEXT, ("c", [1] * 13)], Bolt11Code.BAD_FIELD),
        ([HASH, SECRET, TEXT, ("9", [0, 1])], Bolt11Code.BAD_FIELD),
        ([HASH, SECRET, TEXT, ("r", [0] * 8)], Bolt11Code.BAD_FIELD),
        ([HASH, SECRET, TEXT, ("9", [1, 0])], None),  # bit 5: unknown, optional
        ([HASH, SECRET, TEXT, ("9", [2, 0])], Bolt11Code.UNKNOWN_FEATURE),  # bit 6
        ([HASH, SECRET, TEXT, ("n", [0] * 53)], Bolt11Code.BAD_SIGNATURE),
        ([HASH, SECRET, TEXT], None),
        ([HASH, HASH, SECRET, SECRET, TEXT, ("2", [3])], None),
    ],
)
def test_fields(tagged: list[tuple[str, list[int]]], code: Bolt11Code | None) -> None:
    text = fields(*tagged)
    if code is None:
        assert decode(text).description == ""
        return
    with pytest.raises(Bolt11Error) as refusal:
        decode(text)
    assert refusal.value.code is code


def test_network_is_held_against_the_expected_one() -> None:
    for network in Network:
        text = encode(replace(EXPECTED["V2"], network=network), KEY)
        assert decode(text, network).network is network
        for other in set(Network) - {network}:
            with pytest.raises(Bolt11Error) as refusal:
                decode(text, other)
            assert refusal.value.code is Bolt11Code.WRONG_NETWORK


def test_a_longer_amount_form_is_read() -> None:
    assert decode(reworded(V1, "lnbc1000u")).amount_msat == 100_000_000
    assert decode(reworded(V1, "lnbc1")).amount_msat == 100_000_000_000


def test_scheme_spaces_and_upper_case_are_taken() -> None:
    for text in (f"lightning:{V1}", f"LIGHTNING:{V1.upper()}", f" \n{V1}\t", V1.upper()):
        assert decode(text) == EXPECTED["V1"]


@pytest.mark.parametrize(
    "broken",
    [
        replace(EXPECTED["V1"], description="x" * 640),
        replace(EXPECTED["V1"], description="\ud800"),
        replace(EXPECTED["V1"], description=None),
        replace(EXPECTED["V1"], amount_msat=0),
        replace(EXPECTED["V1"], amount_msat=AMOUNT_MSAT_MAX + 1),
        replace(EXPECTED["V1"], timestamp=1 << 35),
        replace(EXPECTED["V1"], timestamp=-1),
        replace(EXPECTED["V1"], metadata=b"x" * 640),
    ],
)
def test_what_cannot_be_written_is_refused(broken: Invoice11) -> None:
    with pytest.raises(Bolt11Error):
        encode(broken, KEY)


hops = st.builds(
    Hop,
    st.binary(min_size=33, max_size=33),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**16 - 1),
)
invoices = st.builds(
    Invoice11,
    network=st.sampled_from(Network),
    timestamp=st.integers(0, 2**35 - 1),
    payment_hash=st.binary(min_size=32, max_size=32),
    payment_secret=st.binary(min_size=32, max_size=32),
    payee=st.just(BASE.payee),
    amount_msat=st.none() | st.integers(1, AMOUNT_MSAT_MAX),
    description=st.text(st.characters(exclude_categories=["Cs"]), max_size=150),
    expiry_s=st.integers(0, 2**60 - 1),
    min_final_cltv=st.integers(0, 2**60 - 1),
    features=st.frozensets(st.sampled_from([8, 9, 14, 15, 16, 17, 25, 99, 101])),
    route_hints=st.lists(st.lists(hops, min_size=1, max_size=3).map(tuple), max_size=3).map(tuple),
    fallbacks=st.lists(st.builds(Fallback, st.integers(0, 18), st.binary(max_size=40)), max_size=2).map(tuple),
    metadata=st.none() | st.binary(max_size=60),
)


@given(invoices)
def test_round_trip(invoice: Invoice11) -> None:
    assert decode(encode(invoice, KEY)) == invoice
    if invoice.description is not None:
        hashed = replace(invoice, description=None, description_hash=hashlib.sha256(b"text").digest())
        assert decode(encode(hashed, KEY).upper()) == hashed


def decodes_or_refuses(text: str) -> None:
    started = time.process_time()
    try:
        decode(text)
    except Bolt11Error as refusal:
        assert isinstance(refusal.code, Bolt11Code) and str(refusal)
    assert time.process_time() - started < 0.5  # far above the usual millisecond


@given(st.text(max_size=400))
def test_any_text(text: str) -> None:
    decodes_or_refuses(text)
    decodes_or_refuses("lnbc1" + text)


@given(st.sampled_from(["lnbc", "lnbc20m", "lnbcrt1p", "LNTBS1"]), st.lists(st.integers(0, 31), max_size=500))
def test_any_words_with_a_right_checksum(prefix: str, words: list[int]) -> None:
    decodes_or_refuses(sealed(prefix.lower(), words))


@given(st.sampled_from(sorted(VALID)), st.data())
def test_one_changed_letter_never_passes(name: str, data: st.DataObject) -> None:
    text = VALID[name]
    at = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.sampled_from(sorted(set(CHARSET + "1b") - {text[at].lower()})))
    with pytest.raises(Bolt11Error):
        decode(text[:at] + letter + text[at + 1 :])


@given(st.sampled_from(sorted(set(VALID) - {"V13"})), st.data())
def test_changed_words_with_a_right_checksum(name: str, data: st.DataObject) -> None:
    head, _, body = VALID[name].rpartition("1")
    words = [CHARSET.index(c) for c in body[:-6]]
    for _ in range(data.draw(st.integers(1, 4))):
        words[data.draw(st.integers(0, len(words) - 1))] = data.draw(st.integers(0, 31))
    decodes_or_refuses(sealed(head, words))


def test_quick_even_for_the_largest_text() -> None:
    text = sealed("lnbc", [1] * 7_000)
    best = min(_seconds(text) for _ in range(5))
    assert best < 0.05, f"{best * 1000:.1f} ms"
    assert min(_seconds("lnbc1" + "q" * 1_000_000) for _ in range(5)) < 0.01


def _seconds(text: str) -> float:
    started = time.process_time()
    with pytest.raises(Bolt11Error):
        decode(text)
    return time.process_time() - started
