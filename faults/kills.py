"""``kill -9`` at every step of a payment: F01 to F06, and a worker that dies holding a job."""

from __future__ import annotations

import time
import uuid

from faults import checks
from faults.load import Kind, Load, Op, Told, read
from faults.process import wait_for
from faults.report import Finding, fault
from faults.scene import Scene

TIMES = 3
LEASE_S, MARGIN_S = 20, 4


def strike(scene: Scene, load: Load, step: str, kind: Kind) -> Op:
    """A payment to the first API process stands still at ``step``; there the process is killed, and started
    again once the database has forgotten the session."""
    victim = scene.bank.apis[0]
    scene.bank.arm(step, scene.struck.account)
    op = scene.customer(load, kind, victim.port)
    scene.bank.wait_stalled()
    victim.kill()
    scene.bank.disarm()
    wait_for(lambda: not _stalled(scene), 15, "the stalled session ends")
    victim.start_and_wait()
    return op


def _stalled(scene: Scene) -> int:
    return int(scene.bank.value("select count(*) from pg_stat_activity where wait_event = 'PgSleep'"))


@fault("F01", "kill -9 before the debit commits", "nothing happened; the same invoice works; lost 0, duplicates 0")
def before_the_debit(scene: Scene, finding: Finding) -> None:
    struck: list[Op] = []
    again: list[str] = []
    with scene.load() as load:
        load.go_on(3)
        load.phase = "fault"
        for kind in (Kind.OUT, Kind.INSIDE, Kind.INTERNAL):
            op = strike(scene, load, "claim", kind)
            struck.append(op)
            rows = scene.rows_of(op)
            finding.says(f"{kind.value}: {len(rows)} rows", not rows)
        load.go_on(2, "after")
    port = scene.bank.apis[0].port
    for op in struck:
        if op.request and op.payer is not None:
            op.told, op.said = read(scene.run(op.payer.pay(port, op.request, op.memo)))
            again.append(f"{op.kind.value} {op.told.value}")
    finding.says(f"asked again: {', '.join(again)}", all("success" in text for text in again))
    finding.says(_key_after_kill(scene))
    scene.afterwards(finding)


def _key_after_kill(scene: Scene) -> str:
    """What an asker hears who repeats an idempotency key whose first try died before its debit."""
    bank, payer, payee = scene.bank, scene.struck, scene.crowd.members[0]
    key, victim, other = str(uuid.uuid4()), bank.apis[0], bank.apis[1]
    with scene.load(rate=1) as load:
        op = load.make(Kind.INTERNAL, payer, payee, 50)
        op.memo = f"stall key {op.number}"
        scene.ops.append(op)
        bank.arm("claim", payer.account)
        asking = scene.start(payer.send(victim.port, payee, op.sats, op.memo, key=key))
        bank.wait_stalled()
        victim.kill()
        bank.disarm()
        wait_for(asking.done, 60, "the connection is cut")
        wait_for(lambda: not _stalled(scene), 15, "the stalled session ends")
        answer = scene.run(payer.send(other.port, payee, op.sats, op.memo, key=key))
        victim.start_and_wait()
    op.told, op.said = read(answer)
    if answer.status == 409:
        op.told = Told.UNCLEAR
        return "the same X-Idempotency-Key: 409, look at the history (as Blink answers for an hour)"
    return f"the same X-Idempotency-Key: {op.told.value}"


@fault("F02", "kill -9 after the debit, before dispatch", "a worker sends or voids; unresolved after 2 min: 0")
def after_the_debit(scene: Scene, finding: Finding) -> None:
    with scene.load() as load:
        load.go_on(2)
        load.phase = "fault"
        struck = [strike(scene, load, "lease", Kind.OUT) for _ in range(TIMES)]
        load.go_on(2, "after")
    scene.afterwards(finding)
    took = [row.took_s for row in scene.rows_of(*struck)]
    finding.says(f"{len(took)} of {TIMES} taken over", len(took) == TIMES)
    finding.says(f"slowest final after {max(took):.1f} s", max(took) <= 120)


