"""Deposits and withdrawals in the database: plain functions, transaction first. Only the follower of the chain's
events changes them, under the lock of its own place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from hazina.kernel.db import Tx
from hazina.kernel.money import MSAT_PER_SAT, Asset, Cents, Msats
from hazina.ledger import BANK, balance_at, balances
from hazina.payments.model import Deposit, DepositState, OnchainFee, Payment, Withdrawal

PENDING_MAX = 100
"""Deposits on their way that one list shows."""

# --- the follower's place -----------------------------------------------------------------------------

READER = "chain"


async def place(tx: Tx) -> int:
    """The last event of the chain that was booked; 0 before the first."""
    return int(await tx.value("select place from cursor where reader = %(reader)s", {"reader": READER}) or 0)


async def move_place(tx: Tx, was: int, to: int) -> bool:
    """Take the place from ``was`` to ``to``, and keep everybody else off it until this transaction ends. False:
    somebody else has moved it."""
    await tx.execute(
        "insert into cursor (reader, place) values (%(reader)s, '0') on conflict do nothing", {"reader": READER}
    )
    moved = await tx.execute(
        "update cursor set place = %(to)s, at = now() where reader = %(reader)s and place = %(was)s",
        {"reader": READER, "was": str(was), "to": str(to)},
    )
    return moved == 1


# --- deposits -----------------------------------------------------------------------------------------

_DEPOSIT: LiteralString = """
select txid, vout, id, address, account_id, wallet_id, sats, fee_sats, credit_sats, display_currency, state, rounds,
    owed_msat, height, confirmations_needed, seen_at, asset, fee_cents, credit_cents, owed_cents, ripe
from deposit
"""


def _deposit(*r: Any) -> Deposit:
    v = [*r]
    v[10], v[12], v[16] = DepositState(r[10]), Msats(r[12]), Asset(r[16])
    return Deposit(*v)


async def deposit(tx: Tx, txid: bytes, vout: int) -> Deposit | None:
    return await tx.one(_deposit, _DEPOSIT + " where txid = %(txid)s and vout = %(vout)s", {"txid": txid, "vout": vout})


async def add_deposit(tx: Tx, new: Deposit) -> None:
    await tx.execute(
        """
        insert into deposit (txid, vout, id, address, account_id, wallet_id, sats, fee_sats, credit_sats,
            display_currency, state, height, confirmations_needed, seen_at, asset, fee_cents, credit_cents)
        values (%(txid)s, %(vout)s, %(id)s, %(address)s, %(account)s, %(wallet)s, %(sats)s, %(fee)s, %(credit)s,
            %(currency)s, %(state)s, %(height)s, %(needed)s, %(seen)s, %(asset)s, %(fee_cents)s, %(credit_cents)s)
        """,
        {
            "txid": new.txid,
            "vout": new.vout,
            "id": new.id,
            "address": new.address,
            "account": new.account_id,
            "wallet": new.wallet_id,
            "sats": new.sats,
            "fee": new.fee_sats,
            "credit": new.credit_sats,
            "currency": new.display_currency,
            "state": new.state,
            "height": new.height,
            "needed": new.confirmations_needed,
            "seen": new.seen_at,
            "asset": new.asset,
            "fee_cents": new.fee_cents,
            "credit_cents": new.credit_cents,
        },
    )


async def keep_deposit(tx: Tx, now: Deposit, txn_id: UUID | None = None) -> None:
    """What may change of it; ``txn_id``: the transaction of the books that goes with the change."""
    await tx.execute(
        """
        update deposit set state = %(state)s, rounds = %(rounds)s, owed_msat = %(owed)s, height = %(height)s,
            fee_cents = %(fee_cents)s, credit_cents = %(cents)s, owed_cents = %(owed_cents)s, ripe = %(ripe)s,
            txns = array_remove(txns || %(txn)s::uuid, null)
        where txid = %(txid)s and vout = %(vout)s
        """,
        {
            "txid": now.txid,
            "vout": now.vout,
            "state": now.state,
            "rounds": now.rounds,
            "owed": now.owed.n,
            "height": now.height,
            "fee_cents": now.fee_cents,
            "cents": now.credit_cents,
            "owed_cents": now.owed_cents,
            "ripe": now.ripe,
            "txn": txn_id,
        },
    )


async def ripe_deposits(tx: Tx, limit: int) -> list[Deposit]:
    """Deep enough, and waiting for a price; the first that was seen first."""
    return await tx.rows(_deposit, _DEPOSIT + " where ripe order by seen_at, id limit %(limit)s", {"limit": limit})


async def pending_deposits(
    tx: Tx, account_id: UUID, wallet_ids: Sequence[UUID] | None, address: str | None = None
) -> list[Deposit]:
    """On their way to an account's wallets (None: all), newest first."""
    return await tx.rows(
        _deposit,
        _DEPOSIT
        + """ where state = 0 and credit_sats > 0 and account_id = %(account)s
            and (%(wallets)s::uuid[] is null or wallet_id = any(%(wallets)s))
            and (%(address)s::text is null or address = %(address)s) order by id desc limit %(limit)s""",
        {
            "account": account_id,
            "wallets": None if wallet_ids is None else list(wallet_ids),
            "address": address,
            "limit": PENDING_MAX,
        },
    )


async def pending_deposit(tx: Tx, account_id: UUID, deposit_id: UUID) -> Deposit | None:
    return await tx.one(
        _deposit,
        _DEPOSIT + " where id = %(id)s and account_id = %(account)s and state = 0 and credit_sats > 0",
        {"id": deposit_id, "account": account_id},
    )


