"""Reading what Electrum's JSON-RPC says. All rules, no network.

Errors come with HTTP 200: code 1 is a text meant for people, code 2 an exception of the program (its text stands
in ``data.exception``; Electrum's own assertions are among them). What cannot be read is ``NodeSilent``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from hazina.kernel import bolt11
from hazina.kernel.http import Answered, NoAnswer
from hazina.kernel.money import Msats
from hazina.payments.ports import (
    Incoming,
    IncomingState,
    Issued,
    NodeRefused,
    NodeSilent,
    Outgoing,
    OutgoingState,
    Reason,
)

NETWORKS = {"mainnet": "bc", "testnet": "tb", "testnet4": "tb", "signet": "tbs", "regtest": "bcrt"}
EXPIRED, PAID, IN_FLIGHT = 1, 3, 4
REQUESTS = {0: IncomingState.OPEN, 1: IncomingState.CANCELLED, 3: IncomingState.SETTLED}
HOLDS = {"unpaid": IncomingState.OPEN, "paid": IncomingState.HELD, "settled": IncomingState.SETTLED}
SENT, RECEIVED = 0, 1

NOT_FOUND = "Request not found"
ALREADY_SETTLED = "already settled"
PREIMAGE_GIVEN = "preimage already given"
NO_INVOICE = "Couldn't find lightning invoice"
NOT_HELD = ("MPP incomplete", NO_INVOICE, "not a hold invoice")
SETTLES_S = 300
"""A payment of an ordinary invoice has settled so long after its first HTLC: what is younger may still come
before something that is told already."""

_REFUSALS = (
    ("invoice has expired", Reason.EXPIRED),
    ("Missing amount", Reason.BAD_INVOICE),
    ("checksum", Reason.BAD_INVOICE),
    ("BOLT11", Reason.BAD_INVOICE),
    ("unreasonably long", Reason.BAD_INVOICE),
    ("UnknownEvenFeature", Reason.BAD_INVOICE),
)


@dataclass(eq=False)
class Said(Exception):
    """Electrum's own error."""

    code: int
    text: str

    def __str__(self) -> str:
        return f"code {self.code}: {self.text}"

    def tells(self, text: str) -> bool:
        return text in self.text

    def as_error(self, refusals: tuple[str, ...] = ()) -> NodeRefused | NodeSilent:
        """Code 1 is a clear no. An exception may be anything, but for the texts named."""
        clear = self.code == 1 or any(text in self.text for text in refusals) or "AssertionError" in self.text
        return NodeRefused(str(self)) if clear else NodeSilent(str(self))


def read_answer(answer: Answered) -> Any:
    """The result. Raises ``Said`` or ``NodeSilent``."""
    if answer.status != 200:
        raise NodeSilent(f"HTTP {answer.status}")
    try:
        value = an_object(answer.json())
    except NoAnswer as error:
        raise NodeSilent(str(error)) from error
    wrong = value.get("error")
    if wrong is None:
        if "result" not in value:
            raise NodeSilent("an answer without a result")
        return value["result"]
    if not isinstance(wrong, dict) or type(wrong.get("code")) is not int:
        raise NodeSilent("an error that cannot be read")
    data = wrong.get("data")
    text = data.get("exception") if isinstance(data, dict) else None
    raise Said(wrong["code"], str(text or wrong.get("message"))[:500])


def an_object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise NodeSilent("the answer is not an object")
    return value


def octets(text: Any, length: int) -> bytes:
    try:
        found = bytes.fromhex(text)
    except (TypeError, ValueError) as error:
        raise NodeSilent("bytes that cannot be read") from error
    if len(found) != length:
        raise NodeSilent(f"{len(found)} bytes instead of {length}")
    return found


def version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


def read_issued(text: Any) -> Issued:
    try:
        says = bolt11.decode(str(text))
    except bolt11.Bolt11Error as error:
        raise NodeSilent("an invoice that cannot be read") from error
    return Issued(says.payment_hash, str(text), says.payment_secret)


def amount_of(invoice: Mapping[str, Any]) -> Msats:
    try:
        return Msats(int(invoice["amount_msat"]))
    except (KeyError, TypeError, ValueError) as error:
        raise NodeSilent("a payment without an amount") from error


def refusal_reason(text: str) -> Reason:
    return next((reason for part, reason in _REFUSALS if part in text), Reason.OTHER)


def why_failed(log: Any) -> Reason:
    """From the attempts that Electrum tells: [amount, channel or node, error]."""
    text = json.dumps(log)
    if "INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS" in text:
        return Reason.REJECTED
    if "FEE_INSUFFICIENT" in text:
        return Reason.FEE_LIMIT
    return Reason.NO_ROUTE


