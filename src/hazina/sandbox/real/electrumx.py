"""The server that Electrum asks for its coins, on our bitcoind."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

from hazina.sandbox.real.bitcoind import Bitcoind
from hazina.sandbox.real.program import HOST, Program, free_ports

START_S = 60.0
POLL_MS = "200"


class ElectrumX:
    """One server. ``start`` after bitcoind's.

    :param environment: folder of Electrum's Python environment.
    """

    def __init__(self, environment: Path, folder: Path, bitcoind: Bitcoind) -> None:
        self.environment = environment
        self.folder = folder
        self.bitcoind = bitcoind
        self.program = Program("electrumx", folder)
        self.port, self.rpc_port = free_ports(2)

    async def start(self) -> None:
        """:raises NotRunning:"""
        node = self.bitcoind
        (self.folder / "db").mkdir(mode=0o700, parents=True, exist_ok=True)
        binaries = self.environment / "bin"
        self.program.spawn(
            [binaries / "python", binaries / "electrumx_server"],
            {
                "COIN": "Bitcoin",
                "NET": "regtest",
                "DB_DIRECTORY": str(self.folder / "db"),
                "DB_ENGINE": "leveldb",
                "DAEMON_URL": f"http://{node.user}:{node.password}@{HOST}:{node.rpc_port}/",
                "SERVICES": f"tcp://{HOST}:{self.port},rpc://{HOST}:{self.rpc_port}",
                "PEER_DISCOVERY": "off",
                "PEER_ANNOUNCE": "",
                "ALLOW_ROOT": "1",
                "CACHE_MB": "50",
                "DAEMON_POLL_INTERVAL_BLOCKS": POLL_MS,
                "DAEMON_POLL_INTERVAL_MEMPOOL": POLL_MS,
                "COST_SOFT_LIMIT": "0",
                "COST_HARD_LIMIT": "0",
                "INITIAL_CONCURRENT": "1000",
                "REQUEST_TIMEOUT": "120",
            },
        )
        await self.program.ready(self._listens, START_S)

    async def _listens(self) -> bool:
        try:
            with socket.create_connection((HOST, self.port), timeout=1):
                return True
        except OSError:
            return False

    async def stop(self) -> None:
        await self.program.stop()

    async def kill(self) -> None:
        await self.program.stop(signal.SIGKILL)
