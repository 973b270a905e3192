"""Between a customer's own two wallets: first a quote with both amounts, then exactly that, once."""

from __future__ import annotations

from uuid import UUID

from hazina.access import Caller
from hazina.accounts import wallets_of
from hazina.dealer import Quote, QuoteInvalid, Side, find
from hazina.kernel.money import Asset, Cents, Msats
from hazina.payments import exchanging
from hazina.payments.common import Parts, may_move, own_wallet
from hazina.payments.model import SendInternal, Sent
from hazina.payments.sending import send_internal


async def quote(parts: Parts, caller: Caller, wallet_id: UUID, amount: int) -> Quote:
    """What the other wallet gets for ``amount`` of this one (satoshi or cents), for some minutes. Raises
    InvalidAmount, AmountTooSmall, DealerOffline, TooManyRequests."""
    async with parts.db.reading() as tx:
        payer = await own_wallet(tx, caller, wallet_id)
    may_move(payer)
    if payer.wallet.asset is Asset.BTC:
        return await exchanging.quote(parts, caller, Side.BUY, Msats.from_sats(amount))
    return await exchanging.quote(parts, caller, Side.SELL, Cents(amount))


async def exchange(parts: Parts, caller: Caller, quote_id: UUID, key: str | None) -> Sent:
    """The two amounts of a quote change hands. Raises QuoteInvalid: not this account's, used before, too old."""
    async with parts.db.reading() as tx:
        found = await find(tx, caller.account_id, quote_id)
        bitcoin, dollars = await wallets_of(tx, caller.account_id)
    if found is None or found.subject is not None:
        raise QuoteInvalid()
    buys = found.side is Side.BUY
    payer, payee = (bitcoin, dollars) if buys else (dollars, bitcoin)
    given = found.msats if buys else found.cents
    return await send_internal(parts, caller, SendInternal(payer.id, payee.id, given, None, key, quote_id))
