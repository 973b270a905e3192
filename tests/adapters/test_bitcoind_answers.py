"""bitcoind's answers and what the adapter makes of them: silent, or refused. Replayed over a socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hazina.adapters.bitcoind import Bitcoind
from hazina.adapters.bitcoind_rpc import Rpc, bitcoin, sats
from hazina.chain.ports import NodeRefused, NodeSilent
from hazina.kernel.db import Database, TransactionOpen

ERROR = {"code": -6, "message": "Insufficient funds"}


@asynccontextmanager
async def answering(*bodies: Any, status: int = 200) -> AsyncIterator[Rpc]:
    """A node that gives these bodies, one a question; ``id`` is put in where it is None."""
    waiting = list(bodies)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        size = int(head.split("content-length:")[1].split("\r\n")[0])
        asked = json.loads(await reader.readexactly(size))
        body = waiting.pop(0)
        if isinstance(body, dict) and body.get("id", 0) is None:
            body = [body] * len(asked) if isinstance(asked, list) else {**body, "id": asked["id"]}
        if isinstance(body, list):
            body = [{**one, "id": question["id"]} for one, question in zip(body, asked, strict=False)]
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        writer.write(f"HTTP/1.1 {status} x\r\nContent-Length: {len(content)}\r\nConnection: close\r\n\r\n".encode())
        writer.write(content)
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    rpc = Rpc(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", user="u", password="p", timeout_s=2)
    try:
        yield rpc
    finally:
        await rpc.close()
        listening.close()


def said(**values: Any) -> dict[str, Any]:
    return {"id": None, "error": None, "result": None, **values}


@pytest.mark.parametrize("status", [200, 404, 500])
async def test_an_error_object_is_a_refusal_whatever_the_status(status: int) -> None:
    async with answering(said(error=ERROR), status=status) as rpc:
        with pytest.raises(NodeRefused) as refused:
            await rpc("send")
        assert (refused.value.number, refused.value.text) == (-6, "Insufficient funds")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 200),
        (b"Work queue depth exceeded", 503),
        (b"<html>", 502),
        (b"[", 200),
        ([], 200),
        ("text", 200),
        (b"null", 200),
        ({"id": None, "result": 1}, 200),
        ({"id": 99_999, "error": None, "result": 1}, 200),
        (said(error="no"), 500),
        (said(error={"code": "x", "message": 1}), 500),
        (said(error={"code": -28, "message": "Loading block index…"}), 500),
    ],
)
async def test_what_cannot_be_read_is_silence(body: Any, status: int) -> None:
    async with answering(body, status=status) as rpc:
        with pytest.raises(NodeSilent):
            await rpc("getblockcount")


async def test_several_in_one_request() -> None:
    async with answering([said(result=1), said(error=ERROR), said(result="x")]) as rpc:
        one, two, three = await rpc.batch([("a", ()), ("b", [1]), ("c", ())])
        assert (one, three) == (1, "x") and isinstance(two, NodeRefused) and two.number == -6
    async with answering([said(result=1)]) as rpc:
        with pytest.raises(NodeSilent):
            await rpc.batch([("a", ()), ("b", ())])
    async with answering() as rpc:
        assert await rpc.batch([]) == []


async def test_nobody_listens() -> None:
    rpc = Rpc("http://127.0.0.1:1", user="u", password="p")
    with pytest.raises(NodeSilent):
        await rpc("getblockcount")
    await rpc.close()


async def test_a_wrong_password_is_a_refusal() -> None:
    async with answering(b"", b"", status=401) as rpc:
        with pytest.raises(NodeRefused, match="password"):
            await rpc("getblockcount")


async def test_nothing_is_asked_while_a_transaction_is_open(db: Database) -> None:
    node = Bitcoind(Rpc("http://127.0.0.1:1"), "hazina")
    async with db.transaction():
        for call in (
            node.info(), node.open_wallet(make=True), node.address("x"), node.next_address("x"), node.made(),
            node.addresses(0, 1), node.header("00"), node.headers(0, 1), node.block("00"), node.pending(1, 1),
            node.in_mempool(["00"]), node.fee_rate(2),
        ):  # fmt: skip
            with pytest.raises(TransactionOpen):
                await call
    await node.close()


@pytest.mark.parametrize(
    "body",
    [
        said(result=[None]),
        said(result={"a": [1]}),
        said(result="x"),
        said(result=7),
        said(result={"hash": 1, "height": "x"}),
    ],
)
async def test_answers_of_another_shape_are_silence(body: Any) -> None:
    async with answering(*[body] * 20) as rpc:
        node = Bitcoind(rpc, "hazina")
        for call in (
            node.info(), node.header("00"), node.block("00"), node.made(), node.addresses(0, 1), node.pending(1, 1),
        ):  # fmt: skip
            with pytest.raises(NodeSilent):
                await call
        with pytest.raises((NodeSilent, NodeRefused)):
            await node.open_wallet(make=False)
        with pytest.raises((NodeSilent, NodeRefused)):
            await node.address("x")
        await node.close()


@pytest.mark.parametrize(
    ("text", "amount"), [("0.00000001", 1), ("21000000", 21 * 10**14), ("0", 0), ("-0.00001", -1_000), ("1e-8", 1)]
)
def test_amounts(text: str, amount: int) -> None:
    assert sats(text) == amount
    assert sats(bitcoin(amount)) == amount


@pytest.mark.parametrize("text", ["0.000000001", "x", "", None, "NaN", "Infinity", {}])
def test_what_is_no_amount(text: Any) -> None:
    with pytest.raises(NodeSilent):
        sats(text)
