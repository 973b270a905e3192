"""Being paid on-chain: addresses, and what becomes of an output that pays one.

A deposit is seen, then settled when it is deep enough for its amount, or dropped; a reorganisation takes it back
and it is settled again. Each of these is an event of the chain; ``following`` hands them over one after the other.

What comes for a dollar wallet is exchanged when it is settled first, at the rate of that moment; while there is none it
waits, ripe. Taken back and settled again, it is exchanged both ways at the rate that it had.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from hazina.access import Caller
from hazina.accounts import holders
from hazina.chain import Address, EventKind, Output
from hazina.dealer import DealerOffline, Rate, cents_of, dealing
from hazina.kernel.db import Tx
from hazina.kernel.events import tell
from hazina.kernel.ids import new_id
from hazina.kernel.money import Asset, Cents, Msats, Price
from hazina.ledger import BANK, Unit, balances
from hazina.payments import postings, store_onchain
from hazina.payments import postings_onchain as books
from hazina.payments.common import Parts, may_move, own_wallet, party
from hazina.payments.fees import Matter, Network, Way, fee_of
from hazina.payments.model import Deposit, DepositState, Direction, Kind, Line, LineStatus, Party, Payment, State, Via

REVERSED = "The transaction of this deposit is no longer in the blockchain."


# --- addresses --------------------------------------------------------------------------------------


async def address(parts: Parts, caller: Caller, wallet_id: UUID, *, fresh: bool) -> Address:
    """An address of one of the caller's wallets: the current one, or one more. Raises OnchainUnavailable."""
    chain = parts.on_chain()
    async with parts.db.reading() as tx:
        holder = await own_wallet(tx, caller, wallet_id)
    may_move(holder)
    return await (chain.new_address(wallet_id) if fresh else chain.current_address(wallet_id))


async def pending(
    parts: Parts, caller: Caller, wallet_ids: Sequence[UUID] | None, paid_to: str | None = None
) -> list[Line]:
    """What is on its way to the caller's wallets (None: all), as lines that are in no statement yet."""
    async with parts.db.reading() as tx:
        found = await store_onchain.pending_deposits(tx, caller.account_id, wallet_ids, paid_to)
    price = await parts.prices.latest() if found else None
    return [pending_line(one, price) for one in found]


async def confirmations(parts: Parts, line: Line) -> tuple[int, int] | None:
    """As the chain has it now. None for a line that does not wait for confirmations."""
    if parts.chain is None or line.status is not LineStatus.PENDING or line.direction is not Direction.RECEIVE:
        return None
    standing = await parts.chain.standing()
    for output in await parts.chain.outputs([line.wallet_id]):
        if (bytes.fromhex(output.txid), output.vout) == (line.txid, line.vout):
            deep = standing.height - output.height + 1 if standing and output.height is not None else 0
            return max(deep, 0), output.confirmations_needed
    return None


def pending_line(deposit: Deposit, price: Price | None) -> Line:
    """A deposit that waits, in the shape of the line that it will be, at the price of now. It has another id then, as
    with Blink."""
    assert deposit.account_id is not None and deposit.wallet_id is not None
    return Line(
        id=deposit.id, payment_id=deposit.id, account_id=deposit.account_id, wallet_id=deposit.wallet_id,
        asset=deposit.asset, direction=Direction.RECEIVE, amount=deposit.credit_shown.n,
        fee=deposit.fee_shown.n, status=LineStatus.PENDING, initiation=Via.ONCHAIN,
        settlement=Via.ONCHAIN, counterparty_wallet_id=None, counterparty_username=None, payment_hash=None,
        payment_request=None, preimage=None, memo=None, external_id=None, price=price,
        display_currency=deposit.display_currency or "USD", created_at=deposit.seen_at, address=deposit.address,
        txid=deposit.txid, vout=deposit.vout,
    )  # fmt: skip


# --- events -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Market:
    """What bitcoin costs, as far as it is known, and the rate to exchange at; None while there is none."""

    price: Price | None
    rate: Rate | None


async def market(parts: Parts) -> Market:
    try:
        at = await dealing(parts.prices)
    except DealerOffline:
        return Market(await parts.prices.latest(), None)
    return Market(at.price, at)


