"""The simulation as its users run it: a program of its own, which changes nothing in this process."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Played:
    code: int
    text: str

    @property
    def digests(self) -> dict[int, str]:
        """By seed."""
        return {int(seed): digest for seed, digest in re.findall(r"^seed (\d+): \w+ digest=(\w+)", self.text, re.M)}

    @property
    def last_line(self) -> str:
        return self.text.rstrip().rpartition("\n")[2]


def play(postgres: Path, *arguments: object, timeout_s: float = 3_000) -> Played:
    """The time is for a machine that is busy with other things."""
    done = subprocess.run(
        [sys.executable, "-m", "simulation", "--postgres", postgres, *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    return Played(done.returncode, done.stdout)
