"""Nodes that go away under the whole bank, and what must have become of everybody's money when they are back."""

from __future__ import annotations

from typing import Any

from tests.processes.driver import Customer, wait_for
from tests.processes.test_kills import SATS, ended, in_background
from tests.real.rails.conftest import RealBank

BACK_S = 120.0
ADDRESS = "mutation($id: WalletId!) { onChainAddressCurrent(input: {walletId: $id}) { errors { message } address } }"
SEND = """mutation($input: OnChainPaymentSendInput!) { onChainPaymentSend(input: $input) {
    status errors { message code } transaction { id status settlementAmount settlementFee } } }"""
WITHDRAWN, MATURE = 20_000, 6


def state(bank: RealBank) -> Any:
    return bank.control("GET", "state")


def address_of(customer: Customer) -> str:
    return str(customer.ask(ADDRESS, id=customer.wallets["BTC"])["onChainAddressCurrent"]["address"])


def send(customer: Customer, address: str, sats: int) -> Any:
    order = {"walletId": customer.wallets["BTC"], "address": address, "amount": sats}
    return customer.ask(SEND, input=order)["onChainPaymentSend"]


def credited(bank: RealBank, customer: Customer, before: int, sats: int) -> int:
    """Wait until a deposit of ``sats`` is; what the customer has of it."""
    wait_for(lambda: customer.balance() > before, BACK_S, "the deposit is credited", pause_s=0.3)
    row = newest(customer)
    assert row["settlementAmount"] + row["settlementFee"] == sats
    assert customer.balance() == before + row["settlementAmount"]
    return int(row["settlementAmount"])


def newest(customer: Customer) -> Any:
    return customer.history()[0]


def in_mempool(bank: RealBank) -> int:
    return len(bank.control("GET", "onchain/mempool"))


def test_f10_the_lightning_node_is_killed_with_an_htlc_in_flight(bank: RealBank, amina: Customer) -> None:
    before, invoice = amina.balance(), bank.outside_invoice(SATS, hold=True)
    thread = in_background(amina, invoice["paymentRequest"])
    path = f"lightning/invoices/{invoice['paymentHash']}"
    wait_for(lambda: bank.control("GET", path)["state"] == "ACCEPTED", 30, "the payee holds the money")
    thread.join()
    bank.control("POST", "lightning/restart", {"seconds": 1, "kill": True})
    wait_for(lambda: state(bank)["node"]["starting"], 10, "the node is away")
    assert amina.history(invoice["paymentHash"])[0]["status"] == "PENDING"
    assert amina.pay(bank.outside_invoice(SATS)["paymentRequest"])["status"] != "SUCCESS"
    bank.control("POST", f"{path}/settle")
    wait_for(lambda: not state(bank)["node"]["starting"], BACK_S, "the node is back", pause_s=0.3)
    assert ended(bank, amina, before, invoice) == "SUCCESS"


def test_f12_bitcoind_is_away_and_nothing_is_missed(bank: RealBank, amina: Customer) -> None:
    address, before = address_of(amina), amina.balance()
    bank.control("POST", "onchain/restart", {"seconds": 3, "kill": True})
    wait_for(lambda: state(bank)["onchain"] is None, 10, "bitcoind is away")

    # What needs no chain goes on; what does is taken, and waits.
    stranger = str(Customer(bank, "+254712345702").log_in().invoice(SATS)["paymentRequest"])
    assert amina.pay(stranger)["status"] == "SUCCESS"
    wait_for(lambda: state(bank)["onchain"] is not None, BACK_S, "bitcoind is back", pause_s=0.3)

    bank.control("POST", "onchain/send", {"address": address, "sats": 50_000})
    bank.control("POST", "onchain/mine", {"blocks": MATURE})
    credited(bank, amina, before - SATS, 50_000)


def test_onc_f13_a_deposit_that_a_reorganisation_takes_and_gives_back(bank: RealBank, amina: Customer) -> None:
    before = amina.balance()
    bank.control("POST", "onchain/send", {"address": address_of(amina), "sats": 60_000})
    bank.control("POST", "onchain/mine", {"blocks": 3})
    has = credited(bank, amina, before, 60_000)
    bank.control("POST", "onchain/reorg", {"depth": 3})
    wait_for(lambda: amina.balance() == before, BACK_S, "it is taken back", pause_s=0.3)
    bank.control("POST", "onchain/mine", {"blocks": 3})
    wait_for(lambda: amina.balance() == before + has, BACK_S, "it is credited again", pause_s=0.3)


def test_f03_a_withdrawal_leaves_once_though_the_bank_is_killed(bank: RealBank, amina: Customer) -> None:
    outside = bank.control("POST", "onchain/address")["address"]
    before = amina.balance()
    assert send(amina, outside, WITHDRAWN)["status"] in ("SUCCESS", "PENDING")
    bank.kill()
    bank.start()
    wait_for(lambda: in_mempool(bank), BACK_S, f"it is in the mempool:\n{bank.said()}", pause_s=0.3)
    bank.kill()
    bank.start()
    bank.control("POST", "onchain/mine", {"blocks": MATURE})
    wait_for(lambda: newest(amina)["status"] == "SUCCESS", BACK_S, "it is done", pause_s=0.3)
    row = newest(amina)
    assert amina.balance() == before - WITHDRAWN - row["settlementFee"]
    assert in_mempool(bank) == 0
