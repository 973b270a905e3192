"""BOLT11 invoices: reading and writing (``11-payment-encoding.md``, bits of ``09-features.md``).

Reading is strict: what a careful node would not pay is refused here with a code of its own, and no
text, however long or broken, raises anything but ``Bolt11Error``. Invoices whose payee is hidden
behind blinded paths carry no payment secret and are refused as such.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from bech32 import CHARSET, bech32_create_checksum, bech32_verify_checksum, convertbits
from coincurve import PrivateKey, PublicKey
from coincurve.ecdsa import cdata_to_der, deserialize_compact

from hazina.kernel.money import Msats

LENGTH_MAX = 7_089
"""Longest text that is looked at: what the largest QR code holds. Real invoices stay far below."""
DESCRIPTION_BYTES_MAX = 639  # 1,023 words of 5 bits
EXPIRY_S_DEFAULT = 3_600
MIN_FINAL_CLTV_DEFAULT = 18

AMOUNT_MSAT_MAX = 21_000_000 * 100_000_000_000
_WORDS_32 = 52  # 32 bytes in words of 5 bits
_WORDS_33 = 53
_WORDS_SIGNATURE = 104
_WORDS_TIMESTAMP = 7
_WORDS_NUMBER_MAX = 12  # a number that does not fit in 60 bits is nobody's expiry
_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
_HOP_BYTES = 51

_TENTHS_OF_MSAT = {"": 10**12, "m": 10**9, "u": 10**6, "n": 10**3, "p": 1}
_PREFIX = re.compile(r"ln(bcrt|tbs|bc|tb)(?:([0-9]+)([a-z]?))?", re.ASCII)
_NUMBERS = {character: number for number, character in enumerate(CHARSET)}

# 8 onion, 14 payment secret, 16 several parts, 24 blinding, 36 attribution, 48 metadata
KNOWN_FEATURES = frozenset({8, 14, 16, 24, 36, 48})


class Network(Enum):
    """The network part of the human-readable prefix."""

    MAIN = "bc"
    TEST = "tb"
    SIGNET = "tbs"
    REGTEST = "bcrt"


class Bolt11Code(Enum):
    TOO_LONG = "too_long"
    NOT_AN_INVOICE = "not_an_invoice"
    MIXED_CASE = "mixed_case"
    BAD_CHECKSUM = "bad_checksum"
    WRONG_NETWORK = "wrong_network"
    BAD_AMOUNT = "bad_amount"
    TOO_SHORT = "too_short"
    BAD_FIELD = "bad_field"
    MISSING_HASH = "missing_hash"
    MISSING_SECRET = "missing_secret"  # noqa: S105 - the name of a refusal, not a password
    BAD_DESCRIPTION = "bad_description"
    UNKNOWN_FEATURE = "unknown_feature"
    BAD_SIGNATURE = "bad_signature"


class Bolt11Error(ValueError):
    """Why a text is not an invoice that can be paid. The message is fit for people."""

    def __init__(self, code: Bolt11Code, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Hop:
    """One step of a route hint: how to get from ``pubkey`` to the next node."""

    pubkey: bytes
    short_channel_id: int
    fee_base_msat: int
    fee_ppm: int
    cltv_delta: int


@dataclass(frozen=True, slots=True)
class Fallback:
    """An on-chain address: 0-16 a witness program, 17 a public key hash, 18 a script hash."""

    version: int
    program: bytes


@dataclass(frozen=True, slots=True)
class Invoice11:
    """What an invoice says. Times are unix seconds. ``payee`` is the compressed public key that signed."""

    network: Network
    timestamp: int
    payment_hash: bytes
    payment_secret: bytes
    payee: bytes
    amount_msat: int | None = None
    description: str | None = None
    description_hash: bytes | None = None
    expiry_s: int = EXPIRY_S_DEFAULT
    min_final_cltv: int = MIN_FINAL_CLTV_DEFAULT
    features: frozenset[int] = frozenset({8, 14})
    route_hints: tuple[tuple[Hop, ...], ...] = ()
    fallbacks: tuple[Fallback, ...] = ()
    metadata: bytes | None = None

    @property
    def amount(self) -> Msats | None:
        return None if self.amount_msat is None else Msats(self.amount_msat)

    @property
    def expires_at(self) -> int:
        return self.timestamp + self.expiry_s


def decode(text: str, network: Network | None = None) -> Invoice11:
    """The invoice in ``text``; a leading ``lightning:`` is taken off. Raises ``Bolt11Error``, also when
    the invoice belongs to another network than ``network``. Expiry is for the caller to judge."""
    prefix, words = _unwrap(text)
    found, amount_msat = _read_prefix(prefix, network)
    if len(words) < _WORDS_TIMESTAMP + _WORDS_SIGNATURE:
        raise Bolt11Error(Bolt11Code.TOO_SHORT, "The invoice is too short to be signed.")
    body, signature = words[:-_WORDS_SIGNATURE], words[-_WORDS_SIGNATURE:]
    fields = _read_fields(body[_WORDS_TIMESTAMP:])
    if fields.payment_hash is None:
        raise Bolt11Error(Bolt11Code.MISSING_HASH, "The invoice has no payment hash.")
    if (unknown := sorted(bit for bit in fields.features if bit % 2 == 0 and bit not in KNOWN_FEATURES)) != []:
        raise Bolt11Error(Bolt11Code.UNKNOWN_FEATURE, f"The invoice needs feature {unknown[0]}, which is not known.")
    if fields.payment_secret is None:
        raise Bolt11Error(Bolt11Code.MISSING_SECRET, "The invoice has no payment secret.")
    if (fields.description is None) == (fields.description_hash is None):
        raise Bolt11Error(Bolt11Code.BAD_DESCRIPTION, "The invoice must have one description, or the hash of one.")
    return Invoice11(
        network=found,
        timestamp=_number(body[:_WORDS_TIMESTAMP]),
        payment_hash=fields.payment_hash,
        payment_secret=fields.payment_secret,
        payee=_signer(_digest(prefix, body), bytes(_octets(signature)), fields.payee),
        amount_msat=amount_msat,
        description=fields.description,
        description_hash=fields.description_hash,
        expiry_s=EXPIRY_S_DEFAULT if fields.expiry_s is None else fields.expiry_s,
        min_final_cltv=MIN_FINAL_CLTV_DEFAULT if fields.min_final_cltv is None else fields.min_final_cltv,
        features=fields.features,
        route_hints=tuple(fields.route_hints),
        fallbacks=tuple(fields.fallbacks),
        metadata=fields.metadata,
    )


def encode(invoice: Invoice11, private_key: bytes) -> str:
    """The invoice as text, lower case, signed with ``private_key`` (its public key becomes the payee;
    ``invoice.payee`` is not looked at). Raises ``Bolt11Error`` for what cannot be written."""
    prefix = "ln" + invoice.network.value + _write_amount(invoice.amount_msat)
    body = _words_of_number(invoice.timestamp, _WORDS_TIMESTAMP) + _write_fields(invoice)
    signed = PrivateKey(private_key).sign_recoverable(_digest(prefix, body), hasher=None)
    words = body + _words(signed)
    return prefix + "1" + "".join(CHARSET[word] for word in words + bech32_create_checksum(prefix, words))


# --- the wrapping: case, checksum, network, amount


def _unwrap(text: str) -> tuple[str, list[int]]:
    """Human-readable prefix and data words, the checksum verified and taken off."""
    if len(text) > LENGTH_MAX:
        raise Bolt11Error(Bolt11Code.TOO_LONG, f"An invoice has at most {LENGTH_MAX:,} characters.")
    text = text.strip()
    if text[:10].lower() == "lightning:":
        text = text[10:]
    lower = text.lower()
    prefix, separator, data = lower.rpartition("1")
    if not text.isascii() or separator == "" or not prefix.startswith("ln"):
        raise Bolt11Error(Bolt11Code.NOT_AN_INVOICE, "This is not a Lightning invoice.")
    if text not in (lower, text.upper()):
        raise Bolt11Error(Bolt11Code.MIXED_CASE, "The invoice mixes upper and lower case.")
    words = [_NUMBERS.get(character, -1) for character in data]
    if len(words) < 6 or -1 in words or not all("!" <= character <= "~" for character in prefix):
        raise Bolt11Error(Bolt11Code.NOT_AN_INVOICE, "The invoice has characters that no invoice has.")
    if not bech32_verify_checksum(prefix, words):
        raise Bolt11Error(Bolt11Code.BAD_CHECKSUM, "The invoice was mistyped or cut: its checksum is wrong.")
    return prefix, words[:-6]


def _read_prefix(prefix: str, expected: Network | None) -> tuple[Network, int | None]:
    """Network and amount in millisatoshi."""
    if not (started := re.match(r"ln(bcrt|tbs|bc|tb)(?![a-z])", prefix, re.ASCII)):
        raise Bolt11Error(Bolt11Code.WRONG_NETWORK, "The invoice belongs to a network that is not known here.")
    network = Network(started[1])
    if expected is not None and network is not expected:
        raise Bolt11Error(Bolt11Code.WRONG_NETWORK, "The invoice belongs to another network.")
    if started.end() == len(prefix):
        return network, None
    whole = _PREFIX.fullmatch(prefix)
    if whole is None or whole[2].startswith("0") or len(whole[2]) > 20 or whole[3] not in _TENTHS_OF_MSAT:
        raise Bolt11Error(Bolt11Code.BAD_AMOUNT, "The invoice's amount cannot be read.")
    amount_msat, rest = divmod(int(whole[2]) * _TENTHS_OF_MSAT[whole[3]], 10)
    if rest or amount_msat > AMOUNT_MSAT_MAX:
        raise Bolt11Error(Bolt11Code.BAD_AMOUNT, "The invoice's amount is not a whole number of millisatoshi in range.")
    return network, amount_msat


def _write_amount(amount_msat: int | None) -> str:
    """The shortest form."""
    if amount_msat is None:
        return ""
    if not 0 < amount_msat <= AMOUNT_MSAT_MAX:
        raise Bolt11Error(Bolt11Code.BAD_AMOUNT, "An invoice's amount is positive and at most 21 million bitcoin.")
    for letter, unit in _TENTHS_OF_MSAT.items():
        if amount_msat * 10 % unit == 0:
            return f"{amount_msat * 10 // unit}{letter}"
    raise AssertionError("every amount fits the smallest unit")


# --- signature


def _digest(prefix: str, body: list[int]) -> bytes:
    return hashlib.sha256(prefix.encode("ascii") + bytes(_octets(body, pad=True))).digest()


def _signer(digest: bytes, signature: bytes, payee: bytes | None) -> bytes:
    """The key that signed: recovered, or the named one verified (then a high S is refused)."""
    try:
        if payee is None:
            return PublicKey.from_signature_and_message(signature, digest, hasher=None).format()
        if int.from_bytes(signature[32:64], "big") <= _HALF_ORDER:
            der = cdata_to_der(deserialize_compact(signature[:64]))
            if PublicKey(payee).verify(der, digest, hasher=None):
                return payee
    except Exception as error:  # coincurve raises bare Exception and ValueError for bad keys and signatures
        raise Bolt11Error(Bolt11Code.BAD_SIGNATURE, "The invoice's signature is not valid.") from error
    raise Bolt11Error(Bolt11Code.BAD_SIGNATURE, "The invoice's signature is not valid.")


# --- tagged fields


@dataclass(slots=True)
class _Fields:
    """Fields as they are met; the first good one of a kind counts."""

    payment_hash: bytes | None = None
    payment_secret: bytes | None = None
    payee: bytes | None = None
    description: str | None = None
    description_hash: bytes | None = None
    expiry_s: int | None = None
    min_final_cltv: int | None = None
    features: frozenset[int] = frozenset()
    metadata: bytes | None = None
    route_hints: list[tuple[Hop, ...]] = field(default_factory=list)
    fallbacks: list[Fallback] = field(default_factory=list)


def _read_fields(words: list[int]) -> _Fields:
    """Every field that is known; unknown tags are skipped, and so are 32- and 33-byte fields of another
    length (the specification's own vector has such ones after the good ones)."""
    fields = _Fields()
    seen: set[str] = set()
    at = 0
    while at < len(words):
        length = words[at + 1] * 32 + words[at + 2] if at + 3 <= len(words) else len(words)
        data = words[at + 3 : at + 3 + length]
        if len(data) != length:
            raise Bolt11Error(Bolt11Code.BAD_FIELD, "A field of the invoice is cut off.")
        tag = CHARSET[words[at]]
        at += 3 + length
        exact = {"p": _WORDS_32, "s": _WORDS_32, "h": _WORDS_32, "n": _WORDS_33}.get(tag)
        if exact is not None and length != exact:
            continue
        if tag == "r":
            fields.route_hints.append(_read_hops(bytes(_octets(data))))
        elif tag == "f":
            fields.fallbacks.extend(_read_fallback(data))
        elif tag in "dh" and tag in seen:
            raise Bolt11Error(Bolt11Code.BAD_DESCRIPTION, "The invoice has two descriptions.")
        elif tag not in seen:
            _read_single(fields, tag, data)
        seen.add(tag)
    return fields


def _read_single(fields: _Fields, tag: str, data: list[int]) -> None:
    match tag:
        case "p":
            fields.payment_hash = bytes(_octets(data))
        case "s":
            fields.payment_secret = bytes(_octets(data))
        case "n":
            fields.payee = bytes(_octets(data))
        case "h":
            fields.description_hash = bytes(_octets(data))
        case "d":
            fields.description = _read_description(bytes(_octets(data)))
        case "m":
            fields.metadata = bytes(_octets(data))
        case "x":
            fields.expiry_s = _minimal_number(data)
        case "c":
            fields.min_final_cltv = _minimal_number(data)
        case "9":
            fields.features = _read_features(data)
        case _:
            pass  # a reader skips what it does not know


def _read_description(octets: bytes) -> str:
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        raise Bolt11Error(Bolt11Code.BAD_DESCRIPTION, "The invoice's description is not readable text.") from None


def _read_features(words: list[int]) -> frozenset[int]:
    """Bit 0 is the lowest bit of the last word."""
    _refuse_padding(words)
    return frozenset(
        place * 5 + bit for place, word in enumerate(reversed(words)) for bit in range(5) if word >> bit & 1
    )


def _read_hops(octets: bytes) -> tuple[Hop, ...]:
    if len(octets) == 0 or len(octets) % _HOP_BYTES:
        raise Bolt11Error(Bolt11Code.BAD_FIELD, "A route hint of the invoice has the wrong length.")
    return tuple(
        Hop(
            pubkey=hop[:33],
            short_channel_id=int.from_bytes(hop[33:41], "big"),
            fee_base_msat=int.from_bytes(hop[41:45], "big"),
            fee_ppm=int.from_bytes(hop[45:49], "big"),
            cltv_delta=int.from_bytes(hop[49:51], "big"),
        )
        for hop in (octets[at : at + _HOP_BYTES] for at in range(0, len(octets), _HOP_BYTES))
    )


def _read_fallback(words: list[int]) -> list[Fallback]:
    """An address, or nothing for a version from the future."""
    return [Fallback(words[0], bytes(_octets(words[1:])))] if words and words[0] <= 18 else []


def _write_fields(invoice: Invoice11) -> list[int]:
    try:
        description = None if invoice.description is None else invoice.description.encode("utf-8")
    except UnicodeEncodeError:
        raise Bolt11Error(Bolt11Code.BAD_DESCRIPTION, "The description is not readable text.") from None
    if (description is None) == (invoice.description_hash is None):
        raise Bolt11Error(Bolt11Code.BAD_DESCRIPTION, "An invoice has one description, or the hash of one.")
    if description is not None and len(description) > DESCRIPTION_BYTES_MAX:
        raise Bolt11Error(Bolt11Code.BAD_DESCRIPTION, f"A description has at most {DESCRIPTION_BYTES_MAX} bytes.")
    words = _tagged("s", _words(invoice.payment_secret)) + _tagged("p", _words(invoice.payment_hash))
    if description is not None:
        words += _tagged("d", _words(description))
    if invoice.description_hash is not None:
        words += _tagged("h", _words(invoice.description_hash))
    if invoice.metadata is not None:
        words += _tagged("m", _words(invoice.metadata))
    if invoice.expiry_s != EXPIRY_S_DEFAULT:
        words += _tagged("x", _words_of_number(invoice.expiry_s))
    if invoice.min_final_cltv != MIN_FINAL_CLTV_DEFAULT:
        words += _tagged("c", _words_of_number(invoice.min_final_cltv))
    for fallback in invoice.fallbacks:
        words += _tagged("f", [fallback.version, *_words(fallback.program)])
    for hops in invoice.route_hints:
        words += _tagged("r", _words(b"".join(_write_hop(hop) for hop in hops)))
    if invoice.features:
        words += _tagged("9", _words_of_number(sum(1 << bit for bit in invoice.features)))
    return words


def _write_hop(hop: Hop) -> bytes:
    return (
        hop.pubkey
        + hop.short_channel_id.to_bytes(8, "big")
        + hop.fee_base_msat.to_bytes(4, "big")
        + hop.fee_ppm.to_bytes(4, "big")
        + hop.cltv_delta.to_bytes(2, "big")
    )


def _tagged(tag: str, data: list[int]) -> list[int]:
    if len(data) > 1023:
        raise Bolt11Error(Bolt11Code.BAD_FIELD, "A field of an invoice holds at most 1,023 words.")
    return [_NUMBERS[tag], len(data) // 32, len(data) % 32, *data]


# --- words of 5 bits


def _octets(words: Sequence[int], *, pad: bool = False) -> list[int]:
    """Bytes; unless ``pad``, what is left over must be zero and shorter than a word."""
    octets = convertbits(words, 5, 8, pad)
    if octets is None:
        raise Bolt11Error(Bolt11Code.BAD_FIELD, "A field of the invoice is not padded with zeros.")
    return octets


def _words(octets: bytes) -> list[int]:
    words = convertbits(octets, 8, 5)
    assert words is not None, "every byte string can be written in words"
    return words


def _number(words: list[int]) -> int:
    number = 0
    for word in words:
        number = number << 5 | word
    return number


def _refuse_padding(words: list[int]) -> None:
    if words and words[0] == 0:
        raise Bolt11Error(Bolt11Code.BAD_FIELD, "A number in the invoice begins with zeros.")


def _minimal_number(words: list[int]) -> int:
    _refuse_padding(words)
    if len(words) > _WORDS_NUMBER_MAX:
        raise Bolt11Error(Bolt11Code.BAD_FIELD, "A number in the invoice is too large.")
    return _number(words)


def _words_of_number(number: int, width: int = 0) -> list[int]:
    """Big-endian, without leading zeros, or exactly ``width`` words."""
    if number < 0 or (width and number >= 1 << 5 * width):
        raise Bolt11Error(Bolt11Code.BAD_FIELD, "A number does not fit in an invoice.")
    length = width or -(-number.bit_length() // 5)
    return [number >> 5 * place & 31 for place in reversed(range(length))]
