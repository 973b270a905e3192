"""What the journeys share: what they hold, and how a refused unit becomes a refusal with a name."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from hazina.access import Caller, caps_claim
from hazina.accounts import Accounts, Holder, LimitKind, WalletUnknown, holders, limit_for
from hazina.chain import Chain, OnchainUnavailable
from hazina.dealer import Prices, QuoteInvalid, cents_of, msats_of
from hazina.identity import STEP_UP_MISSING, OutgoingHeld, StepUpRefused
from hazina.kernel.bolt11 import Network
from hazina.kernel.clock import Clock
from hazina.kernel.db import Database, Tx
from hazina.kernel.errors import Refusal, Unavailable
from hazina.kernel.events import Hub
from hazina.kernel.money import Asset, Cents, Msats, Price
from hazina.kernel.units import Claim
from hazina.ledger import Books, Code, Result, balances
from hazina.payments.errors import (
    AccountNotActive,
    InsufficientBalance,
    InvoiceAlreadyPaid,
    InvoiceClosed,
    KeyReused,
    LightningBusy,
    LimitExceeded,
    PaymentInProgress,
    SpendingCapExceeded,
    TooManyInFlight,
)
from hazina.payments.model import InvoiceState, Party, Policy
from hazina.payments.nodes import Nodes
from hazina.safety import SafeMode


@dataclass(slots=True)
class Flows:
    """How far Lightning's net inflow is above the chain's, in satoshi, and when that was last summed."""

    at: float = -1e9
    imbalance_sats: int = 0


@dataclass(frozen=True, slots=True)
class Parts:
    """What every journey of payments holds."""

    db: Database
    clock: Clock
    books: Books
    hub: Hub
    accounts: Accounts
    prices: Prices
    nodes: Nodes
    network: Network
    policy: Policy = field(default_factory=Policy)
    chain: Chain | None = None  # None: this bank has no Bitcoin node
    flows: Flows = field(default_factory=Flows)
    under_way: set[asyncio.Task[None]] = field(default_factory=set)  # keeps them from being collected

    def on_chain(self) -> Chain:
        """Raises OnchainUnavailable where the bank has no Bitcoin node."""
        if self.chain is None:
            raise OnchainUnavailable()
        return self.chain

    async def refuse(self, result: Result, src: int, asset: Asset, wanted: int) -> Refusal:
        """The name of why the books refused a unit that moves a customer's money."""
        if result.claim == "step_up" and result.claim_code == STEP_UP_MISSING:
            asked = result.detail or {}
            user_id, verb, content, said = (asked[name] for name in ("user_id", "verb", "fingerprint", "said"))
            return await self.accounts.identity.stepup.required(UUID(user_id), verb, content, said)
        if result.claim is not None:
            return claim_refusal(result)
        if result.code is Code.FUNDS:
            async with self.db.reading() as tx:
                available = (await balances(tx, [src]))[src].available
            return insufficient(asset, wanted, available)
        if result.code in (Code.CLOSED, Code.NO_ACCOUNT):
            return AccountNotActive()
        raise AssertionError(f"the books refused what they should take: {result}")


def claim_refusal(result: Result) -> Refusal:
    detail = result.detail or {}
    if result.claim == "limit":
        remaining = detail.get("remaining", 0)
        if str(detail.get("subject", "")).startswith("grant:"):
            return SpendingCapExceeded(
                f"{SpendingCapExceeded.message[:-1]}: USD {remaining / 100:.2f} remain.",
                remaining_cents=remaining,
                window_s=detail.get("window_s"),
            )
        return limit_exceeded(remaining)
    if result.claim == "idempotency":
        return KeyReused()
    if result.claim == "outgoing":
        remaining, until = detail.get("remaining", 0), detail.get("until")
        return OutgoingHeld(
            f"{OutgoingHeld.message} USD {remaining / 100:.2f} remain; it ends at {until}.",
            remaining_cents=remaining,
            until=until,
        )
    if result.claim == "step_up":
        return StepUpRefused()
    if result.claim == "leaving":
        return SafeMode(rail=detail.get("rail"))
    if result.claim == "in_flight":
        return LightningBusy() if detail.get("of") == "node" else TooManyInFlight()
    if result.claim == "quote":
        return QuoteInvalid()
    if result.claim == "payment_hash":
        return PaymentInProgress()
    if result.claim == "invoice_state":
        state = detail.get("state")
        if state == InvoiceState.PAID:
            return InvoiceAlreadyPaid()
        return PaymentInProgress() if state == InvoiceState.CLOSING else InvoiceClosed()
    raise AssertionError(f"a claim without a name: {result}")


