"""Answers of the node that say nothing certain: the payment is pending, never returned early, and ends by
what the node says later."""

from __future__ import annotations

from typing import Any

import pytest
from tests.processes.driver import Bank, Customer, wait_for
from tests.processes.test_kills import MINUTE, SATS, ended

ODD: list[tuple[str, dict[str, Any]]] = [
    ("send", {"action": "error"}),  # HTTP 500 with text, before it acts
    ("send", {"action": "drop_reply"}),
    ("send", {"action": "cut"}),
    ("send", {"action": "empty"}),
    ("track", {"action": "error"}),
    ("track", {"action": "drop_reply"}),
    ("track", {"action": "hang", "seconds": 3}),
    ("payments.subscribe", {"action": "error"}),
]


@pytest.mark.parametrize(("call", "fault"), ODD, ids=[f"{call}-{'-'.join(map(str, f.values()))}" for call, f in ODD])
def test_an_odd_answer_is_never_a_refund(bank: Bank, amina: Customer, call: str, fault: dict[str, Any]) -> None:
    before, invoice = amina.balance(), bank.outside_invoice(SATS)
    bank.fault(call, times=2, **fault)
    answer = amina.pay_once_it_can(invoice["paymentRequest"])
    assert answer["status"] in ("SUCCESS", "PENDING"), answer
    bank.heal()
    assert ended(bank, amina, before, invoice) == "SUCCESS"


def test_while_the_payee_keeps_the_money_the_bank_says_pending(bank: Bank, amina: Customer) -> None:
    before, invoice = amina.balance(), bank.outside_invoice(SATS, hold=True)
    answer = amina.pay_once_it_can(invoice["paymentRequest"])
    assert answer["status"] == "PENDING" and answer["errors"] == []
    assert answer["transaction"]["status"] == "PENDING"
    again = amina.pay(invoice["paymentRequest"])
    assert again["status"] == "FAILURE" and again["errors"][0]["code"] == "INVALID_INPUT"
    held = before - amina.balance()
    assert held >= SATS, "amount and highest fee are set aside"
    bank.control("POST", f"lightning/invoices/{invoice['paymentHash']}/settle")
    assert ended(bank, amina, before, invoice) == "SUCCESS"


def test_a_node_that_is_away_is_said_at_once_and_nothing_is_held(bank: Bank, amina: Customer) -> None:
    before, invoice = amina.balance(), bank.outside_invoice(SATS)
    bank.fault("*", "error")
    wait_for(lambda: not bank.is_ready(), MINUTE, "the bank has noticed: it looks once a second")
    answer = amina.pay(invoice["paymentRequest"])
    assert answer["status"] == "FAILURE" and answer["errors"][0]["code"] == "LND_OFFLINE"
    assert amina.balance() == before
    bank.heal()
    wait_for(lambda: amina.pay(invoice["paymentRequest"])["status"] == "SUCCESS", MINUTE, "the node is back")


def test_a_payment_that_the_payee_refuses_comes_back_whole(bank: Bank, amina: Customer) -> None:
    before, invoice = amina.balance(), bank.outside_invoice(SATS)
    bank.control("POST", f"lightning/invoices/{invoice['paymentHash']}/cancel")
    answer = amina.pay_once_it_can(invoice["paymentRequest"])
    assert answer["status"] == "FAILURE" and answer["errors"][0]["code"] == "LIGHTNING_PAYMENT_ERROR"
    assert amina.balance() == before
    assert amina.history(invoice["paymentHash"])[0]["status"] == "FAILURE"
