"""``python -m walls``: kinds, sizes, locks. Prints what is wrong; exit code 1 when anything is."""

from __future__ import annotations

import tomllib
from pathlib import Path

from tools import locks
from walls import kinds, sizes

ROOT = Path(__file__).resolve().parent.parent
SIZED = ("src", "tests", "simulation", "bench", "walls", "tools", "web/src")


def contexts() -> list[str]:
    """The contexts that the import contracts know."""
    contracts = tomllib.loads((ROOT / "walls" / "importlinter.toml").read_text())["tool"]["importlinter"]["contracts"]
    return [str(name) for contract in contracts if contract["type"] == "doors" for name in contract["contexts"]]


def problems() -> list[str]:
    found = [str(sin) for name in contexts() for sin in kinds.check_context(ROOT / "src" / "hazina" / name)]
    found += [line for folder in SIZED for line in sizes.check(ROOT / folder)]
    return [line.replace(f"{ROOT}/", "") for line in (*found, *locks.problems())]


if __name__ == "__main__":
    wrong = problems()
    print("\n".join(wrong) if wrong else "Walls hold: kinds, sizes, locks.")
    raise SystemExit(bool(wrong))
