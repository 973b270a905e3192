"""Parts of the suite of real faults that need no bank."""

from __future__ import annotations

import asyncio

import pytest

from faults.client import Answer, parse
from faults.load import Told, read
from faults.process import free_port
from faults.relay import Relay, chunks
from faults.report import BEGIN, END, FAULTS, Finding, replaced, table, with_rows

WANTED = {f"F{n:02d}" for n in (*range(1, 9), 16, *range(18, 25), 28, 31)} | {"WRITERS"}


def test_every_fault_of_the_list_is_there() -> None:
    import faults.__main__  # puts them into the list

    assert faults.__main__.LOADED
    assert set(FAULTS) == WANTED


def test_events_are_told_apart() -> None:
    head = b"HTTP/1.1 200 OK\r\n\r\n"
    one, two = b"3\r\nabc\r\n", b"1\r\nz\r\n"
    assert chunks(head + one + two + b"5\r\nha") == (head, [one, two], b"5\r\nha")
    assert chunks(b"middle of it\r\n") == (b"", [], b"middle of it\r\n")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"lnInvoicePaymentSend": {"status": "SUCCESS", "errors": []}}, Told.SUCCESS),
        ({"lnInvoicePaymentSend": {"status": "PENDING", "errors": []}}, Told.PENDING),
        ({"lnInvoicePaymentSend": {"status": "FAILURE", "errors": [{"code": "X", "message": "no"}]}}, Told.REFUSED),
        ({"x": {"status": "FAILURE", "errors": [{"code": "X", "message": "It is not known yet …"}]}}, Told.UNCLEAR),
    ],
)
def test_what_an_answer_says(data: object, told: Told) -> None:
    assert read(Answer(200, {}, {"data": data}))[0] is told


def test_an_answer_that_breaks_off_is_none() -> None:
    with pytest.raises(ValueError):
        parse(b"HTTP/1.1 200 OK\r\ncontent-le")


def test_the_table_replaces_the_one_before() -> None:
    finding = Finding("F00", "nothing happens", "nothing")
    finding.says("1 | 2")
    assert finding.verdict == "held"
    finding.says("too slow", holds=False)
    assert table([finding]).endswith("| F00 nothing happens | nothing | 1 / 2; too slow | BROKEN |")
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert replaced(page, "new") == "before\nnew\nafter\n"


def test_a_row_alone_replaces_its_own_and_says_when() -> None:
    finding, other = Finding("F00", "nothing happens", "nothing"), Finding("F01", "all is lost", "nothing")
    page = f"before\n{BEGIN}\n\nMeasured.\n\n{table([finding, other])}\n\n{END}\n| F00 elsewhere |\n"
    finding.says("new")
    once = with_rows(page, [finding], "today")
    assert once == (
        f"before\n{BEGIN}\n\nMeasured.\n\n{table([finding, other])}\n\n- F00 was measured again: today.\n\n"
        f"{END}\n| F00 elsewhere |\n"
    )
    assert with_rows(once, [finding], "tomorrow") == once.replace("today", "tomorrow")
    with pytest.raises(ValueError, match="F02"):
        with_rows(page, [Finding("F02", "new", "nothing")], "today")


async def test_a_held_call_arrives_though_its_sender_is_gone() -> None:
    arrived: list[bytes] = []

    async def node(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.append(await reader.read(100))
        writer.close()

    server = await asyncio.start_server(node, "127.0.0.1", 0)
    relay = Relay(free_port(), server.sockets[0].getsockname()[1], hold=b"send")
    await relay.open()
    _, writer = await asyncio.open_connection("127.0.0.1", relay.port)
    writer.write(b"send it")
    await writer.drain()
    while not relay.caught:
        await asyncio.sleep(0.01)
    writer.close()
    await writer.wait_closed()
    assert not arrived
    relay.release()
    while not arrived:
        await asyncio.sleep(0.01)
    assert arrived == [b"send it"]
    await relay.close()
    server.close()
    await server.wait_closed()
