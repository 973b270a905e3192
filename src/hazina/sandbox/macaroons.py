"""Macaroons as LND makes and checks them: the identifier names a root key and the permitted
operations (a small protobuf message), caveats narrow it further, and an HMAC chain seals it.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from pymacaroons import Macaroon, Verifier  # type: ignore[import-untyped]  # the package ships no types
from pymacaroons.exceptions import MacaroonException  # type: ignore[import-untyped]
from pymacaroons.serializers import BinarySerializer  # type: ignore[import-untyped]

from hazina.sandbox.store import Store

ENTITIES = ("onchain", "offchain", "address", "message", "peers", "info", "invoices", "signer", "macaroon")
ACTIONS = ("read", "write", "generate")
IDENTIFIER_VERSION = 3  # of macaroon-bakery, which LND uses
NONCE_BYTES = 16
MACAROON_BYTES_MAX = 8_192
APART = 1 << 40

Permission = tuple[str, str]
"""Entity and action; entity ``uri`` with a full method name as action permits exactly that call."""

ADMIN: frozenset[Permission] = frozenset(
    {
        *((entity, action) for entity in ENTITIES[:-1] for action in ("read", "write")),
        *(("macaroon", action) for action in ("generate", "read", "write")),
    }
)
BANK: frozenset[Permission] = frozenset(
    ("uri", uri)
    for uri in (
        "/lnrpc.Lightning/GetInfo",
        "/lnrpc.Lightning/AddInvoice",
        "/lnrpc.Lightning/LookupInvoice",
        "/lnrpc.Lightning/ListInvoices",
        "/lnrpc.Lightning/SubscribeInvoices",
        "/lnrpc.Lightning/ListChannels",
        "/lnrpc.Lightning/ChannelBalance",
        "/verrpc.Versioner/GetVersion",
        "/invoicesrpc.Invoices/AddHoldInvoice",
        "/invoicesrpc.Invoices/SettleInvoice",
        "/invoicesrpc.Invoices/CancelInvoice",
        "/routerrpc.Router/SendPaymentV2",
        "/routerrpc.Router/TrackPaymentV2",
        "/routerrpc.Router/TrackPayments",
        "/routerrpc.Router/EstimateRouteFee",
        "/lnrpc.Lightning/ListPayments",
    )
)
"""What a bank needs of its node, and no more. An operator bakes the same for a real one."""


class Denied(Exception):
    """LND's text for it."""


@dataclass(frozen=True, slots=True)
class Macaroons:
    """Of one node: ``place`` keeps its root keys apart from the others'."""

    store: Store
    place: int = 0

    def bake(self, permissions: Iterable[Permission], root_key_id: int = 0) -> bytes:
        """A macaroon in binary format 2. The root key is made when it does not exist."""
        with self.store.change():
            self.store.run(
                "INSERT OR IGNORE INTO root_keys VALUES (?, ?)", self._row(root_key_id), secrets.token_bytes(32)
            )
        key: bytes = self.store.value("SELECT key FROM root_keys WHERE id = ?", self._row(root_key_id))
        identifier = bytes([IDENTIFIER_VERSION]) + _dump(os.urandom(NONCE_BYTES), root_key_id, permissions)
        sealed = Macaroon(location="lnd", identifier=identifier, key=key, version=2)
        return bytes(BinarySerializer().serialize_raw(sealed))

    def revoke(self, root_key_id: int) -> bool:
        return self.store.run("DELETE FROM root_keys WHERE id = ?", self._row(root_key_id)) > 0

    def root_key_ids(self) -> list[int]:
        ids = (row["id"] - self._row(0) for row in self.store.rows("SELECT id FROM root_keys ORDER BY id"))
        return [one for one in ids if 0 <= one < APART]

    def _row(self, root_key_id: int) -> int:
        return self.place * APART + root_key_id

    def check(self, text: str | None, uri: str, permission: Permission, address: str) -> None:
        """Raise ``Denied`` unless the macaroon in hex permits the call from ``address``."""
        if text is None:
            raise Denied("expected 1 macaroon, got 0")
        macaroon = _parse(text)
        _, root_key_id, granted = _load(macaroon.identifier_bytes)
        key = self.store.value("SELECT key FROM root_keys WHERE id = ?", self._row(root_key_id))
        if key is None:
            raise Denied(f"cannot retrieve macaroon: cannot get macaroon: root key with id {root_key_id} doesn't exist")
        for caveat in macaroon.caveats:
            _check_caveat(caveat.caveat_id_bytes.decode("utf-8", "replace"), address)
        verifier = Verifier()
        verifier.satisfy_general(lambda _: True)  # the caveats were judged above; here only the seal is
        try:
            verifier.verify(macaroon, key)
        except MacaroonException:
            raise Denied("verification failed: signature mismatch after caveat verification") from None
        if permission not in granted and ("uri", uri) not in granted:
            raise Denied("permission denied")


