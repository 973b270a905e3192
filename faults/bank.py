"""A whole bank in processes of its own, each of which can be struck alone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, LiteralString, TypeVar

import httpx2
import psycopg

from faults.outside import Outside
from faults.process import START_S, Process, free_port, wait_for
from faults.relay import Relay
from hazina.kernel.embedded import OWNER_ROLE, Cluster

T = TypeVar("T")

# Time to strike at a named step: what the table names stands still there, everybody else passes. "claim": the
# first thing that a payment of this account writes; the others: payments whose memo begins with "stall".
STALLS: LiteralString = """
create table if not exists fault_stall (step text, account text);
create or replace function fault_stall() returns trigger language plpgsql security definer as $$
declare at text := case
    when tg_op = 'INSERT' then 'insert'
    when new.lease_until is not null and old.lease_until is null then 'lease'
    when new.state = 2 and old.state < 2 then 'settle' end;
begin
    if exists (select from public.fault_stall where step = at) then perform pg_sleep(3); end if;
    return new;
end $$;
create or replace function fault_stall_claim() returns trigger language plpgsql security definer as $$
begin
    if exists (select from public.fault_stall where step = 'claim' and new.subject like '%:' || account)
        then perform pg_sleep(3); end if;
    return new;
end $$;
create or replace trigger fault_stall before insert or update on payment for each row
    when (new.memo like 'stall%') execute function fault_stall();
create or replace trigger fault_stall before insert on limit_use for each row execute function fault_stall_claim();
"""


class Loop:
    """An event loop in a thread: the relays and the load live there, the faults strike from outside."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="load", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], within_s: float = 60) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(within_s)

    def end(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()


class Member(Process):
    """An API or a worker: it talks to the node over a wire of its own."""

    def __init__(self, bank: Bank, kind: str, number: int) -> None:
        self.name = f"{kind}-{number}"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.relay = Relay(free_port(), bank.outside.port)
        port = "--port" if kind == "api" else "--health-port"
        environ = {
            "HAZINA_LND__BASE_URL": f"http://127.0.0.1:{self.relay.port}/lnd",
            "HAZINA_LND__MACAROON": bank.outside.macaroon,
            "HAZINA_LOG_LEVEL": "warning",
        }
        arguments = [kind, "--data", str(bank.folder), port, str(self.port)]
        super().__init__(arguments, bank.folder / f"{self.name}.out", environ)

    def is_ready(self) -> bool:
        assert self.alive, f"{self.name} ended:\n{self.said()[-2000:]}"
        return self.ready_now()

    def ready_now(self) -> bool:
        with contextlib.suppress(httpx2.HTTPError):
            return httpx2.get(f"{self.url}/readyz", timeout=5, trust_env=False).status_code == 200
        return False

    def start_and_wait(self) -> None:
        self.start()
        self.wait_ready()

    def wait_ready(self) -> None:
        wait_for(self.is_ready, START_S, f"{self.name} is ready")


class Bank:
    """PostgreSQL (a child of ours, durable), the sandbox, two API processes, two workers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.loop = Loop()
        self.cluster = Cluster(folder / "postgres")
        self.outside = Outside(folder, free_port())
        self.apis: list[Member] = []
        self.workers: list[Member] = []

    @property
    def members(self) -> list[Member]:
        return [*self.apis, *self.workers]

    def start(self) -> None:
        self.cluster.start()
        self.hazina("migrate")
        with self.as_owner() as connection:
            connection.execute(STALLS)
        self.outside.start()
        for kind in ("api", "api", "worker", "worker"):
            self.add(kind)
        self.start_members()

    def add(self, kind: str) -> Member:
        """One more API or worker; it is not started yet."""
        alike = self.apis if kind == "api" else self.workers
        member = Member(self, kind, len(alike) + 1)
        self.loop.run(member.relay.open())
        alike.append(member)
        return member

    def start_members(self) -> None:
        for member in self.members:
            if not member.alive:
                member.start()
        for member in self.members:
            member.wait_ready()

    def end(self) -> None:
        for member in self.members:
            if member.alive:
                member.thaw()
            member.kill()
            self.loop.run(member.relay.close())
        self.outside.end()
        self.cluster.stop()
        self.loop.end()

    def heal(self) -> None:
        """Every part runs again and no fault stands."""
        if not self.outside.process.alive:
            self.outside.start()
        self.outside.heal()
        if self.cluster.process is None or self.cluster.process.poll() is not None:
            self.cluster.stop()
            self.cluster.start()
        for member in self.members:
            member.relay.release()
            member.relay.copies = 1
            member.relay.caught = 0
            member.relay.late_answers.clear()
            if member.alive:
                member.thaw()
        self.disarm()
        self.start_members()

    # --- the database

    def postgres_dies(self) -> None:
        """An immediate shutdown: no checkpoint, every session cut; the next start recovers from the log."""
        assert self.cluster.process is not None
        self.cluster.process.send_signal(signal.SIGQUIT)
        self.cluster.process.wait(30)
        self.cluster.stop()

    @contextmanager
    def as_owner(self) -> Iterator[psycopg.Connection[Any]]:
        """The bank's database as its superuser."""
        connection = psycopg.connect(self.cluster.url(OWNER_ROLE), autocommit=True)
        try:
            yield connection
        finally:
            with contextlib.suppress(psycopg.Error):
                connection.close()

    def value(self, query: LiteralString, *values: Any) -> Any:
        with self.as_owner() as connection:
            row = connection.execute(query, values).fetchone()
            return row[0] if row else None

    def arm(self, step: str, account: str = "") -> None:
        """``claim`` of an account; ``lease`` or ``settle`` of payments with a memo that begins with "stall"."""
        with self.as_owner() as connection:
            connection.execute("insert into fault_stall values (%s, %s)", (step, account))

    def disarm(self) -> None:
        with self.as_owner() as connection:
            connection.execute("delete from fault_stall")

    def wait_stalled(self, many: int = 1) -> None:
        def stalled() -> bool:
            seen = self.value("select count(*) from pg_stat_activity where wait_event = 'PgSleep'")
            return int(seen) >= many

        wait_for(stalled, 15, "a payment stands still at the step", pause_s=0.01)

    # --- the command line

    def hazina(self, *arguments: str) -> str:
        """Run a command of the program on this bank; what it printed. Fails when the command does."""
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "hazina.cli", *arguments, "--data", str(self.folder)],
            capture_output=True, text=True, timeout=180, check=False, env=dict(os.environ),
        )  # fmt: skip
        assert done.returncode == 0, f"hazina {' '.join(arguments)}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def in_log(self, text: str) -> int:
        """How often the processes of the bank said this so far."""
        return sum(member.said().count(text) for member in self.members)


def timed(work: Any) -> float:
    """Seconds that ``work`` takes."""
    began = time.monotonic()
    work()
    return time.monotonic() - began
