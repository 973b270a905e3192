"""Being paid by name: LNURL-pay and Lightning Addresses (LUD-06, 12, 16, 18, 20, 21), and zaps (NIP-57).

The first question costs a look at a name and makes nothing: link previews ask it. The invoice of the second is made
as anybody may make one for anybody, with the hash of exactly what was shown.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from uuid import UUID

from hazina.accounts import Wallet
from hazina.dealer import estimate
from hazina.kernel import nostr
from hazina.kernel.money import Asset, Cents, Msats
from hazina.links import store
from hazina.links.common import Parts
from hazina.links.errors import AmountOutOfRange
from hazina.links.model import (
    MAX_SATS,
    MIN_SATS,
    PAYER_RATE,
    RECIPIENT_RATE,
    Name,
    Offer,
    Place,
    clean,
    hash_of,
    memo_of,
    metadata_of,
    read_comment,
    read_msats,
    read_name,
    read_payer_data,
)
from hazina.links.zap import ZapRequest, read_zap
from hazina.payments import Invoice, InvoiceStatus, NewInvoice

TILL_MINUTES = 60
"""How long who stands at a till may take: the amount was said in another currency."""
ZAP_MINUTES = 60
"""How long a zap's invoice may be paid: nobody watches over a zap for longer."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a wallet adds to the callback, as it came."""

    amount: str | None
    comment: str | None = None
    payer_data: str | None = None
    zap: str | None = None


async def offer(parts: Parts, text: str, place: Place, amount: str | None, currency: str | None) -> Offer:
    """What paying to this name takes. ``amount`` pins it, in satoshi or in minor units of ``currency``. Raises
    what ``Accounts.default_wallet`` raises; AmountOutOfRange."""
    name = read_name(text)
    await parts.accounts.default_wallet(name.whom, Asset.BTC)
    pinned = await _pinned(parts, amount, currency) if amount is not None else None
    return Offer(
        f"{place.origin}/lnurlp/{name.path}/callback",
        pinned or Msats.from_sats(MIN_SATS),
        pinned or Msats.from_sats(MAX_SATS),
        metadata_of(name, place),
        nostr.pubkey_of(await parts.signer()).hex(),
    )


async def _pinned(parts: Parts, amount: str, currency: str | None) -> Msats:
    if len(amount) > 12 or not (amount.isascii() and amount.isdigit()):
        raise AmountOutOfRange("Invalid amount")
    if not currency or currency in ("BTC", "SAT"):
        msats = Msats.from_sats(int(amount))
    else:
        rate, price = await parts.prices.rates.of(currency), await parts.prices.fresh()
        worth = estimate(Decimal(int(amount)).scaleb(-rate.currency.digits), price, rate)
        msats = Msats.from_sats(worth.sats)
    if not MIN_SATS <= msats.sats_floor <= MAX_SATS:
        raise AmountOutOfRange("Invalid amount")
    return msats


async def invoice(parts: Parts, text: str, place: Place, asked: Asked, ip: str | None) -> tuple[Invoice, str | None]:
    """The invoice, and what its recipient wants said once it is paid. Raises AmountOutOfRange, CommentTooLong,
    PayerDataInvalid, ZapInvalid, TooManyRequests, and what finding the recipient and making an invoice raise."""
    name, amount = read_name(text), read_msats(asked.amount)
    wallet = await parts.accounts.default_wallet(name.whom, Asset.BTC)
    strangers = [(PAYER_RATE, ip)] if ip is not None else []
    now = await parts.within((RECIPIENT_RATE, str(wallet.account_id)), *strangers)
    if asked.zap:
        signer = nostr.pubkey_of(await parts.signer())
        return await _zapped(parts, wallet, amount, read_zap(asked.zap, amount, signer, now)), None
    payer = read_payer_data(asked.payer_data) if asked.payer_data else {}
    shown = metadata_of(name, place) + (asked.payer_data or "")
    wish = NewInvoice(wallet.id, amount, _memo(name, memo_of(read_comment(asked.comment), payer)))
    made = await parts.payments.create_invoice_for(replace(wish, description_hash=hash_of(shown)))
    async with parts.db.reading() as tx:
        return made, await store.success_message(tx, wallet.account_id)


async def request(
    parts: Parts, account_id: UUID, wallet_id: UUID, amount: Msats | Cents, memo: str | None, ip: str | None
) -> Invoice:
    """An invoice that somebody fills in for a customer's wallet on a page. Raises TooManyRequests, and what making an
    invoice raises."""
    strangers = [(PAYER_RATE, ip)] if ip is not None else []
    await parts.within((RECIPIENT_RATE, str(account_id)), *strangers)
    words = clean(memo).strip() or None if memo else None
    return await parts.payments.create_invoice_for(NewInvoice(wallet_id, amount, words, TILL_MINUTES))


def _memo(name: Name, words: str | None) -> str | None:
    """The tag is for the recipient: it stands before the words."""
    return " ".join(part for part in (f"[{name.tag}]" if name.tag else None, words) if part) or None


async def _zapped(parts: Parts, wallet: Wallet, amount: Msats, zap: ZapRequest) -> Invoice:
    """Whoever dies between the two leaves an invoice that nobody has seen."""
    wish = NewInvoice(
        wallet.id, amount, zap.comment, expires_in_minutes=ZAP_MINUTES, description_hash=hash_of(zap.text)
    )
    made = await parts.payments.create_invoice_for(wish)
    async with parts.db.transaction() as tx:
        await store.add_zap(tx, made.payment_hash, zap.text, made.created_at, made.expires_at)
    return made


async def status(parts: Parts, payment_hash: bytes) -> InvoiceStatus:
    """LUD-21. Raises InvoiceUnknown."""
    return await parts.payments.invoice_status(payment_hash)
