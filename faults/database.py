"""The database goes away (F16), storms (F18), takes no connection (F19), runs out of disk (F20); and what stands
in for the Redis that there is not (F21)."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from faults import checks
from faults.bank import Bank
from faults.client import NotSent, Unanswered, post
from faults.load import MIX, Kind, Load, Op, Told
from faults.process import wait_for
from faults.report import Finding, fault
from faults.scene import LeftOut, Scene, spoken
from hazina.kernel.embedded import DATABASE

BACK_S = 10.0
PAYING = (Kind.INTERNAL, Kind.INSIDE, Kind.OUT)
DISK_MB = 320


def meanwhile(load: Load, phase: str = "fault") -> list[Op]:
    return [op for op in load.ops if op.phase == phase and op.kind is not Kind.IN]


@fault("F16", "PostgreSQL immediate shutdown and start, twice", "503 + Retry-After; RPO 0; back in 10 s")
def restarted(scene: Scene, finding: Finding) -> None:
    bank = scene.bank
    back: list[float] = []
    with scene.load() as load:
        load.go_on(3)
        for away_s in (0.0, 4.0):
            load.phase = "fault"
            bank.postgres_dies()
            died = time.monotonic()
            time.sleep(away_s)
            bank.cluster.start()
            started = time.monotonic()
            load.go_on(8)
            answered = [op.answered_at for op in meanwhile(load) if op.told is Told.SUCCESS and op.asked_at > died]
            back.append(min(answered, default=died + 999) - started)
        load.go_on(2, "after")
    ops = meanwhile(load)
    clear = [op for op in ops if op.http == 503]
    with_header = sum(op.retry_after for op in clear)
    finding.says(f"told: {spoken(checks.told(ops))}")
    finding.says(f"{with_header} of {len(clear)} 503 answers with Retry-After", with_header == len(clear))
    finding.says(f"first success {', '.join(f'{max(s, 0):.1f} s' for s in back)} after the start", max(back) <= BACK_S)
    scene.afterwards(finding)


# --- storms -----------------------------------------------------------------------------------------


@contextmanager
def storm(bank: Bank, sessions: int = 4) -> Iterator[None]:
    """Outsiders lock the accounts that everybody pays from, two at a time in any order, so that deadlocks
    form with each other and with the bank's writers."""
    stop = threading.Event()

    def rage(seed: int) -> None:
        dice = random.Random(seed)
        with bank.as_owner() as connection:
            rows = connection.execute("select ledger_account from wallet w where asset = 1").fetchall()
            accounts = [row[0] for row in rows]
            while not stop.is_set():
                with contextlib.suppress(psycopg.errors.DeadlockDetected), connection.transaction():
                    for account in dice.sample(accounts, 2):
                        connection.execute("select 1 from ledger.account where id = %s for update", (account,))
                        time.sleep(dice.uniform(0.005, 0.03))
                time.sleep(dice.uniform(0, 0.03))

    with bank.as_owner() as connection:
        connection.execute("alter system set deadlock_timeout = '30ms'")
        connection.execute("select pg_reload_conf()")
    threads = [threading.Thread(target=rage, args=(n,), daemon=True) for n in range(sessions)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(10)
        with bank.as_owner() as connection:
            connection.execute("alter system reset deadlock_timeout")
            connection.execute("select pg_reload_conf()")


@fault("F18", "40001 / 40P01 storm", "at most 5 tries with jitter, the whole unit; reaching the client: 0")
def storms(scene: Scene, finding: Finding) -> None:
    bank = scene.bank
    count = "select deadlocks from pg_stat_database where datname = %s"
    before = int(bank.value(count, DATABASE))
    with scene.load() as load:
        load.go_on(2)
        with storm(bank):
            load.go_on(15, "fault")
        load.go_on(2, "after")
    deadlocks = int(bank.value(count, DATABASE)) - before
    ops = meanwhile(load)
    finding.says(f"{deadlocks} deadlocks beside {len(ops)} payments", deadlocks > 0)
    reached = [op for op in ops if op.told not in (Told.SUCCESS, Told.PENDING)]
    text = f"reaching the client: {len(reached)}"
    if reached:
        text += f" ({spoken({op.said[:60] or op.told.value: 1 for op in reached})})"
    finding.says(text, not reached)
    finding.says(f"p99 {checks.p99_ms(load, 'fault', *PAYING):.0f} ms")
    scene.afterwards(finding)


# --- connections ------------------------------------------------------------------------------------


@contextmanager
def crowded(bank: Bank) -> Iterator[list[psycopg.Connection[tuple[object, ...]]]]:
    """An outsider takes every connection that it can get, and each one that becomes free."""
    with bank.as_owner() as connection:
        connection.execute("drop role if exists fault_outsider")
        connection.execute("create role fault_outsider login")
    taken: list[psycopg.Connection[tuple[object, ...]]] = []
    stop = threading.Event()

    def grab() -> None:
        while not stop.is_set():
            try:
                taken.append(psycopg.connect(bank.cluster.url("fault_outsider"), autocommit=True, connect_timeout=2))
            except psycopg.OperationalError:
                time.sleep(0.02)

    threads = [threading.Thread(target=grab, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        wait_for(lambda: len(taken) > 20, 60, "the outsider has connections")
        time.sleep(1)
        yield taken
    finally:
        stop.set()
        for thread in threads:
            thread.join(10)
        for one in taken:
            with contextlib.suppress(psycopg.Error):
                one.close()


@fault("F19", "connections exhausted by an outsider", "reads shed; the workers go on: sweep lag <= 60 s")
def exhausted(scene: Scene, finding: Finding) -> None:
    """All free connections are taken, then the watch over the node loses its own."""
    bank = scene.bank
    with scene.load(mix={**MIX, Kind.READ: 6}) as load:
        load.go_on(2)
        held = scene.customer(load, Kind.OUT, bank.apis[0].port, hold=True)
        scene.wait_payee(held, "ACCEPTED")
        with crowded(bank) as taken:
            load.go_on(3, "fault")
            with bank.as_owner() as connection:
                connection.execute(
                    """select pg_terminate_backend(pid) from pg_stat_activity
                    where application_name like 'hazina lead%'"""
                )
            bank.outside.control("POST", f"lightning/invoices/{held.hash}/settle")
            settled_at = time.monotonic()
            scene.wait_state([checks.PAID], held, within_s=90)
            lag = time.monotonic() - settled_at
            load.go_on(8)
            finding.says(f"{len(taken)} connections taken")
        load.go_on(3, "after")
    finding.says(f"told: {spoken(checks.told(meanwhile(load)))}")
    finding.says(f"a payment that ended meanwhile was booked {lag:.1f} s later", lag <= 60)
    settled = scene.afterwards(finding)
    finding.says(f"all quiet {settled.quiet_s:.1f} s after", settled.quiet_s <= 60)


# --- disk -------------------------------------------------------------------------------------------


@fault("F20", "disk full under PostgreSQL", "money writes refused; goes on without repair; corrupt rows 0")
def disk_full(outer: Scene, finding: Finding) -> None:
    """A bank of its own whose database lies on a small file system."""
    folder = outer.bank.folder.parent / "small"
    with small_disk(folder / "postgres"):
        bank = Bank(folder)
        scene = Scene(bank, since=time.time())
        try:
            bank.start()
            scene.come()
            _fill(scene, finding)
        finally:
            bank.end()


@contextmanager
def small_disk(place: Path) -> Iterator[None]:
    if os.geteuid() != 0:
        raise LeftOut("needs root, to mount a small file system")
    place.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    place.mkdir(mode=0o700)
    options = f"size={DISK_MB}m,mode=0700"
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "hazina-faults", str(place)], check=False)  # noqa: S603, S607
    if done.returncode:
        raise LeftOut("this machine does not let root mount a file system")
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)  # noqa: S603, S607


