"""Accounts: level, limits, usernames."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ariadne import EnumType, InterfaceType, ObjectType, QueryType

from hazina.accounts import Level, Limit, Person, Wallet
from hazina.api.graphql.connections import connection, page_of, wanted_wallets
from hazina.api.graphql.context import Context, Info, context_of
from hazina.api.graphql.public.invoices import invoice_cursor
from hazina.api.graphql.public.prices import realtime_price
from hazina.api.graphql.public.transactions import line_cursor
from hazina.api.graphql.verbs import asked_by, question
from hazina.kernel.money import Asset

query, account, public_wallet = QueryType(), InterfaceType("Account"), ObjectType("PublicWallet")
limit = InterfaceType("AccountLimit")
account.set_type_resolver(lambda *_: "ConsumerAccount")
limit.set_type_resolver(lambda *_: "OneDayAccountLimit")


@query.field("accountDefaultWallet")
@question
async def default_wallet(_: Any, context: Context, username: str, walletCurrency: Asset | None = None) -> Wallet:
    return await context.bank.accounts.default_wallet(username, walletCurrency)


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


# -- fields of Account ---------------------------------------------------------------------------


@account.field("wallets")
async def wallets(person: Person, info: Info) -> tuple[Wallet, ...]:
    return await context_of(info).bank.accounts.wallets(person.account.id)


@account.field("walletById")
@question
async def wallet_by_id(person: Person, context: Context, walletId: UUID) -> Wallet:
    return await context.bank.accounts.wallet_for(asked_by(context), walletId)


@account.field("defaultWallet")
async def own_default_wallet(person: Person, info: Info) -> Wallet:
    context = context_of(info)
    return await context.bank.accounts.wallet_for(asked_by(context), person.account.default_wallet_id)


@account.field("limits")
async def limits(person: Person, info: Info) -> dict[str, list[dict[str, int]]]:
    context = context_of(info)
    found = await context.bank.accounts.limits(asked_by(context))
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
    person: Person, context: Context, walletIds: list[UUID | None] | None = None, **page: Any
) -> dict[str, Any]:
    found = await context.bank.payments.lines(asked_by(context), wanted_wallets(walletIds), page_of(**page))
    return connection(found, line_cursor)


@account.field("invoices")
@question
async def invoices(
    person: Person, context: Context, walletIds: list[UUID | None] | None = None, **page: Any
) -> dict[str, Any]:
    found = await context.bank.payments.invoices(asked_by(context), wanted_wallets(walletIds), page_of(**page))
    return connection(found, invoice_cursor)


@account.field("pendingIncomingTransactions")
@question
async def pending(person: Person, context: Context, walletIds: list[UUID | None] | None = None) -> list[Any]:
    """Receipts that wait for confirmations: only on-chain ones will."""
    return []


@account.field("realtimePrice")
async def account_price(person: Person, info: Info) -> dict[str, Any]:
    return await realtime_price(context_of(info).bank, person.account.display_currency)


account.set_field("id", lambda person, _: str(person.account.id))
account.set_field("level", lambda person, _: person.account.level)
account.set_field("displayCurrency", lambda person, _: person.account.display_currency)
account.set_field("defaultWalletId", lambda person, _: person.account.default_wallet_id)

public_wallet.set_field("id", lambda wallet, _: str(wallet.id))
public_wallet.set_field("currency", lambda wallet, _: wallet.asset)
public_wallet.set_field("walletCurrency", lambda wallet, _: wallet.asset)

BINDABLES = (query, account, public_wallet, limit, EnumType("AccountLevel", Level))
