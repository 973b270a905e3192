"""Reading what LND's REST API says. All rules, no network.

Two shapes of error: bare on single answers, wrapped in ``error`` on streams. LND's texts are matched
only where nothing else tells cases apart; what cannot be read is ``NodeSilent``, never a failure.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hazina.kernel.http import Answered, NoAnswer, read_json
from hazina.kernel.money import Msats
from hazina.payments.ports import (
    Balance,
    Incoming,
    IncomingState,
    Issued,
    NodeRefused,
    NodeSilent,
    Outgoing,
    OutgoingState,
    Reason,
)

NOT_FOUND = 5  # gRPC code
NEVER_STARTED = "payment isn't initiated"
NO_SUCH_INVOICE = ("unable to locate invoice", "there are no existing invoices")
TOO_LATE = 'caveat "time-before '
DUPLICATE_INVOICE = "invoice with payment hash already exists"
ALREADY_SETTLED = "invoice already settled"
ALREADY_CANCELED = "invoice already canceled"
STILL_OPEN = "invoice still open"
NO_PREIMAGE = bytes(32)

NETWORKS = {"mainnet": "bc", "testnet": "tb", "testnet4": "tb", "signet": "tbs", "regtest": "bcrt"}

_INFO, _READ, _WRITE = (
    frozenset({("info", "read")}),
    frozenset({("invoices", "read")}),
    frozenset({("invoices", "write")}),
)
_PAID, _SEND = frozenset({("offchain", "read")}), frozenset({("offchain", "write")})
COARSE = {
    "/lnrpc.Lightning/GetInfo": _INFO,
    "/verrpc.Versioner/GetVersion": _INFO,
    "/lnrpc.Lightning/AddInvoice": _WRITE,
    "/lnrpc.Lightning/LookupInvoice": _READ,
    "/lnrpc.Lightning/ListInvoices": _READ,
    "/lnrpc.Lightning/SubscribeInvoices": _READ,
    "/invoicesrpc.Invoices/CancelInvoice": _WRITE,
    "/invoicesrpc.Invoices/AddHoldInvoice": _WRITE,
    "/invoicesrpc.Invoices/SettleInvoice": _WRITE,
    "/lnrpc.Lightning/ListChannels": _PAID,
    "/lnrpc.Lightning/ChannelBalance": _PAID,
    "/routerrpc.Router/SendPaymentV2": _SEND,
    "/routerrpc.Router/TrackPaymentV2": _PAID,
    "/routerrpc.Router/TrackPayments": _PAID,
    "/routerrpc.Router/EstimateRouteFee": _PAID,
    "/lnrpc.Lightning/ListPayments": _PAID,
}
"""What LND's coarser permissions would allow each call."""

_INCOMING = {
    "OPEN": IncomingState.OPEN,
    "ACCEPTED": IncomingState.HELD,
    "SETTLED": IncomingState.SETTLED,
    "CANCELED": IncomingState.CANCELLED,
}
_OUTGOING = {
    "INITIATED": OutgoingState.IN_FLIGHT,
    "IN_FLIGHT": OutgoingState.IN_FLIGHT,
    "SUCCEEDED": OutgoingState.SUCCEEDED,
    "FAILED": OutgoingState.FAILED,
}
_FAILURES = {
    "FAILURE_REASON_TIMEOUT": Reason.TIMEOUT,
    "FAILURE_REASON_NO_ROUTE": Reason.NO_ROUTE,
    "FAILURE_REASON_INCORRECT_PAYMENT_DETAILS": Reason.REJECTED,
    "FAILURE_REASON_INSUFFICIENT_BALANCE": Reason.NO_BALANCE,
}
_REFUSALS = (
    ("invoice expired", Reason.EXPIRED),
    ("self-payments not allowed", Reason.OWN_INVOICE),
    ("amount must", Reason.BAD_INVOICE),
    ("checksum failed", Reason.BAD_INVOICE),
    ("invoice not for current active network", Reason.BAD_INVOICE),
    ("string not all lowercase", Reason.BAD_INVOICE),
    ("failed converting data", Reason.BAD_INVOICE),
    ("invalid bech32", Reason.BAD_INVOICE),
    ("the AMP flag", Reason.BAD_INVOICE),
    ("insufficient", Reason.NO_BALANCE),
)


