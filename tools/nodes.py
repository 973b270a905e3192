"""Get the real programs that tests and ``up --regtest`` run, into ``.cache/nodes``: nothing is installed.

bitcoind comes from Debian's unstable packages (Bitcoin Knots; no other registry has one), with every
library it needs and the loader, since those ask for a newer C library than many systems have: it runs
wherever Linux does, as any user, and wherever the folder is moved. The mirror is the one that the
system's own apt uses; where that is not Debian's, DEBIAN_MIRROR names one. Standard library only.

Electrum, a Lightning node of another make, comes from the same packages (it is in no Python registry) into
an environment of its own, with the server that it asks for its coins.

HAZINA_BITCOIND names a bitcoind that is there already, HAZINA_ELECTRUM a folder that was made here before.
What cannot be had is an error, never a skip.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools.say import give_up, say

ROOT = Path(__file__).resolve().parent.parent
NODES = ROOT / ".cache" / "nodes"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
ELECTRUM_LOCK = ROOT / "tools" / "electrum.lock"
ELECTRUM_PACKAGES = ("electrum", "python3-electrum", "libsecp256k1-6")
RELATIONS = ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")

# Of all that the package depends on, what its programs load. One that is missing here stops the making.
LIBRARIES = re.compile(
    r"bitcoin-knots|lib(c6|gcc-s1|stdc\+\+6|event-.*|sqlite3-0|zmq5|bsd0|md0|sodium.*|pgm.*|norm.*"
    r"|gssapi-krb5-2|krb5-3|k5crypto3|krb5support0|com-err2|keyutils1|ssl3.*|zstd1.*)"
)
WRAPPER = """\
#!/bin/sh
here=$(dirname "$(dirname "$(readlink -f "$0")")"); name=$(basename "$0")
exec "$here/lib/ld.so" --argv0 "$name" --library-path "$here/lib" "$here/libexec/$name" "$@"
"""


class Unobtainable(Exception):
    """One plain sentence for the person at the keyboard."""


def named(*, lightning: bool = True) -> dict[str, str]:
    """The variables by which the program and the tests find what this file gets."""
    found = {"HAZINA_BITCOIND": str(bitcoind())}
    return {**found, "HAZINA_ELECTRUM": str(electrum())} if lightning else found


def bitcoind() -> Path:
    """A bitcoind that runs: the named one, else the cached one, else a new one."""
    if own_one := os.environ.get("HAZINA_BITCOIND"):
        if not version(Path(own_one)):
            give_up(f"HAZINA_BITCOIND names {own_one}, and that is no bitcoind that runs here.")
        return Path(own_one)
    with alone("bitcoind"):
        for own in newest("bitcoind-*/bin/bitcoind"):
            if version(own):
                return own
        say("getting bitcoind from Debian's packages (30 MB, once)")
        with plainly("bitcoind", "HAZINA_BITCOIND"), making() as folder:
            bundle(folder)
            said = version(folder / "bin" / "bitcoind")
            if not said:
                raise Unobtainable("What was unpacked does not run here.")
            (folder / "version").write_text(f"{said}\n")
            kept = keep(folder, f"bitcoind-{said.split()[-1]}")
        say(f"{said} stands in {kept}")
        return kept / "bin" / "bitcoind"


def version(program: Path) -> str:
    """The first line that ``program --version`` says; nothing when it does not run."""
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=60, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return ""
    return (done.stdout.splitlines() or [""])[0]


def bundle(folder: Path) -> None:
    """bitcoind and bitcoin-cli with their own loader and libraries, into ``folder``."""
    with Packages() as debian:
        wanted = [name for name in debian.needed_by("bitcoin-knots") if LIBRARIES.fullmatch(name)]
        root = debian.unpacked(wanted)
        loader = one(root / "usr" / "lib", "ld-linux*")
        libraries = one(root / "usr" / "lib", "libc.so.6").parent
        for name in ("lib", "libexec", "bin"):
            (folder / name).mkdir()
        shutil.copy(loader, folder / "lib" / "ld.so")
        for name in ("bitcoind", "bitcoin-cli"):
            program = root / "usr" / "bin" / name
            shutil.copy(program, folder / "libexec" / name)
            for library, file in loaded_by(loader, libraries, program):
                if root not in file.parents:
                    raise Unobtainable(f"{library} would come from outside the bundle ({file}).")
                shutil.copy(file, folder / "lib" / library)
            (folder / "bin" / name).write_text(WRAPPER)
            (folder / "bin" / name).chmod(0o755)


def loaded_by(loader: Path, libraries: Path, program: Path) -> Iterator[tuple[str, Path]]:
    """What the loader would load for ``program``, as (name, file)."""
    listed = told([loader, "--library-path", libraries, "--list", program])
    for line in listed.splitlines():
        name, arrow, where = line.partition("=>")
        if not arrow or name.strip().startswith("/"):
            continue
        if "not found" in where:
            raise Unobtainable(f"It needs {name.strip()}, whose package is not among those taken (see LIBRARIES).")
        yield name.strip(), Path(where.split()[0])


def electrum() -> Path:
    """The folder of an Electrum environment: ``bin/python`` runs ``bin/electrum`` and ``bin/electrumx_server``."""
    if own_one := os.environ.get("HAZINA_ELECTRUM"):
        if not electrum_version(Path(own_one)):
            give_up(f"HAZINA_ELECTRUM names {own_one}, and no Electrum runs there.")
        return Path(own_one)
    with alone("electrum"):
        for own in newest("electrum-*/version"):
            if (own.parent / "lock").read_bytes() == ELECTRUM_LOCK.read_bytes() and electrum_version(own.parent):
                return own.parent
        say("getting Electrum from Debian's packages and PyPI (30 MB, once)")
        with plainly("Electrum", "HAZINA_ELECTRUM"), making() as folder:
            environment(folder)
            said = electrum_version(folder)
            if not said:
                raise Unobtainable("What was unpacked does not run here.")
            shutil.copy(ELECTRUM_LOCK, folder / "lock")
            (folder / "version").write_text(f"{said}\n")
            kept = keep(folder, f"electrum-{said}-python{sys.version_info.major}.{sys.version_info.minor}")
        say(f"Electrum {said} stands in {kept}")
        return kept


def electrum_version(folder: Path) -> str:
    """What it says it is; nothing when it does not run."""
    ask = [str(folder / "bin" / "python"), str(folder / "bin" / "electrum"), "version", "--offline"]
    ask += ["-D", str(folder / "asked")]
    try:
        done = subprocess.run(ask, capture_output=True, text=True, timeout=120, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return ""
    return (done.stdout.split() or [""])[-1]


def environment(folder: Path) -> None:
    """Electrum, its server and all their packages in a Python environment at ``folder``."""
    python = folder / "bin" / "python"
    told([uv(), "venv", "-q", "--relocatable", "--allow-existing", "--python", sys.executable, folder])
    # its signature library would be compiled; Debian's stands in for it
    told([uv(), "pip", "install", "-q", "--python", python, "--require-hashes", "-r", ELECTRUM_LOCK])
    packages = next(iter(folder.glob("lib/python*/site-packages")))
    with Packages() as debian:
        root = debian.unpacked(ELECTRUM_PACKAGES)
        for part in (root / "usr/lib/python3/dist-packages").iterdir():
            shutil.copytree(part, packages / part.name)
        shutil.copy(root / "usr/bin/electrum", folder / "bin" / "electrum")
        library = one(root / "usr/lib", "libsecp256k1.so.*.*")
        shutil.copy(library, packages / "electrum_ecc" / re.sub(r"(\.so\.\d+).*", r"\1", library.name))


# -- Debian's packages, without touching the system's -------------------------------------------------


class Packages:
    """apt on lists and a status of its own, in a folder that goes away again."""

    def __enter__(self) -> Packages:
        if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
            raise Unobtainable("There is no apt-get here to get Debian's packages with.")
        if not KEYRING.is_file():
            raise Unobtainable("Debian's keys are missing: apt-get install debian-archive-keyring.")
        self.folder = Path(tempfile.mkdtemp(prefix="packages-", dir=NODES))
        try:
            self._prepare()
            say("reading Debian's package lists")
            told(["apt-get", *self.options, "-oAPT::Update::Error-Mode=any", "-q", "update"])
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _prepare(self) -> None:
        etc, lists, cache = (self.folder / name for name in ("etc", "lists", "cache"))
        for path in (lists / "partial", cache / "archives" / "partial", etc / "preferences.d", self.folder / "debs"):
            path.mkdir(parents=True)
        for path in (etc / "trusted.gpg.d", etc / "apt.conf.d", self.folder / "root"):
            path.mkdir()
        (self.folder / "status").touch()
        (etc / "sources.list").write_text(f"deb [signed-by={KEYRING}] {mirror()} sid main\n")
        architecture = told(["dpkg", "--print-architecture"]).strip()
        settings = {
            "Dir::Etc": etc,
            "Dir::Etc::sourcelist": etc / "sources.list",
            "Dir::Etc::sourceparts": "-",
            "Dir::State": self.folder,
            "Dir::State::Lists": lists,
            "Dir::State::status": self.folder / "status",
            "Dir::Cache": cache,
            "Dir::Log": self.folder,
            "APT::Architecture": architecture,
            "APT::Architectures::": architecture,
            "Acquire::Languages": "none",
            "APT::Sandbox::User": "",
            "Acquire::Retries": 3,
        }
        self.options = [f"-o{name}={value}" for name, value in settings.items()]

    def needed_by(self, package: str) -> list[str]:
        """The package and, to the end, what it depends on."""
        without = [f"--no-{relation}" for relation in RELATIONS]
        said = told(["apt-cache", *self.options, "depends", "--recurse", *without, package])
        return sorted({line.strip() for line in said.splitlines() if re.match(r"[a-z0-9]", line)})

    def unpacked(self, packages: Sequence[str]) -> Path:
        """The packages' files, as under ``/``."""
        say(f"getting {len(packages)} packages")
        told(["apt-get", *self.options, "-q", "download", *packages], cwd=self.folder / "debs")
        for package in sorted((self.folder / "debs").glob("*.deb")):
            told(["dpkg-deb", "-x", package, self.folder / "root"])
        return self.folder / "root"