@fault(
    "F03", "kill -9 after the dispatch mark, before the call reaches the node",
    "the lease ends, the node says not found, sent again or void; p99 <= 3 min",
)  # fmt: skip
def before_the_call(scene: Scene, finding: Finding) -> None:
    victim = scene.bank.apis[0]
    struck: list[Op] = []
    with scene.load() as load:
        load.go_on(2)
        load.phase = "fault"
        for _ in range(TIMES):
            victim.relay.lose = b"/v2/router/send"
            struck.append(scene.customer(load, Kind.OUT, victim.port))
            scene.wait_state([1], struck[-1], within_s=10)
            wait_for(lambda: victim.relay.caught, 60, "the call is lost")
            victim.kill()
            victim.relay.release()
            victim.relay.caught = 0
            victim.start_and_wait()
        load.go_on(2, "after")
    settled = scene.afterwards(finding)
    took = [row.took_s for row in scene.rows_of(*struck)]
    finding.says(f"{len(took)} lost calls, slowest final after {max(took):.1f} s (a lease is {LEASE_S} s)")
    p99 = checks.slowest_s(settled.rows)
    finding.says(f"p99 of all payments {p99:.1f} s", p99 <= 180)


@fault("F04", "kill -9 with the call in flight", "followed by its hash to the end; lost 0; stuck > 10 min: 0")
def in_flight(scene: Scene, finding: Finding) -> None:
    victim = scene.bank.apis[0]
    struck: list[Op] = []
    with scene.load() as load:
        load.go_on(2, "fault")
        for n in range(TIMES * 2):
            struck.append(scene.customer(load, Kind.OUT, victim.port, hold=True))
            scene.wait_payee(struck[-1], "ACCEPTED")
            if n % 2:
                victim.kill()
                victim.start_and_wait()
        waiting = [row.state for row in scene.rows_of(*struck)].count(1)
        finding.says(f"{waiting} of {len(struck)} wait with the payee", waiting == len(struck))
        for n, op in enumerate(struck):
            verb = "settle" if n % 2 else "cancel"
            scene.bank.outside.control("POST", f"lightning/invoices/{op.hash}/{verb}")
        decided_at = time.time()
        scene.wait_state([checks.PAID, checks.FAILED], *struck)
        load.go_on(1, "after")
    scene.afterwards(finding)
    rows = {row.hash: row for row in scene.rows_of(*struck)}
    right = sum(rows[op.hash].state == (checks.PAID if n % 2 else checks.FAILED) for n, op in enumerate(struck))
    finding.says(f"{right} of {len(struck)} ended as the payee decided", right == len(struck))
    slowest = max(float(row.concluded_at or 0) - decided_at for row in rows.values())
    finding.says(f"at most {max(slowest, 0):.1f} s later", slowest <= 600)


@fault("F05", "kill -9 after the node's success, before the settle commit", "the sweep settles in 60 s; duplicates 0")
def before_the_settle(scene: Scene, finding: Finding) -> None:
    bank = scene.bank
    late: list[float] = []
    with scene.load() as load:
        load.go_on(2, "fault")
        for _ in range(TIMES):
            bank.arm("settle")
            op = scene.customer(load, Kind.OUT, bank.apis[0].port)
            bank.wait_stalled()
            for member in bank.members:
                member.kill()
            scene.wait_payee(op, "SETTLED")
            assert [row.state for row in scene.rows_of(op)] == [1], "the books do not know it yet"
            bank.disarm()
            started = time.monotonic()
            bank.start_members()
            scene.wait_state([checks.PAID], op)
            late.append(time.monotonic() - started)
        load.go_on(2, "after")
    text = f"all four processes killed {TIMES} times; settled at most {max(late):.1f} s after the start"
    finding.says(text, max(late) <= 60)
    scene.afterwards(finding)


