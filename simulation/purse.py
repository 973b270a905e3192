"""The bank's hot wallet, as a node keeps it: addresses, coins, locks. It knows what the node has seen of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from hazina.chain.ports import Coin, Labelled, Made, NodeRefused, NotEnough, Order, Pending, Purse, Signed, Standing
from simulation.blockchain import Out, Outpoint, Tx, address_of, script, vsize_of

if TYPE_CHECKING:
    from simulation.world import World

NAME = "hot"
DESCRIPTOR = "wpkh(simulated/0/*)"
DUST = 294
"""Less is no output (P2WPKH)."""


class HotWallet:
    def __init__(self, world: World) -> None:
        self.world, self.chain = world, world.blockchain
        self.made = False
        self.receiving: list[Labelled] = []
        self.change = 0
        self.own: dict[str, bool] = {}  # address: it is one for receiving
        self.txs: dict[str, Tx] = {}  # in the order in which they were learned of
        self.locks: dict[Outpoint, None] = {}
        self.signed: dict[bytes, Tx] = {}
        self._dice = world.faults.dice("coins")
        self.chain.heard = self._hear

    def _hear(self, tx: Tx) -> None:
        mine = any(one.address in self.own for one in tx.outputs) or any(map(self._is_mine, tx.spends))
        if mine and tx.txid not in self.txs:
            self.txs[tx.txid] = tx
        if mine:
            for outpoint in tx.spends:
                self.locks.pop(outpoint, None)

    def _is_mine(self, outpoint: Outpoint) -> bool:
        out = self.chain.out(outpoint)
        return out is not None and out.address in self.own

    # -- addresses -------------------------------------------------------------------------------

    def next_address(self, label: str) -> str:
        place = len(self.receiving)
        text = address_of(("receiving", self.world.seed, place))
        self.receiving.append(Labelled(text, place, label))
        self.own[text] = True
        return text

    def own_address(self) -> str:
        self.change += 1
        text = address_of(("change", self.world.seed, self.change))
        self.own[text] = False
        return text

    # -- what it knows of a transaction ----------------------------------------------------------

    def depth(self, txid: str) -> int:
        """Confirmations; below zero: so deep is another that spends a coin of it, or of what it is built on."""
        if deep := self.chain.deep(txid):
            return deep
        tx = self.txs.get(txid) or self.chain.known[txid]
        found = 0
        for outpoint in tx.spends:
            other = self.chain.spent_by.get(outpoint)
            if other is not None:
                found = min(found, -self.chain.deep(other))
            elif outpoint[0] in self.chain.known:
                found = min(found, self.depth(outpoint[0]))
        return found

    def standing(self, txid: str) -> Standing | None:
        if txid not in self.txs:
            return None
        depth = self.depth(txid)
        height = self.chain.height_of[txid] if depth > 0 else None
        return Standing(depth, height, depth == 0 and txid in self.chain.mempool)

    def spends(self, since: str | None) -> tuple[list[str], str | None]:
        known = list(self.txs)
        later = known[known.index(since) + 1 :] if since is not None else known
        sent = [txid for txid in later if any(map(self._is_mine, self.txs[txid].spends))]
        return sorted(sent), known[-1] if known else None

    # -- coins -----------------------------------------------------------------------------------

    def _taken(self) -> set[Outpoint]:
        """Spent as the wallet sees it: by what is in the chain, or may yet be."""
        return {one for txid, tx in self.txs.items() if self.depth(txid) >= 0 for one in tx.spends}

    def coins(self) -> list[tuple[Coin, int, bool]]:
        """Unspent: the coin, its confirmations, and whether it counts as ours (has a block, or is change of our
        own); those of the mempool and the chain."""
        taken, found = self._taken(), []
        for txid, tx in self.txs.items():
            depth = self.depth(txid)
            if depth < 0 or (depth == 0 and txid not in self.chain.mempool):
                continue
            ours = depth > 0 or all(map(self._is_mine, tx.spends))
            for vout, out in enumerate(tx.outputs):
                if out.address in self.own and (txid, vout) not in taken:
                    found.append((Coin(txid, vout, out.sats), depth, ours))
        return found

    def purse(self) -> Purse:
        coins = self.coins()
        ready = sum(coin.sats for coin, _, ours in coins if ours)
        return Purse(ready, sum(coin.sats for coin, _, _ in coins) - ready)

    def pending(self, sats_min: int, limit: int) -> list[Pending]:
        waiting = [
            coin
            for coin, depth, _ in self.coins()
            if depth == 0 and coin.sats >= sats_min and (coin.txid, coin.vout) not in self.locks
        ]
        return [Pending(c.txid, c.vout, self.txs[c.txid].outputs[c.vout].address, c.sats) for c in waiting[:limit]]

    def lock(self, coins: Iterable[Outpoint], on: bool) -> None:
        """One that is spent is not locked any more, and cannot be."""
        taken = self._taken()
        for coin in coins:
            self.locks.pop(coin, None)
            if on and coin not in taken:
                self.locks[coin] = None

    def sats(self) -> int:
        """All that the chain says is ours."""
        return sum(
            out.sats
            for txid, vout, out in self.chain.outputs()
            if out.address in self.own and (txid, vout) not in self.chain.spent_by
        )

    # -- building --------------------------------------------------------------------------------

    def sign(self, order: Order) -> Signed:
        """Coins are locked until they are spent or freed."""
        chosen = list(order.coins)
        others = self._others(order) if order.more else []
        while (built := self._built(order, chosen)) is None:
            if not others:
                raise NotEnough(-4, "Insufficient funds")
            chosen.append(others.pop())
        self.locks |= dict.fromkeys(built.spends)
        self.signed[built.raw] = built
        made = tuple(Made(one.address, one.sats, len(script(one.address))) for one in built.outputs)
        return Signed(built.txid, built.raw, built.vsize, built.fee, tuple(chosen), made)

    def _others(self, order: Order) -> list[Coin]:
        given = {(coin.txid, coin.vout) for coin in order.coins}
        free = [
            coin
            for coin, depth, ours in self.coins()
            if (depth > 0 or (ours and not order.confirmed and self._is_last_word(coin.txid)))
            and (coin.txid, coin.vout) not in self.locks
            and (coin.txid, coin.vout) not in given
        ]
        self._dice.shuffle(free)
        return free

    def _is_last_word(self, txid: str) -> bool:
        """Nothing that the wallet knows was replaced by it."""
        spends = set(self.txs[txid].spends)
        return not any(spends & set(tx.spends) for other, tx in self.txs.items() if other != txid)

    def _built(self, order: Order, coins: list[Coin]) -> Tx | None:
        """None: these coins do not suffice."""
        wanted = [Out(to.address, to.sats) for to in order.outputs]
        spends = tuple((coin.txid, coin.vout) for coin in coins)
        have = sum(coin.sats for coin in coins)
        size = vsize_of(len(coins), [one.address for one in wanted])
        fee = self._fee(size, order.rate, spends)
        if order.whole:
            if wanted[0].sats - fee < DUST:
                raise NodeRefused(-4, "The transaction amount is too small to pay the fee")
            wanted[0] = Out(wanted[0].address, wanted[0].sats - fee)
            return Tx(spends, tuple(wanted), fee, size) if coins else None
        left = have - sum(one.sats for one in wanted) - fee
        if not coins or left < 0:
            return None
        bigger = self._fee(size + 31, order.rate, spends)
        rest = left - (bigger - fee)
        if rest < DUST:
            return Tx(spends, tuple(wanted), fee + left, size)
        return Tx(spends, (*wanted, Out(self.own_address(), rest)), bigger, size + 31)

    def _fee(self, size: int, rate: int, spends: Iterable[Outpoint]) -> int:
        """With what parents that wait for a block pay too little."""
        fee = -(-size * rate // 1_000)
        for txid in {txid for txid, _ in spends}:
            parent = self.chain.mempool.get(txid)
            if parent is not None:
                fee += max(-(-parent.vsize * rate // 1_000) - parent.fee, 0)
        return fee
