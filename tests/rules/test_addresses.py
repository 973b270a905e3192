"""Addresses: the vectors of BIP 173 and BIP 350, and what must be refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hazina.kernel.addresses import (
    BASE58,
    AddressForeignNetwork,
    AddressFutureVersion,
    AddressKind,
    AddressUnreadable,
    AddressWrongChecksum,
    legacy,
    read,
    segwit,
)
from hazina.kernel.bolt11 import Network
from hazina.kernel.errors import Refusal

MAIN, TEST, SIGNET, REGTEST = Network.MAIN, Network.TEST, Network.SIGNET, Network.REGTEST

# BIP 350, "Test vectors for v0-v16 native segregated witness addresses": address and scriptPubKey
MEANT = [
    (MAIN, "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", "0014751e76e8199196d454941c45d1b3a323f1433bd6"),
    (
        TEST,
        "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7",
        "00201863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262",
    ),
    (
        TEST,
        "tb1qqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesrxh6hy",
        "0020000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433",
    ),
    (
        TEST,
        "tb1pqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesf3hn0c",
        "5120000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433",
    ),
    (
        MAIN,
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
        "512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
    ),
]
# valid by BIP 350, of no use yet
FUTURE = [
    "bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y",
    "BC1SW50QGDZ25J",
    "bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs",
    "bc1pfeessrawgf",  # pay to anchor
]
# BIP 350, "invalid segwit addresses"
WRONG = [
    (MAIN, "tc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq5zuyut", AddressUnreadable),
    (MAIN, "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd", AddressWrongChecksum),
    (TEST, "tb1z0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqglt7rf", AddressWrongChecksum),
    (MAIN, "BC1S0XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ54WELL", AddressWrongChecksum),
    (MAIN, "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kemeawh", AddressWrongChecksum),
    (TEST, "tb1q0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq24jc47", AddressWrongChecksum),
    (MAIN, "bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4", AddressUnreadable),
    (MAIN, "BC130XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ7ZWS8R", AddressUnreadable),
    (MAIN, "bc1pw5dgrnzv", AddressUnreadable),
    (MAIN, "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v8n0nx0muaewav253zgeav", AddressUnreadable),
    (MAIN, "BC1QR508D6QEJXTDG4Y5R3ZARVARYV98GJ9P", AddressUnreadable),
    (TEST, "tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq47Zagq", AddressUnreadable),
    (MAIN, "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v07qwwzcrf", AddressUnreadable),
    (TEST, "tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vpggkg4j", AddressUnreadable),
    (MAIN, "bc1gmk9yu", AddressUnreadable),
]


@pytest.mark.parametrize(("network", "text", "script"), MEANT)
def test_vectors_of_bip_350(network: Network, text: str, script: str) -> None:
    found = read(text, network)
    assert found.script.hex() == script and found.text == text.lower()


@pytest.mark.parametrize("text", FUTURE)
def test_onc_10_versions_without_a_meaning_are_refused(text: str) -> None:
    with pytest.raises(AddressFutureVersion):
        read(text, MAIN)


@pytest.mark.parametrize(("network", "text", "refusal"), WRONG)
def test_onc_10_invalid_vectors_of_bip_350(network: Network, text: str, refusal: type[Refusal]) -> None:
    with pytest.raises(refusal) as said:
        read(text, network)
    assert type(said.value) is refusal


def test_base58_of_every_network() -> None:
    """The first is the genesis block's; the others are from Bitcoin's own tests (key_io_valid.json)."""
    assert read("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", MAIN).kind is AddressKind.P2PKH
    known = {
        (MAIN, "1AGNa15ZQXAZUgFiqJ2i7Z2DPU2J6hW62i"): "76a91465a16059864a2fdbc7c99a4723a8395bc6f188eb88ac",
        (MAIN, "3CMNFxN1oHBc4R1EpboAL5yzHGgE611Xou"): "a91474f209f6ea907e2ea48f74fae05782ae8a66525787",
        (TEST, "mo9ncXisMeAoXwqcV5EWuyncbmCcQN4rVs"): "76a91453c0307d6851aa0ce7825ba883c6bd9ad242b48688ac",
        (REGTEST, "2N2JD6wb56AfK4tfmM6PwdVmoYk2dCKf4Br"): "a9146349a418fc4578d10a372b54b45c280cc8c4382f87",
    }
    for (network, text), script in known.items():
        assert read(text, network).script.hex() == script


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", REGTEST),
        ("mo9ncXisMeAoXwqcV5EWuyncbmCcQN4rVs", MAIN),
        ("BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", TEST),
        ("tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7", REGTEST),
    ],
)
def test_onc_10_another_networks_address_is_refused_as_such(text: str, network: Network) -> None:
    with pytest.raises(AddressForeignNetwork):
        read(text, network)


def test_testnet_and_signet_share_their_addresses() -> None:
    text = segwit(0, bytes(20), TEST)
    assert read(text, SIGNET) == read(text, TEST)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "1", "bc1", "bc1q", "é" * 30, "1" * 91, "bc1" + "q" * 1_000_000, "0OIl", "lnbc1", "bitcoin:1A1zP1",
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb", " 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "1" * 34,
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3T4", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5",
        "ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9", "3CMNFxN1oHBc4R1EpboAL5yzHGgE611Xo", "\x00" * 34,
    ],
)  # fmt: skip
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(AddressUnreadable):
        read(text, MAIN)


programs = st.one_of(
    st.tuples(st.just(0), st.binary(min_size=20, max_size=20)),
    st.tuples(st.just(0), st.binary(min_size=32, max_size=32)),
    st.tuples(st.just(1), st.binary(min_size=32, max_size=32)),
)


@given(programs, st.sampled_from(Network))
def test_what_is_written_is_read(program: tuple[int, bytes], network: Network) -> None:
    version, data = program
    text = segwit(version, data, network)
    for one in (text, text.upper()):
        found = read(one, network)
        assert found.text == text
        assert found.script == bytes([version and 0x50 + version, len(data)]) + data


@given(
    st.sampled_from([AddressKind.P2PKH, AddressKind.P2SH]),
    st.binary(min_size=20, max_size=20),
    st.sampled_from(Network),
)
def test_base58_that_is_written_is_read(kind: AddressKind, payload: bytes, network: Network) -> None:
    found = read(legacy(kind, payload, network), network)
    assert found.kind is kind and payload in found.script


@given(programs, st.data())
def test_one_wrong_letter_is_never_another_address(program: tuple[int, bytes], data: st.DataObject) -> None:
    """BIP 173: up to four substitutions are found for certain."""
    text = segwit(*program, REGTEST)
    place = data.draw(st.integers(5, len(text) - 1))
    other = data.draw(st.sampled_from(sorted(set("qpzry9x8gf2tvdw0s3jn54khce6mua7l") - {text[place]})))
    with pytest.raises(Refusal):
        read(text[:place] + other + text[place + 1 :], REGTEST)


@given(
    st.text(max_size=100)
    | st.text(BASE58, min_size=25, max_size=36)
    | st.binary(max_size=60).map(lambda b: "bc1" + b.hex())
)
def test_no_text_does_more_than_be_refused(text: str) -> None:
    for network in Network:
        try:
            read(text, network)
        except Refusal as refused:
            assert refused.code.startswith("ADDRESS_")


def test_the_checksum_of_base58_is_looked_at() -> None:
    good = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"
    for place in range(len(good)):
        other = "2" if good[place] != "2" else "3"
        with pytest.raises(Refusal):
            read(good[:place] + other + good[place + 1 :], MAIN)