async def take(tx: Tx, parts: Parts, kind: EventKind, output: Output, at: Market) -> Unit | None:
    """Note what an event says of an output; the unit that books it, if money moves. What was told before
    changes nothing."""
    now, price = parts.clock.now(), at.price
    deposit = await store_onchain.deposit(tx, bytes.fromhex(output.txid), output.vout)
    if deposit is None:
        deposit = await _begin(tx, parts, output, at, now)
        await store_onchain.add_deposit(tx, deposit)
        if kind is EventKind.OUTPUT_SEEN:
            await _tell(tx, deposit)
    match kind:
        case EventKind.OUTPUT_SETTLED if deposit.state is not DepositState.SETTLED:
            return await _ripen(tx, replace(deposit, height=output.height), at, now)
        case EventKind.OUTPUT_UNSETTLED if deposit.state is DepositState.SETTLED:
            return await _reverse(tx, deposit, price, now)
        case EventKind.OUTPUT_DROPPED if deposit.state is DepositState.PENDING:
            await _set(tx, replace(deposit, state=DepositState.DROPPED, ripe=False))
        case EventKind.OUTPUT_UNSETTLED if deposit.ripe:
            await _set(tx, replace(deposit, ripe=False, height=None))
        case EventKind.OUTPUT_SEEN if deposit.state is DepositState.DROPPED or deposit.height != output.height:
            state = DepositState.PENDING if deposit.state is DepositState.DROPPED else deposit.state
            await _set(tx, replace(deposit, state=state, height=output.height))
    return None


async def take_ripe(tx: Tx, at: Market, now: datetime, limit: int) -> list[Unit]:
    """The units that credit what has waited for a price."""
    if at.rate is None:
        return []
    waiting = await store_onchain.ripe_deposits(tx, limit)
    return [await _settle(tx, _exchanged(one, at.rate), at.price, now) for one in waiting]


async def _ripen(tx: Tx, deposit: Deposit, at: Market, now: datetime) -> Unit | None:
    """It is deep enough: booked now, unless it must be exchanged and cannot be."""
    if deposit.asset is Asset.BTC or not deposit.credit_sats or deposit.rounds:
        return await _settle(tx, deposit, at.price, now)
    if at.rate is None:
        await _set(tx, replace(deposit, state=DepositState.PENDING, ripe=True))
        return None
    return await _settle(tx, _exchanged(deposit, at.rate), at.price, now)


def _exchanged(deposit: Deposit, rate: Rate) -> Deposit:
    """With what it brings in dollars, for good. Too little for one cent counts at the mid price, which is one."""
    credit = Msats.from_sats(deposit.credit_sats)
    cents = rate.cents_bought(credit) or cents_of(credit, rate.price)
    return replace(deposit, credit_cents=cents.n, fee_cents=_cents(deposit.fee_sats, rate.price))


def _cents(sats: int, price: Price | None) -> int:
    """For showing."""
    return cents_of(Msats.from_sats(sats), price).n if price is not None else 0


async def _set(tx: Tx, deposit: Deposit) -> None:
    await store_onchain.keep_deposit(tx, deposit)
    await _tell(tx, deposit)


async def _tell(tx: Tx, deposit: Deposit) -> None:
    """The customer's screens, of what they may see."""
    if deposit.credit_sats:
        row = books.deposit_fact(deposit).values
        await tell(tx, row["topic"], row["keys"], **row["body"])


async def _begin(tx: Tx, parts: Parts, output: Output, at: Market, now: datetime) -> Deposit:
    """A deposit as it is first seen: whose it is, and what the bank will take of it."""
    holder = None if output.owner is None else (await holders(tx, [output.owner])).get(output.owner)
    account_id = holder.account.id if holder else None
    merchant = holder is not None and holder.account.merchant
    matter = Matter(
        output.sats, _cents(output.sats, at.price), account_id=account_id, validated_merchant=merchant
    )  # fmt: skip
    fee = fee_of(parts.policy.fees, Network.ONCHAIN, Way.RECEIVE, matter).bank_sats
    kept = holder is None or output.sats < parts.policy.onchain_sats_min or output.sats <= fee
    made = Deposit(
        bytes.fromhex(output.txid), output.vout, new_id(), output.address, account_id,
        holder.wallet.id if holder else None, output.sats, 0 if kept else fee, 0 if kept else output.sats - fee,
        holder.account.display_currency if holder else None, DepositState.PENDING, 0, Msats(0), output.height,
        output.confirmations_needed, output.seen_at or now,
    )  # fmt: skip
    if kept or holder is None or holder.wallet.asset is Asset.BTC:
        return made
    return replace(
        made,
        asset=Asset.USD,
        fee_cents=_cents(made.fee_sats, at.price),
        credit_cents=_cents(made.credit_sats, at.price),
    )


