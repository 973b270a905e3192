"""A customer's whole statement as CSV, in the columns of Blink's export, which tax programs read."""

from __future__ import annotations

import csv
import io
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from uuid import UUID

from hazina.dealer import FiatRate, cents_of, display_amount
from hazina.kernel.money import Asset, Cents, Msats, amount_of
from hazina.learn import memo_shown
from hazina.payments import Direction, Line, LineStatus, Via

COLUMNS = (
    "id", "walletId", "type", "credit", "debit", "fee", "currency", "timestamp", "pendingConfirmation", "journalId",
    "lnMemo", "usd", "feeUsd", "recipientWalletId", "username", "memoFromPayer", "paymentHash", "pubkey",
    "feeKnownInAdvance", "address", "txHash", "displayAmount", "displayFee", "displayCurrency",
)  # fmt: skip
ROWS_MAX = 50_000
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

RateOf = Callable[[Line], Awaitable[FiatRate | None]]


def header() -> str:
    return _text([COLUMNS])


async def page(lines: Iterable[Line], own: Collection[UUID], rate_of: RateOf) -> str:
    """Rows of the file; what failed moved nothing and is none. ``own``: the account's wallets."""
    return _text([await _row(line, own, rate_of) for line in lines if line.status is not LineStatus.FAILURE])


def _text(rows: Iterable[Sequence[object]]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(rows)
    return written.getvalue()


async def _row(line: Line, own: Collection[UUID], rate_of: RateOf) -> list[object]:
    """Amounts are whole satoshi or cents, ``usd`` dollars, ``display`` minor units. A debit includes its fee."""
    credit, debit, fee = (_whole(line.asset, n) for n in (max(line.amount, 0), max(-line.amount, 0), line.fee))
    memo, sent = safe(memo_shown(line)), line.direction is Direction.SEND
    by_invoice = line.initiation is Via.LN
    rate = await rate_of(line)
    return [
        line.id, line.wallet_id, type_of(line, own), credit, debit, fee, line.asset.name, line.created_at.isoformat(),
        _bool(line.status is LineStatus.PENDING), line.payment_id, memo if by_invoice else "",
        _dollars(line, abs(line.amount)), _dollars(line, line.fee),
        (line.counterparty_wallet_id if sent else line.wallet_id) or "", safe(line.counterparty_username),
        "" if by_invoice else memo, line.payment_hash.hex() if line.payment_hash else "",
        line.payee.hex() if line.payee else "",
        _bool(not (sent and line.settlement is Via.LN)), line.address or "", line.txid.hex() if line.txid else "",
        _display(line, abs(line.amount), rate), _display(line, line.fee, rate), line.display_currency,
    ]  # fmt: skip


def safe(text: str | None) -> str:
    """Such that no spreadsheet takes it for a formula: what strangers wrote stands in it."""
    return f"'{text}" if text and text.startswith(_FORMULA) else text or ""


def type_of(line: Line, own: Collection[UUID]) -> str:
    """The name of Blink's ledger."""
    if line.settlement is Via.INTRALEDGER:
        inside = "self_trade" if line.counterparty_wallet_id in own else "on_us"
        return {Via.INTRALEDGER: "", Via.LN: "ln_", Via.ONCHAIN: "onchain_"}[line.initiation] + inside
    sent = line.direction is Direction.SEND
    if line.settlement is Via.LN:
        return "payment" if sent else "invoice"
    return "onchain_payment" if sent else "onchain_receipt"


def _whole(asset: Asset, n: int) -> int:
    return Msats(n).sats_ceil if asset is Asset.BTC else n


def _bool(yes: bool) -> str:
    return "true" if yes else "false"


def _dollars(line: Line, n: int) -> str:
    """At the price when it happened; empty where none was known."""
    amount = amount_of(line.asset, n)
    if isinstance(amount, Msats):
        if line.price is None:
            return ""
        amount = cents_of(amount, line.price)
    return f"{amount.n // 100}.{amount.n % 100:02d}"


def _display(line: Line, n: int, rate: FiatRate | None) -> str:
    """Minor units of the account's currency; empty where price or rate was not known."""
    amount = amount_of(line.asset, n)
    if line.price is None and not (isinstance(amount, Cents) and line.display_currency == "USD"):
        return ""
    shown = display_amount(amount, line.price, rate) if line.price is not None else str(amount.n)
    return str(int(shown.replace(".", "")))