@dataclass(frozen=True, slots=True)
class Settled:
    """A payment whose HTLCs have settled. ``msat``: all that left or arrived, the fee included; ``at``: unix time
    of its first HTLC."""

    payment_hash: bytes
    sent: bool
    msat: int
    fee_msat: int
    at: int
    preimage: bytes | None

    @property
    def amount(self) -> Msats:
        return Msats(self.msat - self.fee_msat)

    def incoming(self, text: str) -> Incoming:
        at = datetime.fromtimestamp(self.at, UTC)
        return Incoming(self.payment_hash, IncomingState.SETTLED, Msats(self.msat), self.preimage, at, text)

    def outgoing(self, amount: Msats) -> Outgoing:
        """``amount``: what the invoice asked for. What left above it is the fee."""
        if self.preimage is None or self.msat < amount.n:
            raise NodeSilent("a paid payment that cannot be right")
        fee = Msats(self.msat - amount.n)
        return Outgoing(self.payment_hash, OutgoingState.SUCCEEDED, amount, fee, self.preimage)


def read_history(value: Any) -> list[Settled]:
    """Payments to and from others; openings, closings, forwards and rebalances are left out."""
    if not isinstance(value, list):
        raise NodeSilent("a history that cannot be read")
    found = []
    try:
        for line in value:
            if line["type"] != "payment" or line["direction"] not in (SENT, RECEIVED):
                continue
            sent = line["direction"] == SENT
            payment_hash = octets(line["payment_hash"], 32)
            preimage = octets(line["preimage"], 32) if line["preimage"] else None
            msat, fee_msat = abs(int(line["amount_msat"])), int(line["fee_msat"] or 0) if sent else 0
            found.append(Settled(payment_hash, sent, msat, fee_msat, int(line["timestamp"]), preimage))
    except (KeyError, TypeError, ValueError) as error:
        raise NodeSilent(f"a history that cannot be read: {type(error).__name__}") from error
    return found


GONE = ("CLOSED", "REDEEMED")  # what was ours in them is on the chain


@dataclass(frozen=True, slots=True)
class Channel:
    """In satoshi. ``numbers``: of the commitments on both sides; they change when anything moves. ``own``: what is
    ours, with what is on its way out."""

    point: str
    usable: bool
    own: int
    numbers: tuple[int, int]
    can_send: int
    can_receive: int
    unsettled_out: int
    unsettled_in: int


def read_held(value: Mapping[str, Any]) -> Msats:
    """What has arrived for a hold invoice, as ``check_hold_invoice`` says: whole satoshi."""
    try:
        return Msats.from_sats(int(value["received_amount_sat"]))
    except (KeyError, TypeError, ValueError) as error:
        raise NodeSilent(f"a held amount that cannot be read: {type(error).__name__}") from error


def read_channels(value: Any) -> list[Channel]:
    if not isinstance(value, list):
        raise NodeSilent("channels that cannot be read")
    try:
        return [
            Channel(
                point=str(one["channel_point"]),
                usable=one["state"] == "OPEN" and one["peer_state"] == "GOOD",
                own=0 if one["state"] in GONE else int(one["local_balance"]),
                numbers=(int(one["local_ctn"]), int(one["remote_ctn"])),
                can_send=_least(one["local_balance"], one["local_reserve"], one["local_unsettled_sent"]),
                can_receive=_least(one["remote_balance"], one["remote_reserve"], one["remote_unsettled_sent"]),
                unsettled_out=int(one["local_unsettled_sent"]),
                unsettled_in=int(one["remote_unsettled_sent"]),
            )
            for one in value
        ]  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise NodeSilent(f"channels that cannot be read: {type(error).__name__}") from error


def _least(balance: Any, *less: Any) -> int:
    return max(int(balance) - sum(int(one) for one in less), 0)


@dataclass(frozen=True, slots=True)
class Htlc:
    payment_hash: bytes
    out: bool
    at: int


def read_htlcs(value: Any) -> list[Htlc]:
    """Those in flight."""
    try:
        return [
            Htlc(octets(one["payment_hash"], 32), one["direction"] == "OUT", int(one["timestamp"]))
            for one in an_object(value)["inflight"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise NodeSilent(f"HTLCs that cannot be read: {type(error).__name__}") from error


@dataclass(frozen=True, slots=True)
class Place:
    """How far the history was told: everything up to the second ``at``, and of later ones those in ``told``."""

    at: int = 0
    told: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, cursor: str | None) -> Place:
        if cursor is None:
            return cls()
        value = json.loads(cursor)
        return cls(int(value["at"]), dict(value["told"]))

    def text(self) -> str:
        return json.dumps({"at": self.at, "told": dict(sorted(self.told.items()))}, separators=(",", ":"))

    def after(self, line: Settled, bound: int) -> Place:
        """With this line told. Nothing that is dated before ``bound`` can still come."""
        at = max(self.at, min(bound, line.at) - 1)
        told = {**self.told, _name(line): line.at}
        return Place(at, {name: when for name, when in told.items() if when > at})


def following(place: Place, lines: Iterable[Settled], bound: int) -> list[tuple[Settled, Place]]:
    """What was not told yet, oldest first, each with the place behind it."""
    found = []
    for line in sorted(lines, key=lambda one: (one.at, one.payment_hash)):
        if line.at > place.at and _name(line) not in place.told:
            place = place.after(line, bound)
            found.append((line, place))
    return found


def _name(line: Settled) -> str:
    return f"{'out' if line.sent else 'in'}:{line.payment_hash[:12].hex()}"
