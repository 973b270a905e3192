"""Time goes wrong: processes stand still for longer than their leases (F07), clocks are off and jump (F22)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from faults import checks
from faults.bank import Bank, Member
from faults.client import INVOICE
from faults.kills import LEASE_S, MARGIN_S
from faults.load import Kind, Op
from faults.process import wait_for
from faults.report import Finding, fault
from faults.scene import LeftOut, Scene, spoken

FROZEN_S = 35.0
FAKETIME = [
    *Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"),
    *Path("/usr/lib").glob("faketime/libfaketimeMT.so.1"),
    *Path("/usr/local/lib").glob("faketime/libfaketimeMT.so.1"),
]
OFF_S = 600


@fault("F07", f"SIGSTOP {FROZEN_S:.0f} s, then SIGCONT", "its old writes and node calls are refused; lost 0")
def frozen(scene: Scene, finding: Finding) -> None:
    """One API with calls to the node on the wire and a transaction open, one worker as it goes."""
    bank, victim, other = scene.bank, *scene.bank.apis
    struck: list[Op] = []
    with scene.load() as load:
        load.go_on(2, "fault")
        victim.relay.hold = b"/v2/router/send"
        for _ in range(3):
            struck.append(scene.customer(load, Kind.OUT, victim.port))
        scene.wait_state([1], *struck, within_s=15)
        wait_for(lambda: victim.relay.caught >= len(struck), 60, "the calls are on the wire")
        bank.arm("lease")
        struck.append(scene.customer(load, Kind.OUT, victim.port))
        bank.wait_stalled()
        for member in (victim, bank.workers[0]):
            member.freeze()
        bank.disarm()
        load.ports = [other.port]
        load.go_on(FROZEN_S)
        meanwhile = sum(row.state == checks.PAID for row in scene.rows_of(*struck))
        held = victim.relay.caught  # a customer's own may be among them
        for member in (victim, bank.workers[0]):
            member.thaw()
        victim.relay.release()
        load.go_on(4, "after")
        load.ports = [api.port for api in bank.apis]
        load.go_on(2)
    finding.says(f"{meanwhile} of {len(struck)} finished by the others meanwhile", meanwhile == len(struck))
    heard = victim.relay.late_answers
    refused = sum("macaroon" in text or "expired" in text for text in heard)
    finding.says(f"{refused} of {held} late calls refused by the node", refused == held >= 3)
    if refused != held:
        finding.wrong += [text[:300] for text in heard]
    scene.afterwards(finding)
    took = max(row.took_s for row in scene.rows_of(*struck))
    finding.says(f"slowest final after {took:.1f} s", took <= 2 * (LEASE_S + MARGIN_S) + 30)


@contextmanager
def clocks(bank: Bank) -> Iterator[dict[str, Path]]:
    """Every process of the bank runs under a clock of its own, set by a file: seconds off the true time."""
    if not FAKETIME:
        raise LeftOut("needs libfaketime (a package of Debian and Ubuntu): this machine has none")
    files = {member.name: bank.folder / f"{member.name}.clock" for member in bank.members}
    before = {member.name: dict(member.environ) for member in bank.members}
    try:
        for member in bank.members:
            files[member.name].write_text("+0\n")
            member.environ |= {
                "LD_PRELOAD": str(FAKETIME[0]),
                "FAKETIME_TIMESTAMP_FILE": str(files[member.name]),
                "FAKETIME_NO_CACHE": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                "NO_FAKE_STAT": "1",
            }
            member.stop()
        bank.start_members()
        yield files
    finally:
        for member in bank.members:
            member.environ = before[member.name]
            if member.alive:
                member.stop()
        bank.start_members()


@fault("F22", "clocks ±10 min, jump back", "early expiry 0; double use 0; lost 0")
def clocks_off(scene: Scene, finding: Finding) -> None:
    bank = scene.bank
    with clocks(bank) as files:

        def set_(member: Member, seconds: int) -> None:
            files[member.name].write_text(f"{seconds:+d}\n")

        with scene.load() as load:
            load.go_on(2)
            set_(bank.apis[0], OFF_S)
            set_(bank.workers[0], OFF_S)
            set_(bank.apis[1], -OFF_S)
            load.go_on(12, "fault")
            early = [_early(scene, member) for member in bank.apis]
            for member, seconds in zip(bank.members, (-OFF_S, OFF_S, -OFF_S, OFF_S), strict=True):
                set_(member, seconds)
            load.go_on(10)
            for member in bank.members:
                set_(member, 0)
            load.go_on(3, "after")
        finding.says(f"early expiry {sum(early)} of {2 * len(early)}", not sum(early))
        settled = scene.afterwards(finding)
    told = checks.told([op for op in load.ops if op.phase == "fault"])
    finding.says(f"told meanwhile: {spoken(told)}")
    finding.says(f"p99 to final {checks.slowest_s(settled.rows):.1f} s")


def _early(scene: Scene, member: Member) -> int:
    """How many of two invoices with five minutes to live are taken for expired at once: one from outside,
    one of the bank's own."""
    payer, payee = scene.struck, scene.crowd.members[0]
    made = scene.bank.outside.invoice(50, expirySeconds=300)
    order = {"walletId": payee.wallet, "amount": 50, "expiresIn": 5}
    own = scene.run(payee.ask(member.port, INVOICE, input=order)).body["data"]["lnInvoiceCreate"]["invoice"]
    early = 0
    for request, port in ((made["paymentRequest"], member.port), (own["paymentRequest"], _other(scene, member).port)):
        answer = scene.run(payer.pay(port, request, f"early {time.monotonic()}"))
        early += "expired" in str(answer.body).lower()
    return early


def _other(scene: Scene, member: Member) -> Member:
    return next(api for api in scene.bank.apis if api is not member)
