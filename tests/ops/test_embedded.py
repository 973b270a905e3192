"""The embedded PostgreSQL: one server a folder, nothing left behind, data that survives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from hazina.kernel import child
from hazina.kernel.embedded import OWNER_ROLE, CannotStart, Cluster, alive, binaries, closed_to

HOLD = """
import sys, time
from pathlib import Path
from hazina.kernel.embedded import Cluster
cluster = Cluster(Path(sys.argv[1]), durable=False, shared_buffers_mb=16).start()
print("adopted" if cluster.adopted else "started", flush=True)
time.sleep(600)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "bank" / "postgres"


def cluster_in(folder: Path) -> Cluster:
    return Cluster(folder, durable=False, shared_buffers_mb=16)


def holder(folder: Path, log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        return subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=output, stderr=output)


def said(log: Path, seconds: float = 60) -> str:
    end = time.monotonic() + seconds
    while not (text := log.read_text()) and time.monotonic() < end:
        time.sleep(0.02)
    return text.strip()


def working_in(folder: Path) -> list[int]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(process / "cwd") == str(folder) and alive(int(process.name)):
                found.append(int(process.name))
        except OSError:
            continue
    return found


def test_a_folder_is_made_and_kept(folder: Path) -> None:
    first = cluster_in(folder).start()
    with psycopg.connect(first.url(OWNER_ROLE)) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
    assert folder.stat().st_mode & 0o077 == 0
    first.stop()
    assert working_in(folder) == []
    again = cluster_in(folder).start()
    try:
        with psycopg.connect(again.url(OWNER_ROLE)) as connection:
            assert connection.execute("SELECT n FROM kept").fetchone() == (7,)
    finally:
        again.stop()


def test_the_program_is_not_the_owner(folder: Path) -> None:
    cluster = cluster_in(folder).start()
    try:
        with psycopg.connect(cluster.url()) as connection:
            rights = "SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user"
            assert connection.execute(rights).fetchone() == (False, False, False)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("CREATE TABLE mine (n int)")
    finally:
        cluster.stop()


def test_who_comes_second_uses_the_running_server_and_leaves_it_running(folder: Path) -> None:
    first = cluster_in(folder).start()
    try:
        second = cluster_in(folder).start()
        assert second.adopted
        with psycopg.connect(second.url()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        second.stop()
        assert working_in(folder)
        with pytest.raises(CannotStart, match="is using"):
            cluster_in(folder).start(adopt=False)
    finally:
        first.stop()
    assert working_in(folder) == []


def test_several_at_once_start_one_server(folder: Path, tmp_path: Path) -> None:
    logs = [tmp_path / f"{n}.log" for n in range(4)]
    holders = [holder(folder, log) for log in logs]
    try:
        assert sorted(map(said, logs)) == ["adopted", "adopted", "adopted", "started"]
    finally:
        for process in holders:
            process.kill()
            process.wait()
    wait_until_gone(folder)


def test_the_server_ends_with_its_owner_and_the_next_start_is_clean(folder: Path, tmp_path: Path) -> None:
    process = holder(folder, tmp_path / "log")
    assert said(tmp_path / "log") == "started"
    process.send_signal(signal.SIGKILL)
    process.wait()
    following = cluster_in(folder).start()  # at once, while the old server may still be leaving
    try:
        assert not following.adopted
        with psycopg.connect(following.url()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        following.stop()
    wait_until_gone(folder)


def test_lock_files_of_a_server_that_was_killed_do_not_block(folder: Path) -> None:
    cluster = cluster_in(folder).start()
    assert cluster.process is not None
    os.kill(cluster.process.pid, signal.SIGKILL)
    cluster.process.wait()
    assert (folder / "postmaster.pid").exists()
    (folder / "postmaster.pid").write_text(
        (folder / "postmaster.pid").read_text().replace(str(cluster.process.pid), str(os.getpid()), 1)
    )  # the number was given to a stranger meanwhile
    cluster.process = None
    cluster.stop()
    again = cluster_in(folder).start(timeout_s=60)
    again.stop()


def test_data_of_another_postgres_is_refused_with_both_numbers(folder: Path) -> None:
    cluster_in(folder).start().stop()
    (folder / "PG_VERSION").write_text("12\n")
    with pytest.raises(CannotStart, match=r"made by PostgreSQL 12, and this program carries PostgreSQL \d+"):
        cluster_in(folder).start()


def test_a_long_path_gets_its_socket_elsewhere(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60) / "postgres"
    cluster = cluster_in(deep).start()
    try:
        assert cluster.sockets != cluster.data
        with psycopg.connect(cluster.url()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        cluster.stop()
        cluster.sockets.rmdir()


def test_a_closed_folder_above_is_named(tmp_path: Path) -> None:
    closed = tmp_path / "home"
    closed.mkdir(mode=0o700)
    stranger = 12345
    first = closed_to(closed / "checkout" / "bin", stranger, stranger)
    assert first in (closed, *closed.parents)
    assert closed_to(closed / "checkout" / "bin", os.geteuid(), os.getegid()) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_root_serves_as_somebody_else_where_namespaces_are_forbidden(folder: Path) -> None:
    if closed_to(binaries() / "postgres", 65534, 65534):
        pytest.skip("this checkout lies where nobody else may enter")
    folder.mkdir(parents=True)
    for part in (folder, folder.parent, *[p for p in folder.parents if "pytest" in str(p)]):
        part.chmod(0o755)
    folder.chmod(0o700)
    os.chown(folder, 65534, 65534)
    cluster = cluster_in(folder).start()
    try:
        assert cluster.process is not None
        assert Path(f"/proc/{cluster.process.pid}").stat().st_uid == 65534
    finally:
        cluster.stop()


def test_a_child_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    script = (
        "import signal, sys, time\nfrom hazina.kernel import child\n"
        "c = child.spawn(['sleep', '60'], on_parent_death=signal.SIGTERM)\nprint(c.pid, flush=True)\ntime.sleep(60)"
    )
    with (tmp_path / "log").open("wb") as output:
        parent = subprocess.Popen([sys.executable, "-c", script], stdout=output)
    pid = int(said(tmp_path / "log"))
    time.sleep(0.3)
    assert alive(pid)
    parent.kill()
    parent.wait()
    end = time.monotonic() + 60
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.01)
    assert not alive(pid)


def test_a_child_gets_ordinary_signals_and_a_session_of_its_own() -> None:
    show = ["sh", "-c", "grep SigIgn /proc/$$/status; cut -d' ' -f6 /proc/$$/stat; echo $$"]
    process = child.spawn(show, on_parent_death=signal.SIGTERM, output=subprocess.PIPE)
    out, _ = process.communicate(timeout=60)
    ignored, session, own = out.decode().splitlines()
    assert int(ignored.split()[1], 16) & (1 << (signal.SIGPIPE - 1)) == 0
    assert int(session) == int(own)


def wait_until_gone(folder: Path) -> None:
    end = time.monotonic() + 60
    while working_in(folder) and time.monotonic() < end:
        time.sleep(0.02)
    assert working_in(folder) == []
