"""Rolling restart (F28), ten times the load (F31), one to three group writers."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

from faults import checks
from faults.bank import Member
from faults.client import Answer, Crowd, Customer, NotSent, Unanswered
from faults.load import RATE, Kind, Load, Told, read
from faults.node import NOISE_MS
from faults.report import Finding, fault
from faults.scene import Scene, spoken

PAYING = (Kind.INTERNAL, Kind.INSIDE, Kind.OUT)
GOOD = (Told.SUCCESS, Told.PENDING)


@fault("F28", "rolling restart of all processes, and a migration", "failed payments 0; p99 < 2 x")
def rolling(scene: Scene, finding: Finding) -> None:
    """To start a process costs a second of one core. So that the bank and not the machine is measured, p99 is
    compared with the same starts of processes that serve nobody."""
    bank = scene.bank
    idle = bank.add("api")
    bank.apis.remove(idle)
    with scene.load() as load:
        load.go_on(5)
        load.phase = "idle starts"
        idle.start_and_wait()
        for _ in bank.members:
            _restart(scene, load, idle)
        idle.stop()
        load.go_on(2, "between")
        load.phase = "fault"
        began = time.monotonic()
        for member in bank.members:
            _restart(scene, load, member)
        took = time.monotonic() - began
        load.go_on(1, "after")
    scene.run(idle.relay.close())
    ops = [op for op in load.ops if op.phase == "fault" and op.kind in PAYING]
    failed = [op for op in ops if op.told not in GOOD]
    finding.says(f"{len(ops)} payments in {took:.0f} s, failed {len(failed)}", not failed)
    if failed:
        finding.measured.append(spoken(Counter(f"{op.told.value} {op.said[:60]}" for op in failed)))
    finding.says(f"{sum(op.moves > 0 for op in ops)} turned to the other process")
    calm, starts, rolled = (checks.p99_ms(load, phase, *PAYING) for phase in ("calm", "idle starts", "fault"))
    text = f"p99 {rolled:.0f} ms, {starts:.0f} ms beside as many starts of idle processes, {calm:.0f} ms without any"
    finding.says(text, rolled <= 2 * starts + NOISE_MS)
    scene.afterwards(finding)


def _restart(scene: Scene, load: Load, member: Member) -> None:
    """As a balancer sees it that asks ``/readyz``: it is told nothing beforehand, turns away when a connection is
    refused, and comes back when the process says that it is ready."""
    member.stop()
    load.ports = [api.port for api in scene.bank.apis if api is not member]
    member.start_and_wait()
    load.ports = [api.port for api in scene.bank.apis]
    scene.bank.hazina("migrate")


@fault("F31", "10 x overload", "reads shed or slow first; accepted but unresolved 0")
def overload(scene: Scene, finding: Finding) -> None:
    mix = {Kind.INTERNAL: 6, Kind.INSIDE: 1, Kind.OUT: 1, Kind.IN: 1, Kind.READ: 10}
    with scene.load(mix=mix) as load:
        load.go_on(4)
        load.rate = 10 * RATE
        load.go_on(10, "fault")
        load.rate = RATE
        load.go_on(3, "after")
    ops = [op for op in load.ops if op.phase == "fault"]
    paying = [op for op in ops if op.kind in PAYING]
    finding.says(f"{len(ops) / 10:.0f} requests/s begun, {load.skipped} not begun (the client's own bound)")
    finding.says(f"payments told: {spoken(checks.told(paying))}")
    reads = [op for op in ops if op.kind is Kind.READ]
    finding.says(f"reads told: {spoken(checks.told(reads))}")
    slow = checks.p99_ms(load, "fault", Kind.READ), checks.p99_ms(load, "fault", *PAYING)
    finding.says(f"p99 reads {slow[0]:.0f} ms, payments {slow[1]:.0f} ms")
    settled = scene.afterwards(finding)
    rows = {row.memo: row.state for row in settled.rows} | {row.hash: row.state for row in settled.rows if row.hash}
    open_ = [op for op in ops if op.told is Told.PENDING and rows.get(op.hash or op.memo, 0) < checks.PAID]
    finding.says(f"accepted but unresolved {len(open_)}", not open_)


AFFORDS = 30


@fault("WRITERS", "one, two, three group writers on one account", "exact: what it affords, not one more")
def writers(scene: Scene, finding: Finding) -> None:
    bank = scene.bank
    third = bank.add("api")
    third.start_and_wait()
    try:
        for many in (1, 2, 3):
            crowd = Crowd()
            scene.run(crowd.come(bank, 1, AFFORDS * 20, 40 + many))
            said = scene.run(_drain(scene, crowd.members[0], bank.apis[:many]))
            left = scene.run(crowd.members[0].balance(bank.apis[0].port))
            exact = said.get("success") == AFFORDS and left == 0
            finding.says(f"{many}: {spoken(said)}, {left} sats left", exact)
    finally:
        third.stop()
        bank.apis.remove(third)
        scene.run(third.relay.close())
    scene.afterwards(finding)


async def _drain(scene: Scene, poor: Customer, apis: list[Member]) -> dict[str, int]:
    """Four times as many payments as the account affords, all at once, at all processes."""
    payee = scene.crowd.members[0]

    async def one(n: int) -> str:
        try:
            return _text(await poor.send(apis[n % len(apis)].port, payee, 20, f"drain {n}"))
        except (NotSent, Unanswered):
            return "unanswered"

    return dict(Counter(await asyncio.gather(*(one(n) for n in range(4 * AFFORDS)))))


def _text(answer: Answer) -> str:
    told, said = read(answer)
    return told.value if told is Told.SUCCESS else f"{told.value} ({said.partition(':')[0]})"
