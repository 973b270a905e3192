"""The whole bank over real nodes, and what must have become of everybody's money: it is killed (kill -9) at steps of a
Lightning payment, the same story as with the sandbox's own node; nodes go away; the chain is reorganised, or stands
still. All in one file, for one bank and one network serve it."""

from __future__ import annotations

import json
from typing import Any

import httpx2
from tests.ops.bank import hazina
from tests.processes.driver import Customer, wait_for
from tests.processes.test_kills import (
    SATS,
    ended,
    in_background,
    test_killed_after_the_hold_before_the_node_hears_of_it,
    test_killed_after_the_nodes_success_before_the_settle,
    test_killed_between_the_credit_and_the_cursor,
    test_killed_with_the_htlc_in_flight,
    test_paid_from_outside_while_the_bank_is_down,
    test_the_payee_refuses_while_the_bank_is_dead,
)
from tests.real.rails.conftest import RealBank

__all__ = [
    "test_killed_after_the_hold_before_the_node_hears_of_it",
    "test_killed_after_the_nodes_success_before_the_settle",
    "test_killed_between_the_credit_and_the_cursor",
    "test_killed_with_the_htlc_in_flight",
    "test_paid_from_outside_while_the_bank_is_down",
    "test_the_payee_refuses_while_the_bank_is_dead",
]

BACK_S = 120.0
ADDRESS = "mutation($id: WalletId!) { onChainAddressCurrent(input: {walletId: $id}) { errors { message } address } }"
SEND = """mutation($input: OnChainPaymentSendInput!) { onChainPaymentSend(input: $input) {
    status errors { message code } transaction { id status settlementAmount settlementFee } } }"""
PENDING = """query($w: WalletId!, $a: OnChainAddress!) { me { defaultAccount { walletById(walletId: $w) {
    pendingIncomingTransactionsByAddress(address: $a) { id } } } } }"""
TIP = "{ globals { blockInfo { blockHash } } }"
WITHDRAWN, MATURE = 20_000, 6
DEEP_ENOUGH = {1: 60_000, 3: 1_500_000, 6: 20_000_000}
"""Blocks that a reorganisation takes, and a deposit whose depth it takes with them. (The least waits for two: one block
takes it back before it is credited.)"""


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


def is_pending(customer: Customer, address: str) -> bool:
    wallet = customer.ask(PENDING, w=customer.wallets["BTC"], a=address)["me"]["defaultAccount"]["walletById"]
    return bool(wallet["pendingIncomingTransactionsByAddress"])


def taken_in(bank: RealBank, customer: Customer, path: str, **body: Any) -> None:
    """The chain moves on, and the bank has seen it."""
    tip = bank.control("POST", f"onchain/{path}", body)["hash"]
    wait_for(lambda: customer.ask(TIP)["globals"]["blockInfo"]["blockHash"] == tip, BACK_S, path, pause_s=0.2)


def reorganised(bank: RealBank, customer: Customer, depth: int, *, double_spend: bool) -> int:
    """A deposit goes with the blocks that held it, and comes back unless its coins went elsewhere; what is left of it
    for the customer."""
    sats, before, address = DEEP_ENOUGH[depth], customer.balance(), address_of(customer)
    bank.control("POST", "onchain/send", {"address": address, "sats": sats})
    taken_in(bank, customer, "mine", blocks=depth)
    if depth == 1:
        wait_for(lambda: is_pending(customer, address), BACK_S, "it is seen", pause_s=0.2)
        assert customer.balance() == before
    else:
        credited(bank, customer, before, sats)
    taken_in(bank, customer, "reorg", depth=depth, doubleSpend=double_spend)
    wait_for(lambda: customer.balance() == before, BACK_S, "it is taken back", pause_s=0.2)
    wait_for(lambda: is_pending(customer, address) is not double_spend, BACK_S, "it waits again, or not", pause_s=0.2)
    if double_spend:
        return 0
    taken_in(bank, customer, "mine", blocks=MATURE)
    return credited(bank, customer, before, sats)


def test_f13_reorganisations_of_one_three_and_six_blocks(bank: RealBank, amina: Customer) -> None:
    """With and without double spends. What is counted at the end is what stands in the chain: nothing was invented
    meanwhile, and nothing lost."""
    before, kept = amina.balance(), 0
    for double_spend in (True, False):
        for depth in DEEP_ENOUGH:
            kept += reorganised(bank, amina, depth, double_spend=double_spend)
    assert amina.balance() == before + kept


def ask_node(bank: RealBank, method: str, *values: Any) -> Any:
    """The node itself: what the sandbox has no call for."""
    found = json.loads((bank.folder / "sandbox" / "providers.json").read_text())["bitcoind"]
    body = {"jsonrpc": "1.0", "id": 1, "method": method, "params": values}
    answer = httpx2.post(found["url"], json=body, auth=(found["user"], found["password"]), timeout=30).json()
    assert answer["error"] is None, answer
    return answer["result"]


def chain_is(bank: RealBank, said: str) -> bool:
    services = httpx2.get(f"{bank.url}/status.json", timeout=30).json()["services"]
    return bool(services["deposits"] == services["payouts"] == said)


def test_f12_a_tip_that_is_stuck_is_told_and_nothing_moves_on_its_account(bank: RealBank, amina: Customer) -> None:
    """The node hears of a block that it cannot get. What is on its way is shown, what is asked for is taken, and all of
    it waits for the block."""
    outside, before, address = bank.control("POST", "onchain/address")["address"], amina.balance(), address_of(amina)
    block = ask_node(bank, "generateblock", outside, [], False)["hex"]
    ask_node(bank, "submitheader", block[:160])
    with bank.as_owner() as connection:
        heard = "select 1 from chain_node where headers > height"
        wait_for(lambda: connection.execute(heard).fetchone(), BACK_S, "the bank hears of it", pause_s=0.2)
        # two minutes ago
        connection.execute("update chain_node set moved_at = moved_at - interval '2 minutes'")
    wait_for(lambda: chain_is(bank, "slow"), BACK_S, "the status says so", pause_s=0.2)
    assert "bitcoin" in httpx2.get(f"{bank.url}/readyz", timeout=30).json()["degraded"]

    assert send(amina, outside, WITHDRAWN)["status"] in ("SUCCESS", "PENDING")
    bank.control("POST", "onchain/send", {"address": address, "sats": 70_000})
    wait_for(lambda: is_pending(amina, address), BACK_S, "the deposit is seen", pause_s=0.2)
    doctor = hazina("doctor", "--data", str(bank.folder), COLUMNS="200", HAZINA_REAL_NODES="electrum")
    (said,) = (line for line in doctor.stdout.splitlines() if line.split()[:1] == ["deposits"])
    assert "the Bitcoin node is stuck at block" in said
    held = newest(amina)
    assert held["status"] == "PENDING" and in_mempool(bank) == 1, "the deposit's, and no payout"
    after = amina.balance()
    assert after == before - WITHDRAWN - held["settlementFee"]

    ask_node(bank, "submitblock", block)
    wait_for(lambda: chain_is(bank, "working"), BACK_S, "all is well again", pause_s=0.2)
    wait_for(lambda: in_mempool(bank) == 2, BACK_S, "the payout leaves", pause_s=0.2)
    taken_in(bank, amina, "mine", blocks=MATURE)
    wait_for(lambda: row_of(amina, held["id"])["status"] == "SUCCESS", BACK_S, "it has arrived", pause_s=0.3)
    credited(bank, amina, after, 70_000)


def row_of(customer: Customer, line: str) -> Any:
    return next(row for row in customer.history() if row["id"] == line)


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
