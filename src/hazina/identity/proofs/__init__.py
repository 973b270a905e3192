"""Keys as ways to log in: passkeys, Lightning wallets (LNURL-auth), Bitcoin addresses, Nostr keys.

Owns the table ``proof_challenge``. Says that somebody holds a key, and for what; who that is, and what follows,
is the caller's. Protocols are pure (``passkey``, ``lnurl``, ``bitcoin``, ``nostr``); ``service`` has the verbs.
"""

from hazina.identity.proofs.errors import AttemptOver, NotProvedYet, WalletMismatch
from hazina.identity.proofs.model import Asker, Purpose, Shown, Site, parse_key_name, parse_purpose
from hazina.identity.proofs.provers import provers
from hazina.identity.proofs.service import LNURL_CALLBACK, Proofs, wallet_key_of

__all__ = [
    "LNURL_CALLBACK",
    "Asker",
    "AttemptOver",
    "NotProvedYet",
    "Proofs",
    "Purpose",
    "Shown",
    "Site",
    "WalletMismatch",
    "parse_key_name",
    "parse_purpose",
    "provers",
    "wallet_key_of",
]
