"""Start another program so that it cannot outlive us, and not as root when it refuses root.

Two faces. ``spawn`` is called by our processes. The rest of the file is what runs between fork and
exec, as a small program of its own (standard library only): no Python code runs in a forked copy
of a threaded process.

On Linux the child gets a signal when the *thread* that started it ends, ``kill -9`` included
(prctl(2), PR_SET_PDEATHSIG). Start children from the main thread.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x10000000

SAME = "same"
"""Run as we are."""
NAMESPACE = "namespace"
"""Root only: run as ordinary user 1 of a new user namespace in which 1 stands for root outside. The
program sees that it is not root, and still reads and writes root's files as their owner."""


def spawn(
    command: Sequence[str | Path],
    *,
    identity: str = SAME,
    on_parent_death: signal.Signals,
    env: Mapping[str, str] | None = None,
    output: IO[bytes] | int | None = None,
    errors: IO[bytes] | int | None = None,
    cwd: str | Path = "/",
) -> subprocess.Popen[bytes]:
    """Start ``command`` in a session of its own: Ctrl-C in the terminal reaches us and not it, so that
    we decide the order in which things stop. ``identity`` is SAME, NAMESPACE or ``"uid:gid"``."""
    launcher = [sys.executable, "-I", "-S", __file__, identity, str(int(on_parent_death)), str(os.getpid())]
    return subprocess.Popen(  # noqa: S603 (an argument list, no shell)
        [*launcher, *map(str, command)],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=errors,
        env=env,
        cwd=cwd,
        start_new_session=True,
    )


def namespaces_work() -> bool:
    """May this process make a user namespace? Containers often forbid it."""
    if sys.platform != "linux":
        return False
    trial = spawn(["true"], identity=NAMESPACE, on_parent_death=signal.SIGTERM, errors=subprocess.DEVNULL)
    return trial.wait() == 0


def _become(identity: str, libc: ctypes.CDLL) -> None:
    if identity == SAME:
        return
    if identity == NAMESPACE:
        if libc.unshare(CLONE_NEWUSER) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        Path("/proc/self/setgroups").write_text("deny")  # the kernel's condition for an own gid_map
        Path("/proc/self/uid_map").write_text("1 0 1")
        Path("/proc/self/gid_map").write_text("1 0 1")
        return
    uid, gid = map(int, identity.split(":"))
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def _launch(identity: str, death_signal: str, parent: str, *command: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    _become(identity, libc)
    if sys.platform == "linux":
        libc.prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)  # after _become: a change of user clears it
        if os.getppid() != int(parent):
            raise SystemExit(1)  # the parent died while we were starting
    for ignored_by_python in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored_by_python, signal.SIG_DFL)
    os.execvp(command[0], command)  # noqa: S606 (an argument list, no shell)


if __name__ == "__main__":
    _launch(*sys.argv[1:])
