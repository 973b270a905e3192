"""``requirements.lock``: every package with its hashes, and no word about where it is downloaded from."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = (
    "requirements.lock",
    "tools/nodejs.lock",
    "tools/electrum.lock",
    "tools/lnbits.lock",
    "web/package-lock.json",
    "tests/relying_parties/package-lock.json",
)
PYTHON_PLACE = re.compile(r"://|--(extra-)?index-url|--find-links")
NPM_PLACE = re.compile(r'"resolved":|:\s*"(git\+|github:)')  # it also keeps where authors take donations


def resolve() -> int:
    uv = next((u for u in (".dev-tools/bin/uv", ".dev-tools/lib/bin/uv") if (ROOT / u).is_file()), "uv")
    how = [uv, "pip", "compile", "-q", "--universal", "--generate-hashes", "--no-header", "--python-version", "3.11"]
    ours = [*how, "pyproject.toml", "--all-extras", "--group", "dev", "-o", "requirements.lock"]
    electrum = [*how, "--no-annotate", "tools/electrum.in", "-o", "tools/electrum.lock"]
    lnbits = [*how, "--no-annotate", "tools/lnbits.in", "-o", "tools/lnbits.lock"]
    environment = {**os.environ, "ELECTRUM_ECC_DONT_COMPILE": "1"}
    done = [subprocess.run(one, cwd=ROOT, env=environment, check=False) for one in (ours, electrum, lnbits)]  # noqa: S603
    return max(one.returncode for one in done)


def hosts(path: Path) -> Iterator[str]:
    """Lines of a lock that name a place on the network."""
    place = NPM_PLACE if path.suffix == ".json" else PYTHON_PLACE
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if place.search(line):
            yield f"{path}:{number}: a lock names no host: {line.strip()[:80]}"


def problems() -> list[str]:
    return [line for lock in LOCKS if (ROOT / lock).is_file() for line in hosts(ROOT / lock)]