# --- withdrawals --------------------------------------------------------------------------------------


async def withdrawal(tx: Tx, payment_id: UUID) -> Withdrawal | None:
    return await tx.one(
        Withdrawal,
        """select payment_id, address, speed, miner_sats, share_sats, txid, vout, broadcast_at from withdrawal
        where payment_id = %(id)s""",
        {"id": payment_id},
    )


async def place_withdrawal(
    tx: Tx, payment: Payment, txid: bytes, vout: int, share_sats: int, txn_id: UUID | None, at: datetime
) -> None:
    """Its transaction, on the withdrawal and on the statement."""
    values = {
        "id": payment.id, "txid": txid, "vout": vout, "share": share_sats, "txn": txn_id, "at": at,
    }  # fmt: skip
    await tx.execute(
        """
        update withdrawal set txid = %(txid)s, vout = %(vout)s, share_sats = %(share)s,
            broadcast_at = coalesce(broadcast_at, %(at)s), txns = array_remove(txns || %(txn)s::uuid, null)
        where payment_id = %(id)s
        """,
        values,
    )
    await tx.execute("update line set txid = %(txid)s, vout = %(vout)s where payment_id = %(id)s", values)


async def unplace_withdrawal(tx: Tx, payment: Payment, share_sats: int, txn_id: UUID | None) -> None:
    """It is in no transaction any more, and never will be."""
    values = {"id": payment.id, "share": share_sats, "txn": txn_id}
    await tx.execute(
        """
        update withdrawal set txid = null, vout = null, broadcast_at = null, share_sats = %(share)s,
            txns = array_remove(txns || %(txn)s::uuid, null)
        where payment_id = %(id)s
        """,
        values,
    )
    await tx.execute("update line set txid = null, vout = null where payment_id = %(id)s", values)


# --- quotes -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class QuotedFor:
    """What exactly a fee is quoted for. ``amount``: as it was asked for, in either asset."""

    wallet_id: UUID
    address: str
    amount: Msats | Cents
    speed: str

    @property
    def values(self) -> dict[str, Any]:
        sats, cents = (self.amount.sats_floor, 0) if isinstance(self.amount, Msats) else (0, self.amount.n)
        return {
            "wallet": self.wallet_id, "address": self.address, "sats": sats, "cents": cents, "speed": self.speed,
        }  # fmt: skip


async def keep_fee(tx: Tx, asked: QuotedFor, fee: OnchainFee, now: datetime) -> None:
    await tx.execute(
        """
        insert into chain_quote (wallet_id, address, sats, cents, speed, miner_sats, bank_sats, miner_cents,
            bank_cents, at)
        values (%(wallet)s, %(address)s, %(sats)s, %(cents)s, %(speed)s, %(miner)s, %(bank)s, %(miner_cents)s,
            %(bank_cents)s, %(now)s)
        on conflict (wallet_id, address, sats, cents, speed) do update
            set miner_sats = excluded.miner_sats, bank_sats = excluded.bank_sats, miner_cents = excluded.miner_cents,
                bank_cents = excluded.bank_cents, at = excluded.at
        """,
        {
            **asked.values,
            "miner": fee.miner_sats,
            "bank": fee.bank_sats,
            "miner_cents": fee.miner_cents,
            "bank_cents": fee.bank_cents,
            "now": now,
        },
    )


async def kept_fee(tx: Tx, asked: QuotedFor) -> tuple[OnchainFee, datetime] | None:
    """What was last quoted for exactly this, and when."""
    return await tx.one(
        lambda *row: (OnchainFee(*row[:4]), row[4]),
        """select miner_sats, bank_sats, miner_cents, bank_cents, at from chain_quote
        where wallet_id = %(wallet)s and address = %(address)s and sats = %(sats)s and cents = %(cents)s
            and speed = %(speed)s""",
        asked.values,
    )


async def forget_fees(tx: Tx, before: datetime) -> None:
    await tx.execute("delete from chain_quote where at < %(before)s", {"before": before})


async def net_inflow(tx: Tx, since: datetime) -> tuple[int, int]:
    """What came in less what went out since then, in satoshi: over Lightning, and on-chain."""
    coins = (int(BANK.ONCHAIN_BTC), int(BANK.COLD_BTC))
    came = {
        account: -(balance.balance - await balance_at(tx, account, since))
        for account, balance in (await balances(tx, [int(BANK.LIGHTNING_BTC), *coins])).items()
    }
    return came[BANK.LIGHTNING_BTC] // MSAT_PER_SAT, sum(came[account] for account in coins) // MSAT_PER_SAT


# --- transfers ----------------------------------------------------------------------------------------


async def booked_transfer(tx: Tx, transfer_id: UUID) -> tuple[int, int]:
    """What of a transfer is booked: satoshi that arrive, and the miners' fee."""
    found = await tx.one(
        lambda sats, fee: (sats, fee),
        "select sats, fee_sats from chain_transfer where transfer_id = %(id)s",
        {"id": transfer_id},
    )
    return found or (0, 0)


async def keep_transfer(tx: Tx, transfer_id: UUID, sats: int, fee_sats: int, txn_id: UUID) -> None:
    await tx.execute(
        """
        insert into chain_transfer as t (transfer_id, sats, fee_sats, txns)
        values (%(id)s, %(sats)s, %(fee)s, array[%(txn)s::uuid])
        on conflict (transfer_id) do update
            set sats = excluded.sats, fee_sats = excluded.fee_sats, txns = t.txns || excluded.txns
        """,
        {"id": transfer_id, "sats": sats, "fee": fee_sats, "txn": txn_id},
    )