@fault("F06", "kill -9 after the settle, before the answer", "same answer when asked again; events lost 0")
def before_the_answer(scene: Scene, finding: Finding) -> None:
    victim, other = scene.bank.apis
    payer, payee = scene.struck, scene.crowd.members[0]
    struck: list[Op] = []
    silent = 0
    events = _facts(scene)
    with scene.load(ports=[other.port]) as load, scene.updates(payee, other) as heard:
        load.go_on(2, "fault")
        for _ in range(TIMES):
            op = scene.order(load, Kind.INSIDE, other.port)
            struck.append(op)
            silent += not _killed_behind_the_settle(scene, op)
            op.told, op.said = read(scene.run(payer.pay(other.port, op.request, op.memo)))
            victim.start_and_wait()
        load.go_on(3, "after")
        told = sum(any(op.hash in text for text in heard) for op in struck)
    same = sum(op.told is Told.SUCCESS for op in struck)
    finding.says(f"{silent} of {len(struck)} killed before the answer left", silent == len(struck))
    finding.says(f"asked again: {same} of {len(struck)} already paid", same == len(struck))
    finding.says(f"the payee heard of {told} at the other process", told == len(struck))
    settled = scene.afterwards(finding)
    final = sum(row.concluded_at is not None for row in settled.rows)
    events = _facts(scene) - events
    finding.says(f"{events} events for {final} outcomes in the books", events == final)


def _killed_behind_the_settle(scene: Scene, op: Op) -> bytes:
    """The process is killed when its settle is committed; what it had answered by then. A lock that waits for
    the settle's own keeps the process from looking at what it has done."""
    bank, victim = scene.bank, scene.bank.apis[0]
    bank.arm("settle")
    ends = scene.run(scene.half(victim.port, op))
    bank.wait_stalled()
    with bank.as_owner() as connection:
        connection.autocommit = False
        connection.execute("lock table payment in access exclusive mode")
        victim.kill()
        connection.execute("delete from fault_stall")
        connection.commit()
    scene.wait_state([checks.PAID], op, within_s=10)
    return scene.run(scene.rest(*ends))


def _facts(scene: Scene) -> int:
    return int(scene.bank.value("select count(*) from fact where topic = 'payment'"))


@fault("F24", "a worker dies holding a job", "taken over by lease + 30 s; effects 1")
def holding_a_job(scene: Scene, finding: Finding) -> None:
    """Twice: a worker holds a payment's lease with its call lost, and a worker holds a job of the queue."""
    bank = scene.bank
    struck: list[Op] = []
    with scene.load() as load:
        load.go_on(1, "fault")
        for worker in bank.workers:
            worker.relay.lose = b"/v2/router/send"
        for _ in range(TIMES):  # the API dies before it sends: only a worker can
            struck.append(strike(scene, load, "lease", Kind.OUT))
        wait_for(lambda: any(worker.relay.caught for worker in bank.workers), 60, "a worker has the lease")
        for worker in bank.workers:
            holding = worker.relay.caught
            worker.relay.release()
            if holding:
                worker.kill()
        died = time.time()
        job = _hold_job(scene)
        scene.wait_state([checks.PAID, checks.FAILED], *struck, within_s=90)
        load.go_on(1, "after")
    took = max(float(row.concluded_at or 0) for row in scene.rows_of(*struck)) - died
    finding.says(f"{len(struck)} leased payments final {took:.1f} s after the kill", took <= LEASE_S + MARGIN_S + 30)
    finding.says(f"a job of the queue was done {job:.1f} s after its worker's kill", job <= 10 + 30)
    scene.afterwards(finding)


def _hold_job(scene: Scene) -> float:
    """A worker takes a job that waits for a lock, and is killed; seconds until the other has done it."""
    bank = scene.bank
    bank.start_members()
    with bank.as_owner() as connection:
        connection.autocommit = False
        connection.execute("lock table rate_use in access exclusive mode")
        with bank.as_owner() as other:
            query = """insert into procrastinate_jobs (queue_name, task_name, lock, args, status)
                values ('default', 'hazina.tidy', 'hazina.tidy', '{"timestamp": 0}', 'todo') returning id"""
            job = other.execute(query).fetchone()
            assert job is not None
            holder = wait_for(lambda: _holder(scene, job[0]), 60, "a worker has the job", pause_s=0.02)
        for worker in bank.workers:  # which of them is not told from outside: both die, both come back
            worker.kill()
        died = time.monotonic()
        connection.rollback()
    assert holder
    bank.start_members()
    wait_for(lambda: not _holder(scene, job[0], any_state=True), 60, "the job is done")
    return time.monotonic() - died


def _holder(scene: Scene, job: int, *, any_state: bool = False) -> int:
    states = ["doing", "todo"] if any_state else ["doing"]
    query = "select count(*) from procrastinate_jobs where id = %s and status::text = any(%s)"
    return int(scene.bank.value(query, job, states))