@dataclass(eq=False)
class Said(Exception):
    """LND's own error. ``wrapped``: it came in the shape that streams use."""

    status: int
    code: int
    text: str
    wrapped: bool

    def __str__(self) -> str:
        return f"HTTP {self.status}, code {self.code}: {self.text}"

    def as_refusal(self) -> NodeRefused | NodeSilent:
        """A 4xx is a clear no; LND's 500 with a text may be anything from a locked wallet to a bug."""
        return NodeRefused(str(self)) if 400 <= self.status < 500 else NodeSilent(str(self))


def read_answer(answer: Answered) -> dict[str, Any]:
    """The object of a single answer. Raises ``Said`` or ``NodeSilent``."""
    value = _object(answer.body)
    if answer.status == 200:
        return value
    raise read_error(answer.status, value)


def read_line(status: int, line: bytes) -> dict[str, Any]:
    """The object in a line of a stream. Raises ``Said`` or ``NodeSilent``."""
    value = _object(line)
    result = value.get("result")
    if status == 200 and isinstance(result, dict):
        return result
    raise read_error(status, value)


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = read_json(body)
    except NoAnswer as error:
        raise NodeSilent(str(error)) from error
    if not isinstance(value, dict):
        raise NodeSilent("the answer is not an object")
    return value


def read_error(status: int, value: Mapping[str, Any]) -> Said:
    wrapped = isinstance(value.get("error"), dict)
    inner = value["error"] if wrapped else value
    code, text = inner.get("code"), inner.get("message")
    if type(code) is not int or not isinstance(text, str):
        raise NodeSilent(f"HTTP {status} without an error of the node")
    return Said(status, code, text, wrapped)


def is_never_started(said: Said) -> bool:
    """Only this very answer proves that the node has no record of a payment: a wrong path is 404, too."""
    return said.status == 404 and said.wrapped and said.code == NOT_FOUND and said.text == NEVER_STARTED


def is_no_such_invoice(said: Said) -> bool:
    return said.status == 404 and said.code == NOT_FOUND and said.text in NO_SUCH_INVOICE


def refusal_reason(text: str) -> Reason:
    return next((reason for beginning, reason in _REFUSALS if text.startswith(beginning)), Reason.OTHER)


def read_incoming(value: Mapping[str, Any]) -> Incoming:
    """An invoice object. What arrived counts only when it is settled: LND leaves the sum of returned
    parts standing on a cancelled one."""
    try:
        state = _INCOMING[value["state"]]
        settled = state is IncomingState.SETTLED
        preimage = from_b64(value["r_preimage"])
        return Incoming(
            payment_hash=_exactly(32, from_b64(value["r_hash"])),
            state=state,
            received=Msats(int(value["amt_paid_msat"]) if settled else 0),
            preimage=_exactly(32, preimage) if preimage else None,
            settled_at=datetime.fromtimestamp(int(value["settle_date"]), UTC) if settled else None,
            bolt11=str(value["payment_request"]),
            held=Msats(int(value["amt_paid_msat"]) if state is IncomingState.HELD else 0),
        )
    except (KeyError, TypeError, ValueError, OverflowError, OSError) as error:
        raise NodeSilent(f"an invoice that cannot be read: {type(error).__name__} {error}") from error


def read_issued(value: Mapping[str, Any], payment_hash: bytes, preimage: bytes | None = None) -> Issued:
    """A new invoice; the answer for a hold invoice does not repeat its hash."""
    try:
        issued = Issued(
            from_b64(value["r_hash"]) if "r_hash" in value else payment_hash,
            str(value["payment_request"]),
            from_b64(value["payment_addr"]),
            preimage,
        )
    except (KeyError, ValueError) as error:
        raise NodeSilent("an invoice that cannot be read") from error
    if issued.payment_hash != payment_hash:
        raise NodeSilent("an invoice for another preimage")
    return issued


def settle_index(value: Mapping[str, Any]) -> int:
    """Place among the settled invoices, from 1; 0 while it is not settled."""
    try:
        return int(value["settle_index"])
    except (KeyError, TypeError, ValueError) as error:
        raise NodeSilent("an invoice without a settle index") from error


