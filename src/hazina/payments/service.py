"""The verbs of payments. Each is a journey; what they do stands in ``sending`` and ``receiving``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from uuid import UUID

from hazina.access import Caller
from hazina.accounts import WalletUnknown, holders
from hazina.dealer import Quote
from hazina.kernel.errors import InvalidInput
from hazina.kernel.ids import new_id
from hazina.kernel.money import Asset, Cents, Msats
from hazina.kernel.paging import Page, Slice
from hazina.ledger import BANK
from hazina.payments import (
    attempts,
    converting,
    costs,
    deposits,
    following,
    held,
    postings,
    quotes,
    receiving,
    sending,
    store,
    store_nodes,
    store_onchain,
    withdrawals,
)
from hazina.payments.common import Parts, may_move, party
from hazina.payments.errors import PaymentUnknown, WrongCurrency
from hazina.payments.fees import Network, TieredFlat, Way
from hazina.payments.model import (
    Direction,
    Invoice,
    InvoiceStatus,
    Kind,
    Line,
    NewInvoice,
    OnchainFee,
    Payment,
    Probe,
    SendInternal,
    SendInvoice,
    SendOnchain,
    Sent,
    State,
    memo_fits,
    positive,
)
from hazina.payments.nodes import NodeStanding
from hazina.payments.ports import Lightning
from hazina.payments.store_nodes import UnderWay

AGES_S = (0, 60, 600, 86_400)
STUCK_SHOWN = 50
STATEMENT_PAGE = 2_000


class Payments:
    """The door of payments: three rails, one life cycle."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts

    # --- paying ---

    async def send_internal(self, caller: Caller, order: SendInternal) -> Sent:
        """To another wallet of this bank. Raises a Refusal; nothing was moved then."""
        return await sending.send_internal(self.parts, caller, order)

    async def exchange_quote(self, caller: Caller, wallet_id: UUID, amount: int) -> Quote:
        """What one's other wallet gets for ``amount`` (satoshi or cents) of this one; it stands for some minutes."""
        return await converting.quote(self.parts, caller, wallet_id, amount)

    async def exchange(self, caller: Caller, quote_id: UUID, key: str | None = None) -> Sent:
        """Between one's own wallets, exactly by that quote, once. Raises QuoteInvalid."""
        return await converting.exchange(self.parts, caller, quote_id, key)

    async def send_invoice(self, caller: Caller, order: SendInvoice) -> Sent:
        """A BOLT11 invoice. ``PENDING`` means set aside and not known yet: never paid twice, never returned
        before the node says so."""
        return await sending.send_invoice(self.parts, caller, order)

    async def probe_fee(
        self, caller: Caller, wallet_id: UUID, payment_request: str, amount: Msats | Cents | None,
        of: Asset | None = None,
    ) -> Probe:  # fmt: skip
        """The most that an invoice will cost; kept for five minutes as the payment's ceiling. ``of``: the wallet must
        be of that asset."""
        return await quotes.probe_fee(self.parts, caller, wallet_id, payment_request, amount, of)

    @property
    def has_chain(self) -> bool:
        """Is there a Bitcoin node? Without one everything on-chain is refused."""
        return self.parts.chain is not None

    def deposit_tiers(self) -> list[tuple[int | None, int]]:
        """What a deposit costs by its amount, as far as that is told beforehand: up to so many satoshi (None: above
        all), the fee in satoshi."""
        asked = self.parts.policy.fees.get((Network.ONCHAIN, Way.RECEIVE), ()) if self.has_chain else ()
        tiers = next((one.tiers for one in asked if isinstance(one, TieredFlat)), ())
        return [(tier.up_to_sats, tier.sats) for tier in tiers]

    async def send_onchain(self, caller: Caller, order: SendOnchain) -> Sent:
        """To a Bitcoin address. ``SUCCESS`` means queued; the line says PENDING until it is deep in the chain."""
        return await withdrawals.send(self.parts, caller, order)

    async def onchain_fee(self, caller: Caller, order: SendOnchain) -> OnchainFee:
        """What that would cost, and for a few minutes will."""
        return await costs.quote(self.parts, caller, order)

    # --- being paid ---

    async def address(self, caller: Caller, wallet_id: UUID, *, fresh: bool = False) -> str:
        """An address of the caller's bitcoin wallet: the current one, or one more."""
        return (await deposits.address(self.parts, caller, wallet_id, fresh=fresh)).text

    async def pending_deposits(
        self, caller: Caller, wallet_ids: Sequence[UUID] | None, paid_to: str | None = None
    ) -> list[Line]:
        """What is on its way on-chain, in no balance yet; newest first."""
        return await deposits.pending(self.parts, caller, wallet_ids, paid_to)

    async def confirmations(self, line: Line) -> tuple[int, int] | None:
        """How many blocks confirm a deposit that waits, and how many it needs; None for every other line."""
        return await deposits.confirmations(self.parts, line)

    async def pending_deposit(self, account_id: UUID, deposit_id: UUID) -> Line | None:
        """For listeners that were told of one."""
        async with self.parts.db.reading() as tx:
            found = await store_onchain.pending_deposit(tx, account_id, deposit_id)
        return deposits.pending_line(found, await self.parts.prices.latest()) if found else None

    async def create_invoice(self, caller: Caller, wish: NewInvoice) -> Invoice:
        return await receiving.create_invoice(self.parts, caller, wish)

    async def create_invoice_for(self, wish: NewInvoice) -> Invoice:
        """For anybody's wallet: whoever calls counts how often that is done."""
        return await receiving.create_invoice_for(self.parts, wish)

    async def cancel_invoice(self, caller: Caller, wallet_id: UUID, payment_hash: bytes) -> None:
        await receiving.cancel_invoice(self.parts, caller, wallet_id, payment_hash)

    async def invoice_status(self, payment_hash: bytes) -> InvoiceStatus:
        return await receiving.invoice_status(self.parts, payment_hash)

    async def invoice_status_by_request(self, payment_request: str) -> InvoiceStatus:
        return await receiving.invoice_status(self.parts, receiving.hash_of(payment_request))

    async def invoice_by_hash(self, caller: Caller, wallet_id: UUID, payment_hash: bytes) -> Invoice:
        return await receiving.invoice_by_hash(self.parts, caller, wallet_id, payment_hash)

    # --- history, newest first ---

    async def lines(
        self, caller: Caller, wallet_ids: list[UUID] | None, page: Page, *, address: str | None = None,
        username: str | None = None,
    ) -> Slice[Line]:  # fmt: skip
        """Statement rows of some of the caller's wallets (None: all), of one address or with one customer if that is
        given. The cursor is a row's id."""
        page.checked()
        await self._own(caller, wallet_ids)
        async with self.parts.db.reading() as tx:
            return await store.lines(tx, caller.account_id, wallet_ids, page, _row_edge(page), address, username)

    async def statement(self, caller: Caller, most: int) -> AsyncIterator[Sequence[Line]]:
        """Every row of the caller's wallets in pages, newest first; ``most`` in all."""
        after, left = None, most
        while left > 0:
            page = Page(first=min(left, STATEMENT_PAGE), after=after)
            async with self.parts.db.reading() as tx:
                found = await store.lines(tx, caller.account_id, None, page, _row_edge(page))
            yield found.items
            if not found.has_next:
                return
            after, left = str(found.items[-1].id), left - len(found.items)

    async def line(self, caller: Caller, wallet_id: UUID, line_id: UUID) -> Line:
        async with self.parts.db.reading() as tx:
            line = await store.line(tx, caller.account_id, line_id)
        if line is None or line.wallet_id != wallet_id:
            raise PaymentUnknown()
        return line

    async def line_of(self, account_id: UUID, line_id: UUID) -> Line | None:
        """For listeners that were told of a row of this account."""
        async with self.parts.db.reading() as tx:
            return await store.line(tx, account_id, line_id)

    async def line_sent(self, account_id: UUID, payment_id: UUID) -> Line | None:
        """The payer's row of a payment of this account."""
        async with self.parts.db.reading() as tx:
            line = await store.line_of_payment(tx, payment_id, Direction.SEND)
        return line if line is not None and line.account_id == account_id else None

    async def lines_by_hash(self, caller: Caller, wallet_id: UUID, payment_hash: bytes) -> list[Line]:
        async with self.parts.db.reading() as tx:
            return await store.lines_of_hash(tx, caller.account_id, wallet_id, payment_hash)

    async def invoices(self, caller: Caller, wallet_ids: list[UUID] | None, page: Page) -> Slice[Invoice]:
        """Invoices of some of the caller's wallets (None: all). The cursor is the payment hash in hex."""
        page.checked()
        await self._own(caller, wallet_ids)
        edge = page.before if page.backward else page.after
        async with self.parts.db.reading() as tx:
            at = None
            if edge is not None:
                try:
                    found = await store.invoice(tx, bytes.fromhex(edge))
                except ValueError:
                    found = None
                if found is None or found.account_id != caller.account_id:
                    raise InvalidInput("The cursor is not one of this list.")
                at = found.id
            return await store.invoices(tx, caller.account_id, wallet_ids, page, at)

    async def _own(self, caller: Caller, wallet_ids: list[UUID] | None) -> None:
        if not wallet_ids:
            return
        mine = {wallet.id for wallet in await self.parts.accounts.wallets(caller.account_id)}
        if not mine.issuperset(wallet_ids):
            raise WalletUnknown()

    # --- work that goes on by itself ---

    async def reconcile(self) -> int:
        """Look at open payments whose time has come; how many there were."""
        return await attempts.reconcile(self.parts)

    async def watch(self, node: Lightning) -> None:
        """Follow a node for ever."""
        await receiving.watch(self.parts, node)

    async def decide_held(self) -> int:
        """Take or give back what hold invoices hold; how many were decided."""
        return await held.decide(self.parts)

    async def sweep(self) -> None:
        """Book receipts that the watch may have missed; forget old fee quotes."""
        await receiving.sweep(self.parts)
        await receiving.forget(self.parts)
        await costs.forget(self.parts)

    async def follow_chain(self) -> int:
        """Book what the chain told of deposits and withdrawals; how many events."""
        return await following.follow(self.parts)

    async def lightning_is_up(self) -> bool:
        """Does the node answer, and see the chain? Asked at most once a second."""
        return await self.parts.nodes.any_up()

    async def nodes(self) -> list[NodeStanding]:
        """Every Lightning node as the bank sees it now, its memory looked at."""
        for name in self.parts.nodes.names:
            if await self.parts.nodes.up(name):
                await attempts.trusted(self.parts, name)
        return await self.parts.nodes.standing()

    async def under_way(self) -> list[UnderWay]:
        """Payments that went to a node and have not ended, by node and age: for the figures."""
        async with self.parts.db.reading() as tx:
            return await store_nodes.under_way(tx, self.parts.clock.now(), self.ages_s)

    @property
    def ages_s(self) -> tuple[int, ...]:
        """Ages that ``under_way`` counts by, in seconds; the last is when a payment counts as stuck."""
        return (*AGES_S, self.parts.policy.stuck_after_s)

    async def stuck(self) -> list[Payment]:
        """Payments that are on their way for longer than they should be, oldest first."""
        async with self.parts.db.reading() as tx:
            before = self.parts.clock.now() - timedelta(seconds=self.parts.policy.stuck_after_s)
            return [one for one in await store.waiting_since(tx, before, STUCK_SHOWN) if one.kind is Kind.LN_OUT]

    async def open_payments(self) -> list[tuple[str, int, float]]:
        """Kind and state, how many, age of the oldest in seconds: for the figures."""
        async with self.parts.db.reading() as tx:
            return await store.open_payments(tx)

    # --- operators ---

    async def issue_dollars(self, wallet_id: UUID, amount: Cents, memo: str | None) -> Line:
        """Put dollars into a customer's dollar wallet, against dollars that the bank took in otherwise.
        Nobody but an operator at the command line may ask."""
        positive(amount)
        memo_fits(memo)
        async with self.parts.db.reading() as tx:
            holder = (await holders(tx, [wallet_id])).get(wallet_id)
        if holder is None:
            raise WalletUnknown()
        may_move(holder)
        if holder.wallet.asset is not Asset.USD:
            raise WrongCurrency()
        now = self.parts.clock.now()
        payment = Payment(
            new_id(), Kind.INTRALEDGER, State.PAID, Asset.USD, amount.n, 0, BANK.ISSUED_USD,
            holder.wallet.ledger_account, to_account_id=holder.account.id, to_wallet_id=wallet_id, memo=memo,
            price=await self.parts.prices.latest(),
        )  # fmt: skip
        line = postings.statement_line(payment, party(holder), None, Direction.RECEIVE, now, memo=memo)
        result = await self.parts.books.commit(postings.issue_dollars(payment, line, (), now))
        if not result.ok:
            raise await self.parts.refuse(result, payment.src, Asset.USD, amount.n)
        return line


def _row_edge(page: Page) -> UUID | None:
    edge = page.before if page.backward else page.after
    if edge is None:
        return None
    try:
        return UUID(edge)
    except ValueError as error:
        raise InvalidInput("The cursor is not one of this list.") from error
