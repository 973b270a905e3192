"""A disk that takes a millisecond longer for every fsync, as a cloud's does: a small library in front of the
C library's, under PostgreSQL only. Needs a C compiler."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from hazina.kernel.embedded import binaries

SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
static void wait_a_millisecond(void) { struct timespec t = {0, 1000000}; nanosleep(&t, 0); }
int fsync(int fd) {
    static int (*real)(int);
    if (!real) real = (int (*)(int)) dlsym(RTLD_NEXT, "fsync");
    wait_a_millisecond();
    return real(fd);
}
int fdatasync(int fd) {
    static int (*real)(int);
    if (!real) real = (int (*)(int)) dlsym(RTLD_NEXT, "fdatasync");
    wait_a_millisecond();
    return real(fd);
}
"""


def programs(folder: Path) -> Path:
    """A folder of PostgreSQL's programs whose server has such a disk."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise SystemExit("--slow-disk needs a C compiler (Debian: apt-get install gcc).")
    source, library, bin_ = folder / "slow.c", folder / "slow.so", folder / "bin"
    source.write_text(SOURCE)
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"], check=True)  # noqa: S603
    bin_.mkdir()
    real = binaries()
    for program in real.iterdir():
        if program.name != "postgres":
            (bin_ / program.name).symlink_to(program)
    server = bin_ / "postgres"
    server.write_text(f'#!/bin/sh\nLD_PRELOAD="{library}" exec "{real / "postgres"}" "$@"\n')
    for path in (folder, bin_, server):
        path.chmod(0o755)
    library.chmod(0o755)
    return bin_
