"""``./dev check`` and ``./dev test``: run what must hold, say what does not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tools import lnbits, nodes, web
from tools.say import give_up, say

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
CACHE = ROOT / ".cache"
BROWSERS = CACHE / "playwright"
FAST = ("tests/rules", "tests/tree")
WORKERS = "3"  # of two cores: many tests wait for processes that they started


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    command: tuple[str, ...]


STATIC = (
    Step("types", (str(BIN / "mypy"),)),
    Step("style", (str(BIN / "ruff"), "check", "--quiet", ".")),
    Step("format", (str(BIN / "ruff"), "format", "--check", "--quiet", ".")),
    Step("imports", (str(BIN / "lint-imports"), "--config", "walls/importlinter.toml")),
    Step("walls", (sys.executable, "-m", "walls")),
)


def check() -> int:
    """The static part and the fast tests."""
    failed = static()
    done = pytest([*FAST, "-m", "not slow", "-q"])
    return conclude(failed, done)


def test(arguments: list[str]) -> int:
    """Everything, or with arguments: everything static, and what they tell pytest."""
    os.environ |= browser()
    os.environ |= nodes.named()
    os.environ |= lnbits.named()
    web.build()
    web.packages_in(web.RELYING, "the relying parties' packages")
    failed = static()
    done = pytest(arguments or ["-n", WORKERS, "--dist", "loadfile", "--no-loadscope-reorder"])
    return conclude(failed, done)


def static() -> list[str]:
    """Names of the static checks that failed; their words are printed as they end."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    failed = []

    def run(step: Step) -> tuple[Step, subprocess.CompletedProcess[str], float]:
        began = time.monotonic()
        done = subprocess.run(  # noqa: S603
            step.command,
            cwd=ROOT,
            env=environment,
            check=False,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        return step, done, time.monotonic() - began

    with ThreadPoolExecutor(2) as pool:
        for step, done, seconds in pool.map(run, steps()):
            say(f"{step.name:8} {'ok' if done.returncode == 0 else 'FAILED'} ({seconds:.1f} s)")
            if done.returncode:
                failed.append(step.name)
                print(done.stdout, flush=True)
    return failed


def steps() -> Iterator[Step]:
    yield from STATIC
    if (web.WEB / "package.json").is_file():
        os.environ |= {name: value for name, value in web.with_packages().items() if name == "PATH"}
        yield Step("web", ("npm", "run", "--prefix", "web", "--silent", "--if-present", "check"))


def pytest(arguments: list[str]) -> int:
    command = [sys.executable, "-m", "pytest", *arguments]
    return subprocess.run(command, cwd=ROOT, check=False).returncode  # noqa: S603


def conclude(failed: list[str], tests: int) -> int:
    if failed:
        say(f"these static checks failed, see above: {', '.join(failed)}")
    return 1 if failed or tests else 0


# -- the browser that tests drive ----------------------------------------------------------------


def browser() -> dict[str, str]:
    """A Chromium that runs; the variables by which tests find it. Gets one when there is none."""
    if found := installed():
        return found
    for get in (from_system, from_playwright):
        get()
        if found := installed():
            return found
    give_up(
        "the browser tests need Chromium, and neither the system's package manager nor Playwright could get it. "
        "Install chromium, or name one in HAZINA_CHROMIUM."
    )


def installed() -> dict[str, str] | None:
    names = (os.environ.get("HAZINA_CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    for path in (shutil.which(name) for name in names if name):
        if path and works(path):
            return {"HAZINA_CHROMIUM": path}
    for own in sorted(BROWSERS.glob("chromium-*/*/chrome"), reverse=True):
        if works(str(own)):
            return {"HAZINA_CHROMIUM": str(own)}
    return None


def works(path: str) -> bool:
    """Ubuntu's package is an empty shell without snap: so ask."""
    try:
        return subprocess.run([path, "--version"], capture_output=True, timeout=30, check=False).returncode == 0  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return False


def from_system() -> None:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    say("getting Chromium from the system's packages")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update", "-q"], ["install", "-y", "-q", "--no-install-recommends", "chromium"]):
        if subprocess.run(["apt-get", *arguments], env=environment, stdout=sys.stderr, check=False).returncode:  # noqa: S603, S607
            return


def from_playwright() -> None:
    say("getting Chromium from Playwright (170 MB, once)")
    command = [sys.executable, "-m", "playwright", "install", "chromium"]
    if os.geteuid() == 0 and shutil.which("apt-get"):
        command.append("--with-deps")
    environment = {**os.environ, "PLAYWRIGHT_BROWSERS_PATH": str(BROWSERS)}
    subprocess.run(command, env=environment, stdout=sys.stderr, check=False)  # noqa: S603
