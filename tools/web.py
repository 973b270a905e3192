"""Build the web app when its sources changed. Node comes from the machine, else from a Python wheel."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tools.say import give_up, say

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "web"
DIST = WEB / "dist"
RELYING = ROOT / "tests" / "relying_parties"
NODE_WHEEL = ROOT / ".dev-tools" / "node"
NODE_LOCK = ROOT / "tools" / "nodejs.lock"
NODE_OLDEST = (20, 19)  # Vite 8 asks for it
BUILT = {"node_modules", "dist"}


def build(*, always: bool = False) -> bool:
    """Is there a bundle of the present sources? Builds it when not."""
    if not (WEB / "package.json").is_file():
        return False
    sources = digest_of_sources()
    stamp = DIST / ".sources"
    if not always and stamp.is_file() and stamp.read_text() == sources:
        return True
    environment = with_packages()
    say("building the web app")
    run(["npm", "run", "--silent", "build"], environment, "The web app could not be built.")
    stamp.write_text(sources)
    return True


def check() -> None:
    """The web app's own static checks, where package.json names any."""
    run(["npm", "run", "--silent", "--if-present", "check"], with_packages(), "The web app's checks failed.")


def with_packages() -> dict[str, str]:
    """The web app's locked npm packages are there; the environment in which npm and node are found."""
    return packages_in(WEB, "the web app's packages")


def packages_in(folder: Path, what: str) -> dict[str, str]:
    """The same for any folder with a ``package-lock.json``."""
    environment = find_node()
    lock = (folder / "package-lock.json").read_bytes()
    stamp = folder / "node_modules" / ".installed"
    digest = hashlib.sha256(lock).hexdigest()
    if not (stamp.is_file() and stamp.read_text() == digest):
        say(f"getting {what}")
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        run(command, environment, f"{what.capitalize()} could not be downloaded. Is there a network?", folder)
        stamp.write_text(digest)
    return environment


def digest_of_sources() -> str:
    files: list[Path] = []
    for folder, folders, names in os.walk(WEB):
        folders[:] = [name for name in folders if name not in BUILT]  # os.walk goes where this list says
        files += [Path(folder, name) for name in names]
    total = hashlib.sha256()
    for file in sorted(files):
        total.update(f"{file.relative_to(WEB)}\0".encode())
        total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


def find_node() -> dict[str, str]:
    if shutil.which("npm") and new_enough("node"):
        return dict(os.environ)
    if not new_enough(str(NODE_WHEEL / "bin" / "node")):
        say("there is no npm here; getting Node.js from its Python wheel (60 MB)")
        uv = next((u for u in (".dev-tools/bin/uv", ".dev-tools/lib/bin/uv") if (ROOT / u).is_file()), "uv")
        install = [uv, "pip", "install", "-q", "--python", sys.executable, "--require-hashes"]
        command = [*install, "--target", str(NODE_WHEEL), "-r", str(NODE_LOCK)]
        done = subprocess.run(command, cwd=ROOT, check=False)  # noqa: S603
        if done.returncode or not new_enough(str(NODE_WHEEL / "bin" / "node")):
            give_up("Node.js could not be downloaded. Install npm (20.19 or newer), or check the network.")
    path = f"{NODE_WHEEL / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(NODE_WHEEL)}


def new_enough(node: str) -> bool:
    environment = {**os.environ, "PYTHONPATH": str(NODE_WHEEL)}
    try:
        said = subprocess.run([node, "--version"], capture_output=True, text=True, check=True, env=environment)  # noqa: S603
        major, minor = said.stdout.strip().lstrip("v").split(".")[:2]
    except (OSError, subprocess.CalledProcessError, ValueError):
        return False
    return (int(major), int(minor)) >= NODE_OLDEST


def run(command: list[str], environment: dict[str, str], otherwise: str, folder: Path = WEB) -> None:
    if subprocess.run(command, cwd=folder, env=environment, stdout=sys.stderr, check=False).returncode:  # noqa: S603
        give_up(otherwise)
