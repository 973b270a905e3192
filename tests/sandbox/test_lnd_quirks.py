"""What a real LND does when things go wrong, and the sandbox with it: payments that hang, records that are deleted,
hold invoices whose blocks run out; and the bank's second node."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import secrets
from typing import Any

from tests.sandbox.process import SandboxProcess

from hazina.kernel import bolt11
from hazina.kernel.http import HttpClient


def b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def b64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode()


async def outside(sandbox: SandboxProcess, **body: Any) -> tuple[str, bytes]:
    made = await sandbox.control("POST", "/lightning/invoices", {"amountMsat": 1_000_000, **body})
    return made["paymentRequest"], bytes.fromhex(made["paymentHash"])


async def send(sandbox: SandboxProcess, text: str) -> tuple[int, str]:
    """Status and error text of a send; an answer means that it ended."""
    body = {"payment_request": text, "timeout_seconds": 5, "fee_limit_msat": "5000", "no_inflight_updates": True}
    answer = await sandbox.raw("POST", "/v2/router/send", body=body)
    return answer.status, answer.json().get("error", {}).get("message", "")


async def track(sandbox: SandboxProcess, payment_hash: bytes) -> dict[str, Any]:
    client = HttpClient("track", f"{sandbox.url}/lnd", headers={"Grpc-Metadata-macaroon": sandbox.macaroon(admin=True)})
    try:
        async with client.stream("GET", f"/v2/router/track/{b64url(payment_hash)}", start_s=30) as stream:
            async for line in stream.lines:
                said = json.loads(line)
                found: dict[str, Any] = said.get("result") or said["error"]
                return found
        raise AssertionError("no line")
    finally:
        await client.close()


async def test_a_payment_may_hang_without_an_htlc_until_the_node_restarts(sandbox: SandboxProcess) -> None:
    text, payment_hash = await outside(sandbox)
    await sandbox.fault("send", "stuck", times=1)
    sending = asyncio.create_task(send(sandbox, text))
    async with asyncio.timeout(30):
        while "status" not in (found := await track(sandbox, payment_hash)):
            await asyncio.sleep(0.02)
    assert (found["status"], found["htlcs"], found["payment_preimage"]) == ("IN_FLIGHT", [], "0" * 64)
    async with asyncio.timeout(30):
        while (again := await send(sandbox, text)) == (409, "payment is in transition"):
            await asyncio.sleep(0.1)
    assert again == (409, "payment already exists") and not sending.done()
    sending.cancel()
    await sandbox.control("POST", "/lightning/restart", {"seconds": 0})
    found = await track(sandbox, payment_hash)
    assert (found["status"], found["failure_reason"]) == ("FAILED", "FAILURE_REASON_NO_ROUTE")
    assert (await send(sandbox, text))[0] == 200


async def test_a_second_send_says_which_of_three_it_is(sandbox: SandboxProcess) -> None:
    held, held_hash = await outside(sandbox, hold=True)
    sending = asyncio.create_task(send(sandbox, held))
    async with asyncio.timeout(30):
        while (await sandbox.control("GET", f"/lightning/invoices/{held_hash.hex()}"))["state"] != "ACCEPTED":
            await asyncio.sleep(0.02)
    assert await send(sandbox, held) == (409, "payment is in transition")
    await sandbox.control("POST", f"/lightning/invoices/{held_hash.hex()}/settle")
    assert (await sending)[0] == 200
    assert await send(sandbox, held) == (409, "invoice is already paid")


async def test_a_deleted_payment_is_unknown_and_may_be_sent_again(sandbox: SandboxProcess) -> None:
    text, payment_hash = await outside(sandbox)
    assert (await send(sandbox, text))[0] == 200
    path = f"/v1/payment?payment_hash={b64url(payment_hash)}"
    assert (await sandbox.raw("DELETE", path, macaroon=sandbox.macaroon())).json()["message"] == "permission denied"
    assert (await sandbox.raw("DELETE", path)).json() == {"status": "payment deleted"}
    assert await track(sandbox, payment_hash) == {"code": 5, "message": "payment isn't initiated", "details": []}
    assert (await send(sandbox, text))[0] == 200, "only the payee's refusal stops it"
    assert (await track(sandbox, payment_hash))["failure_reason"] == "FAILURE_REASON_INCORRECT_PAYMENT_DETAILS"


async def test_a_payment_in_flight_cannot_be_deleted(sandbox: SandboxProcess) -> None:
    text, payment_hash = await outside(sandbox, hold=True)
    sending = asyncio.create_task(send(sandbox, text))
    async with asyncio.timeout(30):
        while (await sandbox.control("GET", f"/lightning/invoices/{payment_hash.hex()}"))["state"] != "ACCEPTED":
            await asyncio.sleep(0.02)
    answer = await sandbox.raw("DELETE", f"/v1/payment?payment_hash={b64url(payment_hash)}")
    assert answer.status == 500 and "has inflight HTLCsand therefore cannot be deleted" in answer.json()["message"]
    await sandbox.control("POST", f"/lightning/invoices/{payment_hash.hex()}/cancel")
    await sending


async def test_held_money_goes_back_eighteen_blocks_before_its_end(sandbox: SandboxProcess) -> None:
    preimage = secrets.token_bytes(32)
    payment_hash = hashlib.sha256(preimage).digest()
    body = {"hash": b64(payment_hash), "value_msat": "5000000", "expiry": "600"}
    made = (await sandbox.raw("POST", "/v2/invoices/hodl", body=body)).json()
    assert "r_hash" not in made
    paid = await sandbox.control("POST", "/lightning/payments", {"paymentRequest": made["payment_request"]})
    assert paid["status"] == "IN_FLIGHT"
    look = f"/v2/invoices/lookup?payment_hash={b64url(payment_hash)}"
    held = (await sandbox.raw("GET", look)).json()
    htlc = held["htlcs"][0]
    assert (held["state"], held["r_preimage"], held["amt_paid_msat"]) == ("ACCEPTED", "", "5000000")
    assert htlc["expiry_height"] - htlc["accept_height"] == 83
    await sandbox.control("POST", "/lightning/blocks", {"blocks": 64})
    assert (await sandbox.raw("GET", look)).json()["state"] == "ACCEPTED"
    await sandbox.control("POST", "/lightning/blocks", {"blocks": 1})
    over = (await sandbox.raw("GET", look)).json()
    assert (over["state"], over["amt_paid_msat"]) == ("CANCELED", "5000000"), "the sum stays, the state decides"
    answer = await sandbox.raw("POST", "/v2/invoices/settle", body={"preimage": b64(preimage)})
    assert answer.json()["message"] == "invoice already canceled"


async def test_the_second_node_is_a_node_of_its_own(sandbox: SandboxProcess) -> None:
    own = (sandbox.data / "bank-2" / "admin.macaroon").read_bytes().hex()
    client = HttpClient("lnd-2", f"{sandbox.url}/lnd-2", headers={"Grpc-Metadata-macaroon": own})
    other = HttpClient(
        "lnd-2", f"{sandbox.url}/lnd-2", headers={"Grpc-Metadata-macaroon": sandbox.macaroon(admin=True)}
    )
    try:
        info = (await client.call("GET", "/v1/getinfo")).json()
        first = (await sandbox.raw("GET", "/v1/getinfo")).json()
        assert info["identity_pubkey"] != first["identity_pubkey"] and info["alias"] == "hazina-sandbox-2"
        refused = await other.call("GET", "/v1/getinfo")
        assert refused.json()["message"] == "verification failed: signature mismatch after caveat verification"
        made = (await client.call("POST", "/v1/invoices", body={"value": "70"})).json()
        assert bolt11.decode(made["payment_request"]).payee.hex() == info["identity_pubkey"]
        body = {"paymentRequest": made["payment_request"]}
        assert (await sandbox.control("POST", "/lightning/payments", body))["status"] == "SUCCEEDED"
        listed = (await client.call("GET", "/v1/invoices")).json()["invoices"]
        assert [one["state"] for one in listed if one["r_hash"] == made["r_hash"]] == ["SETTLED"]
        mine = (await sandbox.raw("GET", "/v1/invoices?reversed=true")).json()["invoices"]
        assert made["r_hash"] not in {one["r_hash"] for one in mine}
        await sandbox.control("POST", "/lightning/restart", {"seconds": 30, "node": "bank-2"})
        starting = (await client.call("GET", "/v1/getinfo")).json()["message"]
        assert starting.startswith("the RPC server is in the process of starting up")
        assert (await sandbox.raw("GET", "/v1/getinfo")).status == 200
        await sandbox.control("POST", "/lightning/restart", {"seconds": 0, "node": "bank-2"})
    finally:
        await client.close()
        await other.close()


async def test_an_expiry_over_a_year(sandbox: SandboxProcess) -> None:
    answer = await sandbox.raw("POST", "/v1/invoices", body={"value": "1", "expiry": "31536001"})
    text = "expiry of 3.1536001e+07 seconds greater than max expiry of 3.1536e+07 seconds"
    assert (answer.status, answer.json()["message"]) == (500, text)


async def test_text_where_a_number_belongs_is_told_with_its_place(sandbox: SandboxProcess) -> None:
    answer = await sandbox.raw("POST", "/v1/invoices", body={"value": "abc"})
    said = {"code": 3, "message": 'proto: (line 1:10): invalid value for int64 type: "abc"', "details": []}
    assert (answer.status, answer.json()) == (400, said)
