"""``python -m simulation``: play seeds, say what does not hold."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from simulation.plants import PLANTS, sow

if TYPE_CHECKING:
    from simulation.run import Outcome


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="how many")
    parser.add_argument("--seed", type=int, default=1, metavar="FIRST", help="the first one")
    parser.add_argument("--plant", metavar="NAME", choices=sorted(PLANTS), help="a bug to plant: %(choices)s")
    parser.add_argument("--seconds", type=float, help="begin no seed after this time")
    parser.add_argument("--postgres", metavar="FOLDER", type=Path, help="use, or begin, the PostgreSQL of this folder")
    parser.add_argument("--tell", action="store_true", help="print everything that happens")
    chosen = parser.parse_args(arguments)
    plant = sow(chosen.plant) if chosen.plant else None

    from simulation.run import bank_database, simulate  # with the bank, and the plant in it

    outcomes: list[Outcome] = []
    began = time.monotonic()
    with bank_database(plant, chosen.postgres) as server:
        for seed in range(chosen.seed, chosen.seed + chosen.seeds):
            outcome = simulate(seed, server, tell=chosen.tell, plant=plant)
            outcomes.append(outcome)
            passed = time.monotonic() - began
            tell(outcome, len(outcomes), passed)
            if (plant is not None and outcome.wrong) or (chosen.seconds is not None and passed > chosen.seconds):
                break
    failed = [outcome.seed for outcome in outcomes if outcome.wrong]
    for seed in failed:
        planted = f" --plant {chosen.plant}" if chosen.plant else ""
        print(f"replay: ./dev simulate --seeds 1 --seed {seed}{planted}")
    print(total(outcomes))
    return 1 if failed else 0


def tell(outcome: Outcome, n: int, seconds: float) -> None:
    print(
        f"seed {outcome.seed}: {'WRONG' if outcome.wrong else 'ok'} digest={outcome.digest}"
        f" virtual_s={outcome.virtual_s:.0f} kills={outcome.kills} payments={outcome.verdict.payments}"
        f" statements={outcome.statements} lock_waits={outcome.lock_waits} ({n / seconds:.2f} seeds/s)",
        flush=True,
    )
    for what in outcome.wrong[:10]:
        print(f"  {what}", flush=True)


def total(outcomes: list[Outcome]) -> str:
    verdicts = [outcome.verdict for outcome in outcomes]
    return (
        f"seeds={len(outcomes)} virtual_hours={sum(o.virtual_s for o in outcomes) / 3600:.0f}"
        f" kills={sum(o.kills for o in outcomes)} payments={sum(v.payments for v in verdicts)}"
        f" lost={sum(v.lost_msat for v in verdicts)} created={sum(v.created_msat for v in verdicts)}"
        f" double_paid={sum(v.double_paid for v in verdicts)}"
    )


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # the order of a set of texts must not depend on the run
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "simulation", *sys.argv[1:]])  # noqa: S606
    sys.exit(main(sys.argv[1:]))
