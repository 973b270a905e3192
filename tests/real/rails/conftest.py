"""A bank on real nodes that can be killed alone: the sandbox with its nodes is a process of its own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.processes.driver import Bank, Customer, wait_for
from tests.real.bank.conftest import real_nodes, variables

from faults.process import free_port
from hazina.sandbox.real.network import Programs, prepare

FUNDS = 200_000


class RealBank(Bank):
    def __init__(self, folder: Path, port: int, programs: Programs) -> None:
        super().__init__(folder, port)
        self.world.arguments += real_nodes(programs)
        self.bank.arguments += real_nodes(programs)
        self.world.environ = self.bank.environ = variables(programs)

    def outside_invoice(self, sats: int, **more: Any) -> Any:
        """Held ones are the neighbour's: what another node cancels, Electrum tries thirty times again."""
        return super().outside_invoice(sats, **({"wallet": "b"} if more.get("hold") else {}), **more)

    def heal(self) -> None:
        """Nothing to mend: real nodes take no faults from the sandbox."""

    def verify(self) -> str:
        """``hazina verify --nodes`` on the live bank."""
        done = subprocess.run(
            [sys.executable, "-m", "hazina.cli", "verify", "--nodes", "--data", str(self.folder)],
            capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert "node-own" in done.stdout and "hot-coins" in done.stdout
        return done.stdout


@pytest.fixture(scope="session")
async def bank(each_kind: Programs) -> AsyncIterator[RealBank]:
    await prepare(each_kind)
    with tempfile.TemporaryDirectory(prefix="hazina-rails-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        made = RealBank(Path(folder) / "data", free_port(), each_kind)
        made.folder.mkdir(mode=0o711)
        try:
            made.start_world()
            made.start()
            yield made
        finally:
            made.bank.kill()
            made.world.stop(within_s=60)


@pytest.fixture(scope="session")
def amina(bank: RealBank) -> Customer:
    customer = Customer(bank, "+254712345701").log_in()
    paid = bank.outside_pays(customer.invoice(FUNDS)["paymentRequest"])
    assert paid["status"] == "SUCCEEDED", paid
    wait_for(lambda: customer.balance() == FUNDS, 30, "the first deposit is credited")
    return customer


@pytest.fixture(autouse=True)
def agreed(bank: RealBank, amina: Customer) -> Iterator[None]:
    """Each test ends with books that agree with the nodes, to the satoshi."""
    yield
    if not bank.bank.alive:
        bank.start()
    bank.verify()
