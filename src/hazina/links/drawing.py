"""LNURL-withdraw (LUD-03), both ways: links of our customers that anybody may take money by, and taking money by
the links of others.

A use of a link is reserved once, by the first invoice that fits; from then on it is that invoice's: paid, or free
again when the payment surely failed. The payment is made for the link's owner like any other, under a key that
follows from link, use and invoice, so whoever dies in between is followed by ``settle_uses``, which asks the same
again. The owner's limits hold at the time of use; what the link may give away was confirmed when it was made. It
is satoshi also where a dollar wallet pays them: its dollars are sold at the rate of the use.
"""

from __future__ import annotations

import asyncio
import secrets
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

import structlog
from psycopg.errors import UniqueViolation

from hazina.access import Caller, Scope, require_person
from hazina.identity import KEY
from hazina.kernel import bolt11, lnurl
from hazina.kernel.db import Tx
from hazina.kernel.errors import Refusal
from hazina.kernel.ids import derived, new_id
from hazina.kernel.money import Msats
from hazina.links import store
from hazina.links.common import Parts
from hazina.links.errors import AmountOutOfRange, LinkBusy, LinkUnknown, LnurlFailed, LnurlUnreadable
from hazina.links.model import (
    STRANGER_RATE,
    NewWithdrawLink,
    Use,
    WithdrawLink,
    WithdrawRequest,
    clean,
    read_withdraw_request,
)
from hazina.links.ports import ServiceRefused, ServiceSilent
from hazina.payments import Invoice, NewInvoice, SendInvoice, Sent, payment_of_hash

log = structlog.get_logger("hazina.links")

CODE_BYTES = 24
SHOWN = 100
LOOK_AFTER = timedelta(seconds=30)
"""A use that its first caller has not brought to an end by then is looked at by whoever comes by."""
ANSWER_S = 4.0
"""How long the taker's wallet waits for a refusal; what lasts longer is on its way and answered with OK."""


# -- links of ours ------------------------------------------------------------------------------


async def make(parts: Parts, caller: Caller, wish: NewWithdrawLink) -> tuple[WithdrawLink, str]:
    """A link and its code, which is shown this once. Only a person makes one, with a second proof where keys need
    one: it is a right to their money. Raises NotAuthorized, LinkTerms, WalletUnknown, StepUpRequired."""
    require_person(caller)
    now = parts.clock.now()
    wish.check(now)
    wallet = await parts.accounts.wallet_for(caller, wish.wallet_id)
    title = clean(wish.title).strip()
    content = {
        "wallet": str(wish.wallet_id), "title": title, "least": str(wish.min_sats), "most": str(wish.max_sats),
        "uses": str(wish.uses),
    }  # fmt: skip
    said = f"Make a link by which others may take {wish.max_sats * wish.uses:,} sat"
    spend = await parts.accounts.second_proof(caller, KEY, content, said)
    code = secrets.token_urlsafe(CODE_BYTES)
    link = WithdrawLink(
        new_id(), caller.account_id, caller.user_id, wallet.id, title, wish.min_sats, wish.max_sats, wish.uses, now,
        wish.expires_at, None,
    )  # fmt: skip

    async def put(tx: Tx) -> None:
        await spend(tx)
        await store.put_link(tx, link, _hash(code), [secrets.token_bytes(32) for _ in range(wish.uses)])

    await parts.db.again(put)
    return link, code


def _hash(code: str) -> bytes:
    return sha256(code.encode()).digest()


async def mine(parts: Parts, caller: Caller) -> list[WithdrawLink]:
    async with parts.db.reading() as tx:
        return await store.links_of(tx, caller.account_id, SHOWN)


async def end(parts: Parts, caller: Caller, link_id: UUID) -> None:
    """Nothing more is taken by it. Raises LinkUnknown."""
    async with parts.db.transaction() as tx:
        if not await store.end_link(tx, caller.account_id, link_id, parts.clock.now()):
            raise LinkUnknown


