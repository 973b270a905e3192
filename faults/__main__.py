"""``./dev faults [NAME …]``: strike, check, print the table; exit 1 when anything broke."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
from pathlib import Path

from faults import checks, crowds, database, freezes, kills, node
from faults.bank import Bank
from faults.load import Kind
from faults.report import FAULTS, Fault, Finding, table, write, write_some
from faults.scene import LeftOut, Scene

LOADED = (kills, freezes, node, database, crowds)
"""Modules that put faults into the list."""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./dev faults", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="all without a name; F05 and the like")
    parser.add_argument("--list", action="store_true", help="what there is")
    parser.add_argument("--write", action="store_true", help="put the table, or NAME's row, into docs/reliability.md")
    parser.add_argument("--keep", metavar="DIR", help="use this empty folder, and keep it")
    chosen = parser.parse_args(arguments)
    names = [name.upper() for name in chosen.names] or sorted(FAULTS)
    if unknown := set(names) - set(FAULTS):
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    if chosen.list:
        for fault in FAULTS.values():
            print(f"{fault.name}  {fault.title}\n       {fault.promised}")
        return 0
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hazina-faults-") as made:
        folder = Path(chosen.keep or made)
        folder.mkdir(mode=0o711, exist_ok=True)
        folder.chmod(0o711)
        findings, calm = play([FAULTS[name] for name in names], folder)
    print(f"\n{table(findings)}\n\n{calm}")
    if chosen.write and chosen.names:
        write_some(findings)
    elif chosen.write:
        write(findings, time.monotonic() - began, calm)
    broken = [finding for finding in findings if finding.wrong]
    for finding in broken:
        print(f"\n{finding.name} does not hold:")
        for text in finding.wrong:
            print(f"  {text}")
    left = sum(bool(finding.left_out) for finding in findings)
    print(f"\nfaults={len(findings)} held={len(findings) - len(broken) - left} broken={len(broken)} left_out={left}")
    return 1 if broken else 0


def play(faults: list[Fault], folder: Path) -> tuple[list[Finding], str]:
    """One after the other on one bank. A fault whose aftermath is not clean does not stop the next."""
    bank = Bank(folder / "bank")
    bank.folder.mkdir(mode=0o711)
    try:
        bank.start()
        scene = Scene(bank)
        scene.come()
        calm = breathe(scene)
        print(calm, file=sys.stderr, flush=True)
        return [one(scene, fault) for fault in faults], calm
    finally:
        bank.end()


def breathe(scene: Scene) -> str:
    """Without any fault: what this machine does today."""
    with scene.load() as load:
        load.go_on(6)
    paying = (Kind.INTERNAL, Kind.INSIDE, Kind.OUT)
    return (
        f"Without a fault, {len(load.ops) / 6:.0f} payments/s: median {checks.p50_ms(load, 'calm', *paying):.0f} ms, "
        f"p99 {checks.p99_ms(load, 'calm', *paying):.0f} ms."
    )


def one(scene: Scene, fault: Fault) -> Finding:
    finding = Finding(fault.name, fault.title, fault.promised)
    began = time.monotonic()
    scene.ops, scene.since = [], time.time()
    try:
        fault.strike(scene, finding)
    except LeftOut as why:
        finding.left_out = str(why)
    except Exception as error:
        traceback.print_exc()
        finding.wrong.append(f"{type(error).__name__}: {str(error)[:500]}")
        scene.bank.heal()
    finding.seconds = time.monotonic() - began
    print(f"{finding.seconds:5.0f} s  {finding.row}", file=sys.stderr, flush=True)
    return finding


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
