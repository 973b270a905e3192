"""Accounts: what a customer has at the bank. One account a user, a BTC and a USD wallet in each, a
level with its limits, a username for life.

Owns the tables ``account`` and ``wallet``; a wallet's money lies in its ledger account. A new
customer's user, account and wallets are made in one commit, at the first log-in.
"""

from hazina.accounts.errors import (
    InvalidUsername,
    RecipientNotActive,
    RecipientUnknown,
    UsernameFixed,
    UsernameTaken,
    WalletUnknown,
)
from hazina.accounts.model import (
    LIMIT_WINDOW_S,
    Account,
    Holder,
    Level,
    Limit,
    LimitKind,
    Limits,
    LoggedIn,
    Person,
    Status,
    Wallet,
    level_cap,
    limit_for,
    limit_subject,
    parse_username,
)
from hazina.accounts.service import Accounts, recipient, wallet_for
from hazina.accounts.store import account_by_id, accounts_by_ids, holders, wallet_by_id, wallets_by_ids, wallets_of

__all__ = [
    "LIMIT_WINDOW_S",
    "Account",
    "Accounts",
    "Holder",
    "InvalidUsername",
    "Level",
    "Limit",
    "LimitKind",
    "Limits",
    "LoggedIn",
    "Person",
    "RecipientNotActive",
    "RecipientUnknown",
    "Status",
    "UsernameFixed",
    "UsernameTaken",
    "Wallet",
    "WalletUnknown",
    "account_by_id",
    "accounts_by_ids",
    "holders",
    "level_cap",
    "limit_for",
    "limit_subject",
    "parse_username",
    "recipient",
    "wallet_by_id",
    "wallet_for",
    "wallets_by_ids",
    "wallets_of",
]
