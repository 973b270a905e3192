"""What ``./dev`` does once the environment stands. Standard library only, so that it starts at once."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

USAGE = """\
./dev up [--data DIR] [--port N] [--demo]   run the bank; http://127.0.0.1:4455 when it is ready
./dev up --regtest [--lightning electrum]   the same on real programs: a bitcoind and a Lightning network
./dev test [pytest arguments]               everything that must hold: static checks and all tests
./dev check                                 the static checks and the fast tests, under a minute
./dev hazina ...                            the program itself: verify, doctor, psql, config, ... (--help)
./dev web                                   build the web app now
./dev bench                                 measure, beside pgbench on the same PostgreSQL
./dev simulate --seeds N [--seed FIRST]     the whole bank under a virtual clock, broken in every way a seed finds
./dev faults [NAME ...]                     kill, freeze, fill and cut a running bank, and check its books
./dev lock                                  resolve requirements.lock again from pyproject.toml
"""

MODULES = {"bench": "bench", "faults": "faults", "simulate": "simulation"}


def hazina(arguments: list[str]) -> None:
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "hazina.cli", *arguments])  # noqa: S606


def main(arguments: list[str]) -> int:
    what, rest = (arguments[0], arguments[1:]) if arguments else ("help", [])
    if what == "up":
        if not {"-h", "--help"} & set(rest):
            from tools import web

            web.build()
        if "--regtest" in rest:
            from tools import nodes

            os.environ |= nodes.named(lightning="lnd" not in rest and "--lightning=lnd" not in rest)
        hazina(["up", *rest])
    if what == "hazina":
        hazina(rest)
    if what == "web":
        from tools import web

        return 0 if web.build(always=True) else 1
    if what in ("check", "test"):
        from tools import suite

        return suite.check() if what == "check" else suite.test(rest)
    if what in MODULES:
        os.chdir(ROOT)
        os.execv(sys.executable, [sys.executable, "-m", MODULES[what], *rest])  # noqa: S606
    if what == "lock":
        from tools import locks

        return locks.resolve()
    if what in ("help", "-h", "--help"):
        print(USAGE, end="")
        return 0
    print(f"hazina: ./dev does not know {what!r}.\n\n{USAGE}", file=sys.stderr, end="")
    return 2


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
