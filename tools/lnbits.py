"""Get LNbits into ``.cache/nodes``, in an environment of its own, for the tests that run it against the bank.

HAZINA_LNBITS names such an environment that is there already. LNbits does not run on every Python that the
bank runs on; there its tests are skipped, and say so.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from tools.nodes import ROOT, alone, keep, making, newest, plainly, told, uv
from tools.say import give_up, say

LOCK = ROOT / "tools" / "lnbits.lock"
TOO_NEW = (3, 13)


def named() -> dict[str, str]:
    """The variable by which the tests find what this file gets; none where LNbits cannot run."""
    if own_one := os.environ.get("HAZINA_LNBITS"):
        if not (Path(own_one) / "bin" / "lnbits").is_file():
            give_up(f"HAZINA_LNBITS names {own_one}, and there is no bin/lnbits in it.")
        return {"HAZINA_LNBITS": own_one}
    if sys.version_info >= TOO_NEW:
        say("LNbits does not run on this Python yet: its tests are skipped (HAZINA_LNBITS may name one that runs)")
        return {}
    return {"HAZINA_LNBITS": str(environment())}


def environment() -> Path:
    with alone("lnbits"):
        name = f"lnbits-python{sys.version_info.major}.{sys.version_info.minor}"
        for own in newest(f"{name}/lock"):
            if own.read_bytes() == LOCK.read_bytes():
                return own.parent
        say("getting LNbits from PyPI (100 MB, once)")
        with plainly("LNbits", "HAZINA_LNBITS"), making() as folder:
            told([uv(), "venv", "-q", "--relocatable", "--allow-existing", "--python", sys.executable, folder])
            python = folder / "bin" / "python"
            told([uv(), "pip", "install", "-q", "--python", python, "--require-hashes", "-r", LOCK])
            shutil.copy(LOCK, folder / "lock")
            return keep(folder, name)