def _fill(scene: Scene, finding: Finding) -> None:
    bank = scene.bank
    ballast = bank.cluster.data / "ballast"
    with scene.load() as load:
        load.go_on(3)
        load.phase = "fault"
        died = _until_full(bank, load, ballast)
        load.go_on(6)
        process = bank.cluster.process
        stopped = process is None or process.poll() is not None
        ballast.unlink()
        load.phase = "after"
        if stopped:
            bank.cluster.stop()
            bank.cluster.start()
        load.go_on(8)
    last = [op.told for op in load.ops if op.phase == "after"][-20:]
    finding.says(f"full after {died:.0f} s: told {spoken(checks.told(meanwhile(load)))}")
    refused = sum(op.told is not Told.SUCCESS for op in meanwhile(load))
    finding.says(f"{refused} not paid", refused > 0)
    finding.says("PostgreSQL ended, and started again from its log" if stopped else "PostgreSQL went on by itself")
    finding.says(f"{last.count(Told.SUCCESS)} of the last {len(last)} paid", Told.SUCCESS in last)
    scene.afterwards(finding)
    bad = int(bank.value("select coalesce(sum(checksum_failures), 0) from pg_stat_database"))
    finding.says(f"damaged pages {bad}", not bad)


def _until_full(bank: Bank, load: Load, ballast: Path) -> float:
    """Fill the file system, again and again while PostgreSQL gives some back, until a payment fails."""
    began = time.monotonic()
    with ballast.open("wb", buffering=0) as file:
        while time.monotonic() - began < 60:
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"\0" * 4096)
            if any(op.told in (Told.REFUSED, Told.UNCLEAR) for op in meanwhile(load)):
                break
            time.sleep(0.05)
    return time.monotonic() - began


# --- counts -----------------------------------------------------------------------------------------

TRIES = 8
"""Wrong codes in an hour for one phone (``identity.LOGIN_PER_PHONE``)."""


@fault("F21", "no Redis: the counts in PostgreSQL under kills", "locks live in PostgreSQL; limit bypass 0; lost 0")
def counts(scene: Scene, finding: Finding) -> None:
    """Rates are rows of PostgreSQL. Somebody guesses a phone's code at both processes, while one of them is
    killed and the database is shut down hard: the guesses that are looked at stay within the limit."""
    bank = scene.bank
    taken = lost = 0
    with scene.load() as load:
        load.go_on(1, "fault")
        for n in range(3 * TRIES):
            member = bank.apis[n % 2]
            try:
                body = {"phone": "+254712345790", "code": f"{n:06d}"}
                answer = scene.run(post(member.port, "/auth/phone/login", body))
                taken += answer.status not in (429, 503)
                lost += answer.status == 503
            except (NotSent, Unanswered):
                lost += 1
            if n == 2:
                bank.apis[1].kill()
            if n == 4:
                bank.apis[1].start_and_wait()
                bank.postgres_dies()
                bank.cluster.start()
        load.go_on(2, "after")
    finding.says(f"{3 * TRIES} guesses: {taken} looked at, the limit is {TRIES}; {lost} unanswered", taken <= TRIES)
    scene.afterwards(finding)
