"""What a real Electrum 4.8.3 answered, word for word, and what the adapter makes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hazina.adapters import electrum_wire as wire
from hazina.adapters.electrum_wire import Place, Said, Settled
from hazina.kernel.http import Answered
from hazina.payments.ports import NodeRefused, NodeSilent, Reason


def answer(**value: Any) -> Answered:
    return Answered(200, json.dumps({"id": 1, "jsonrpc": "2.0", **value}).encode())


def internal(exception: str) -> Answered:
    data = {"exception": exception, "traceback": "Traceback (most recent call last):\n"}
    return answer(error={"code": 2, "message": "internal error while executing RPC", "data": data})


@pytest.mark.parametrize(
    "given",
    [
        Answered(403, b"Forbidden"),
        Answered(500, b"Invalid Request"),
        Answered(200, b""),
        Answered(200, b"[]"),
        answer(),
        answer(error="no"),
        answer(error={"code": "1", "message": "x"}),
    ],
)
def test_what_cannot_be_read_is_silence(given: Answered) -> None:
    with pytest.raises(NodeSilent):
        wire.read_answer(given)


def test_a_result_may_be_nothing() -> None:
    assert wire.read_answer(answer(result=None)) is None


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (answer(error={"code": 1, "message": "Request not found"}), NodeRefused),
        (internal("AssertionError('Payment hash already used!')"), NodeRefused),
        (internal("TypeError('unexpected')"), NodeSilent),
        (internal("OSError(28, 'No space left on device')"), NodeSilent),
    ],
)
def test_errors(given: Answered, kind: type[Exception]) -> None:
    """Its own text for people, and its own assertions, are a clear no; any other exception proves nothing."""
    with pytest.raises(Said) as said:
        wire.read_answer(given)
    assert type(said.value.as_error()) is kind


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("This invoice has expired", Reason.EXPIRED),
        ("Missing amount", Reason.BAD_INVOICE),
        ("BOLT11DecodeException('Invalid bech32 checksum')", Reason.BAD_INVOICE),
        ("Invoice wants us to risk locking funds for unreasonably long.", Reason.BAD_INVOICE),
        ("something new", Reason.OTHER),
    ],
)
def test_refusals(text: str, reason: Reason) -> None:
    assert wire.refusal_reason(text) is reason


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        ([], Reason.NO_ROUTE),
        ([["1", "Destination node", "INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS"]], Reason.REJECTED),
        ([["2", "0x0x0", "PERMANENT_CHANNEL_FAILURE"]], Reason.NO_ROUTE),
        ([["1", "113x1x0", "TRAMPOLINE_FEE_INSUFFICIENT"]], Reason.FEE_LIMIT),
        (None, Reason.NO_ROUTE),
    ],
)
def test_why_a_payment_failed(log: Any, reason: Reason) -> None:
    assert wire.why_failed(log) is reason


def line(number: int, at: int, *, sent: bool = False) -> Settled:
    return Settled(bytes([number]) * 32, sent, 1_000, 0, at, b"p" * 32)


def told(place: Place, lines: list[Settled], bound: int) -> tuple[list[int], Place]:
    found = wire.following(place, lines, bound)
    return [one.payment_hash[0] for one, _ in found], found[-1][1] if found else place


def test_the_place_in_the_history_steps_over_nothing() -> None:
    """Electrum dates a payment by its first HTLC. One that was held is dated before others that were told long ago."""
    first, held, second = line(1, 100), line(2, 101), line(3, 200)
    seen, place = told(Place(), [first, second], bound=101)  # an HTLC of second 101 is in flight
    assert seen == [1, 3]
    place = Place.read(place.text())
    assert told(place, [first, second], bound=101)[0] == []
    seen, place = told(place, [second, held, first], bound=500)
    assert seen == [2]
    assert told(place, [first, held, second], bound=500)[0] == []
    seen, place = told(place, [first, held, second, line(4, 900)], bound=1_000)
    assert seen == [4]
    assert set(place.told) == {"in:" + "04" * 12}, "what is older than all that can come is forgotten"


def test_both_directions_of_one_hash_are_told() -> None:
    assert told(Place(), [line(1, 5), line(1, 5, sent=True)], bound=4)[0] == [1, 1]


def test_the_history_leaves_out_what_is_no_payment_of_ours() -> None:
    base: dict[str, Any] = {
        "preimage": "aa" * 32,
        "amount_msat": -5_000,
        "fee_msat": 1_000,
        "timestamp": 9,
        "payment_hash": "bb" * 32,
    }
    lines: list[dict[str, Any]] = [
        {**base, "type": "payment", "direction": 0},
        {**base, "type": "payment", "direction": 1, "amount_msat": 7_000, "fee_msat": None},
        {**base, "type": "payment", "direction": 2},
        {**base, "type": "payment", "direction": 3},
        {"type": "channel_opening", "direction": None, "payment_hash": None},
    ]
    found = wire.read_history(lines)
    assert [(one.sent, one.msat, one.amount.n) for one in found] == [(True, 5_000, 4_000), (False, 7_000, 7_000)]
    broken: tuple[Any, ...] = ([{"type": "payment", "direction": 0}], {}, None, [{**lines[0], "payment_hash": "b"}])
    for value in broken:
        with pytest.raises(NodeSilent):
            wire.read_history(value)
