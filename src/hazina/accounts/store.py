"""SQL of accounts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

import psycopg.errors

from hazina.accounts.model import Account, Holder, Level, Status, Wallet
from hazina.kernel.db import Tx
from hazina.kernel.ids import UUID
from hazina.kernel.money import Asset

_ACCOUNT: LiteralString = """
select id, user_id, username, level, status, default_wallet_id, display_currency, created_at, merchant from account
"""
_WALLET = "select id, account_id, asset, ledger_account from wallet"


def _account(
    id_: UUID, user_id: UUID, username: str | None, level: int, status: str, default: UUID, currency: str, at: datetime,
    merchant: bool,
) -> Account:  # fmt: skip
    return Account(id_, user_id, username, Level(level), Status(status), default, currency, at, merchant)


def _wallet(id_: UUID, account_id: UUID, asset: int, ledger_account: int) -> Wallet:
    return Wallet(id_, account_id, Asset(asset), ledger_account)


@dataclass(frozen=True, slots=True)
class Ticket:
    """What one look at a session token tells."""

    session_id: UUID
    user_id: UUID
    account_id: UUID
    status: str
    last_used_at: datetime
    amr: list[str]
    auth_time: datetime
    wary: bool


async def tickets(tx: Tx, token_hashes: Sequence[bytes], live_since: datetime, at: datetime) -> dict[bytes, Ticket]:
    """Session and account of each token that is valid, in one query: every request pays for this one.
    So it alone reads a table of ``identity``."""

    def ticket(token_hash: bytes, *row: Any) -> tuple[bytes, Ticket]:
        return token_hash, Ticket(*row)

    found = await tx.rows(
        ticket,
        """
        select s.token_hash, s.id, s.user_id, a.id, a.status, s.last_used_at, s.amr, s.auth_time, s.wary
        from session s join account a on a.user_id = s.user_id
        where s.token_hash = any(%(hashes)s) and s.last_used_at > %(since)s and s.expires_at > %(at)s
            and not s.totp_pending and a.status <> 'closed'
        """,
        {"hashes": list(token_hashes), "since": live_since, "at": at},
    )
    return dict(found)


async def put_account(tx: Tx, account: Account) -> bool:
    """False when the user has one already (another log-in was quicker)."""
    made = await tx.execute(
        """
        insert into account (id, user_id, level, status, default_wallet_id, display_currency, created_at)
        values (%(id)s, %(user)s, %(level)s, %(status)s, %(default)s, %(currency)s, %(at)s)
        on conflict (user_id) do nothing
        """,
        {
            "id": account.id,
            "user": account.user_id,
            "level": int(account.level),
            "status": account.status.value,
            "default": account.default_wallet_id,
            "currency": account.display_currency,
            "at": account.created_at,
        },
    )
    return made == 1


async def put_wallet(tx: Tx, wallet: Wallet, at: datetime) -> None:
    await tx.execute(
        """
        insert into wallet (id, account_id, asset, ledger_account, created_at)
        values (%(id)s, %(account)s, %(asset)s, %(ledger)s, %(at)s)
        """,
        {
            "id": wallet.id,
            "account": wallet.account_id,
            "asset": int(wallet.asset),
            "ledger": wallet.ledger_account,
            "at": at,
        },
    )


async def account_by_id(tx: Tx, account_id: UUID) -> Account | None:
    return await tx.one(_account, _ACCOUNT + " where id = %(id)s", {"id": account_id})


async def accounts_by_ids(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, Account]:
    """Those that exist."""
    found = await tx.rows(_account, _ACCOUNT + " where id = any(%(ids)s)", {"ids": list(ids)})
    return {account.id: account for account in found}


async def account_by_user(tx: Tx, user_id: UUID) -> Account | None:
    return await tx.one(_account, _ACCOUNT + " where user_id = %(id)s", {"id": user_id})


async def account_by_username(tx: Tx, username: str) -> Account | None:
    return await tx.one(_account, _ACCOUNT + " where username = %(name)s", {"name": username})


async def set_status(tx: Tx, account_id: UUID, was: Status, to: Status) -> bool:
    """False: it has another by now."""
    query = "update account set status = %(to)s where id = %(id)s and status = %(was)s"
    return await tx.execute(query, {"id": account_id, "was": was.value, "to": to.value}) == 1


async def activate(tx: Tx, user_id: UUID) -> None:
    """Whoever was invited is here."""
    query = "update account set status = 'active' where user_id = %(user)s and status = 'invited'"
    await tx.execute(query, {"user": user_id})


async def set_default_wallet(tx: Tx, account_id: UUID, wallet_id: UUID) -> None:
    query = "update account set default_wallet_id = %(wallet)s where id = %(id)s"
    await tx.execute(query, {"id": account_id, "wallet": wallet_id})


async def set_merchant(tx: Tx, account_id: UUID, merchant: bool) -> None:
    query = "update account set merchant = %(merchant)s where id = %(id)s and merchant <> %(merchant)s"
    await tx.execute(query, {"id": account_id, "merchant": merchant})


async def remember_phone(tx: Tx, account_id: UUID, mark: bytes, at: datetime) -> None:
    """Of an account that its owner deletes."""
    await tx.execute(
        "insert into deleted_phone (account_id, mark, at) values (%(id)s, %(mark)s, %(at)s) on conflict do nothing",
        {"id": account_id, "mark": mark, "at": at},
    )


async def deletions_of(tx: Tx, mark: bytes) -> int:
    """How many accounts with this phone their owners have deleted."""
    return int(await tx.value("select count(*) from deleted_phone where mark = %(mark)s", {"mark": mark}))


async def set_display_currency(tx: Tx, account_id: UUID, currency: str) -> None:
    await tx.execute(
        "update account set display_currency = %(currency)s where id = %(id)s",
        {"id": account_id, "currency": currency},
    )


async def set_level(tx: Tx, account_id: UUID, level: Level) -> None:
    await tx.execute("update account set level = %(level)s where id = %(id)s", {"id": account_id, "level": int(level)})


async def wallet_by_id(tx: Tx, wallet_id: UUID) -> Wallet | None:
    return await tx.one(_wallet, _WALLET + " where id = %(id)s", {"id": wallet_id})


async def wallets_by_ids(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, Wallet]:
    """Those that exist."""
    found = await tx.rows(_wallet, _WALLET + " where id = any(%(ids)s)", {"ids": list(ids)})
    return {wallet.id: wallet for wallet in found}


async def holders(tx: Tx, wallet_ids: Sequence[UUID]) -> dict[UUID, Holder]:
    """Those wallets that exist, each with its account, in one query: every payment asks."""

    def made(*row: Any) -> Holder:
        return Holder(_account(*row[:9]), _wallet(*row[9:]))

    found = await tx.rows(
        made,
        """
        select a.id, a.user_id, a.username, a.level, a.status, a.default_wallet_id, a.display_currency, a.created_at,
            a.merchant, w.id, w.account_id, w.asset, w.ledger_account
        from wallet w join account a on a.id = w.account_id where w.id = any(%(ids)s)
        """,
        {"ids": list(wallet_ids)},
    )
    return {holder.wallet.id: holder for holder in found}


async def wallets_of(tx: Tx, account_id: UUID) -> tuple[Wallet, ...]:
    """BTC, then USD."""
    query = _WALLET + " where account_id = %(id)s order by asset"
    return tuple(await tx.rows(_wallet, query, {"id": account_id}))


async def name_account(tx: Tx, account_id: UUID, username: str) -> bool | None:
    """Give the account its name: True; False when it has one; None when somebody else has this one.
    After None the transaction is over."""
    values: dict[str, Any] = {"id": account_id, "name": username}
    try:
        named = await tx.execute(
            "update account set username = %(name)s where id = %(id)s and username is null", values
        )
    except psycopg.errors.UniqueViolation:
        return None
    return named == 1
