"""Accounts: what a customer has at the bank. One account a user, a BTC and a USD wallet in each, a
level with its limits, a username for life.

Owns the tables ``account`` and ``wallet``; a wallet's money lies in its ledger account. A new
customer's user, account and wallets are made in one commit, at the first log-in, or when somebody asks where
to pay their phone. Beside them: contacts, what a customer wants to be told, feedback, and leaving the bank.
"""

from hazina.accounts.closing import AccountClosing
from hazina.accounts.contacts import Contacts
from hazina.accounts.effects import EFFECTS, contact_address_row, contact_row
from hazina.accounts.errors import (
    ContactUnknown,
    DeletionRefused,
    InvalidContact,
    InvalidUsername,
    NoticeUnknown,
    RecipientNotActive,
    RecipientUnknown,
    TooManyContacts,
    UsernameFixed,
    UsernameTaken,
    WalletUnknown,
)
from hazina.accounts.feedback import Feedback
from hazina.accounts.model import (
    LIMIT_WINDOW_S,
    Account,
    Category,
    Contact,
    ContactKind,
    Holder,
    Level,
    Limit,
    LimitKind,
    Limits,
    LoggedIn,
    Notice,
    Person,
    PushSettings,
    Status,
    Wallet,
    level_cap,
    limit_for,
    limit_subject,
    parse_username,
)
from hazina.accounts.notices import Notices, tell_in_app
from hazina.accounts.service import Accounts, recipient, wallet_for
from hazina.accounts.store import (
    account_by_id,
    account_by_username,
    accounts_by_ids,
    holders,
    set_merchant,
    wallet_by_id,
    wallets_by_ids,
    wallets_of,
)

__all__ = [
    "EFFECTS",
    "LIMIT_WINDOW_S",
    "Account",
    "AccountClosing",
    "Accounts",
    "Category",
    "Contact",
    "ContactKind",
    "ContactUnknown",
    "Contacts",
    "DeletionRefused",
    "Feedback",
    "Holder",
    "InvalidContact",
    "InvalidUsername",
    "Level",
    "Limit",
    "LimitKind",
    "Limits",
    "LoggedIn",
    "Notice",
    "NoticeUnknown",
    "Notices",
    "Person",
    "PushSettings",
    "RecipientNotActive",
    "RecipientUnknown",
    "Status",
    "TooManyContacts",
    "UsernameFixed",
    "UsernameTaken",
    "Wallet",
    "WalletUnknown",
    "account_by_id",
    "account_by_username",
    "accounts_by_ids",
    "contact_address_row",
    "contact_row",
    "holders",
    "level_cap",
    "limit_for",
    "limit_subject",
    "parse_username",
    "recipient",
    "set_merchant",
    "tell_in_app",
    "wallet_by_id",
    "wallet_for",
    "wallets_by_ids",
    "wallets_of",
]