def limit_exceeded(remaining_cents: int) -> LimitExceeded:
    return LimitExceeded(
        f"This is more than the limit of your account allows in 24 hours: USD {remaining_cents / 100:.2f} remain.",
        remaining_cents=remaining_cents,
    )


def insufficient(asset: Asset, wanted: int, available: int) -> InsufficientBalance:
    if asset is Asset.BTC:
        need, have, unit = Msats(wanted).sats_ceil, Msats(max(available, 0)).sats_floor, "sats"
    else:
        need, have, unit = wanted, available, "cents"
    return InsufficientBalance(
        f"Payment amount '{need}' {unit} (with the highest fee) exceeds balance '{have}' {unit}.",
        needed=need,
        available=have,
    )


def party(holder: Holder) -> Party:
    account, wallet = holder.account, holder.wallet
    return Party(account.id, wallet.id, wallet.ledger_account, account.username, account.display_currency)


async def own_wallet(tx: Tx, caller: Caller, wallet_id: UUID) -> Holder:
    """The caller's wallet. Raises WalletUnknown."""
    return mine(await holders(tx, [wallet_id]), caller, wallet_id)


def mine(found: Mapping[UUID, Holder], caller: Caller, wallet_id: UUID) -> Holder:
    """The caller's wallet among those found. Another's looks exactly like none."""
    holder = found.get(wallet_id)
    if holder is None or holder.account.id != caller.account_id:
        raise WalletUnknown()
    return holder


def may_move(holder: Holder) -> None:
    """Raises AccountNotActive."""
    if not holder.active:
        raise AccountNotActive()


def volume(amount: Msats | Cents, price: Price | None) -> Cents:
    """What an amount counts against limits, at the last known price. Raises Unavailable while no price
    was ever known: a limit in dollars cannot be kept then."""
    if isinstance(amount, Cents):
        return amount
    if price is None:
        raise Unavailable("No price of bitcoin is known yet. Nothing was moved.")
    return cents_of(amount, price)


def volume_sats(amount: Msats | Cents, price: Price | None) -> int:
    """What an amount counts towards a limit in satoshi. Raises Unavailable."""
    if isinstance(amount, Msats):
        return amount.sats_ceil
    if price is None:
        raise Unavailable("No price of bitcoin is known yet. Nothing was moved.")
    return msats_of(amount, price).sats_ceil


def spending(
    parts: Parts, caller: Caller, payer: Holder, kind: LimitKind, amount: Msats | Cents, price: Price | None,
    content: str, to: str,
) -> list[Claim]:  # fmt: skip
    """The one place that everything a customer sends passes: the account's limit; unless it stays their own, what the
    credential itself may spend, a hold on what leaves and a second proof. ``content``: fingerprint of the order;
    ``to``: the recipient, as shown."""
    limit = limit_of(payer, kind, amount, price, parts)
    if kind is LimitKind.TRADE:
        return [limit]
    cents = volume(amount, price)
    dollars = f"{cents.n / 100:,.2f} USD"
    said = f"Send {f'{amount.sats_ceil:,} sat ({dollars})' if isinstance(amount, Msats) else dollars} to {to}"
    caps = [
        caps_claim(
            cap.subject, cap.windows, cents.n if cap.asset is Asset.USD else volume_sats(amount, price),
            parts.clock.now(),
        )
        for cap in caller.caps
    ]  # fmt: skip
    return [limit, *caps, *parts.accounts.payment_claims(caller, payer.account, cents, content, said)]


async def within_limit(
    parts: Parts, caller: Caller, kind: LimitKind, amount: Msats | Cents, price: Price | None
) -> None:
    """For answers that promise nothing: reserves nothing. Raises LimitExceeded."""
    if price is None:
        return
    found = await parts.accounts.limits(caller)
    limits = {
        LimitKind.WITHDRAWAL: found.withdrawal, LimitKind.INTRALEDGER: found.internal_send,
        LimitKind.TRADE: found.convert,
    }  # fmt: skip
    if volume(amount, price) > limits[kind].remaining:
        raise limit_exceeded(limits[kind].remaining.n)


def limit_of(holder: Holder, kind: LimitKind, amount: Msats | Cents, price: Price | None, parts: Parts) -> Claim:
    """The claim that reserves part of the day's volume."""
    return limit_for(holder.account, kind, volume(amount, price), parts.clock.now())
