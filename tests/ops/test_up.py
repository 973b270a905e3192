"""``hazina up`` as an operator meets it: start, stop, killed, and everything that must be a plain sentence."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from tests.ops.bank import Running, hazina, left_over, wait_until_nothing_is_left

from hazina.kernel.embedded import OWNER_ROLE, Cluster


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """A data folder; whatever happens, no process of it stays."""
    folder = tmp_path / "data"
    yield folder
    for line in left_over(folder):
        os.kill(int(line.split()[0]), signal.SIGKILL)
    wait_until_nothing_is_left(folder)


def up(data: Path, *arguments: str, **environ: str) -> Running:
    return Running.start(data.parent / "log", "up", "--data", str(data), "--port", "0", *arguments, **environ)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Path]]:
    """A bank, started from nothing, that tests only look at; stopped at the end as an operator stops it."""
    folder = tmp_path_factory.mktemp("running") / "data"
    bank = up(folder)
    yield bank, folder
    assert bank.stop() == 0
    assert bank.out.read_text().endswith("Stopped.\n")
    wait_until_nothing_is_left(folder)


def test_it_says_where_everything_is_and_all_of_it_answers(running: tuple[Running, Path]) -> None:
    bank, _ = running
    said = bank.out.read_text()
    own = bank.url.replace("127.0.0.1", "localhost")  # passkeys are bound to a name
    for place in (f"{own}/wallet", f"{own}/sandbox", f"{bank.url}/graphql"):
        assert place in said
    assert bank.get("/livez") == (200, "ok\n")
    status, ready = bank.get("/readyz")
    end = time.monotonic() + 60
    while ready["degraded"] and time.monotonic() < end:  # the first price comes a moment later
        time.sleep(0.1)
        status, ready = bank.get("/readyz")
    assert (status, ready["ready"], ready["degraded"]) == (200, True, [])
    assert set(ready["parts"]) == {"database", "migrations", "lightning", "price"}
    _, metrics = bank.get("/metrics")
    assert "hazina_http_requests_total" in metrics
    assert bank.get("/sandbox/api/sms")[0] == 200


def test_a_second_bank_on_the_same_folder_is_refused(running: tuple[Running, Path]) -> None:
    bank, folder = running
    done = hazina("up", "--data", str(folder), "--port", "0")
    assert done.returncode == 1
    assert "is using" in done.stderr
    assert "Traceback" not in done.stderr
    assert bank.get("/readyz")[0] == 200


def test_psql_doctor_and_verify_look_into_a_running_bank(running: tuple[Running, Path]) -> None:
    bank, folder = running
    assert bank.post("/sandbox/api/feeds", {"feed": "okx", "state": "gone"}) == 200
    try:
        _looked_into(bank, folder)
    finally:
        assert bank.post("/sandbox/api/feeds", {"state": "well"}) == 200
    verify = hazina("verify", "--data", str(folder))
    assert verify.returncode == 0
    assert "The books agree." in verify.stdout


def _looked_into(bank: Running, folder: Path) -> None:
    dropped, end = 'hazina_price_dropped_total{reason="away",source="okx"}', time.monotonic() + 60
    while dropped not in bank.get("/metrics")[1] and time.monotonic() < end:
        time.sleep(0.1)
    who = hazina("psql", "--data", str(folder), "--", "-Atc", "select current_user")
    assert (who.returncode, who.stdout) == (0, "hazina\n")
    who = hazina("psql", "--superuser", "--data", str(folder), "--", "-Atc", "select current_user")
    assert (who.returncode, who.stdout) == (0, "hazina_owner\n")
    doctor = hazina("doctor", "--data", str(folder))
    assert doctor.returncode == 0, doctor.stdout
    for name in ("disk", "database", "durability", "migrations", "role", "clock", "lightning", "price"):
        assert any(line.startswith(name) for line in doctor.stdout.splitlines()), name
    assert re.search(r"^feed okx +.*is not used: away", doctor.stdout, re.M), doctor.stdout
    assert "feed kraken" not in doctor.stdout
    assert "[hedging]" in doctor.stdout, "the name of a section is no colour"


def test_ctrl_c_stops_all_and_the_data_stays(data: Path) -> None:
    bank = up(data)
    assert "migrations  nothing to" in bank.out.read_text()
    assert bank.stop(signal.SIGINT) == 0
    wait_until_nothing_is_left(data)
    again = up(data)
    assert "migrations" not in again.out.read_text()
    assert again.stop() == 0


def test_kill_9_leaves_nothing_and_the_next_start_is_clean(data: Path) -> None:
    bank = up(data)
    bank.process.send_signal(signal.SIGKILL)
    bank.process.wait()
    again = up(data)  # at once: the old server may still be leaving
    assert again.get("/readyz")[0] == 200
    assert again.stop() == 0
    wait_until_nothing_is_left(data)


@pytest.mark.parametrize("part", ["sandbox", "database"])
def test_a_part_that_is_killed_ends_the_process_loudly(data: Path, part: str) -> None:
    bank = up(data)
    if part == "sandbox":
        pid = int(json.loads((data / "sandbox" / "address.json").read_text())["pid"])
    else:
        pid = int((data / "postgres" / "postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGKILL)
    assert bank.ended() == 1
    assert f"'{part}' stopped by itself" in bank.err.read_text()
    wait_until_nothing_is_left(data)


def test_a_port_in_use_is_a_sentence_and_nothing_is_started(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = hazina("up", "--data", str(data), "--port", str(port))
    assert done.returncode == 1
    assert done.stderr == f"hazina: Port {port} is in use. Choose another with --port.\n"
    assert not data.exists()


def test_data_of_a_newer_program_is_refused(data: Path) -> None:
    assert hazina("migrate", "--data", str(data)).returncode == 0
    cluster = Cluster(data / "postgres").start()
    try:
        with psycopg.connect(cluster.url(OWNER_ROLE)) as connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
    finally:
        cluster.stop()
    for command in (["up", "--port", "0"], ["migrate"], ["verify"]):
        done = hazina(*command, "--data", str(data))
        assert done.returncode == 1, command
        assert "The data is newer than this program: it was migrated to revision 9999" in done.stderr
        assert "Traceback" not in done.stderr
    wait_until_nothing_is_left(data)


def test_an_embedded_database_that_was_made_forgetful_is_refused(data: Path) -> None:
    assert hazina("migrate", "--data", str(data)).returncode == 0
    with (data / "postgres" / "postgresql.auto.conf").open("a") as file:
        file.write("synchronous_commit = off\n")
    done = hazina("up", "--data", str(data), "--port", "0")
    assert done.returncode == 1
    assert "may lose payments in a power cut: synchronous_commit is off" in done.stderr
    wait_until_nothing_is_left(data)


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = hazina("up", "--data", str(tmp_path / "file" / "data"), "--port", "0")
    assert done.returncode == 1
    assert done.stderr.startswith("hazina: The data folder ")
