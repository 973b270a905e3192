"""The verbs of links."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from hazina.access import Caller, require_person
from hazina.accounts import Account
from hazina.kernel.db import Tx
from hazina.kernel.errors import InvalidInput
from hazina.kernel.gather import Gather
from hazina.kernel.money import Cents, Msats
from hazina.links import drawing, paying, receiving, store, zapping
from hazina.links.common import Parts
from hazina.links.model import SHOWN_MAX, Action, NewWithdrawLink, Offer, Place, Said, WithdrawLink, clean, said
from hazina.links.paying import PayTo
from hazina.links.receiving import Asked
from hazina.payments import Direction, Invoice, InvoiceStatus, Line, Sent

ZAPS_KEPT = timedelta(days=7)
SAID_KEPT = timedelta(days=366)


class Links:
    """The door of links."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self._actions: Gather[tuple[UUID, bytes], Action] = Gather(self._look_up)

    def place(self, host: str | None) -> Place:
        """The bank's address that a request names by its host, or the bank's own."""
        return self.parts.places.at(host)

    # -- being paid by name ---------------------------------------------------------------------

    async def offer(self, name: str, place: Place, amount: str | None = None, currency: str | None = None) -> Offer:
        """What paying to a customer's name or phone takes."""
        return await receiving.offer(self.parts, name, place, amount, currency)

    async def invoice(self, name: str, place: Place, asked: Asked, ip: str | None) -> tuple[Invoice, str | None]:
        """An invoice for that, and what the recipient wants said once it is paid."""
        return await receiving.invoice(self.parts, name, place, asked, ip)

    async def request(
        self, account_id: UUID, wallet_id: UUID, amount: Msats | Cents, memo: str | None, ip: str | None
    ) -> Invoice:
        """An invoice that a stranger fills in on a customer's page."""
        return await receiving.request(self.parts, account_id, wallet_id, amount, memo, ip)

    async def status(self, payment_hash: bytes) -> InvoiceStatus:
        return await receiving.status(self.parts, payment_hash)

    async def success_message(self, caller: Caller) -> str | None:
        async with self.parts.db.reading() as tx:
            return await store.success_message(tx, caller.account_id)

    async def set_success_message(self, caller: Caller, message: str | None) -> None:
        """What wallets show whoever has paid. Raises InvalidInput, NotAuthorized."""
        require_person(caller)
        text = clean(message or "").strip() or None
        if text is not None and len(text) > SHOWN_MAX:
            raise InvalidInput(f"The message has at most {SHOWN_MAX} characters.")
        async with self.parts.db.transaction() as tx:
            await store.set_success_message(tx, caller.account_id, text)

    # -- paying ---------------------------------------------------------------------------------

    async def pay(self, caller: Caller, order: PayTo) -> Sent:
        """To a Lightning Address or an LNURL."""
        return await paying.pay(self.parts, caller, order)

    async def said(self, line: Line) -> Said | None:
        """What the recipient's service says to who made this payment (LUD-09); None before it is paid, too."""
        if line.payment_hash is None or line.preimage is None or line.direction is not Direction.SEND:
            return None
        action = await self._actions.get((line.account_id, line.payment_hash))
        return None if action is None else said(action, line.preimage)

    async def _look_up(self, keys: Sequence[tuple[UUID, bytes]]) -> dict[tuple[UUID, bytes], Action]:
        async with self.parts.db.reading() as tx:
            return await store.actions(tx, keys)

    # -- withdraw links -------------------------------------------------------------------------

    async def make_withdraw_link(self, caller: Caller, wish: NewWithdrawLink) -> tuple[WithdrawLink, str]:
        return await drawing.make(self.parts, caller, wish)

    async def withdraw_links(self, caller: Caller) -> list[WithdrawLink]:
        return await drawing.mine(self.parts, caller)

    async def end_withdraw_link(self, caller: Caller, link_id: UUID) -> None:
        await drawing.end(self.parts, caller, link_id)

    async def withdraw_terms(self, code: str, ip: str | None) -> tuple[WithdrawLink, bytes]:
        return await drawing.terms(self.parts, code, ip)

    async def take(self, code: str, k1: str, payment_request: str, ip: str | None) -> None:
        await drawing.take(self.parts, code, k1, payment_request, ip)

    async def redeem(self, caller: Caller, wallet_id: UUID, text: str, sats: int | None = None) -> Invoice:
        """Take money by somebody else's link."""
        return await drawing.redeem(self.parts, caller, wallet_id, text, sats)

    async def hand_over(self, text: str, payment_request: str, ip: str | None) -> None:
        await drawing.hand_over(self.parts, text, payment_request, ip)

    # -- background -----------------------------------------------------------------------------

    async def settle_uses(self) -> None:
        await drawing.settle_uses(self.parts)

    async def tell_zaps(self) -> None:
        await zapping.round_of_zaps(self.parts)

    async def sweep(self) -> None:
        now = self.parts.clock.now()
        async with self.parts.db.transaction() as tx:
            await store.sweep(tx, now, now - ZAPS_KEPT, now - SAID_KEPT)

    async def account_closed(self, tx: Tx, account: Account) -> None:
        """A step of leaving the bank (``AccountClosing.parts``)."""
        await store.forget_account(tx, account.id, self.parts.clock.now())