def mirror() -> str:
    """Where Debian's packages are: DEBIAN_MIRROR, else what the system's own apt uses."""
    if own_one := os.environ.get("DEBIAN_MIRROR"):
        return own_one
    said = told(["apt-get", "indextargets", "--format", "$(REPO_URI) $(ORIGIN)"])
    for line in said.splitlines():
        address, _, origin = line.partition(" ")
        if origin == "Debian" and "security" not in address:
            return address
    raise Unobtainable("This system's apt knows no Debian mirror: name one in DEBIAN_MIRROR.")


# -- the cache ----------------------------------------------------------------------------------------


def newest(pattern: str) -> list[Path]:
    return sorted(NODES.glob(pattern), key=lambda path: path.stat().st_mtime, reverse=True)


@contextlib.contextmanager
def alone(name: str) -> Iterator[None]:
    """One process at a time gets or looks for ``name``."""
    NODES.mkdir(parents=True, exist_ok=True)
    with (NODES / f"{name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def making() -> Iterator[Path]:
    """A folder to make something in; gone afterwards unless ``keep`` gave it its name."""
    folder = Path(tempfile.mkdtemp(prefix="making-", dir=NODES))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def keep(folder: Path, name: str) -> Path:
    """``folder`` under its name: whole, or not at all."""
    kept = NODES / re.sub(r"[^A-Za-z0-9.+-]", "_", name)
    shutil.rmtree(kept, ignore_errors=True)
    return folder.rename(kept)


@contextlib.contextmanager
def plainly(what: str, variable: str) -> Iterator[None]:
    """What cannot be had ends the program with one sentence."""
    try:
        yield
    except Unobtainable as reason:
        give_up(f"{what} could not be had. {reason} {variable} may name one that is there.")


def one(folder: Path, pattern: str) -> Path:
    found = next(iter(sorted(folder.rglob(pattern))), None)
    if found is None:
        raise Unobtainable(f"The packages hold no {pattern}.")
    return found


def uv() -> str:
    """The installer that ``./dev`` brought, or the system's."""
    return next((str(ROOT / u) for u in (".dev-tools/bin/uv", ".dev-tools/lib/bin/uv") if (ROOT / u).is_file()), "uv")


def told(command: Sequence[str | Path | int], *, cwd: Path | None = None) -> str:
    """What a command says; its last words when it fails."""
    variables = {**os.environ, "LC_ALL": "C", "ELECTRUM_ECC_DONT_COMPILE": "1"}
    words = [str(part) for part in command]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=cwd, env=variables)  # noqa: S603
    except OSError as error:
        raise Unobtainable(f"{words[0]} could not be run: {error}.") from None
    if done.returncode:
        last = ((done.stderr or done.stdout).strip().splitlines() or ["no reason given"])[-1]
        raise Unobtainable(f"{Path(words[0]).name} failed: {last.rstrip(chr(46))}.")
    return done.stdout
