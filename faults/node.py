"""The node goes away (F08), and tells everything many times in any order (F23)."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import statistics
import time
from typing import Any

from faults import checks
from faults.client import Answer, Crowd, Customer, NotSent, Unanswered
from faults.load import Kind, Told, read
from faults.process import wait_for
from faults.report import Finding, fault
from faults.scene import Scene, spoken

AWAY_S = 5.0
ROUNDS = 3
INVOICES = 4
NOISE_MS = 20.0
"""What a p99 may differ on a shared machine without meaning anything."""


@fault("F08", "node down before send", "refused by name in 2 s; other rails go on, p99 + < 20 %")
def away(scene: Scene, finding: Finding) -> None:
    bank = scene.bank
    orders = [bank.outside.invoice(50) for _ in range(ROUNDS * INVOICES)]
    waits: list[float] = []
    said: dict[str, int] = {}
    with scene.load(rate=40.0, without={Kind.OUT, Kind.IN, Kind.INSIDE}) as load:
        for n in range(ROUNDS):
            load.go_on(AWAY_S, f"calm {n}")
            bank.outside.process.kill()
            load.go_on(AWAY_S / 2, f"away {n}")
            for order in orders[n * INVOICES : (n + 1) * INVOICES]:
                began = time.monotonic()
                answer = scene.run(scene.struck.pay(bank.apis[n % 2].port, order["paymentRequest"], "away"))
                waits.append(time.monotonic() - began)
                told, why = read(answer)
                text = why.partition(":")[0] if told is Told.REFUSED else told.value
                said[text] = said.get(text, 0) + 1
            load.go_on(AWAY_S / 2)
            load.phase = "back"
            bank.outside.start()
            load.go_on(1)
        load.without = set()
        load.go_on(2)
    finding.says(f"told {spoken(said)}", said == {"LND_OFFLINE": len(orders)})
    finding.says(f"slowest refusal {max(waits):.2f} s", max(waits) <= 2)
    calm, down = (
        statistics.median(checks.p99_ms(load, f"{phase} {n}", Kind.INTERNAL) for n in range(ROUNDS))
        for phase in ("calm", "away")
    )
    finding.says(f"inside payments: p99 {calm:.0f} ms before, {down:.0f} ms meanwhile", down <= 1.2 * calm + NOISE_MS)
    scene.afterwards(finding)


@fault("F23", "every event, request and job x2 to x20, shuffled", "the same books: differing digests 0")
def repeated(scene: Scene, finding: Finding) -> None:
    """The same script twice: once plainly, once with every event of the node 20 times in any order, every
    request twice at the same moment, and the nightly job 20 times."""
    plain = _play(scene, 20, many=False)
    for member in scene.bank.members:
        member.relay.copies = 20
        member.stop()  # its streams begin anew, under the noise
    scene.bank.start_members()
    noisy = _play(scene, 30, many=True)
    events = sum(member.relay.repeated for member in scene.bank.members)
    finding.says(f"{len(plain) - 4} payments, {events} events x20 shuffled", events > 0)
    digests = [hashlib.sha256(json.dumps(one).encode()).hexdigest()[:16] for one in (plain, noisy)]
    finding.says(f"digests {digests[0]} and {digests[1]}", digests[0] == digests[1])
    if digests[0] != digests[1]:
        finding.wrong += [f"{a} became {b}" for a, b in zip(plain, noisy, strict=True) if a != b][:10]
    scene.afterwards(finding)


def _play(scene: Scene, first: int, *, many: bool) -> list[Any]:
    """Thirty payments of four new customers, waited for; what the books say of each, and the balances."""
    bank = scene.bank
    crowd = Crowd()
    scene.run(crowd.come(bank, 4, 20_000, first))
    dice = random.Random(11)
    began = time.time()
    made = [scene.run(_step(scene, crowd, dice, n, many=many)) for n in range(30)]
    if many:
        with bank.as_owner() as connection:
            connection.execute(
                """insert into procrastinate_jobs (queue_name, task_name, lock, args, status)
                select 'default', 'hazina.tidy', null, '{"timestamp": 0}', 'todo'
                from generate_series(1, 20)"""
            )
        left = "select count(*) from procrastinate_jobs where task_name = 'hazina.tidy' and status <> 'failed'"
        wait_for(lambda: not bank.value(left), 120, "all copies of the job are done")
    checks.wait_quiet(bank)
    rows = [row for row in checks.payments(bank) if row.created_at >= began - 1]
    seen: list[Any] = []
    for n, hash_ in enumerate(made):
        mine = [row for row in rows if (row.hash == hash_ if hash_ else row.memo == f"script {first} {n}")]
        seen.append([n, sorted([row.kind, row.state, row.amount, row.fee or 0] for row in mine)])
    seen += [[n, scene.run(customer.balance(bank.apis[0].port))] for n, customer in enumerate(crowd.members)]
    return seen


async def _step(scene: Scene, crowd: Crowd, dice: random.Random, n: int, *, many: bool) -> str:
    """One payment; its hash, or nothing for an internal one."""
    bank, kind = scene.bank, dice.choice([Kind.INTERNAL, Kind.INSIDE, Kind.OUT, Kind.IN])
    payer, payee = dice.sample(crowd.members, 2)
    sats, ports = dice.randint(1, 100), [api.port for api in bank.apis]
    first = int(crowd.members[0].phone[-2:])
    if kind is Kind.INTERNAL:
        await payer.send(ports[0], payee, sats, f"script {first} {n}")
        return ""
    if kind is Kind.OUT:
        made = await asyncio.to_thread(bank.outside.invoice, sats)
    else:
        made = await payee.invoice(ports[n % 2], sats)
    if kind is Kind.IN:
        await asyncio.to_thread(bank.outside.pays, made["paymentRequest"])
    else:
        asked = [
            _quietly(payer, port, made["paymentRequest"], f"script {n}") for port in (ports * 2 if many else ports[:1])
        ]
        await asyncio.gather(*asked)
    return str(made["paymentHash"])


async def _quietly(payer: Customer, port: int, request: str, memo: str) -> Answer | None:
    try:
        return await payer.pay(port, request, memo)
    except (NotSent, Unanswered):
        return None