async def _settle(tx: Tx, was: Deposit, price: Price | None, now: datetime) -> Unit:
    deposit = replace(was, state=DepositState.SETTLED, rounds=was.rounds + 1, ripe=False)
    part, txn_id = books.shares(deposit), books.deposit_txn(deposit, "in")
    await store_onchain.keep_deposit(tx, replace(deposit, owed=deposit.owed - part.owed, owed_cents=0), txn_id)
    if not part.customer:
        return books.deposited(deposit, None, None, price, now)
    me, ledger_account = await _customer(tx, deposit)
    fee = Msats.from_sats(deposit.fee_sats).n
    payment = Payment(
        txn_id, Kind.ONCHAIN_IN, State.PAID, Asset.BTC, part.customer.n, fee,
        BANK.ONCHAIN_BTC, ledger_account, to_account_id=me.account_id, to_wallet_id=me.wallet_id, price=price,
        bank_fee=fee,
    )  # fmt: skip
    if deposit.asset is Asset.USD:
        payment = replace(payment, to_asset=Asset.USD, to_amount=deposit.credit_cents - deposit.owed_cents)
    line = postings.statement_line(payment, me, None, Direction.RECEIVE, now, fee=deposit.fee_shown.n)
    return books.deposited(deposit, payment, _placed(line, deposit), price, now)


async def _reverse(tx: Tx, was: Deposit, price: Price | None, now: datetime) -> Unit:
    """Take back what the customer still has. Spent meanwhile, the units of another transaction: the books refuse
    then, and the whole is tried again."""
    deposit = replace(was, state=DepositState.PENDING, height=None)
    txn_id = books.deposit_txn(deposit, "back")
    if not deposit.credit_sats:
        await store_onchain.keep_deposit(tx, deposit, txn_id)
        return books.reversed_(deposit, Msats(0), None, None, price, now)
    me, ledger_account = await _customer(tx, deposit)
    has = max((await balances(tx, [ledger_account]))[ledger_account].available, 0)
    credit = Msats.from_sats(deposit.credit_sats)
    if deposit.asset is Asset.BTC:
        given: Msats | Cents = min(credit, Msats.from_sats(Msats(has).sats_floor))
        taken, owed_cents = Msats(given.n), 0
    else:
        given = Cents(min(has, deposit.credit_cents))
        taken = books.share_of(deposit, given)
        owed_cents = deposit.credit_cents - (given.n if taken else 0)
    await store_onchain.keep_deposit(
        tx, replace(deposit, owed=deposit.owed + credit - taken, owed_cents=owed_cents), txn_id
    )
    if not taken:
        return books.reversed_(deposit, taken, None, None, price, now)
    payment = Payment(
        txn_id, Kind.ONCHAIN_REVERSED, State.PAID, given.asset, given.n, 0, ledger_account, BANK.ONCHAIN_BTC,
        me.account_id, me.wallet_id, memo=REVERSED, price=price,
    )  # fmt: skip
    if isinstance(given, Cents):
        payment = replace(payment, to_asset=Asset.BTC, to_amount=taken.n)
    line = postings.statement_line(payment, me, None, Direction.SEND, now, memo=REVERSED)
    return books.reversed_(deposit, taken, payment, _placed(line, deposit), price, now)


async def _customer(tx: Tx, deposit: Deposit) -> tuple[Party, int]:
    assert deposit.wallet_id is not None
    holder = (await holders(tx, [deposit.wallet_id]))[deposit.wallet_id]
    return party(holder), holder.wallet.ledger_account


def _placed(line: Line, deposit: Deposit) -> Line:
    return replace(line, address=deposit.address, txid=deposit.txid, vout=deposit.vout)
