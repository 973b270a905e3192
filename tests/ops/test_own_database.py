"""A PostgreSQL of the operator's own, by ``DATABASE_URL``."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from tests.ops.bank import Running, hazina, wait_until_nothing_is_left

from hazina.kernel.embedded import OWNER_ROLE, Cluster
from hazina.ops.database import POSTGRES_OLDEST

UNSAFE = {"HAZINA_UNSAFE_DATABASE": "true"}  # the tests' server promises nothing about power cuts


@pytest.fixture
def urls(cluster: Cluster) -> Iterator[dict[str, str]]:
    """An empty database of its own, as the variables that name it."""
    with psycopg.connect(cluster.url(OWNER_ROLE, "postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE operated")
    yield {
        "DATABASE_URL": cluster.url(database="operated"),
        "HAZINA_OWNER_URL": cluster.url(OWNER_ROLE, "operated"),
    }
    with psycopg.connect(cluster.url(OWNER_ROLE, "postgres"), autocommit=True) as connection:
        connection.execute("DROP DATABASE operated WITH (FORCE)")


def test_a_server_that_may_forget_commits_is_refused(urls: dict[str, str], tmp_path: Path) -> None:
    done = hazina("up", "--data", str(tmp_path / "data"), "--port", "0", **urls)
    assert done.returncode == 1
    assert "may lose payments in a power cut: fsync, full_page_writes, synchronous_commit is off" in done.stderr
    doctor = hazina("doctor", "--data", str(tmp_path / "data"), **urls)
    assert doctor.returncode == 1
    assert "ALTER SYSTEM SET fsync = on" in doctor.stdout


def test_an_unmigrated_database_is_not_served(urls: dict[str, str], tmp_path: Path) -> None:
    done = hazina("api", "--data", str(tmp_path / "data"), "--port", "0", **urls, **UNSAFE)
    assert done.returncode == 1
    assert "Run `hazina migrate` first." in done.stderr


def test_a_role_that_may_not_migrate_is_a_sentence(urls: dict[str, str]) -> None:
    done = hazina("migrate", DATABASE_URL=urls["DATABASE_URL"])
    assert done.returncode == 1
    assert "HAZINA_OWNER_URL names one that may" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_that_does_not_answer_is_a_sentence_without_the_password(tmp_path: Path) -> None:
    url = "postgresql://hazina:pass-word@127.0.0.1:1/hazina"
    done = hazina("migrate", "--data", str(tmp_path), DATABASE_URL=url)
    assert done.returncode == 1
    assert done.stderr.startswith("hazina: The database does not answer: ")
    assert "pass-word" not in done.stderr


def test_up_on_it_starts_no_server(urls: dict[str, str], tmp_path: Path) -> None:
    data = tmp_path / "data"
    bank = Running.start(tmp_path / "log", "up", "--data", str(data), "--port", "0", **urls, **UNSAFE)
    assert bank.get("/readyz")[0] == 200
    assert not (data / "postgres").exists()
    assert bank.stop() == 0
    wait_until_nothing_is_left(data)


def test_apis_and_workers_share_one_database(urls: dict[str, str], tmp_path: Path) -> None:
    data, log = tmp_path / "data", tmp_path / "log"
    common = {**urls, **UNSAFE}
    migrated = hazina("migrate", "--data", str(data), **common)
    assert migrated.stdout.startswith("Migrated from nothing to ")
    assert hazina("migrate", "--data", str(data), **common).stdout.startswith("Nothing to do")
    here = ("--data", str(data))
    parts = [Running.start(log, "sandbox", *here, ready="sandbox http://", **common)]
    try:
        parts.append(Running.start(log, "worker", *here, ready="The worker is ready", **common))
        parts += [Running.start(log, "api", *here, "--port", "0", ready="The API is ready", **common) for _ in range(2)]
        for part in parts[2:]:
            status, ready = part.get("/readyz")
            assert (status, ready["parts"]["lightning"]) == (200, "ok")
        assert parts[1].get("/graphql")[0] == 404
    finally:
        codes = [part.stop(signal.SIGTERM) for part in reversed(parts)]
    assert codes == [0, 0, 0, 0]
    wait_until_nothing_is_left(data)


def oldest() -> Path | None:
    """The oldest PostgreSQL of this machine that we promise to work with, when it is not the carried one."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda file: int(file.parents[1].name))
    return next((file.parent for file in found if int(file.parents[1].name) >= POSTGRES_OLDEST), None)


@pytest.mark.skipif(oldest() is None, reason="no PostgreSQL of the machine's own")
def test_the_oldest_postgres_here_serves_the_bank(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / "own", durable=True, shared_buffers_mb=64, programs=oldest()).start()
    try:
        urls = {"DATABASE_URL": cluster.url(), "HAZINA_OWNER_URL": cluster.url(OWNER_ROLE)}
        bank = Running.start(tmp_path / "log", "up", "--data", str(tmp_path / "data"), "--port", "0", **urls)
        assert bank.get("/readyz")[0] == 200
        assert hazina("verify", **urls).returncode == 0
        assert bank.stop() == 0
    finally:
        cluster.stop()