async def terms(parts: Parts, code: str, ip: str | None) -> tuple[WithdrawLink, bytes]:
    """What may be taken, and the k1 of the next use. Raises LinkUnknown, TooManyRequests."""
    now = await parts.within(*([(STRANGER_RATE, ip)] if ip is not None else []))
    async with parts.db.reading() as tx:
        link = await store.link_of_code(tx, _hash(code)) if len(code) <= 100 else None
        k1 = await store.next_k1(tx, link.id) if link is not None and link.open_at(now) else None
    if link is None or k1 is None:
        raise LinkUnknown
    return link, k1


async def take(parts: Parts, code: str, k1_text: str, payment_request: str, ip: str | None) -> None:
    """Pay an invoice by a link. No error: it is accepted, and paid now or soon. The same invoice again is answered
    as before. Raises LinkUnknown, LinkBusy, AmountOutOfRange, LnurlFailed, TooManyRequests, and what paying
    raises: then nothing was taken, and the use is free."""
    now = await parts.within(*([(STRANGER_RATE, ip)] if ip is not None else []))
    k1, text = _read_k1(k1_text), payment_request.strip().lower().removeprefix("lightning:")
    async with parts.db.reading() as tx:
        link = await store.link_of_code(tx, _hash(code)) if len(code) <= 100 else None
        found = await store.use_of_k1(tx, k1)
    if link is None or found is None or found[0] != link.id:
        raise LinkUnknown
    _, n, state, taken_by = found
    if state != 0:
        if taken_by == text:
            return
        raise LinkUnknown
    if not link.open_at(now):
        raise LinkUnknown
    use = Use(link.id, n, _fit_invoice(parts, link, text, now), text, now + LOOK_AFTER)
    try:
        async with parts.db.transaction() as tx:
            won = await store.take_use(tx, k1, use, now)
    except UniqueViolation:
        raise LnurlFailed("This invoice is being paid already.") from None
    if not won:
        raise LinkBusy
    await _within(asyncio.create_task(_pay(parts, link, use, first=True), name=f"withdraw-{link.id}-{n}"))


async def _within(task: asyncio.Task[None]) -> None:
    """Its refusal, if that comes soon; else it goes on alone."""
    await asyncio.wait({task}, timeout=ANSWER_S)
    if task.done():
        task.result()
    else:
        task.add_done_callback(_told)


