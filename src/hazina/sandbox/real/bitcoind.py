"""A bitcoind on a regtest of its own: blocks come when they are asked for."""

from __future__ import annotations

import asyncio
import secrets
import signal
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from hazina.kernel.http import NoAnswer
from hazina.sandbox.real.jsonrpc import JsonRpc, RpcError
from hazina.sandbox.real.program import HOST, POLL_S, NotRunning, Program, free_ports

START_S = 60.0
SYNC_S = 60.0
MINER = "miner"
SATS = Decimal(10) ** 8
FIRST_BLOCKS = 101  # a coinbase can be spent after a hundred more
WARMING_UP = -28
RIVAL_FEE_SATS = 10_000


class Bitcoind:
    """One node. ``start`` may follow ``stop`` or ``kill``: ports, password and chain stay.

    :param program: the bitcoind to run.
    :param folder: of everything it keeps.
    """

    def __init__(self, program: Path, folder: Path, *, password: str | None = None) -> None:
        self.binary = program
        self.folder = folder
        self.user = "hazina"
        self.password = password or secrets.token_urlsafe(18)
        self.program = Program("bitcoind", folder)
        self._take_ports()
        self._miner_address: str | None = None

    def _take_ports(self) -> None:
        self.rpc_port, self.p2p_port, *zmq = free_ports(6)
        topics = ("rawblock", "rawtx", "hashblock", "sequence")
        self.zmq = {topic: f"tcp://{HOST}:{port}" for topic, port in zip(topics, zmq, strict=True)}
        """Where each kind of news is published."""
        self._rpc = JsonRpc("bitcoind", self.rpc_port, self.user, self.password)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.rpc_port}"

    # -- its process ------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start it, with a wallet of mature coins (``MINER``).

        :raises NotRunning:
        """
        for attempt in range(3):
            self._configure()
            self.program.spawn([self.binary, f"-datadir={self.folder}"])
            try:
                await self.program.ready(self._answers, START_S)
                break
            except NotRunning:
                await self.program.stop(signal.SIGKILL)
                if attempt == 2 or "bind" not in self.program.last_words().lower():
                    raise
                await self._rpc.close()  # somebody took a port between our look and its bind
                self._take_ports()
        await self._load_miner()

    async def stop(self) -> None:
        await self.program.stop()

    async def kill(self) -> None:
        """As a power cut would: the mempool is lost."""
        await self.program.stop(signal.SIGKILL)

    async def close(self) -> None:
        await self.stop()
        await self._rpc.close()

    def _configure(self) -> None:
        settings: dict[str, str | int] = {
            "server": 1,
            "txindex": 1,
            "rpcport": self.rpc_port,
            "rpcbind": HOST,
            "rpcallowip": HOST,
            "rpcuser": self.user,
            "rpcpassword": self.password,
            "port": self.p2p_port,
            "bind": f"{HOST}:{self.p2p_port}",
            "listenonion": 0,
            "dnsseed": 0,
            "fixedseeds": 0,
            "natpmp": 0,
            "fallbackfee": "0.00001",
            "printtoconsole": 0,
            "keypool": 20,
            "unsafesqlitesync": 1,  # a wallet of play money waits for no disk: on a busy one a start took ten seconds
            "addresstype": "bech32",  # from here on, what Knots has otherwise than Core
            "changetype": "bech32",
            "corepolicy": 1,
            "softwareexpiry": 0,
            **{f"zmqpub{topic}": address for topic, address in self.zmq.items()},
            **{f"zmqpub{topic}hwm": 100_000 for topic in self.zmq},
        }
        lines = "".join(f"{name}={value}\n" for name, value in settings.items())
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = self.folder / "bitcoin.conf"
        file.touch(mode=0o600)
        file.write_text(f"regtest=1\n[regtest]\n{lines}")

    async def _answers(self) -> bool:
        try:
            await self.rpc("getblockcount", timeout_s=5)
        except (NoAnswer, TimeoutError):
            return False
        except RpcError as error:
            if error.code == WARMING_UP:
                return False
            raise
        return True

    async def _load_miner(self) -> None:
        if MINER in await self.rpc("listwallets"):
            return
        # From now on it is loaded before the node answers at all.
        try:
            await self.named("loadwallet", filename=MINER, load_on_startup=True)
        except RpcError:
            await self.named("createwallet", wallet_name=MINER, load_on_startup=True)
        if await self.height() < FIRST_BLOCKS:
            await self.mine(FIRST_BLOCKS)

    # -- what one asks of it ----------------------------------------------------------------------

    async def rpc(self, method: str, *params: Any, wallet: str | None = None, timeout_s: float | None = None) -> Any:
        """One call. Amounts are in bitcoin: give text, get ``Decimal``.

        :raises RpcError, NoAnswer:
        """
        path = "/" if wallet is None else f"/wallet/{wallet}"
        return await self._rpc.call(method, params, path, timeout_s)

    async def named(self, method: str, *, wallet: str | None = None, **params: Any) -> Any:
        """One call with parameters by name."""
        return await self._rpc.call(method, params, "/" if wallet is None else f"/wallet/{wallet}")

    async def height(self) -> int:
        return int(await self.rpc("getblockcount"))

    async def mine(self, blocks: int = 1, address: str | None = None) -> list[str]:
        """Blocks now, with what the mempool holds; their hashes. The reward is the miner's."""
        mined: list[str] = await self.rpc("generatetoaddress", blocks, address or await self.miner_address())
        await self._write_down()
        return mined

    async def mine_empty(self, blocks: int = 1) -> list[str]:
        """Blocks now that leave the mempool where it is."""
        to = await self.miner_address()
        mined = [(await self.rpc("generateblock", to, []))["hash"] for _ in range(blocks)]
        await self._write_down()
        return mined

    async def _write_down(self) -> None:
        """Blocks last from now on, whatever happens to the node: no other node of this chain would have
        them, as the world's nodes have the real chain's. (This call flushes; bitcoind has no other for it.)"""
        await self.rpc("gettxoutsetinfo", "none")

    async def miner_address(self) -> str:
        if self._miner_address is None:
            self._miner_address = await self.rpc("getnewaddress", wallet=MINER)
        return self._miner_address

    async def send(self, address: str, sats: int, *, sat_per_vbyte: float = 2, replaceable: bool = True) -> str:
        """From the miner's coins, into the mempool; the transaction's id."""
        txid: str = await self.named(
            "sendtoaddress", wallet=MINER, address=address, amount=bitcoin(sats), fee_rate=sat_per_vbyte,
            replaceable=replaceable,
        )  # fmt: skip
        return txid

    async def mempool(self) -> list[str]:
        """Ids of the transactions that wait for a block."""
        waiting: list[str] = await self.rpc("getrawmempool")
        return waiting

    async def fresh_address(self) -> str:
        """One of the miner's, never given before."""
        address: str = await self.rpc("getnewaddress", wallet=MINER)
        return address

    async def reorganise(self, depth: int, *, instead: int | None = None, double_spend: bool = False) -> list[str]:
        """The last ``depth`` blocks never were: ``instead`` empty ones (one more) take their place, and their
        transactions wait again. ``double_spend``: but those that spend the miner's coins lose them to other
        transactions, which pay the miner."""
        height = await self.height()
        await self.rpc("invalidateblock", await self.rpc("getblockhash", height - depth + 1))
        self._miner_address = None  # the same reward to the same address would be the same block
        blocks = depth + 1 if instead is None else instead
        if not double_spend:
            return await self.mine_empty(blocks)
        rivals = [rival for txid in await self.mempool() if (rival := await self._rival(txid))]
        first = (await self.rpc("generateblock", await self.miner_address(), rivals))["hash"]
        return [first, *await self.mine_empty(blocks - 1)]

    async def _rival(self, txid: str) -> str | None:
        """A signed transaction that spends what ``txid`` spends, back to the miner; None when not all of that
        is the miner's and confirmed."""
        inputs = [
            {"txid": one["txid"], "vout": one["vout"]} for one in (await self.rpc("getrawtransaction", txid, 1))["vin"]
        ]
        coins = [await self.rpc("gettxout", one["txid"], one["vout"], False) for one in inputs]
        if not all(coins):
            return None
        paid = sum(sats(coin["value"]) for coin in coins) - RIVAL_FEE_SATS
        raw = await self.rpc("createrawtransaction", inputs, {await self.fresh_address(): bitcoin(paid)})
        signed = await self.rpc("signrawtransactionwithwallet", raw, wallet=MINER)
        return str(signed["hex"]) if signed["complete"] else None

    # -- two of them ------------------------------------------------------------------------------

    async def join(self, other: Bitcoind) -> None:
        """Connect to ``other`` and wait until both follow the chain with more work."""
        await self.rpc("addnode", f"{HOST}:{other.p2p_port}", "onetry")

        async def agreed() -> bool:
            return bool(await self.rpc("getbestblockhash") == await other.rpc("getbestblockhash"))

        await until(agreed, f"{self.folder.name} and {other.folder.name} agree")

    async def part(self, other: Bitcoind) -> None:
        """Lose every connection, so that each goes its own way."""
        for node in (self, other):
            for peer in await node.rpc("getpeerinfo"):
                try:
                    await node.rpc("disconnectnode", "", peer["id"])
                except RpcError:
                    continue  # the other end was quicker

        async def alone() -> bool:
            return not (await self.rpc("getpeerinfo") or await other.rpc("getpeerinfo"))

        await until(alone, f"{self.folder.name} and {other.folder.name} part")


def bitcoin(sats: int) -> str:
    """Satoshi as the text that bitcoind takes for an amount."""
    return f"{Decimal(sats) / SATS:.8f}"


def sats(bitcoins: Decimal | int | str) -> int:
    """An amount of bitcoind's in satoshi."""
    return int(Decimal(bitcoins) * SATS)


async def until(
    asked: Callable[[], Awaitable[bool]], what: str, timeout_s: float = SYNC_S, *, every_s: float = POLL_S
) -> None:
    """:raises TimeoutError: it was not so in time."""
    end = time.monotonic() + timeout_s
    while not await asked():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {timeout_s:.0f} s in vain: {what}")
        await asyncio.sleep(every_s)
