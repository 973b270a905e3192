"""What a real LND 0.21 answered, word for word, and what the adapter makes of it. The answers are
replayed over a socket; the sandbox is not involved."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymacaroons import Macaroon  # type: ignore[import-untyped]  # the package ships no types
from pymacaroons.serializers import BinarySerializer  # type: ignore[import-untyped]
from tests.rules.bolt11_vectors import VALID

from hazina.adapters.lnd import CALLS, Lnd, permissions_of
from hazina.adapters.lnd_wire import Said, read_answer, read_incoming, read_line, read_outgoing
from hazina.kernel.http import Answered
from hazina.kernel.money import Msats
from hazina.payments.ports import (
    Accepted,
    AlreadySettled,
    Cancelled,
    IncomingState,
    NodeRefused,
    NodeSilent,
    Outgoing,
    OutgoingState,
    Reason,
    Refused,
)

MACAROON = bytes(
    BinarySerializer().serialize_raw(Macaroon(location="lnd", identifier=b"\x03", key=b"nobody checks it", version=2))
).hex()
INVOICE = VALID["V2"]
HASH = bytes.fromhex("0001020304050607080900010203040506070809000102030405060708090102")
PREIMAGE = bytes(range(32))
PAID_HASH = hashlib.sha256(PREIMAGE).digest()

Answer = tuple[int, bytes]
CUT: Answer = (0, b"")


@contextlib.asynccontextmanager
async def node(*script: tuple[str, Answer], macaroon: str = MACAROON) -> AsyncIterator[Lnd]:
    """A socket that answers the calls of ``script`` in order, and nothing else."""
    left = list(script)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split(b" ")[1].decode()
        expected, (status, body) = left.pop(0)
        assert path.startswith(expected), f"{path} instead of {expected}"
        if status:
            writer.write(b"HTTP/1.1 %d X\r\nConnection: close\r\n\r\n" % status + body)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    lnd = Lnd("lnd-1", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", macaroon)
    try:
        yield lnd
    finally:
        await lnd.close()
        server.close()
    assert left == [], "calls that were not made"


def wrapped(status: int, code: int, text: str) -> Answer:
    return status, json.dumps({"error": {"code": code, "message": text, "details": []}}).encode()


def bare(status: int, code: int, text: str) -> Answer:
    return status, json.dumps({"code": code, "message": text, "details": []}).encode()


def payment(status: str, reason: str = "FAILURE_REASON_NONE", payment_hash: bytes = HASH, **more: str) -> Answer:
    value = {
        "payment_hash": payment_hash.hex(),
        "value": "250000",
        "value_msat": "250000000",
        "fee_msat": "0",
        "payment_preimage": "0" * 64,
        "payment_request": INVOICE,
        "status": status,
        "htlcs": [],
        "payment_index": "8",
        "failure_reason": reason,
        **more,
    }
    return 200, json.dumps({"result": value}).encode() + b"\n"


NEVER = wrapped(404, 5, "payment isn't initiated")
SEND, TRACK = "/v2/router/send", "/v2/router/track/AAECAwQFBgcICQABAgMEBQYHCAkAAQIDBAUGBwgJAQI="


async def pay(lnd: Lnd) -> Accepted | Refused:
    until = datetime.now(UTC) + timedelta(seconds=30)
    return await lnd.pay(INVOICE, amount=None, fee_max=Msats(1_000), timeout_s=5, not_after=until)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("invoice expired. Valid until 2026-11-21 05:39:00 +0000 UTC", Reason.EXPIRED),
        ("amount must not be specified when paying a non-zero amount invoice", Reason.BAD_INVOICE),
        ("amount must be specified when paying a zero amount invoice", Reason.BAD_INVOICE),
        ("self-payments not allowed", Reason.OWN_INVOICE),
        ("invoice not for current active network 'regtest'", Reason.BAD_INVOICE),
        ("checksum failed. Expected l82amr, got l82amq.", Reason.BAD_INVOICE),
        ("string not all lowercase or all uppercase", Reason.BAD_INVOICE),
        ("failed converting data to bytes: invalid character not part of charset: 98", Reason.BAD_INVOICE),
        (
            "the AMP flag (--amp or SendPaymentRequest.Amp) must be set to pay an AMP invoice",
            Reason.BAD_INVOICE,
        ),
        ("cltv limit 10 should be greater than 83", Reason.OTHER),
        ("permission denied", Reason.OTHER),
        ("invalid vertex length of 0, want 33", Reason.OTHER),
    ],
)
async def test_an_error_and_no_record_is_a_refusal(text: str, reason: Reason) -> None:
    async with node((SEND, wrapped(500, 2, text)), (TRACK, NEVER)) as lnd:
        assert await pay(lnd) == Refused(reason, text)


@pytest.mark.parametrize(
    "text", ["payment is in transition", "invoice is already paid", "payment already exists", "anything"]
)
@pytest.mark.parametrize("status", ["IN_FLIGHT", "INITIATED", "SUCCEEDED", "FAILED"])
async def test_an_error_and_a_record_is_acceptance(text: str, status: str) -> None:
    """The node has the payment from an earlier call; how it stands is asked for elsewhere."""
    known = payment(status, payment_hash=PAID_HASH, payment_preimage=PREIMAGE.hex())
    if status != "SUCCEEDED":
        known = payment(status)
    async with node((SEND, wrapped(409, 6, text)), (TRACK, known)) as lnd:
        if status == "SUCCEEDED":
            with pytest.raises(NodeSilent):  # of another hash: somebody's proxy is confused
                await pay(lnd)
        else:
            assert await pay(lnd) == Accepted()


@pytest.mark.parametrize(
    "track",
    [
        CUT,
        (200, b""),
        (500, b"Internal Server Error"),
        (200, b"<html>hello</html>"),
        bare(404, 5, "Not Found"),  # a wrong path, or a build without that call
        bare(404, 5, "payment isn't initiated"),  # not the shape of that call
        wrapped(404, 5, "Not Found"),
        wrapped(404, 2, "payment isn't initiated"),
        wrapped(200, 5, "payment isn't initiated"),
        wrapped(500, 2, "wallet locked, unlock it to enable full RPC access"),
        bare(500, 2, "the RPC server is in the process of starting up, but not yet ready to accept calls"),
        payment("SOMETHING_NEW"),
        payment("SUCCEEDED", payment_preimage="11" * 32),
        payment("IN_FLIGHT", payment_hash=bytes(32)),
    ],
)
async def test_only_one_answer_of_track_proves_that_nothing_left(track: Answer) -> None:
    async with node((TRACK, track)) as lnd:
        with pytest.raises(NodeSilent):
            await lnd.outgoing(HASH)
    async with node((SEND, wrapped(500, 2, "self-payments not allowed")), (TRACK, track)) as lnd:
        with pytest.raises(NodeSilent):
            await pay(lnd)


@pytest.mark.parametrize(
    "answer",
    [
        CUT,
        (200, b""),
        (200, b"\n\n"),
        (200, b'{"result":{"payment_hash"'),
        (200, b"null\n"),
        (200, b"NaN\n"),
        (200, b"[" * 100_000),
        (200, b'{"result":[]}'),
        (500, b"Internal Server Error"),
        (502, b"<html>Bad Gateway</html>"),
        (500, b'{"code":"2","message":1}'),
        (500, b""),
        (400, b"Client sent an HTTP request to an HTTPS server.\n"),
    ],
)
async def test_what_cannot_be_read_is_unknown(answer: Answer) -> None:
    async with node((SEND, answer)) as lnd:
        with pytest.raises(NodeSilent):
            await pay(lnd)
    async with node(("/v1/invoice/", answer)) as lnd:
        with pytest.raises(NodeSilent):
            await lnd.incoming(HASH)
    async with node(("/v1/invoices", answer)) as lnd:
        with pytest.raises(NodeSilent):
            await lnd.issue(preimage=PREIMAGE, amount=None, description="", expiry_s=60)
    if answer != (200, b'{"result":[]}'):  # any object means done
        async with node(("/v2/invoices/cancel", answer)) as lnd:
            with pytest.raises(NodeSilent):
                await lnd.cancel(HASH)
    async with node(("/v1/getinfo", answer)) as lnd:
        with pytest.raises(NodeSilent):
            await lnd.info()


async def test_a_late_call_is_unknown() -> None:
    text = 'caveat "time-before 2026-11-21T05:42:37Z" not satisfied: macaroon has expired'
    async with node((SEND, wrapped(500, 2, text))) as lnd:
        with pytest.raises(NodeSilent):
            await pay(lnd)


@pytest.mark.parametrize("status", ["IN_FLIGHT", "SUCCEEDED", "FAILED"])
async def test_the_first_line_is_enough(status: str) -> None:
    async with node((SEND, payment(status))) as lnd:
        assert await pay(lnd) == Accepted()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (payment("IN_FLIGHT"), Outgoing(HASH, OutgoingState.IN_FLIGHT, Msats(250_000_000))),
        # a reason beside IN_FLIGHT decides nothing
        (
            payment("IN_FLIGHT", "FAILURE_REASON_INCORRECT_PAYMENT_DETAILS"),
            Outgoing(HASH, OutgoingState.IN_FLIGHT, Msats(250_000_000)),
        ),
        (
            payment("IN_FLIGHT", "FAILURE_REASON_NO_ROUTE"),
            Outgoing(HASH, OutgoingState.IN_FLIGHT, Msats(250_000_000)),
        ),
        (
            payment("SUCCEEDED", "FAILURE_REASON_CANCELED", PAID_HASH, payment_preimage=PREIMAGE.hex(), fee_msat="7"),
            Outgoing(PAID_HASH, OutgoingState.SUCCEEDED, Msats(250_000_000), Msats(7), PREIMAGE),
        ),
        (
            payment("FAILED", "FAILURE_REASON_TIMEOUT"),
            Outgoing(HASH, OutgoingState.FAILED, Msats(250_000_000), reason=Reason.TIMEOUT),
        ),
        (
            payment("FAILED", "FAILURE_REASON_ERROR"),
            Outgoing(HASH, OutgoingState.FAILED, Msats(250_000_000), reason=Reason.OTHER),
        ),
    ],
)
def test_the_status_alone_decides(line: Answer, expected: Outgoing) -> None:
    assert read_outgoing(read_line(*line)) == expected


def invoice(**more: Any) -> dict[str, Any]:
    return {
        "memo": "order 7",
        "r_preimage": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "r_hash": "Yw3NKWbENjZpEhVFu7J7+0n+4U8ieqdWHDEu+DXpN+M=",
        "value_msat": "1000000",
        "settled": False,
        "settle_date": "0",
        "payment_request": "lnbcrt10u1…",
        "settle_index": "0",
        "amt_paid": "0",
        "amt_paid_sat": "0",
        "amt_paid_msat": "0",
        "state": "OPEN",
        **more,
    }


def test_an_invoice_counts_only_when_it_is_settled() -> None:
    paid = {"amt_paid": "5000000", "amt_paid_msat": "5000000", "settle_date": "1795239571"}
    for state, expected, received in (
        ("OPEN", IncomingState.OPEN, 0),
        ("ACCEPTED", IncomingState.HELD, 0),
        ("CANCELED", IncomingState.CANCELLED, 0),
        ("SETTLED", IncomingState.SETTLED, 5_000_000),
    ):
        seen = read_incoming(invoice(state=state, **paid))
        assert (seen.state, seen.received) == (expected, Msats(received))
    assert read_incoming(invoice(r_preimage="")).preimage is None
    for broken in (
        {"state": "EXPIRED"},
        {"r_hash": "AAEC"},
        {"r_hash": None},
        {"amt_paid_msat": "x", "state": "SETTLED"},
        {"settle_date": "9" * 30, "state": "SETTLED"},
    ):
        with pytest.raises(NodeSilent):
            read_incoming(invoice(**broken))


def test_errors_of_single_answers() -> None:
    """LND says most things with HTTP 500 and code 2: that alone proves nothing. A 4xx is a clear no."""
    for (status, body), kind in (
        (bare(500, 2, "expected 1 macaroon, got 0"), NodeSilent),
        (bare(500, 2, "permission denied"), NodeSilent),
        (bare(500, 2, "wallet locked, unlock it to enable full RPC access"), NodeSilent),
        (bare(404, 5, "Not Found"), NodeRefused),
        (bare(400, 3, 'proto: (line 1:14): unknown field "nonesuch"'), NodeRefused),
        (bare(501, 12, "Method Not Allowed"), NodeSilent),
    ):
        with pytest.raises(Said) as said:
            read_answer(Answered(status, body))
        assert type(said.value.as_refusal()) is kind


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((200, b"{}"), Cancelled()),
        (bare(500, 2, "invoice already settled"), AlreadySettled()),
        (bare(500, 2, "invoice already canceled"), Cancelled()),
        (bare(500, 2, "unable to locate invoice"), Cancelled()),
    ],
)
async def test_cancel(answer: Answer, expected: Cancelled | AlreadySettled) -> None:
    async with node(("/v2/invoices/cancel", answer)) as lnd:
        assert await lnd.cancel(HASH) == expected


@pytest.mark.parametrize("text", ["unable to locate invoice", "there are no existing invoices"])
async def test_no_such_invoice(text: str) -> None:
    async with node((f"/v1/invoice/{HASH.hex()}", bare(404, 5, text))) as lnd:
        assert await lnd.incoming(HASH) is None
    async with node((f"/v1/invoice/{HASH.hex()}", bare(404, 5, "Not Found"))) as lnd:
        with pytest.raises(NodeRefused):
            await lnd.incoming(HASH)


async def test_a_node_that_is_not_there() -> None:
    lnd = Lnd("lnd-1", "http://127.0.0.1:1", MACAROON)
    for call in (lnd.info(), lnd.outgoing(HASH), lnd.incoming(HASH), pay(lnd), anext(lnd.changes("5"))):
        with pytest.raises(NodeSilent):
            await call
    await lnd.close()


# --- is this node fit for a bank?

INFO = {
    "identity_pubkey": "02" + "00" * 32, "alias": "a", "block_height": 7, "synced_to_chain": True,
    "version": "0.21.2-beta commit=v0.21.2-beta", "chains": [{"chain": "bitcoin", "network": "regtest"}],
}  # fmt: skip
VERSION = {"app_major": 0, "app_minor": 21, "build_tags": ["signrpc", "invoicesrpc"]}


def allowing(*permissions: tuple[str, str]) -> str:
    """A macaroon that may do this, as LND writes it."""

    def field(number: int, value: bytes) -> bytes:
        assert len(value) < 128
        return bytes([number << 3 | 2, len(value)]) + value

    ops = b"".join(field(3, field(1, entity.encode()) + field(2, action.encode())) for entity, action in permissions)
    identifier = b"\x03" + field(1, b"n" * 16) + field(2, b"0") + ops
    sealed = Macaroon(location="lnd", identifier=identifier, key=b"nobody checks it", version=2)
    return bytes(BinarySerializer().serialize_raw(sealed)).hex()


NEEDED = tuple(("uri", uri) for uri in CALLS)


@pytest.mark.parametrize(
    ("version", "network", "codes"),
    [
        (VERSION, "bcrt", []),
        ({**VERSION, "app_minor": 20}, "bcrt", []),
        ({**VERSION, "app_minor": 19}, "bcrt", ["VERSION"]),
        ({**VERSION, "build_tags": ["signrpc"]}, "bcrt", ["SUBSERVER"]),
        (VERSION, "bc", ["NETWORK"]),
        ({**VERSION, "app_minor": 5, "build_tags": []}, "tb", ["NETWORK", "VERSION", "SUBSERVER"]),
    ],
)
async def test_an_unfit_node_is_named(version: dict[str, Any], network: str, codes: list[str]) -> None:
    script = (("/v1/getinfo", (200, json.dumps(INFO).encode())), ("/v2/versioner", (200, json.dumps(version).encode())))
    async with node(*script, macaroon=allowing(*NEEDED)) as lnd:
        assert [one.code for one in await lnd.unfit(network)] == codes


@pytest.mark.parametrize(
    ("more", "named"),
    [
        (("offchain", "write"), "offchain:write"),
        (("onchain", "write"), "onchain:write"),
        (("macaroon", "generate"), "macaroon:generate"),
        (("uri", "/lnrpc.Lightning/DeletePayment"), "/lnrpc.Lightning/DeletePayment"),
        (("uri", "/lnrpc.Lightning/SendCoins"), "/lnrpc.Lightning/SendCoins"),
        (("address", "write"), "address:write"),
    ],
)
async def test_too_much_power_is_named(more: tuple[str, str], named: str) -> None:
    script = (("/v1/getinfo", (200, json.dumps(INFO).encode())), ("/v2/versioner", (200, json.dumps(VERSION).encode())))
    async with node(*script, macaroon=allowing(*NEEDED, more, ("info", "read"))) as lnd:
        (found,) = await lnd.unfit("bcrt")
        assert (found.code, named in found.text, "info:read" in found.text) == ("TOO_MUCH_POWER", True, False)


async def test_too_little_power_is_named() -> None:
    weak = allowing(("info", "read"), ("invoices", "read"), ("offchain", "read"))
    async with node(("/v1/getinfo", (200, json.dumps(INFO).encode())), macaroon=weak) as lnd:
        (found,) = await lnd.unfit("bcrt")
        assert found.code == "TOO_LITTLE_POWER"
        assert "/routerrpc.Router/SendPaymentV2" in found.text and "/invoicesrpc.Invoices/AddHoldInvoice" in found.text
        assert "/lnrpc.Lightning/GetInfo" not in found.text


@pytest.mark.parametrize(
    "identifier", [b"", b"\x02abc", b"\x03\x1a\xff\xff\xff\xff\xff", b"\x03\x18\x01", b"\x03\x1a\x05a"]
)
def test_a_macaroon_that_cannot_be_read_is_refused(identifier: bytes) -> None:
    sealed = Macaroon(location="lnd", identifier=identifier, key=b"k", version=2)
    with pytest.raises(NodeRefused):
        permissions_of(bytes(BinarySerializer().serialize_raw(sealed)).hex())


async def test_hold_invoices_word_for_word() -> None:
    """Settled twice is settled; what is not held any more is a clear no; a bare 500 is not."""
    for answer, error in (
        ((200, b"{}"), None),
        (bare(500, 2, "invoice still open"), NodeRefused),
        (bare(500, 2, "invoice already canceled"), NodeRefused),
        (bare(500, 2, "unable to locate invoice"), NodeRefused),
        (bare(500, 2, "wallet locked, unlock it to enable full RPC access"), NodeSilent),
    ):
        async with node(("/v2/invoices/settle", answer)) as lnd:
            if error is None:
                await lnd.settle(PAID_HASH, PREIMAGE)
            else:
                with pytest.raises(error):
                    await lnd.settle(PAID_HASH, PREIMAGE)
