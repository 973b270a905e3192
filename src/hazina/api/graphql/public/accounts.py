"""Accounts: level, limits, usernames."""

from __future__ import annotations

import base64
from typing import Any
from uuid import UUID

from ariadne import EnumType, InterfaceType, MutationType, ObjectType, QueryType

from hazina.access import Caller, Scope
from hazina.accounts import Level, Limit, Wallet, wallets_of
from hazina.api import statement_csv
from hazina.api.graphql.connections import connection, page_of, wanted_wallets
from hazina.api.graphql.context import Context, Info, Me, context_of
from hazina.api.graphql.public.invoices import invoice_cursor
from hazina.api.graphql.public.prices import realtime_price
from hazina.api.graphql.public.transactions import line_cursor, rate_of
from hazina.api.graphql.verbs import Payload, question, verb
from hazina.kernel import rates
from hazina.kernel.errors import TooManyRequests
from hazina.kernel.money import Asset
from hazina.ledger import balances
from hazina.payments import Line

query, mutation, account = QueryType(), MutationType(), InterfaceType("Account")
public_wallet, limit = ObjectType("PublicWallet"), InterfaceType("AccountLimit")
CSV_RATE = rates.Rate("csv", points=20, window_s=3_600, block_s=600)
"""Of one account: each reads its whole history."""
account.set_type_resolver(lambda *_: "ConsumerAccount")
limit.set_type_resolver(lambda *_: "OneDayAccountLimit")


@query.field("accountDefaultWallet")
@question
async def default_wallet(_: Any, context: Context, username: str, walletCurrency: Asset | None = None) -> Wallet:
    """A phone that nobody has yet is invited: it can be paid, and is its owner's once they log in."""
    return await context.bank.accounts.default_wallet(username, walletCurrency, invite=True, ip=context.ip)


@query.field("userDefaultWalletId")
@question
async def default_wallet_id(_: Any, context: Context, username: str) -> UUID:
    return (await context.bank.accounts.default_wallet(username, None)).id


@query.field("usernameAvailable")
@question
async def username_available(_: Any, context: Context, username: str) -> bool:
    if username.startswith("+"):  # a phone number, which the scalar takes too
        return False
    return await context.bank.accounts.username_available(username)


# -- changing it ---------------------------------------------------------------------------------


@mutation.field("accountUpdateDefaultWalletId")
@verb(Scope.WRITE)
async def set_default_wallet(context: Context, caller: Caller, input: dict[str, Any]) -> Payload:
    await context.bank.accounts.set_default_wallet(caller, input["walletId"])
    return {"account": Me(caller, context.bank.accounts)}


@mutation.field("accountDelete")
@verb(Scope.WRITE, success=False)
async def delete(context: Context, caller: Caller) -> Payload:
    await context.bank.account_closing.delete(caller)
    return {"success": True}


@mutation.field("feedbackSubmit")
@verb(Scope.WRITE, success=False)
async def submit_feedback(context: Context, caller: Caller, input: dict[str, Any]) -> Payload:
    await context.bank.feedback.submit(caller, input["feedback"])
    return {"success": True}


# -- fields of Account ---------------------------------------------------------------------------


@account.field("wallets")
async def wallets(me: Me, info: Info) -> tuple[Wallet, ...]:
    """With their balances, which are asked for nearly always: one transaction for both."""
    context = context_of(info)
    async with context.bank.db.reading() as tx:
        found = await wallets_of(tx, me.caller.account_id)
        held = await balances(tx, [one.ledger_account for one in found])
    for id_, balance in held.items():
        context.balances().put(id_, balance.available)
    return found


@account.field("walletById")
@question
async def wallet_by_id(me: Me, context: Context, walletId: UUID) -> Wallet:
    return await context.bank.accounts.wallet_for(me.caller, walletId)


@account.field("defaultWallet")
async def own_default_wallet(me: Me, info: Info) -> Wallet:
    account = (await me.person()).account
    return await context_of(info).bank.accounts.wallet_for(me.caller, account.default_wallet_id)


@account.field("limits")
async def limits(me: Me, info: Info) -> dict[str, list[dict[str, int]]]:
    found = await context_of(info).bank.accounts.limits(me.caller)
    return {
        "withdrawal": [_limit(found.withdrawal)],
        "internalSend": [_limit(found.internal_send)],
        "convert": [_limit(found.convert)],
    }


def _limit(one: Limit) -> dict[str, int]:
    return {"totalLimit": one.total.n, "remainingLimit": one.remaining.n, "interval": one.window_s}


@account.field("transactions")
@question
async def transactions(
    me: Me, context: Context, walletIds: list[UUID | None] | None = None, **page: Any
) -> dict[str, Any]:
    found = await context.bank.payments.lines(me.caller, wanted_wallets(walletIds), page_of(**page))
    return connection(found, line_cursor)


@account.field("csvTransactions")
@question
async def csv_of_all(me: Me, context: Context, walletIds: list[UUID]) -> str:
    """As with Blink every wallet's, whichever are named. What does not fit is told in the answer's extensions."""
    bank = context.bank
    async with bank.db.transaction() as tx:
        wait = await rates.take(tx, [(CSV_RATE, str(me.caller.account_id))], bank.clock.now())
    if wait:
        raise TooManyRequests(retry_after_s=wait)
    own = {wallet.id for wallet in await bank.accounts.wallets(me.caller.account_id)}
    parts, rows = [statement_csv.header()], 0
    async for lines in bank.payments.statement(me.caller, statement_csv.ROWS_MAX):
        parts.append(await statement_csv.page(lines, own, lambda line: rate_of(line, context)))
        rows += len(lines)
    if rows == statement_csv.ROWS_MAX:
        context.told["csvTransactions"] = {"rows": rows, "more": True}
    return base64.b64encode("".join(parts).encode()).decode()


@account.field("invoices")
@question
async def invoices(me: Me, context: Context, walletIds: list[UUID | None] | None = None, **page: Any) -> dict[str, Any]:
    found = await context.bank.payments.invoices(me.caller, wanted_wallets(walletIds), page_of(**page))
    return connection(found, invoice_cursor)


@account.field("pendingIncomingTransactions")
@question
async def pending(me: Me, context: Context, walletIds: list[UUID | None] | None = None) -> list[Line]:
    """Deposits that wait for confirmations."""
    return await context.bank.payments.pending_deposits(me.caller, wanted_wallets(walletIds))


@account.field("realtimePrice")
async def account_price(me: Me, info: Info) -> dict[str, Any]:
    return await realtime_price(context_of(info).bank, (await me.person()).account.display_currency)


@account.field("level")
async def level(me: Me, _: Info) -> Level:
    return (await me.person()).account.level


@account.field("displayCurrency")
async def display_currency(me: Me, _: Info) -> str:
    return (await me.person()).account.display_currency


@account.field("defaultWalletId")
async def own_default_wallet_id(me: Me, _: Info) -> UUID:
    return (await me.person()).account.default_wallet_id


account.set_field("id", lambda me, _: str(me.caller.account_id))

public_wallet.set_field("id", lambda wallet, _: str(wallet.id))
public_wallet.set_field("currency", lambda wallet, _: wallet.asset)
public_wallet.set_field("walletCurrency", lambda wallet, _: wallet.asset)

BINDABLES = (query, mutation, account, public_wallet, limit, EnumType("AccountLevel", Level))
