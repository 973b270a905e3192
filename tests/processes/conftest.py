from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.processes.driver import Bank, Customer, wait_for

from faults.process import free_port


@pytest.fixture(scope="module")
def bank() -> Iterator[Bank]:
    """A running bank and its sandbox, each in processes of their own."""
    with tempfile.TemporaryDirectory(prefix="hazina-") as folder:
        Path(folder).chmod(0o711)
        made = Bank(Path(folder) / "data", free_port())
        made.folder.mkdir(mode=0o711)
        try:
            made.start_world()
            made.start()
            yield made
        finally:
            made.end()


@pytest.fixture(scope="module")
def amina(bank: Bank) -> Customer:
    """A customer with 200,000 sats."""
    customer = Customer(bank, "+254712345701").log_in()
    paid = bank.outside_pays(customer.invoice(200_000)["paymentRequest"])
    assert paid["status"] == "SUCCEEDED", paid
    wait_for(lambda: customer.balance() == 200_000, 60, "the first deposit is credited")
    return customer


@pytest.fixture(autouse=True)
def healed(bank: Bank) -> Iterator[None]:
    """No fault of one test reaches the next, and every test leaves clean books."""
    yield
    bank.heal()
    if bank.bank.running is None or bank.bank.running.poll() is not None:
        bank.start()
    bank.verify()