def read_outgoing(value: Mapping[str, Any]) -> Outgoing:
    """A payment object. Its status alone decides: a failure reason may stand beside IN_FLIGHT and even
    beside SUCCEEDED."""
    try:
        payment_hash = _exactly(32, bytes.fromhex(value["payment_hash"]))
        state = _OUTGOING[value["status"]]
        amount = Msats(int(value["value_msat"]))
        if state is OutgoingState.SUCCEEDED:
            preimage = bytes.fromhex(value["payment_preimage"])
            if hashlib.sha256(preimage).digest() != payment_hash:
                raise NodeSilent("a paid payment whose preimage does not fit its hash")
            return Outgoing(payment_hash, state, amount, Msats(int(value["fee_msat"])), preimage)
        if state is OutgoingState.FAILED:
            reason = _FAILURES.get(value.get("failure_reason", ""), Reason.OTHER)
            return Outgoing(payment_hash, state, amount, reason=reason)
        parts = sum(htlc["status"] == "IN_FLIGHT" for htlc in value.get("htlcs") or ())
        return Outgoing(payment_hash, state, amount, parts=parts)
    except (KeyError, TypeError, ValueError) as error:
        raise NodeSilent(f"a payment that cannot be read: {type(error).__name__} {error}") from error


def read_balance(channels: Mapping[str, Any], sums: Mapping[str, Any]) -> Balance:
    """An outgoing amount in flight stands under LND's ``unsettled_remote``, an incoming one under ``…_local``. Who
    opened a channel pays for its commitment, and what is too small for an output of its own is in that fee for a
    while: so all that the other side does not have is ours. LND rounds each figure of a channel down."""
    try:
        usable = [one for one in channels["channels"] if one["active"]]
        roundings = sum(1 + len(one["pending_htlcs"]) for one in channels["channels"])
        return Balance(
            Msats.from_sats(sum(_spare(one["local_balance"], one["local_chan_reserve_sat"]) for one in usable)),
            Msats.from_sats(sum(_spare(one["remote_balance"], one["remote_chan_reserve_sat"]) for one in usable)),
            Msats(int(sums["unsettled_remote_balance"]["msat"])),
            Msats(int(sums["unsettled_local_balance"]["msat"])),
            Msats.from_sats(sum(_own(one) for one in channels["channels"])),
            Msats.from_sats(roundings),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise NodeSilent("balances that cannot be read") from error


def _own(channel: Mapping[str, Any]) -> int:
    """Satoshi in a channel that are ours unless the payee of what is on its way takes it."""
    coming = sum(int(one["amount"]) for one in channel["pending_htlcs"] if one["incoming"])
    leaving = sum(int(one["amount"]) for one in channel["pending_htlcs"] if not one["incoming"])
    if channel["initiator"]:
        return int(channel["capacity"]) - int(channel["remote_balance"]) - coming
    return int(channel["local_balance"]) + leaving


def _spare(balance: Any, reserve: Any) -> int:
    return max(int(balance) - int(reserve), 0)


def read_version(value: Mapping[str, Any]) -> tuple[tuple[int, int], frozenset[str]]:
    """Major and minor number, and the tags that it was built with."""
    try:
        return (int(value["app_major"]), int(value["app_minor"])), frozenset(value["build_tags"])
    except (KeyError, TypeError, ValueError) as error:
        raise NodeSilent("a version that cannot be read") from error


def read_permissions(identifier: bytes) -> frozenset[tuple[str, str]]:
    """From a macaroon's identifier: a version byte, then a protobuf message whose third field is a list of
    operations, each an entity and its actions. Raises ``ValueError``."""
    if identifier[:1] != b"\x03":
        raise ValueError("not a macaroon of LND")
    found = set()
    for field, operation in _fields(identifier[1:]):
        if field == 3:
            parts = list(_fields(operation))
            entity = "".join(value.decode() for number, value in parts if number == 1)
            found |= {(entity, value.decode()) for number, value in parts if number == 2}
    return frozenset(found)


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """The fields of a protobuf message that has only fields of bytes."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        size, at = _varint(message, at)
        if tag & 7 != 2 or at + size > len(message):
            raise ValueError("not a message of bytes")
        yield tag >> 3, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(message) or shift > 28:
            raise ValueError("a number without an end")
        value |= (message[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if message[at - 1] < 128:
            return value, at


def _exactly(length: int, octets: bytes) -> bytes:
    if len(octets) != length:
        raise ValueError(f"{len(octets)} bytes instead of {length}")
    return octets


def from_b64(text: Any) -> bytes:
    """Raises ``ValueError``."""
    if not isinstance(text, str):
        raise ValueError("not text")
    return base64.b64decode(text, validate=True)


def b64(octets: bytes) -> str:
    """For bodies."""
    return base64.b64encode(octets).decode("ascii")


def b64url(octets: bytes) -> str:
    """For paths and queries; LND wants the padding."""
    return base64.urlsafe_b64encode(octets).decode("ascii")
