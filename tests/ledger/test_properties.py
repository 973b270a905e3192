from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from tests.ledger.model import PRICE

from hazina.kernel.db import Database
from hazina.kernel.ids import new_id
from hazina.kernel.money import Asset, Cents, Msats
from hazina.ledger import (
    BANK,
    Leg,
    Registry,
    Txn,
    Unit,
    apply_units,
    hold,
    open_account,
    post_hold,
    transfer,
    void_hold,
)

BITCOIN = [BANK.LIGHTNING_BTC, BANK.ROUNDING_BTC, BANK.FEES_BTC]
DOLLARS = [BANK.ISSUED_USD, BANK.ROUNDING_USD]
HOLDS = [UUID(int=n) for n in range(1, 6)]


@st.composite
def legs(draw: st.DrawFn) -> Leg:
    """Any leg between six accounts of two assets (0 and 1 stand for two customers')."""
    if draw(st.booleans()):
        accounts, amount = [*BITCOIN, 0], Msats(draw(st.integers(-1, 2_000)))
        src, dst = draw(st.sampled_from(accounts)), draw(st.sampled_from(accounts))
        ref = draw(st.sampled_from(HOLDS))
        return draw(
            st.sampled_from(
                [
                    transfer(src, dst, amount),
                    hold(src, dst, amount, ref),
                    post_hold(src, dst, amount, ref),
                    void_hold(src, dst, ref),
                ]
            )
        )
    dollars = [*DOLLARS, 1]
    return transfer(
        draw(st.sampled_from(dollars)), draw(st.sampled_from(dollars)), Cents(draw(st.integers(-1, 10**18 + 1)))
    )


@given(st.lists(st.lists(legs(), min_size=1, max_size=6), min_size=1, max_size=8))
async def test_whatever_is_posted_sums_to_zero(db: Database, batch: list[list[Leg]]) -> None:
    async with db.transaction() as tx:
        customers = {0: await open_account(tx, Asset.BTC), 1: await open_account(tx, Asset.USD)}

        def mine(leg: Leg) -> Leg:
            return Leg(leg.op, customers.get(leg.src, leg.src), customers.get(leg.dst, leg.dst), leg.amount, leg.ref)

        units = [Unit(id_ := new_id(), Txn(id_, 1, tuple(map(mine, some)), PRICE)) for some in batch]
        results = await apply_units(tx, Registry(), units)
        posted = {unit.id for unit, result in zip(units, results, strict=True) if result.ok}
        found = await tx.rows(
            lambda txn_id, total: (txn_id, total),
            "select txn_id, sum(amount) from ledger.entry where txn_id = any(%(ids)s) group by txn_id, asset",
            {"ids": [unit.id for unit in units]},
        )
        assert {txn_id for txn_id, _ in found} == posted
        assert all(total == 0 for _, total in found)
        assert await tx.value("select sum(balance) from ledger.account where asset = 1") == 0
        assert await tx.value("select sum(balance) from ledger.account where asset = 2") == 0
