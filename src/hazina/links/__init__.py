"""Links: money behind a URL. LNURL-pay and Lightning Addresses in both directions, withdraw links in both directions,
zaps.

Owns ``link_secret``, ``lnurl_invoice``, ``lnurl_action``, ``zap``, ``withdraw_link``, ``withdraw_use`` and
``address_page``. It moves no money itself: invoices are made and paid by payments, so limits, caps and second proofs
hold here as everywhere.
"""

from hazina.links.common import Parts, reseal
from hazina.links.errors import AmountOutOfRange, LinkUnknown, LnurlFailed, LnurlUnreadable
from hazina.links.model import (
    COMMENT_CHARS_MAX,
    PAYER_KINDS,
    RECIPIENT_RATE,
    STRANGER_RATE,
    NewWithdrawLink,
    Offer,
    Place,
    Places,
    Said,
    WithdrawLink,
    clean,
)
from hazina.links.paying import PayTo
from hazina.links.receiving import Asked
from hazina.links.service import Links

__all__ = [
    "COMMENT_CHARS_MAX",
    "PAYER_KINDS",
    "RECIPIENT_RATE",
    "STRANGER_RATE",
    "AmountOutOfRange",
    "Asked",
    "LinkUnknown",
    "Links",
    "LnurlFailed",
    "LnurlUnreadable",
    "NewWithdrawLink",
    "Offer",
    "Parts",
    "PayTo",
    "Place",
    "Places",
    "Said",
    "WithdrawLink",
    "clean",
    "reseal",
]
