"""The sandbox's node answers as a real LND 0.21 does, word for word where a real one was asked."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import secrets
from typing import Any

import httpx2
import pytest
from tests.rules.bolt11_vectors import VALID
from tests.sandbox.process import SandboxProcess

from hazina.kernel import bolt11


def b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


async def add(sandbox: SandboxProcess, **body: Any) -> dict[str, Any]:
    answer = await sandbox.raw("POST", "/v1/invoices", body=body)
    assert answer.status == 200, answer.body
    made: dict[str, Any] = answer.json()
    return made


async def lookup(sandbox: SandboxProcess, r_hash: str) -> dict[str, Any]:
    answer = await sandbox.raw("GET", "/v2/invoices/lookup", query={"payment_hash": r_hash})
    found: dict[str, Any] = answer.json()
    return found


async def outside(sandbox: SandboxProcess, **body: Any) -> str:
    text: str = (await sandbox.control("POST", "/lightning/invoices", body))["paymentRequest"]
    return text


async def outside_pays(sandbox: SandboxProcess, text: str, **more: Any) -> str:
    body = {"paymentRequest": text, **more}
    status: str = (await sandbox.control("POST", "/lightning/payments", body))["status"]
    return status


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code", "text"),
    [
        ("GET", "/v1/nonsense", None, 404, 5, "Not Found"),
        ("POST", "/v1/getinfo", None, 501, 12, "Method Not Allowed"),
        ("POST", "/v1/invoices", {"value": "-1"}, 500, 2, "amount cannot be negative"),
        ("POST", "/v1/invoices", {"value": 1, "value_msat": 1}, 500, 2,
         "sat and msat arguments are mutually exclusive"),
        ("POST", "/v1/invoices", {"value": "2100000000000000"}, 500, 2,
         "invoice amount 21000000 BTC is too large, max is 100000 BTC"),
        ("POST", "/v1/invoices", {"memo": "x" * 640}, 500, 2, "data length too big to fit within 10 bits: 1024"),
        ("POST", "/v1/invoices", {"memo": "x" * 1025}, 500, 2, "memo too large: 1025 bytes (maxsize=1024)"),
        ("POST", "/v1/invoices", {"description_hash": "AAEC"}, 500, 2, "description hash is 3 bytes, must be 32"),
        ("POST", "/v1/invoices", {"r_preimage": b64(b"x" * 31)}, 500, 2, "invalid preimage length of 31, want 32"),
        ("POST", "/v1/invoices", {"r_preimage": "ab" * 32}, 500, 2, "invalid preimage length of 48, want 32"),
        ("POST", "/v1/invoices", {"expiry": 31536001}, 500, 2, None),
        ("POST", "/v1/invoices", {"cltv_expiry": 18}, 500, 2, "CLTV delta of 18 must be greater than minimum of 24"),
        ("POST", "/v1/invoices", {"nonesuch": 1}, 400, 3, 'proto: (line 1:2): unknown field "nonesuch"'),
        ("POST", "/v1/invoices", {"value": "abc"}, 400, 3, None),
        ("POST", "/v1/invoices", {"value": 1.5}, 400, 3, None),
        ("POST", "/v1/invoices", {"value": True}, 400, 3, None),
        ("POST", "/v1/invoices", {"value": 2**63}, 400, 3, None),
        ("POST", "/v1/invoices", [], 400, 3, None),
        ("GET", f"/v1/invoice/{'00' * 32}", None, 404, 5, "unable to locate invoice"),
        ("GET", "/v1/invoice/xyz", None, 500, 2, "encoding/hex: invalid byte: U+0078 'x'"),
        ("GET", "/v2/invoices/lookup?payment_hash=AAE%3D", None, 400, 3,
         "unable to parse pay hash: invalid hash length of 2, want 32"),
        ("GET", f"/v2/invoices/lookup?payment_hash={'A' * 43}", None, 400, 3,
         'parsing field "payment_hash": illegal base64 data at input byte 40'),
        ("GET", f"/v2/invoices/lookup?payment_hash={'A' * 43}=", None, 404, 5, "unable to locate invoice"),
        ("POST", "/v2/invoices/cancel", {"payment_hash": b64(bytes(32))}, 500, 2, "unable to locate invoice"),
        ("POST", "/v2/invoices/settle", {"preimage": b64(bytes(32))}, 500, 2, "unable to locate invoice"),
        ("GET", "/v1/invoice/0011", None, 500, 2, "payment hash must be exactly 32 bytes, is instead 2"),
        ("POST", "/v2/invoices/cancel", {"payment_hash": b64(b"abc")}, 500, 2, "invalid hash length of 3, want 32"),
        ("DELETE", "/v1/payment?payment_hash=YWJj", None, 500, 2, "invalid hash length of 3, want 32"),
        ("POST", "/v2/router/route/estimatefee", {}, 500, 2, "specify either a destination or an invoice"),
        ("POST", "/v2/router/route/estimatefee", {"dest": "Ag=="}, 500, 2, "invalid length destination key"),
        ("POST", "/v2/invoices/hodl", {"hash": "AAEC"}, 500, 2, None),
        ("GET", "/v1/payreq/hello", None, 500, 2, "invalid bech32 string length 5"),
        ("POST", "/v2/router/route/estimatefee", {"dest": b64(b"\2" * 33), "payment_request": "x"}, 500, 2,
         "specify either a destination or an invoice"),
    ],
)  # fmt: skip
async def test_single_answers(
    sandbox: SandboxProcess, method: str, path: str, body: Any, status: int, code: int, text: str | None
) -> None:
    answer = await sandbox.raw(method, path, body=body)
    said = answer.json()
    assert (answer.status, said["code"], said["details"]) == (status, code, [])
    assert text is None or said["message"] == text


async def test_bodies_that_are_no_json(sandbox: SandboxProcess) -> None:
    headers = {"Grpc-Metadata-macaroon": sandbox.macaroon(admin=True)}
    async with httpx2.AsyncClient(trust_env=False, headers=headers, timeout=60) as client:
        for body in (b"{", b'{"value":NaN}', b"\xff", b"[" * 100_000, b'{"value":' + b"1" * 5_000 + b"}"):
            for path in ("/v1/invoices", "/v2/router/send"):
                answer = await client.post(f"{sandbox.url}/lnd{path}", content=body)
                assert (answer.status_code, answer.json()["code"]) == (400, 3)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "invalid vertex length of 0, want 33"),
        ({"payment_request": "hello"}, "invalid bech32 string length 5"),
        ({"payment_request": "lnbc1" + "b" * 50},
         "failed converting data to bytes: invalid character not part of charset: 98"),
        ({"payment_request": "$main"}, "invoice not for current active network 'regtest'"),
        ({"payment_request": "$mixed"}, "string not all lowercase or all uppercase"),
        ({"payment_request": "$fixed", "amt_msat": "1000000"},
         "amount must not be specified when paying a non-zero amount invoice"),
        ({"payment_request": "$free"}, "amount must be specified when paying a zero amount invoice"),
        ({"payment_request": "$own"}, "self-payments not allowed"),
        ({"payment_request": "$fixed", "fee_limit_sat": 1, "fee_limit_msat": 1},
         "sat and msat arguments are mutually exclusive"),
        ({"payment_request": "$fixed", "fee_limit_msat": -1}, "amount cannot be negative"),
        ({"payment_request": "$fixed", "cltv_limit": 10}, "cltv limit 10 should be greater than 83"),
        ({"payment_request": "$fixed", "time_pref": 3}, "time preference out of range"),
    ],
)  # fmt: skip
async def test_a_send_that_is_refused(sandbox: SandboxProcess, body: dict[str, Any], text: str) -> None:
    fixed = await outside(sandbox, amountMsat=1_000_000)
    known = {
        "$fixed": fixed,
        "$mixed": fixed[:-1] + fixed[-1].upper() if fixed[-1].isalpha() else fixed[:-6] + fixed[-6:].upper(),
        "$free": await outside(sandbox),
        "$own": (await add(sandbox, value="1"))["payment_request"],
        "$main": VALID["V1"],
    }
    given = {**body}
    if "payment_request" in given:
        given["payment_request"] = known.get(given["payment_request"], given["payment_request"])
    answer = await sandbox.raw("POST", "/v2/router/send", body=given)
    assert (answer.status, answer.json()) == (500, {"error": {"code": 2, "message": text, "details": []}})
    payment_hash = base64.urlsafe_b64encode(bolt11.decode(fixed).payment_hash).decode()
    answer = await sandbox.raw("GET", f"/v2/router/track/{payment_hash}")
    never = {"error": {"code": 5, "message": "payment isn't initiated", "details": []}}
    assert (answer.status, answer.json()) == (404, never)


async def test_errors_of_streams(sandbox: SandboxProcess) -> None:
    """Wrapped when the call itself refuses; bare when the gateway never got there."""
    unknown = await sandbox.raw("POST", "/v2/router/send", body={"outgoing_chan_id": "1"})
    assert unknown.status == 400 and unknown.json()["message"].endswith('unknown field "outgoing_chan_id"')
    text = await outside(sandbox, expirySeconds=1)
    await asyncio.sleep(2.1)
    expired = (await sandbox.raw("POST", "/v2/router/send", body={"payment_request": text, "amt": 1})).json()
    assert expired["error"]["message"].startswith("invoice expired. Valid until 20")
    broken = text[:-1] + ("q" if text[-1] != "q" else "p")
    said = (await sandbox.raw("GET", f"/v1/payreq/{broken}")).json()["message"]
    assert said == f"checksum failed. Expected {text[-6:]}, got {broken[-6:]}."
    said = (await sandbox.raw("GET", f"/v1/payreq/lightning:{text}")).json()["message"]
    assert said.startswith("checksum failed.")
    assert (await sandbox.raw("GET", f"/v1/payreq/{text.upper()}")).status == 200
    wrapped = await sandbox.raw("GET", "/v1/invoices/subscribe", macaroon=None)
    assert wrapped.json() == {"error": {"code": 2, "message": "expected 1 macaroon, got 0", "details": []}}


async def test_an_invoice_as_lnd_shows_it(sandbox: SandboxProcess) -> None:
    preimage = secrets.token_bytes(32)
    body = {"value_msat": 1500, "memo": "order 7", "expiry": "600", "r_preimage": b64(preimage)}
    made = await add(sandbox, **body)
    assert made["r_hash"] == b64(hashlib.sha256(preimage).digest()) and made["add_index"].isdigit()
    again = await sandbox.raw("POST", "/v1/invoices", body={"r_preimage": b64(preimage)})
    assert (again.status, again.json()["message"]) == (500, "invoice with payment hash already exists")
    found = await lookup(sandbox, made["r_hash"])
    assert found == (await sandbox.raw("GET", f"/v1/invoice/{hashlib.sha256(preimage).hexdigest()}")).json()
    assert (found["value"], found["value_msat"], found["state"], found["settled"]) == ("1", "1500", "OPEN", False)
    assert (found["expiry"], found["cltv_expiry"], found["settle_index"]) == ("600", "80", "0")
    assert (found["payment_addr"], found["r_preimage"]) == (made["payment_addr"], b64(preimage))
    says = (await sandbox.raw("GET", f"/v1/payreq/{made['payment_request']}")).json()
    assert (says["num_msat"], says["num_satoshis"], says["expiry"]) == ("1500", "1", "600")
    assert says["payment_hash"] == hashlib.sha256(preimage).hexdigest()
    assert await outside_pays(sandbox, made["payment_request"], amountMsat=2_345) == "SUCCEEDED"
    paid = await lookup(sandbox, made["r_hash"])
    assert (paid["state"], paid["settled"], paid["amt_paid"], paid["amt_paid_sat"]) == ("SETTLED", True, "2345", "2")
    assert int(paid["settle_index"]) > 0 and paid["htlcs"][0]["amt_msat"] == "2345"


async def test_defaults(sandbox: SandboxProcess) -> None:
    found = await lookup(sandbox, (await add(sandbox, expiry="-5"))["r_hash"])
    assert (found["expiry"], found["value_msat"], found["memo"]) == ("86400", "0", "")
    hashed = await add(sandbox, memo="shown nowhere", description_hash=b64(b"h" * 32))
    says = bolt11.decode(hashed["payment_request"])
    assert (says.description, says.description_hash) == (None, b"h" * 32)
    raw = await sandbox.raw("POST", "/v1/invoices", body={"memo": "x" * 639})
    assert raw.status == 200 and b'", "' in raw.body


async def test_hold_invoices(sandbox: SandboxProcess) -> None:
    preimage = secrets.token_bytes(32)
    r_hash = b64(hashlib.sha256(preimage).digest())

    async def act(what: str, **body: str) -> Any:
        answer = await sandbox.raw("POST", f"/v2/invoices/{what}", body=body)
        return answer.json() if answer.status == 200 else answer.json()["message"]

    made = await act("hodl", hash=r_hash, value_msat="5000000", expiry="6")
    assert set(made) == {"payment_request", "add_index", "payment_addr"}
    assert await act("hodl", hash=r_hash) == "invoice with payment hash already exists"
    assert await act("settle", preimage=b64(preimage)) == "invoice still open"
    assert await outside_pays(sandbox, made["payment_request"]) == "IN_FLIGHT"
    await asyncio.sleep(7)  # an accepted one does not expire
    held = await lookup(sandbox, r_hash)
    assert (held["state"], held["r_preimage"], held["amt_paid_msat"]) == ("ACCEPTED", "", "5000000")
    for _ in range(2):
        assert await act("settle", preimage=b64(preimage)) == {}
    assert await act("cancel", payment_hash=r_hash) == "invoice already settled"
    assert (await lookup(sandbox, r_hash))["r_preimage"] == b64(preimage)

    other = secrets.token_bytes(32)
    made = await act("hodl", hash=b64(hashlib.sha256(other).digest()), value_msat="5000000")
    assert await outside_pays(sandbox, made["payment_request"]) == "IN_FLIGHT"
    for _ in range(2):
        assert await act("cancel", payment_hash=b64(hashlib.sha256(other).digest())) == {}
    assert await act("settle", preimage=b64(other)) == "invoice already canceled"
    gone = await lookup(sandbox, b64(hashlib.sha256(other).digest()))
    assert (gone["state"], gone["amt_paid_msat"]) == ("CANCELED", "5000000")


async def lines(
    sandbox: SandboxProcess,
    path: str,
    count: int,
    *,
    within_s: float = 30.0,
    found: list[dict[str, Any]] | None = None,
) -> list[dict[str, Any]]:
    """The first ``count`` objects of a stream; ``found`` holds them as they come."""
    headers = {"Grpc-Metadata-macaroon": sandbox.macaroon(admin=True)}
    found = [] if found is None else found
    async with (
        asyncio.timeout(within_s),
        httpx2.AsyncClient(trust_env=False, timeout=None, headers=headers) as client,
        client.stream("GET", f"{sandbox.url}/lnd{path}") as answer,
    ):
        async for line in answer.aiter_lines():
            found.append(json.loads(line)["result"])
            if len(found) == count:
                break
    return found


async def test_a_quiet_stream_says_nothing_at_all(sandbox: SandboxProcess) -> None:
    """Not even a status line, until its first message."""
    for path in ("/v1/invoices/subscribe", "/v2/router/payments"):
        reader, writer = await asyncio.open_connection("127.0.0.1", sandbox.port)
        head = f"GET /lnd{path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        writer.write(f"{head}Grpc-Metadata-macaroon: {sandbox.macaroon(admin=True)}\r\n\r\n".encode())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.4)
        if "invoices" in path:
            await add(sandbox, value="1")
            assert (await asyncio.wait_for(reader.readexactly(15), 30)) == b"HTTP/1.1 200 OK"
        writer.close()
        await writer.wait_closed()


async def test_replay_of_invoices(sandbox: SandboxProcess) -> None:
    made = [await add(sandbox, value="1") for _ in range(4)]
    before = int(made[0]["add_index"]) - 1
    await outside_pays(sandbox, made[2]["payment_request"])
    await outside_pays(sandbox, made[1]["payment_request"])
    await sandbox.raw("POST", "/v2/invoices/cancel", body={"payment_hash": made[3]["r_hash"]})
    added = await lines(sandbox, f"/v1/invoices/subscribe?add_index={before}", 3)
    assert [line["r_hash"] for line in added] == [one["r_hash"] for one in made[:3]]
    assert [line["state"] for line in added] == ["OPEN", "SETTLED", "SETTLED"]
    settled = int(added[2]["settle_index"]) - 1
    replayed = await lines(sandbox, f"/v1/invoices/subscribe?settle_index={settled}", 2)
    if settled > 0:
        assert [line["r_hash"] for line in replayed] == [made[2]["r_hash"], made[1]["r_hash"]]
    both = await lines(sandbox, f"/v1/invoices/subscribe?add_index={before}&settle_index={settled + 1}", 4)
    assert both[3]["r_hash"] == made[1]["r_hash"]
    with pytest.raises(TimeoutError):
        await lines(sandbox, "/v1/invoices/subscribe?add_index=1000000&settle_index=1000000", 1, within_s=0.3)


async def test_one_invoice_followed(sandbox: SandboxProcess) -> None:
    preimage = secrets.token_bytes(32)
    payment_hash = hashlib.sha256(preimage).digest()
    body = {"hash": b64(payment_hash), "value": "5"}
    text = (await sandbox.raw("POST", "/v2/invoices/hodl", body=body)).json()["payment_request"]
    path = f"/v2/invoices/subscribe/{base64.urlsafe_b64encode(payment_hash).decode()}"
    told: list[dict[str, Any]] = []
    following = asyncio.create_task(lines(sandbox, path, 99, found=told))
    while not told and not following.done():
        await asyncio.sleep(0.02)
    await outside_pays(sandbox, text)
    await sandbox.raw("POST", "/v2/invoices/settle", body={"preimage": b64(preimage)})
    assert [line["state"] for line in await following] == ["OPEN", "ACCEPTED", "SETTLED"]


async def send(sandbox: SandboxProcess, **body: Any) -> list[dict[str, Any]]:
    answer = await sandbox.raw("POST", "/v2/router/send", body=body)
    assert answer.status == 200, answer.body
    return [json.loads(line)["result"] for line in answer.body.splitlines()]


async def test_a_payment_as_lnd_tells_it(sandbox: SandboxProcess) -> None:
    text = await outside(sandbox, amountMsat=1_000_000)
    first, *between, last = await send(sandbox, payment_request=text, fee_limit_msat=2_000)
    assert (first["status"], first["htlcs"], first["payment_preimage"]) == ("IN_FLIGHT", [], "0" * 64)
    assert between and all(line["status"] == "IN_FLIGHT" for line in between)
    assert (last["status"], last["fee_msat"], last["value_msat"]) == ("SUCCEEDED", "1100", "1000000")
    assert hashlib.sha256(bytes.fromhex(last["payment_preimage"])).hexdigest() == last["payment_hash"]
    again = await sandbox.raw("POST", "/v2/router/send", body={"payment_request": text})
    already = {"error": {"code": 6, "message": "invoice is already paid", "details": []}}
    assert (again.status, again.json()) == (409, already)
    path = f"/v2/router/track/{base64.urlsafe_b64encode(bytes.fromhex(last['payment_hash'])).decode()}"
    assert await lines(sandbox, path, 99) == [last]


async def test_failures_tell_their_reason_one_line_early(sandbox: SandboxProcess) -> None:
    text = await outside(sandbox, amountMsat=1_000_000)
    told = await send(sandbox, payment_request=text)  # no fee limit is a limit of nothing
    reason = "FAILURE_REASON_NO_ROUTE"
    assert [(line["status"], line["failure_reason"]) for line in told[-2:]] == [
        ("IN_FLIGHT", reason),
        ("FAILED", reason),
    ]
    retried = await send(sandbox, payment_request=text, fee_limit_sat=10, no_inflight_updates=True)
    assert [line["status"] for line in retried] == ["SUCCEEDED"]
    assert int(retried[0]["payment_index"]) > int(told[0]["payment_index"])


async def test_a_duplicate_in_flight(sandbox: SandboxProcess) -> None:
    text = await outside(sandbox, amountMsat=1_000_000, hold=True)
    payment_hash = bolt11.decode(text).payment_hash
    body = {"payment_request": text, "fee_limit_msat": 5_000}
    path = f"/v2/router/track/{base64.urlsafe_b64encode(payment_hash).decode()}"
    sending = asyncio.create_task(send(sandbox, **body))
    async with asyncio.timeout(30):
        while (await sandbox.control("GET", f"/lightning/invoices/{payment_hash.hex()}"))["state"] != "ACCEPTED":
            await asyncio.sleep(0.02)
    again = await sandbox.raw("POST", "/v2/router/send", body=body)
    transit = {"error": {"code": 6, "message": "payment is in transition", "details": []}}
    assert (again.status, again.json()) == (409, transit)
    assert [line["status"] for line in await lines(sandbox, path, 1)] == ["IN_FLIGHT"]
    balance = (await sandbox.raw("GET", "/v1/balance/channels")).json()
    assert int(balance["unsettled_remote_balance"]["msat"]) >= 1_001_100
    await sandbox.control("POST", f"/lightning/invoices/{payment_hash.hex()}/settle")
    assert (await sending)[-1]["status"] == "SUCCEEDED"


async def test_probes_leave_a_trace(sandbox: SandboxProcess) -> None:
    text = await outside(sandbox, amountMsat=1_000_000)
    body = {"payment_request": text, "timeout": 5}
    found = (await sandbox.raw("POST", "/v2/router/route/estimatefee", body=body)).json()
    assert (found["routing_fee_msat"], found["failure_reason"]) == ("1100", "FAILURE_REASON_NONE")
    listed = (await sandbox.raw("GET", "/v1/payments?include_incomplete=true&reversed=true&max_payments=1")).json()
    assert (listed["payments"][0]["payment_request"], listed["payments"][0]["status"]) == ("", "FAILED")
    rich = await outside(sandbox, amountMsat=900_000_000_000_000)
    found = (await sandbox.raw("POST", "/v2/router/route/estimatefee", body={"payment_request": rich})).json()
    assert found["failure_reason"] == "FAILURE_REASON_INSUFFICIENT_BALANCE"
    free = await outside(sandbox)
    answer = await sandbox.raw("POST", "/v2/router/route/estimatefee", body={"payment_request": free})
    assert (answer.status, answer.json()["message"]) == (500, "payment request amount must be greater than 0")


async def test_paging(sandbox: SandboxProcess) -> None:
    made = [await add(sandbox, value="1") for _ in range(5)]
    start = int(made[0]["add_index"]) - 1
    page = (await sandbox.raw("GET", f"/v1/invoices?index_offset={start}&num_max_invoices=2")).json()
    assert [line["add_index"] for line in page["invoices"]] == [one["add_index"] for one in made[:2]]
    assert page["last_index_offset"] == made[1]["add_index"]
    newest = (await sandbox.raw("GET", "/v1/invoices?reversed=true&num_max_invoices=3")).json()
    assert [line["add_index"] for line in newest["invoices"]] == [one["add_index"] for one in made[2:]]
    empty = (await sandbox.raw("GET", "/v1/invoices?index_offset=1000000")).json()
    assert empty == {"invoices": [], "last_index_offset": "0", "first_index_offset": "0"}
    await outside_pays(sandbox, made[0]["payment_request"])
    pending = (await sandbox.raw("GET", f"/v1/invoices?pending_only=true&index_offset={start}")).json()["invoices"]
    assert [line["add_index"] for line in pending] == [one["add_index"] for one in made[1:]]
    assert (await sandbox.raw("GET", "/v1/invoices?index_offset=x")).status == 400
    await send(sandbox, payment_request=await outside(sandbox, amountMsat=1_000), fee_limit_msat=2_000)
    paid = (await sandbox.raw("GET", "/v1/payments?max_payments=500&count_total_payments=true")).json()
    assert all(line["status"] == "SUCCEEDED" for line in paid["payments"]) and int(paid["total_num_payments"]) > 0


async def test_expiry(sandbox: SandboxProcess) -> None:
    for seconds in (1, 10):  # longer, where the machine was too busy to see it open
        made = await add(sandbox, value="1", expiry=str(seconds))
        payment_hash = base64.urlsafe_b64encode(base64.b64decode(made["r_hash"])).decode()
        told = await lines(sandbox, f"/v2/invoices/subscribe/{payment_hash}", 99)
        if told[0]["state"] == "OPEN":
            break
    assert [line["state"] for line in told] == ["OPEN", "CANCELED"]


async def test_the_node_itself(sandbox: SandboxProcess) -> None:
    assert (await sandbox.raw("GET", "/v1/state", macaroon=None)).json() == {"state": "SERVER_ACTIVE"}
    info = (await sandbox.raw("GET", "/v1/getinfo")).json()
    assert info["chains"] == [{"chain": "bitcoin", "network": "regtest"}] and info["synced_to_chain"] is True
    assert "invoicesrpc" in (await sandbox.raw("GET", "/v2/versioner/version")).json()["build_tags"]
    channels = (await sandbox.raw("GET", "/v1/channels")).json()["channels"]
    assert len(channels) == 2 and all(channel["active"] for channel in channels)
    assert int((await sandbox.raw("GET", "/v1/balance/blockchain")).json()["total_balance"]) > 0
    assert (await sandbox.raw("GET", "/v1/macaroon/ids")).json()["root_key_ids"][0] == "0"
    await sandbox.control("POST", "/lightning/restart", {"seconds": 60})
    answer = await sandbox.raw("GET", "/v1/getinfo")
    starting = "the RPC server is in the process of starting up, but not yet ready to accept calls"
    assert (answer.status, answer.json()["message"]) == (500, starting)
    await sandbox.control("POST", "/lightning/restart", {"seconds": 0})
    assert (await sandbox.raw("GET", "/v1/getinfo")).status == 200
