"""One-shot endpoints of invoices: who asked to be told once that an invoice was paid, or that it expired.

Payments keeps them and says which are due; whoever delivers (see ``hazina.payments``) takes them over in its own
transaction, so that each is delivered by somebody and none is taken twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from hazina.kernel.db import Tx

PAID, EXPIRED = "PAID", "EXPIRED"
BOOKED_WITHIN = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class InvoiceHook:
    """An end of an invoice that somebody waits for. ``preimage`` is told once it was paid."""

    payment_hash: bytes
    payment_request: str
    url: str
    status: str
    preimage: bytes | None

    @property
    def event(self) -> str:
        """Blink's name of the event."""
        return f"invoice.{self.status.lower()}"


async def add(tx: Tx, payment_hash: bytes, url: str, expires_at: datetime) -> None:
    await tx.execute(
        "insert into invoice_hook (payment_hash, url, expires_at) values (%(hash)s, %(url)s, %(expires)s)",
        {"hash": payment_hash, "url": url, "expires": expires_at},
    )


async def take_invoice_hooks(tx: Tx, now: datetime, limit: int) -> list[InvoiceHook]:
    """Those whose invoice has ended, the caller's from here on: rows that another transaction takes are left out.
    What is being taken or paid inside at this moment has not ended, and what was paid in the last moment is booked a
    little later."""
    return await tx.rows(
        lambda payment_hash, request, url, paid, preimage: InvoiceHook(
            payment_hash, request, url, PAID if paid else EXPIRED, preimage if paid else None
        ),
        """
        with due as (
            select h.payment_hash, h.url, i.payment_request, i.state = 2 as paid, i.preimage
            from invoice_hook h join invoice i using (payment_hash)
            where h.told_at is null and (i.state in (2, 3) or (i.state = 0 and h.expires_at <= %(over)s))
            order by h.expires_at limit %(limit)s for update of h skip locked),
        taken as (
            update invoice_hook h set told_at = %(now)s from due where h.payment_hash = due.payment_hash)
        select payment_hash, payment_request, url, paid, preimage from due
        """,
        {"now": now, "over": now - BOOKED_WITHIN, "limit": limit},
    )