def permissions(macaroon: bytes) -> set[Permission]:
    """What a macaroon in binary format allows."""
    return _load(_parse(macaroon.hex()).identifier_bytes)[2]


def _parse(text: str) -> Macaroon:
    for character in text:
        if character not in "0123456789abcdefABCDEF":
            raise Denied(f"encoding/hex: invalid byte: U+{ord(character):04X} {character!r}")
    if len(text) % 2:
        raise Denied("encoding/hex: odd length hex string")
    try:
        return BinarySerializer().deserialize_raw(bytes.fromhex(text[: 2 * MACAROON_BYTES_MAX]))
    except Exception:  # the parser meets anything and raises anything
        raise Denied("packet-format macaroon: cannot decode") from None


def _check_caveat(text: str, address: str) -> None:
    condition, _, argument = text.partition(" ")
    problem = None
    if condition == "time-before":
        problem = None if _is_future(argument) else "macaroon has expired"
    elif condition == "ipaddr":
        problem = None if argument == address else "macaroon locked to different IP address"
    else:
        problem = "caveat not recognized"
    if problem is not None:
        raise Denied(f'caveat "{text}" not satisfied: {problem}')


def _is_future(text: str) -> bool:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return False
    return moment.tzinfo is not None and datetime.now(UTC) < moment


# --- the identifier: message MacaroonId { bytes nonce = 1; bytes storageId = 2; repeated Op ops = 3; }
#                     message Op { string entity = 1; repeated string actions = 2; }


def _dump(nonce: bytes, root_key_id: int, permissions: Iterable[Permission]) -> bytes:
    message = _field(1, nonce) + _field(2, str(root_key_id).encode())
    for entity, action in sorted(permissions):
        message += _field(3, _field(1, entity.encode()) + _field(2, action.encode()))
    return message


def _load(identifier: bytes) -> tuple[bytes, int, set[Permission]]:
    """Nonce, root key id, permissions."""
    try:
        if identifier[:1] != bytes([IDENTIFIER_VERSION]):
            raise ValueError
        nonce, root_key_id, granted = b"", 0, set()
        for number, value in _fields(identifier[1:]):
            if number == 1:
                nonce = value
            elif number == 2:
                root_key_id = int(value)
            else:
                parts = _fields(value)
                entity = next(part.decode() for field, part in parts if field == 1)
                granted |= {(entity, part.decode()) for field, part in parts if field == 2}
        if not 0 <= root_key_id < APART:
            raise ValueError
        return nonce, root_key_id, granted
    except (ValueError, IndexError, StopIteration):
        raise Denied("cannot retrieve macaroon: cannot get macaroon: unknown identifier") from None


def _field(number: int, value: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(value)) + value


def _varint(number: int) -> bytes:
    octets = []
    while number > 127:
        octets.append(number & 127 | 128)
        number >>= 7
    return bytes([*octets, number])


def _fields(message: bytes) -> list[tuple[int, bytes]]:
    """Length-delimited fields only: the message has no others."""
    found, at = [], 0
    while at < len(message):
        number, at = message[at] >> 3, at + 1
        length = shift = 0
        while True:
            octet, at = message[at], at + 1
            length |= (octet & 127) << shift
            shift += 7
            if octet < 128:
                break
        if at + length > len(message):
            raise ValueError
        found.append((number, message[at : at + length]))
        at += length
    return found
