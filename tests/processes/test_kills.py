"""The bank is killed (kill -9) at every step of a Lightning payment, and each payment still ends in
exactly one of paid or returned, within a minute, with clean books.

The steps are reached from outside: the sandbox node holds a call (fault ``hang``) or forgets to answer
(``drop_reply``), or a lock in the database holds a commit. ``up`` takes its PostgreSQL along when it is
killed, so these are power cuts of the whole machine except the outside world.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any, LiteralString

import pytest
from psycopg import sql
from tests.processes.driver import Bank, Customer, wait_for

from hazina.kernel.embedded import Cluster

MINUTE = 60.0
SATS = 1_000


def in_background(customer: Customer, payment_request: str) -> threading.Thread:
    wait_for(customer.bank.is_ready, MINUTE, "the bank is well")
    thread = threading.Thread(target=customer.pay_and_lose_the_answer, args=(payment_request,), daemon=True)
    thread.start()
    return thread


def restart(bank: Bank) -> None:
    bank.kill()
    bank.heal()
    bank.start()


def final_row(customer: Customer, payment_hash: str) -> Any:
    """The one row of the payment, once it is final. Fails after a minute."""

    def look() -> Any:
        rows = customer.history(payment_hash)
        assert len(rows) <= 1, rows
        return rows[0] if rows and rows[0]["status"] != "PENDING" else None

    return wait_for(look, MINUTE, "the payment ends", pause_s=0.3)


def ended(bank: Bank, customer: Customer, before: int, invoice: Any) -> str:
    """Check that payment, node and balance tell the same story; which one."""
    row = final_row(customer, invoice["paymentHash"])
    state = bank.control("GET", f"lightning/invoices/{invoice['paymentHash']}")["state"]
    after = customer.balance()
    if row["status"] == "SUCCESS":
        assert state == "SETTLED", "the bank says paid, the world says not"
        assert after == before - SATS - row["settlementFee"]
    else:
        assert row["status"] == "FAILURE" and state != "SETTLED", "the bank gave back what has left"
        assert after == before
    return str(row["status"])


def open_payments(bank: Bank) -> list[int]:
    with bank.as_owner() as connection:
        return [row[0] for row in connection.execute("select state from payment where state < 2").fetchall()]


@contextlib.contextmanager
def slow_update(bank: Bank, when: LiteralString) -> Iterator[None]:
    """Updates of a payment that fit ``when`` take long: time to kill the bank right there. The bank is
    started again at the end, without it."""
    with bank.as_owner() as connection:
        connection.execute(
            """create function slow_update() returns trigger language plpgsql
            as 'begin perform pg_sleep(600); return new; end'"""
        )
        connection.execute(
            sql.SQL(
                "create trigger slow_update before update on payment for each row when ({}) "
                "execute function slow_update()"
            ).format(sql.SQL(when))
        )
    yield
    cluster = Cluster(bank.folder / "postgres").start()
    try:
        with bank.as_owner() as connection:
            connection.execute("drop trigger slow_update on payment")
            connection.execute("drop function slow_update()")
    finally:
        cluster.stop()
    bank.start()


def test_killed_before_the_hold(bank: Bank, amina: Customer) -> None:
    before, invoice = amina.balance(), bank.outside_invoice(SATS)
    with bank.as_owner() as connection:
        connection.autocommit = False
        connection.execute("lock table payment_hash in share row exclusive mode")
        thread = in_background(amina, invoice["paymentRequest"])
        thread.join()
        bank.kill()
    restart(bank)
    assert amina.history(invoice["paymentHash"]) == []
    assert amina.balance() == before
    assert amina.pay_once_it_can(invoice["paymentRequest"])["status"] == "SUCCESS"
    assert ended(bank, amina, before, invoice) == "SUCCESS"


def test_killed_after_the_hold_before_the_node_hears_of_it(bank: Bank, amina: Customer) -> None:
    before, invoice = amina.balance(), bank.outside_invoice(SATS)
    with slow_update(bank, "new.lease_until is not null and old.lease_until is null"):
        thread = in_background(amina, invoice["paymentRequest"])
        wait_for(lambda: open_payments(bank) == [0], MINUTE, "the money is held")
        bank.kill()
        thread.join()
    assert ended(bank, amina, before, invoice) == "SUCCESS"


def test_killed_with_the_call_in_flight_that_never_arrives(bank: Bank, amina: Customer) -> None:
    before, invoice = amina.balance(), bank.outside_invoice(SATS)
    bank.fault("send", "hang", times=1)
    thread = in_background(amina, invoice["paymentRequest"])
    wait_for(lambda: open_payments(bank) == [1], MINUTE, "the payment is sent")
    time.sleep(0.3)
    bank.kill()
    thread.join()
    restart(bank)
    ended(bank, amina, before, invoice)


def test_killed_with_the_htlc_in_flight(bank: Bank, amina: Customer) -> None:
    before, invoice = amina.balance(), bank.outside_invoice(SATS, hold=True)
    thread = in_background(amina, invoice["paymentRequest"])
    path = f"lightning/invoices/{invoice['paymentHash']}"
    wait_for(lambda: bank.control("GET", path)["state"] == "ACCEPTED", MINUTE, "the payee holds the money")
    bank.kill()
    thread.join()
    restart(bank)
    assert amina.history(invoice["paymentHash"])[0]["status"] == "PENDING"
    bank.control("POST", f"{path}/settle")
    assert ended(bank, amina, before, invoice) == "SUCCESS"


def test_the_payee_refuses_while_the_bank_is_dead(bank: Bank, amina: Customer) -> None:
    before, invoice = amina.balance(), bank.outside_invoice(SATS, hold=True)
    thread = in_background(amina, invoice["paymentRequest"])
    path = f"lightning/invoices/{invoice['paymentHash']}"
    wait_for(lambda: bank.control("GET", path)["state"] == "ACCEPTED", MINUTE, "the payee holds the money")
    bank.kill()
    thread.join()
    bank.control("POST", f"{path}/cancel")
    restart(bank)
    assert ended(bank, amina, before, invoice) == "FAILURE"


def test_killed_after_the_nodes_success_before_the_settle(bank: Bank, amina: Customer) -> None:
    before, invoice = amina.balance(), bank.outside_invoice(SATS)
    with slow_update(bank, "new.state = 2"):
        thread = in_background(amina, invoice["paymentRequest"])
        path = f"lightning/invoices/{invoice['paymentHash']}"
        wait_for(lambda: bank.control("GET", path)["state"] == "SETTLED", MINUTE, "the payee is paid")
        assert open_payments(bank) == [1]
        bank.kill()
        thread.join()
    assert ended(bank, amina, before, invoice) == "SUCCESS"


def test_killed_after_the_settle_before_the_answer(bank: Bank, amina: Customer) -> None:
    before, invoice = amina.balance(), bank.outside_invoice(SATS)
    assert amina.pay_once_it_can(invoice["paymentRequest"])["status"] == "SUCCESS"
    restart(bank)
    assert ended(bank, amina, before, invoice) == "SUCCESS"
    assert amina.pay(invoice["paymentRequest"])["status"] == "ALREADY_PAID"
    assert amina.balance() == before - SATS - final_row(amina, invoice["paymentHash"])["settlementFee"]


def credited_once(amina: Customer, before: int, invoice: Any) -> None:
    wait_for(lambda: amina.balance() == before + SATS, MINUTE, "the receipt is credited", pause_s=0.3)
    rows = amina.history(invoice["paymentHash"])
    assert [(row["status"], row["settlementAmount"]) for row in rows] == [("SUCCESS", SATS)]


def test_paid_from_outside_while_the_bank_is_down(bank: Bank, amina: Customer) -> None:
    before, invoice = amina.balance(), amina.invoice(SATS)
    bank.kill()
    assert bank.outside_pays(invoice["paymentRequest"])["status"] == "SUCCEEDED"
    bank.start()
    credited_once(amina, before, invoice)
    restart(bank)
    credited_once(amina, before, invoice)


def test_killed_between_the_nodes_settlement_and_the_credit(bank: Bank, amina: Customer) -> None:
    before, invoice = amina.balance(), amina.invoice(SATS)
    with bank.as_owner() as connection:
        connection.autocommit = False
        connection.execute("lock table invoice in share row exclusive mode")
        assert bank.outside_pays(invoice["paymentRequest"])["status"] == "SUCCEEDED"
        time.sleep(0.5)
        bank.kill()
    restart(bank)
    credited_once(amina, before, invoice)


def test_killed_between_the_credit_and_the_cursor(bank: Bank, amina: Customer) -> None:
    before, invoice = amina.balance(), amina.invoice(SATS)
    with bank.as_owner() as connection:
        connection.autocommit = False
        connection.execute("lock table cursor in share row exclusive mode")
        assert bank.outside_pays(invoice["paymentRequest"])["status"] == "SUCCEEDED"
        wait_for(lambda: amina.balance() == before + SATS, MINUTE, "it is credited")
        bank.kill()
    restart(bank)
    credited_once(amina, before, invoice)


@pytest.mark.parametrize("events", [2, 5])
def test_news_that_comes_again_and_again_is_booked_once(bank: Bank, amina: Customer, events: int) -> None:
    before, invoice = amina.balance(), amina.invoice(SATS)
    bank.fault("invoices.subscribe", "duplicate_event", times=events)
    assert bank.outside_pays(invoice["paymentRequest"])["status"] == "SUCCEEDED"
    credited_once(amina, before, invoice)
