"""Signed messages: BIP-322's own vectors, the older form, and every way of not being one."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contexts.identity.signers import BitcoinKey
from tests.rules.bip322_vectors import BAD, SIMPLE, UNSUPPORTED

from hazina.identity import FactorKind
from hazina.identity.proofs import bitcoin
from hazina.identity.proofs.errors import InvalidAddress, SignatureMalformed, SignatureUnsupported, SignatureWrong
from hazina.identity.proofs.model import Challenge, Purpose
from hazina.kernel.bolt11 import Network
from hazina.kernel.ids import UUID

LEGACY = "H9L5yLFjti0QTHhPyFrZCT1V/MMnBtXKmoiKDZ78NDBjERki6ZTQZdSMCtkgoNmp17By9ItJr8o7ChX0XxY91nk="
LEGACY_TEXT = "This is an example of a signed message."
OURS = {Network.MAIN: "bc", Network.TEST: "tb", Network.SIGNET: "tb", Network.REGTEST: "bcrt"}


def verify(address: str, network: Network, text: str, signature: str) -> None:
    known = bitcoin.parse_address(address, network)
    bitcoin.verify(known, network, text, bitcoin.read_signature(signature))


@pytest.mark.parametrize(("message", "address", "signature"), SIMPLE)
def test_aut_05_good_vectors(message: str, address: str, signature: str) -> None:
    verify(address, Network.MAIN, message, signature)
    verify(address.upper(), Network.MAIN, message, f" {signature.removeprefix('smp')}\n")


@pytest.mark.parametrize(("why", "message", "address", "signature"), BAD)
def test_aut_05_bad_vectors(why: str, message: str, address: str, signature: str) -> None:
    with pytest.raises((SignatureWrong, SignatureMalformed)):
        verify(address, Network.MAIN, message, signature)


@pytest.mark.parametrize(("message", "address", "signature"), UNSUPPORTED)
def test_aut_05_the_other_forms_are_not_called_wrong(message: str, address: str, signature: str) -> None:
    with pytest.raises(SignatureUnsupported):
        verify(address, Network.MAIN, message, signature)


def test_aut_05_our_signer_and_its_sins() -> None:
    key = BitcoinKey()
    address = key.address()
    verify(address, Network.REGTEST, "text", key.sign("text"))
    for sighash in (0, 2, 3, 0x81):
        with pytest.raises(SignatureWrong):
            verify(address, Network.REGTEST, "text", key.sign("text", sighash=sighash))
    with pytest.raises(SignatureWrong):
        verify(address, Network.REGTEST, "text", key.sign("text", high_s=True))
    with pytest.raises(SignatureWrong):
        verify(address, Network.REGTEST, "text", BitcoinKey().sign("text"))


def test_bytes_behind_the_witness_make_no_second_signature() -> None:
    key = BitcoinKey()
    raw = base64.b64decode(key.sign("text").removeprefix("smp"))
    for more in (b"\x00", b"\x01\x00", raw):
        with pytest.raises(SignatureMalformed):
            verify(key.address(), Network.REGTEST, "text", base64.b64encode(raw + more).decode())
    with pytest.raises(SignatureMalformed):  # a count that is longer than it need be
        verify(key.address(), Network.REGTEST, "text", base64.b64encode(b"\xfd\x02\x00" + raw[1:]).decode())


def test_the_address_must_be_one_of_our_network() -> None:
    key = BitcoinKey()
    for network, prefix in OURS.items():
        assert bitcoin.parse_address(key.address(prefix), network) == key.address(prefix)
        for other in {"bc", "tb", "bcrt"} - {prefix}:
            with pytest.raises(InvalidAddress):
                bitcoin.parse_address(key.address(other), network)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bc1q",
        "bc1q9vza2e8x573nczrlzms0wvx3gsqjx7vavgkx0L",
        "bc1q9vza2e8x573nczrlzms0wvx3gsqjx7vavgkx0m",
        "1F3sAm6ZtwLAUnj7d38pGFxtP3RVEvtsbW",
        "bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs",  # BIP-350: witness version 2
        "BC1SW50QGDZ25J",  # BIP-350: witness version 16
        "bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y"[:-1],
        "x" * 5_000,
        "bc1q9vza2e8x573nczrlzms0wvx3gsqjx7vavgkx0l\x00",
        "bc1q9vza2e8x573nczrlzms0wvx3gsqjx7vavgkx0\ud800",
    ],
)
def test_aut_05_no_address_that_can_sign(text: str) -> None:
    with pytest.raises(InvalidAddress):
        bitcoin.parse_address(text, Network.MAIN)


@pytest.mark.parametrize(
    "address", ["1F3sAm6ZtwLAUnj7d38pGFxtP3RVEvtsbV", "bc1qngw83fg8dz0k749cg7k3emc7v98wy0c74dlrkd"]
)
def test_the_older_form_whatever_its_header_says_of_the_address(address: str) -> None:
    verify(address, Network.MAIN, LEGACY_TEXT, LEGACY)
    with pytest.raises(SignatureWrong):
        verify(address, Network.MAIN, LEGACY_TEXT + ".", LEGACY)
    key = BitcoinKey()
    for header in (27, 31, 35, 39):
        verify(key.address("bc"), Network.MAIN, "é" * 200, key.sign_legacy("é" * 200, header))
    with pytest.raises(SignatureWrong):
        verify(BitcoinKey().address("bc"), Network.MAIN, "text", key.sign_legacy("text"))
    with pytest.raises(SignatureMalformed):
        verify(key.address("bc"), Network.MAIN, "text", key.sign_legacy("text", 43))


def challenge(purpose: Purpose, about: str) -> Challenge:
    at = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)
    user = None if purpose in (Purpose.ENTER, Purpose.LOGIN, Purpose.REGISTER) else UUID(int=0xABCDEF12 << 96)
    return Challenge(UUID(int=1), FactorKind.BITCOIN, purpose, user, about, at)


def test_aut_06_the_text_says_for_whom_whose_what_and_until_when() -> None:
    texts = {
        purpose: bitcoin.text_to_sign("bank.example", challenge(purpose, "bc1qxyz act-1"), "00ff")
        for purpose in Purpose
    }
    end = "Nonce 00ff. Valid until 2026-11-21T12:30:00Z."
    assert texts == {
        Purpose.ENTER: f"bank.example: log in as bc1qxyz. {end}",
        Purpose.LOGIN: f"bank.example: log in as bc1qxyz. {end}",
        Purpose.REGISTER: f"bank.example: register bc1qxyz. {end}",
        Purpose.LINK: f"bank.example: add bc1qxyz to account abcdef12. {end}",
        Purpose.AUTH: f"bank.example: confirm act-1 as bc1qxyz. {end}",
    }


def test_the_text_fits_a_hardware_wallet() -> None:
    """Coldcard shows 240 characters of plain ASCII, without two blanks in a row."""
    longest = challenge(Purpose.AUTH, f"bcrt1p{'q' * 58} {'x' * 72}")
    text = bitcoin.text_to_sign("accounts.bank.example", longest, bitcoin.new_nonce())
    assert len(text) <= 240 and text.isascii() and text.isprintable() and "  " not in text


@given(st.text(max_size=300) | st.binary(max_size=300).map(lambda raw: base64.b64encode(raw).decode()))
def test_no_signature_does_more_than_be_refused(text: str) -> None:
    with pytest.raises((SignatureMalformed, SignatureUnsupported, SignatureWrong)):
        verify("bcrt1q6z64a43mjgkcq0ul2znwneq3spghrlau9slefp", Network.REGTEST, "text", text)


@given(st.text(max_size=120))
def test_no_address_does_more_than_be_refused(text: str) -> None:
    with pytest.raises(InvalidAddress):
        bitcoin.parse_address(text, Network.MAIN)


def test_a_long_signature_is_not_read() -> None:
    with pytest.raises(SignatureMalformed):
        bitcoin.read_signature("A" * 4_004)
