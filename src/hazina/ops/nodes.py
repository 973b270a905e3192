"""``verify --nodes``: what the nodes themselves have, against the books."""

from __future__ import annotations

import asyncio
from typing import LiteralString

from hazina import app, ledger
from hazina.chain import Chain
from hazina.chain.ports import NodeRefused as ChainRefused
from hazina.chain.ports import NodeSilent as ChainSilent
from hazina.kernel.checks import Check, checked
from hazina.kernel.db import Tx
from hazina.ledger import BANK
from hazina.ops import Trouble, sandbox, serve
from hazina.ops.database import Place
from hazina.payments.ports import NodeRefused, NodeSilent
from hazina.settings import Settings

TRIES = 15
TRY_EVERY_S = 1.0

# What the hot wallet has and the books do not, yet or ever: outputs that wait for their depth, those that are
# settled and not booked at this moment, dust. A coinbase that waits is no coin of the wallet's either.
UNBOOKED: LiteralString = """
    select coalesce(sum(o.sats), 0)::bigint from chain_output o
      left join deposit d on d.txid = decode(o.txid, 'hex') and d.vout = o.vout and d.state = 1
     where d.txid is null and (o.state in (1, 3) or o.state = 0 and not o.coinbase)
"""
# What has left the hot wallet and is still held in the books, until it has its confirmations: kind 6 is a withdrawal,
# state 1 one that was broadcast. What its miners took more or less than was quoted is booked already.
LEAVING: LiteralString = """
    select coalesce(sum(coalesce(p.to_amount + p.route_max, p.amount + p.fee_max - p.bank_fee)), 0)::bigint / 1000
      from payment p
     where p.kind = 6 and p.state = 1
"""


def checks(settings: Settings, place: Place, *, anew: bool = False) -> list[Check]:
    """``anew``: what the Lightning nodes have now is the beginning from here on.

    :raises Trouble: a node does not answer.
    """
    if settings.wants_sandbox and (url := settings.sandbox_url or sandbox.running(settings)):
        settings = sandbox.pointed_at(settings, url)
    return asyncio.run(_checks(serve.built(settings, place), anew))


async def _checks(bank: app.Bank, anew: bool) -> list[Check]:
    await bank.db.open()
    try:
        lightning = await (bank.watch.nodes_anew() if anew else bank.watch.nodes_now())
        return [*lightning, *await _coins(bank)]
    except (NodeSilent, NodeRefused, ChainSilent, ChainRefused) as error:
        raise Trouble(f"A node does not say what it has: {error}") from None
    finally:
        await bank.stop()


async def _coins(bank: app.Bank) -> list[Check]:
    """Looks again until both sides agree, or do not for a while: they are never read at one moment."""
    if bank.chain is None:
        return []
    found: list[Check] = []
    for attempt in range(TRIES):
        if attempt:
            await asyncio.sleep(TRY_EVERY_S)
        async with bank.db.transaction() as tx:
            hot, cold, unbooked, leaving = await _booked(tx)
        in_hot, in_cold = await _kept(bank.chain)
        found = [
            _equal("hot-coins", "The hot wallet has what the books say, but for what waits to be booked.",
                   {"books_sats": hot, "unbooked_sats": unbooked - leaving, "wallet_sats": in_hot}),
            _equal("cold-coins", "The cold wallets have what the books say.",
                   {"books_sats": cold, "wallet_sats": in_cold}),
        ]  # fmt: skip
        if all(check.ok for check in found):
            break
    return found


async def _kept(chain: Chain) -> tuple[int, int]:
    """What is in the hot wallet and in all cold ones, the retired too, in satoshi."""
    treasury = chain.treasury
    hot = await treasury.wallets.purse(treasury.wallets.hot)
    in_cold = 0
    for cold in await treasury.colds():
        if cold.confirmed_by is not None:
            await treasury.wallets.watch(cold.wallet, cold.descriptor)
            purse = await treasury.wallets.purse(cold.wallet)
            in_cold += purse.ready + purse.coming
    return hot.ready + hot.coming, in_cold


async def _booked(tx: Tx) -> tuple[int, int, int, int]:
    """Hot, cold, what is in the hot wallet and in no book, and what has left it and is in the books, in satoshi."""
    await tx.execute("set transaction isolation level repeatable read, read only")
    balances = await ledger.balances(tx, [BANK.ONCHAIN_BTC, BANK.COLD_BTC])
    unbooked = await tx.value(UNBOOKED)
    hot, cold = (-balances[account].balance // 1000 for account in (BANK.ONCHAIN_BTC, BANK.COLD_BTC))
    return hot, cold, int(unbooked), int(await tx.value(LEAVING))


def _equal(name: str, said: str, row: dict[str, int]) -> Check:
    gap = row["wallet_sats"] - row["books_sats"] - row.get("unbooked_sats", 0)
    return checked(name, said, 1, [{**row, "gap_sats": gap}] if gap else [])
