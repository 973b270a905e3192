"""People outside who pay to the bank's addresses by Bitcoin: plainly, in the dark, replaced, cut up, too little,
and by coins that they spend once more when a reorganisation lets them."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from simulation.blockchain import Out, Tx, address_of, vsize_of

if TYPE_CHECKING:
    from simulation.world import World

AMOUNTS = (3_000, 5_000, 20_000, 60_000, 60_000, 150_000, 400_000, 999_000, 1_200_000)


class Strangers:
    def __init__(self, world: World) -> None:
        self.world, self.chain = world, world.blockchain
        self._faults = world.faults
        self._homes = 0
        self._fickle: dict[str, None] = {}
        """Transactions whose payers take the coins back if they can."""

    def home(self) -> str:
        """A fresh address of somebody outside."""
        self._homes += 1
        return address_of(("outside", self.world.seed, self._homes))

    def _tx(self, dice: random.Random, outs: list[Out], rate: int) -> Tx:
        outs = [*outs, Out(self.home(), dice.randint(10_000, 90_000))]
        size = vsize_of(1, [one.address for one in outs])
        fee = -(-size * rate // 1_000)
        return Tx((self.chain.coin(sum(one.sats for one in outs) + fee),), tuple(outs), fee, size)

    async def pay(self, dice: random.Random, addresses: list[str]) -> None:
        """To these addresses, in one transaction."""
        outs = [Out(address, dice.choice(AMOUNTS) + dice.randint(0, 900)) for address in addresses]
        rate = max(int(self.chain.market * dice.choice((0.5, 1, 1, 2))), self.chain.floor)
        tx = self._tx(dice, outs, rate)
        if dice.random() < 0.3:
            self._fickle[tx.txid] = None
        self.world.trace("stranger pays", tx.txid, sum(one.sats for one in outs))
        if dice.random() < 0.15:  # nobody sees it before it has a block
            self.chain.mine(least=self.chain.market, also=[tx])
            return
        self.chain.take(tx)
        if dice.random() < 0.25:
            await asyncio.sleep(dice.uniform(0, 30))
            self.replace(dice, tx)

    def pay_plainly(self, dice: random.Random, address: str, sats: int) -> None:
        assert self.chain.take(self._tx(dice, [Out(address, sats)], self.chain.market)) is None

    def replace(self, dice: random.Random, tx: Tx) -> None:
        """Another transaction of the same coin that pays more to the miners; the payee gets the same, less, or
        nothing."""
        outs = list(tx.outputs)
        if dice.random() < 0.4:
            outs[0] = Out(self.home(), outs[0].sats)
        elif dice.random() < 0.5 and outs[0].sats > 12_000:
            outs[0] = Out(outs[0].address, outs[0].sats // 2)
        more = tx.fee * dice.choice((2, 3)) + 500
        if outs[-1].sats - (more - tx.fee) >= 1_000:
            outs[-1] = Out(outs[-1].address, outs[-1].sats - (more - tx.fee))
            self.chain.take(Tx(tx.spends, tuple(outs), more, tx.vsize))

    def instead(self, tx: Tx, dice: random.Random) -> Tx | None:
        """What a miner has in the place of a transaction of ours: all goes home."""
        if tx.txid not in self._fickle or dice.random() < 0.4:
            return None
        whole = sum(one.sats for one in tx.outputs)
        self.world.trace("spent twice", tx.txid)
        return Tx(tx.spends, (Out(self.home(), whole),), tx.fee, tx.vsize)

    def say_again(self, dice: random.Random) -> None:
        """What the mempool forgot, most of it."""
        for tx in list(self.chain.evicted.values()):
            if tx.spends[0] in self.chain.outside and dice.random() < 0.7 and self.chain.take(tx) is None:
                self.chain.evicted.pop(tx.txid, None)