def _told(task: asyncio.Task[None]) -> None:
    """``settle_uses`` takes over from here."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.warning("withdrawal_left", why=str(error)[:200])


def _read_k1(text: str) -> bytes:
    try:
        k1 = bytes.fromhex(text) if len(text) == 64 else b""
    except ValueError:
        k1 = b""
    if len(k1) != 32:
        raise LinkUnknown
    return k1


def _fit_invoice(parts: Parts, link: WithdrawLink, text: str, now: datetime) -> bytes:
    """The payment hash. Raises LnurlFailed, AmountOutOfRange."""
    try:
        invoice = bolt11.decode(text, parts.network)
    except bolt11.Bolt11Error as error:
        raise LnurlFailed(f"This is no invoice that can be paid. {error}") from None
    least, most = Msats.from_sats(link.min_sats), Msats.from_sats(link.max_sats)
    if invoice.amount is None or not least.n <= invoice.amount.n <= most.n:
        raise AmountOutOfRange(f"The invoice must ask for {link.min_sats:,} to {link.max_sats:,} sat.")
    if now.timestamp() >= invoice.expires_at:
        raise LnurlFailed("The invoice has expired.")
    return invoice.payment_hash


async def _pay(parts: Parts, link: WithdrawLink, use: Use, *, first: bool) -> None:
    """Bring a use that is taken one step on; anybody may, at any time. Raises what paying raises."""
    owner = Caller(link.user_id, link.account_id, None, frozenset({Scope.WRITE}), None)
    key = f"withdraw:{derived(use.link_id, f'{use.n}:{use.payment_hash.hex()}')}"
    try:
        sent = await parts.payments.send_invoice(
            owner, SendInvoice(link.wallet_id, use.payment_request, memo=link.title, key=key)
        )
    except Refusal:
        if await _left(parts, use, first=first):
            raise
        return
    await _book(parts, use, sent)


async def _left(parts: Parts, use: Use, *, first: bool) -> bool:
    """A payment was refused; False when one of this use is on its way all the same, begun by whoever looked before
    us. The use is free again when that is sure: for whoever took it just now, or when its invoice can be paid no
    more. Else it waits for the next look."""
    over = parts.clock.now().timestamp() >= bolt11.decode(use.payment_request, parts.network).expires_at
    async with parts.db.transaction() as tx:
        if await payment_of_hash(tx, use.payment_hash) is not None:
            return False
        if first or over:
            await store.release_use(tx, use)
    return True


async def _book(parts: Parts, use: Use, sent: Sent) -> None:
    match sent.status:
        case "SUCCESS" | "ALREADY_PAID":
            await _conclude(parts, use, paid=True)
        case "FAILURE":
            await _conclude(parts, use, paid=False)
            raise sent.refusal or LnurlFailed()
        case _:
            pass  # on its way: looked at again later


async def _conclude(parts: Parts, use: Use, *, paid: bool) -> None:
    async with parts.db.transaction() as tx:
        await store.conclude_use(tx, use, paid=paid)


async def settle_uses(parts: Parts, limit: int = 50) -> int:
    """Uses whose first caller is gone, or whose payment took long: asked again under the same key. How many."""
    now = parts.clock.now()
    async with parts.db.transaction() as tx:
        due = await store.uses_due(tx, now, now + LOOK_AFTER, limit)
    for use in due:
        async with parts.db.reading() as tx:
            link = await store.link_by_id(tx, use.link_id)
        assert link is not None
        try:
            await _pay(parts, link, use, first=False)
        except Refusal as refusal:
            log.info("withdrawal_refused", link=str(link.id), code=refusal.code)
        except Exception:
            log.exception("withdrawal_not_settled", link=str(link.id))
    return len(due)


# -- links of others ----------------------------------------------------------------------------


async def look(parts: Parts, text: str) -> WithdrawRequest:
    """What may be taken by a link. Raises LnurlUnreadable, LnurlFailed."""
    try:
        url = lnurl.read(text)
    except lnurl.NoLnurl:
        raise LnurlUnreadable from None
    return read_withdraw_request(await _ask(parts, url), url)


async def _ask(parts: Parts, url: str, query: dict[str, str] | None = None) -> dict[str, object]:
    try:
        return await parts.services.ask(url, query)
    except ServiceSilent:
        raise LnurlFailed("The link's service does not answer.") from None
    except ServiceRefused as error:
        raise LnurlFailed(f"The link's service says: {str(error)[:200]}") from None


async def redeem(parts: Parts, caller: Caller, wallet_id: UUID, text: str, sats: int | None) -> Invoice:
    """Take money by a link into a wallet of the caller: as much as there is, or ``sats``. The invoice that the other
    side was given; its payment comes like any other. Raises LnurlUnreadable, LnurlFailed, AmountOutOfRange,
    TooManyRequests, and what making an invoice raises."""
    await parts.within((STRANGER_RATE, f"account:{caller.account_id}"))
    offered = await look(parts, text)
    amount = Msats.from_sats(offered.most.sats_floor if sats is None else sats)
    if not max(offered.least.n, 1_000) <= amount.n <= offered.most.n:
        raise AmountOutOfRange(
            f"By this link {offered.least.sats_ceil:,} to {offered.most.sats_floor:,} sat can be taken."
        )
    wish = NewInvoice(wallet_id, amount, offered.description or None)
    made = await parts.payments.create_invoice(caller, wish)
    await _ask(parts, offered.callback, {"k1": offered.k1, "pr": made.payment_request})
    return made


async def hand_over(parts: Parts, text: str, payment_request: str, ip: str | None) -> None:
    """The same for an invoice that the client has: Blink's proxy, for pages in browsers that may not ask other
    sites themselves. Raises LnurlUnreadable, LnurlFailed, TooManyRequests."""
    await parts.within(*([(STRANGER_RATE, ip)] if ip is not None else []))
    try:
        bolt11.decode(payment_request, parts.network)
    except bolt11.Bolt11Error as error:
        raise LnurlFailed(f"This is no invoice. {error}") from None
    offered = await look(parts, text)
    await _ask(parts, offered.callback, {"k1": offered.k1, "pr": payment_request.strip()})
