"""What must hold between the Bitcoin chain and the books; see ``oracle``."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, LiteralString

from hazina import chain
from hazina.kernel.db import Tx
from hazina.ledger import BANK

if TYPE_CHECKING:
    from simulation.oracle import Verdict
    from simulation.world import World

PAID_OUT: LiteralString = """
    select c.address, c.sats, p.state from payment p join chain_payout c on c.id = p.id where p.kind = 6
"""

BOOKED: LiteralString = """
    select a.balance,
        coalesce((select -sum(d.sats) from deposit d where d.state = 1), 0) * 1000
        + coalesce((select sum(case p.state when 2 then (c.sats + w.miner_sats) else 0 end
                               + case when w.txid is null then 0 else w.share_sats - w.miner_sats end)
            from withdrawal w join payment p on p.id = w.payment_id join chain_payout c on c.id = p.id), 0) * 1000
        + coalesce((select sum(t.fee_sats) from chain_transfer t), 0) * 1000
    from ledger.account a where a.id = %(id)s
"""


def after_step(world: World) -> None:
    """I13: coins are in the books as deposits and payouts say. Nobody gets a payout twice, or one that was given
    back."""
    admin, node = world.server.admin, world.blockchain
    for balance, coins in admin.execute(BOOKED, {"id": int(BANK.ONCHAIN_BTC)}, prepare=True).fetchall():
        if balance != coins:
            world.fail(f"I13 the books have {balance} msat of coins, deposits and payouts make it {coins}")
    wanted: Counter[tuple[str, int]] = Counter()
    for address, sats, state in admin.execute(PAID_OUT, prepare=True).fetchall():
        wanted[address, sats] += state != 3
    homes = {address for address, _ in wanted}
    sent = Counter((out.address, out.sats) for _, _, out in node.outputs() if out.address in homes)
    sent.update((o.address, o.sats) for tx in node.mempool.values() for o in tx.outputs if o.address in homes)
    for (address, sats), times in sent.items():
        if times > wanted[address, sats]:
            world.fail(f"I7 {sats} sat to {address} were sent {times} times, wanted {wanted[address, sats]} times")


async def after_quiet(world: World, tx: Tx, verdict: Verdict) -> None:
    """The node's coins are the books', each deposit is credited once, each payout arrived once."""
    for check in await chain.verify(tx):
        if not check.ok:
            world.fail(f"I13 {check.name}: {check.offending[:3]}")
    wallet, node = world.bitcoin.wallet, world.blockchain
    came = {
        (txid, vout): out.sats for txid, vout, out in node.outputs() if wallet.own.get(out.address)
    }  # fmt: skip
    least = chain.Policy().deposit_sats_min
    dust = sum(sats for sats in came.values() if sats < least)
    truth = (wallet.sats() - dust) * 1_000
    books = -await tx.value("select balance from ledger.account where id = %(id)s", {"id": int(BANK.ONCHAIN_BTC)})
    if books != truth:
        world.fail(f"I5 the Bitcoin node holds {truth} msat of ours, the books say {books}")
        verdict.created_msat += max(books - truth, 0)
        verdict.lost_msat += max(truth - books, 0)
    rows = await tx.rows(
        lambda txid, vout, sats: ((bytes(txid).hex(), vout), sats),
        "select txid, vout, sats from deposit where state = 1",
    )
    credited, due = dict(rows), {key: sats for key, sats in came.items() if sats >= least}
    for key in {key for key in {*credited, *due} if credited.get(key) != due.get(key)}:
        world.fail(f"I6 deposit {key}: {due.get(key)} sat in the chain, {credited.get(key)} in the books")
    wanted: Counter[tuple[str, int]] = Counter()
    for address, sats, state in await tx.rows(lambda *row: row, PAID_OUT):
        wanted[address, sats] += state == 2
    homes = {address for address, _ in wanted}
    sent = Counter((out.address, out.sats) for _, _, out in node.outputs() if out.address in homes)
    for name in {name for name in {*wanted, *sent} if wanted[name] != sent[name]}:
        world.fail(f"I6 {name[1]} sat to {name[0]}: {sent[name]} times in the chain, {wanted[name]} in the books")
    verdict.double_paid += sum(max(times - wanted[name], 0) for name, times in sent.items())
