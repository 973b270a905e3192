"""The stand-in exchange on a real chain: coins to its address are credited when they have a block, and what is
withdrawn is really sent."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from decimal import Decimal

from hazina.kernel.http import NoAnswer
from hazina.sandbox.okx import ADDRESS, ON_CHAIN, Okx
from hazina.sandbox.real.bitcoind import SATS, Bitcoind
from hazina.sandbox.real.jsonrpc import RpcError

WALLET = "exchange"
LOOK_S = 1.0
LOOKED_BACK = 200


@dataclass(frozen=True, slots=True)
class Teller:
    """Between the exchange's numbers and the node."""

    okx: Okx
    node: Bitcoind

    async def run(self) -> None:
        """For ever; while the node is away nothing comes or goes."""
        while True:
            with contextlib.suppress(NoAnswer, RpcError):
                await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        await self._open()
        for seen in await self.node.rpc("listtransactions", "*", LOOKED_BACK, wallet=WALLET):
            if seen["category"] == "receive":
                state = "2" if seen["confirmations"] >= 1 else "0"
                self.okx.deposit(seen["txid"], Decimal(str(seen["amount"])), state)
        for row in self.okx.rows("withdrawal"):
            if row["state"] == "0":
                self.okx.change("withdrawal", row, state="4")  # if we die now it is stuck, and not sent twice
                txid = await self.node.send(row["to"], int(Decimal(row["amt"]) * SATS))
                self.okx.change("withdrawal", row, state="2", txId=txid)

    async def _open(self) -> None:
        """The exchange's wallet, and the one address that it gives out."""
        if WALLET not in await self.node.rpc("listwallets"):
            known = {one["name"] for one in (await self.node.rpc("listwalletdir"))["wallets"]}
            await self.node.rpc("loadwallet" if WALLET in known else "createwallet", WALLET)
        store = self.okx.world.store
        if not store.setting(ON_CHAIN, 0):
            store.set(ADDRESS, await self.node.rpc("getnewaddress", wallet=WALLET))
            store.set(ON_CHAIN, 1)
