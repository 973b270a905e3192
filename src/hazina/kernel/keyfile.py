"""The keys of a bank that keeps them in its data folder: one file, for its owner's eyes only."""

from __future__ import annotations

import os
from pathlib import Path

from hazina.kernel.crypto import Keys

NAME = "keys"


def keys_in(folder: Path) -> Keys:
    """The keys of ``folder``; made when there are none. Whether they are those of the database is for
    ``Vault.check`` to say: a lost file must not look like a new bank. Raises crypto.BadKeys."""
    file = folder / NAME
    try:
        return Keys.parse(file.read_text())
    except FileNotFoundError:
        pass
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = folder / f"{NAME}.{os.getpid()}"
    _write(fresh, Keys.fresh())
    try:
        os.link(fresh, file)  # whole or not at all, and never over another's
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
    return Keys.parse(file.read_text())


def replace(folder: Path, keys: Keys) -> None:
    """Write other keys, and keep the file that was as ``keys.old``."""
    file, fresh = folder / NAME, folder / f"{NAME}.new"
    fresh.unlink(missing_ok=True)
    _write(fresh, keys)
    old = folder / f"{NAME}.old"
    old.unlink(missing_ok=True)
    os.link(file, old)
    fresh.replace(file)


def _write(file: Path, keys: Keys) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(keys.as_text())
        out.flush()
        os.fsync(out.fileno())
