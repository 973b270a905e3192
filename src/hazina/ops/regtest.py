"""Real nodes in place of the ones that the sandbox plays: which programs, whether they fit the data folder, and
the settings that lead the bank to them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hazina.ops import Trouble
from hazina.settings import Bitcoind, Electrum, Lnd, Settings

if TYPE_CHECKING:
    from hazina.sandbox.real.network import Network

PLAYED = "played"
KIND_FILE = "lightning"
"""In the sandbox's folder: what the Lightning node of this bank is. Its books know no other."""
PROVIDERS_FILE = "providers.json"
ELECTRUM = "electrum-1"
START_SECONDS_MAX = 300  # the first time, a network is made
STOP_SECONDS_MAX = 60


def fits(settings: Settings, folder: Path) -> None:
    """This data folder's bank has the kind of node that the settings ask for, or none yet.

    :raises Trouble: it has another.
    """
    wanted, known = settings.real_nodes or PLAYED, _kind(folder)
    if known in (wanted, None):
        return
    start = "without --regtest" if known == PLAYED else f"with --regtest --lightning {known}"
    raise Trouble(
        f"The bank in {settings.data} was begun {start}: its books belong to that Lightning node. Start it so, or "
        "name another folder with --data."
    )


def claim(settings: Settings, folder: Path) -> None:
    """From now on this data folder's bank has that kind of node.

    :raises Trouble: it has another.
    """
    fits(settings, folder)
    (folder / KIND_FILE).write_text(settings.real_nodes or PLAYED)


def _kind(folder: Path) -> str | None:
    if (folder / KIND_FILE).exists():
        return (folder / KIND_FILE).read_text().strip()
    return PLAYED if (folder / "sandbox.sqlite").exists() else None


def real(folder: Path) -> bool:
    """Is this sandbox's Lightning node a real one?"""
    return _kind(folder) not in (PLAYED, None)


def network(settings: Settings, folder: Path) -> Network | None:
    """The nodes that the settings ask for, not started; None for the played ones.

    :raises Trouble: a program is missing.
    """
    if settings.real_nodes is None:
        return None
    bitcoind = _program("HAZINA_BITCOIND", "a bitcoind")
    from hazina.sandbox.real.network import Network, Programs

    if settings.real_nodes == "lnd":
        programs = Programs(bitcoind, lnd=_program("HAZINA_LND_BINARY", "an lnd"))
    else:
        programs = Programs(bitcoind, _program("HAZINA_ELECTRUM", "the folder of an Electrum environment"))
    return Network(programs, folder / "regtest")


def _program(variable: str, what: str) -> Path:
    named = os.environ.get(variable)
    if not named:
        getting = "" if variable == "HAZINA_LND_BINARY" else " `./dev up --regtest` gets it; or"
        raise Trouble(f"--regtest needs {what}:{getting} name one that is there in {variable}.")
    if not Path(named).exists():
        raise Trouble(f"{variable} names {named}, and that is not there.")
    return Path(named).resolve()


def nodes_of(settings: Settings, folder: Path) -> dict[str, Any]:
    """Settings of the nodes that the sandbox in ``folder`` runs, where they name none."""
    try:
        found = json.loads((folder / PROVIDERS_FILE).read_text())
    except (OSError, ValueError):
        raise Trouble(f"The sandbox in {folder} does not say where its nodes are.") from None
    changes: dict[str, Any] = {}
    if not settings.lightning and "lnd" in found:
        changes["lnd"] = Lnd.model_validate(found["lnd"])
    elif not settings.lightning:
        changes["nodes"] = {
            ELECTRUM: Electrum.model_validate({"kind": "electrum", "name": ELECTRUM, **found["electrum"]})
        }
    if settings.bitcoind is None:
        changes["bitcoind"] = Bitcoind.model_validate(found["bitcoind"])
    return changes
