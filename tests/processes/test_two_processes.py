"""Several API processes and a worker on one database stay exact."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest
from tests.processes.driver import Bank, Customer, Process, wait_for

SPEND = """mutation($input: IntraLedgerPaymentSendInput!) { intraLedgerPaymentSend(input: $input) {
    status errors { code message } } }"""


@pytest.fixture(scope="module")
def second(bank: Bank) -> Iterator[str]:
    """Another API process on the same database; its address."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "api.out"
        process = Process(["api", "--data", str(bank.folder), "--port", "0"], log)
        process.start()
        try:
            yield process.address("The API is ready at")
        finally:
            process.kill()


def test_two_hundred_payments_of_a_wallet_that_affords_fifty(bank: Bank, amina: Customer, second: str) -> None:
    poor = Customer(bank, "+254712345702").log_in()
    assert bank.outside_pays(poor.invoice(50 * 20)["paymentRequest"])["status"] == "SUCCEEDED"
    wait_for(lambda: poor.balance() == 1_000, 60, "the deposit is credited")
    before = amina.balance()
    order = {"walletId": poor.wallets["BTC"], "recipientWalletId": amina.wallets["BTC"], "amount": 20}

    def pay(n: int) -> str:
        url = bank.url if n % 2 else second
        answer = httpx2.post(
            f"{url}/graphql",
            json={"query": SPEND, "variables": {"input": order}},
            headers={"authorization": f"Bearer {poor.token}"},
            timeout=60,
        ).json()
        payload = answer["data"]["intraLedgerPaymentSend"]
        return str(payload["errors"][0]["code"] if payload["errors"] else payload["status"])

    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(pay, range(200)))
    assert sorted(set(answers)) == ["INSUFFICIENT_BALANCE", "SUCCESS"]
    assert answers.count("SUCCESS") == 50
    assert poor.balance() == 0
    assert amina.balance() == before + 1_000


def test_dollars_come_over_the_counter_and_move_between_customers(bank: Bank, amina: Customer) -> None:
    baraka = Customer(bank, "+254712345703").log_in()
    counter = Process(
        ["issue-dollars", amina.phone, "2500", "--reason", "Counter", "--data", str(bank.folder)],
        bank.folder / "counter.out",
    )
    counter.start()
    assert counter.running is not None
    code = counter.running.wait(120)
    counter.kill()  # only closes its output
    assert code == 0, counter.log.read_text()
    assert amina.balance("USD") == 2_500
    query = """mutation($input: IntraLedgerUsdPaymentSendInput!) { intraLedgerUsdPaymentSend(input: $input) {
        status errors { code } } }"""
    order = {"walletId": amina.wallets["USD"], "recipientWalletId": baraka.wallets["USD"], "amount": 1_200}
    assert amina.ask(query, input=order)["intraLedgerUsdPaymentSend"]["status"] == "SUCCESS"
    assert (amina.balance("USD"), baraka.balance("USD")) == (1_300, 1_200)
