"""Wallets: balance, and the wallet's part of the history."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ariadne import EnumType, InterfaceType

from hazina.accounts import Wallet
from hazina.api.graphql.connections import connection, page_of
from hazina.api.graphql.context import Context, Info, context_of
from hazina.api.graphql.public.invoices import hash_of, invoice_cursor
from hazina.api.graphql.public.transactions import line_cursor, whole
from hazina.api.graphql.verbs import asked_by, question
from hazina.kernel.errors import InvalidInput
from hazina.kernel.money import Asset
from hazina.payments import Invoice, Line

wallet = InterfaceType("Wallet")
wallet.set_type_resolver(lambda one, *_: "BTCWallet" if one.asset is Asset.BTC else "UsdWallet")


@wallet.field("balance")
async def balance(one: Wallet, info: Info) -> int:
    """What can be spent, in whole units: what is set aside for payments on their way has left already."""
    return whole(one.asset, await context_of(info).balances().get(one.ledger_account))


@wallet.field("transactions")
@question
async def transactions(one: Wallet, context: Context, **page: Any) -> dict[str, Any]:
    found = await context.bank.payments.lines(asked_by(context), [one.id], page_of(**page))
    return connection(found, line_cursor)


@wallet.field("transactionById")
@question
async def transaction_by_id(one: Wallet, context: Context, transactionId: str) -> Line:
    try:
        line_id = UUID(transactionId)
    except ValueError:
        raise InvalidInput("Invalid value for the id of a transaction.") from None
    return await context.bank.payments.line(asked_by(context), one.id, line_id)


@wallet.field("transactionsByPaymentHash")
@question
async def transactions_by_hash(one: Wallet, context: Context, paymentHash: bytes) -> list[Line]:
    return await context.bank.payments.lines_by_hash(asked_by(context), one.id, paymentHash)


@wallet.field("transactionsByPaymentRequest")
@question
async def transactions_by_request(one: Wallet, context: Context, paymentRequest: str) -> list[Line]:
    return await context.bank.payments.lines_by_hash(asked_by(context), one.id, hash_of(paymentRequest))


@wallet.field("transactionsByAddress")
@question
async def transactions_by_address(one: Wallet, context: Context, address: str, **page: Any) -> dict[str, Any]:
    found = await context.bank.payments.lines(asked_by(context), [one.id], page_of(**page), address=address)
    return connection(found, line_cursor)


@wallet.field("pendingIncomingTransactionsByAddress")
@question
async def pending_by_address(one: Wallet, context: Context, address: str) -> list[Line]:
    return await context.bank.payments.pending_deposits(asked_by(context), [one.id], address)


@wallet.field("pendingIncomingTransactions")
async def pending(one: Wallet, info: Info) -> list[Line]:
    context = context_of(info)
    return await context.bank.payments.pending_deposits(asked_by(context), [one.id])


@wallet.field("pendingIncomingBalance")
async def pending_balance(one: Wallet, info: Info) -> int:
    """What will be credited when all that is on its way has arrived."""
    return sum(whole(line.asset, line.amount) for line in await pending(one, info))


@wallet.field("invoices")
@question
async def invoices(one: Wallet, context: Context, **page: Any) -> dict[str, Any]:
    found = await context.bank.payments.invoices(asked_by(context), [one.id], page_of(**page))
    return connection(found, invoice_cursor)


@wallet.field("invoiceByPaymentHash")
@question
async def invoice_by_hash(one: Wallet, context: Context, paymentHash: bytes) -> Invoice:
    return await context.bank.payments.invoice_by_hash(asked_by(context), one.id, paymentHash)


wallet.set_field("id", lambda one, _: str(one.id))
wallet.set_field("accountId", lambda one, _: str(one.account_id))
wallet.set_field("walletCurrency", lambda one, _: one.asset)

BINDABLES = (wallet, EnumType("WalletCurrency", Asset))
