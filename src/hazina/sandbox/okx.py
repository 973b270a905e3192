"""An exchange with one account and one swap, as OKX keeps them: balances, position, orders, bills, coins in and out.

Amounts are exact decimals of bitcoin, a contract is 100 dollars, and the swap is inverse: what a short of face value F
opened at A is worth at P is F × (1/P − 1/A). The mark price is the sandbox's price. Everything lies in the sandbox's
file, so it outlives a bank that is killed.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hazina.kernel.addresses import segwit
from hazina.kernel.bolt11 import Network
from hazina.sandbox import exchange
from hazina.sandbox.network import new_secret
from hazina.sandbox.world import World

SWAP = "BTC-USD-SWAP"
FACE = Decimal(100)
LOT = Decimal("0.1")
ORDER_MAX = Decimal(10_000)
LEVER = Decimal(10)
TAKER = Decimal("0.0005")
MAINTENANCE = Decimal("0.005")
FUNDING_RATE = Decimal("0.0001")
FUNDING_EVERY_S = 8 * 3_600
DUST = Decimal("0.0000000000000001")
SAT = Decimal("0.00000001")
FIRST_FUNDING = Decimal(2)
WITHDRAWAL_FEE = Decimal("0.0001")
LEAST = Decimal("0.0001")
ZERO = Decimal(0)

ADDRESS, ON_CHAIN = "okx:address", "okx:on_chain"
"""Settings of the sandbox's file: where coins are sent to, and whether the exchange has a wallet on a real chain."""

USUAL: dict[str, Any] = {
    "fill": "all",  # all; part: half, then cancelled; none: cancelled; slow: live for slowSeconds, then filled
    "slowSeconds": 1.0,
    "hideSeconds": 0.0,  # an order, transfer or withdrawal is not known for so long after it was made
    "transfers": "done",  # done, pending, failed
    "withdrawals": "done",  # done, stuck, failed
    "market": "live",  # or suspend
    "lot": str(LOT),
    "markFactor": "1",  # the exchange's price against everybody's
    "blankPosition": False,  # the position's numbers are blank
    "reject": {},  # call -> [code, times left]; 50004, 51149 and 51054 act before they say so
}


class Refusal(Exception):
    """OKX says no: a code, and with some codes another HTTP status than 200."""

    def __init__(self, code: str, text: str, status: int = 200) -> None:
        super().__init__(text)
        self.code = code
        self.status = status


@dataclass(slots=True)
class Okx:
    world: World

    # --- what is kept ----------------------------------------------------------------------------

    def number(self, name: str, default: Decimal = ZERO) -> Decimal:
        return Decimal(self.world.store.setting(f"okx:{name}", str(default)))

    def keep(self, name: str, value: Decimal) -> None:
        self.world.store.set(f"okx:{name}", str(value))

    @property
    def moods(self) -> dict[str, Any]:
        return {**USUAL, **json.loads(self.world.store.setting("okx:moods", "{}"))}

    def set_moods(self, moods: dict[str, Any]) -> None:
        self.world.store.set("okx:moods", json.dumps(moods))

    @property
    def funding(self) -> Decimal:
        return self.number("funding", FIRST_FUNDING)

    @property
    def cash(self) -> Decimal:
        return self.number("cash")

    @property
    def contracts(self) -> Decimal:
        """Short is below zero."""
        return self.number("contracts")

    @property
    def entry(self) -> Decimal:
        """The position's average price."""
        return self.number("entry")

    @property
    def mark(self) -> Decimal:
        return exchange.price(self.world) * Decimal(self.moods["markFactor"])

    def rows(self, kind: str) -> list[dict[str, Any]]:
        """Newest first."""
        query = "SELECT body FROM okx WHERE kind = ? ORDER BY id DESC"
        return [json.loads(row["body"]) for row in self.world.store.rows(query, kind)]

    def row(self, kind: str, name: str) -> dict[str, Any] | None:
        found = self.world.store.value("SELECT body FROM okx WHERE kind = ? AND name = ?", kind, name)
        return None if found is None else json.loads(found)

    def add(self, kind: str, name: str | None, body: dict[str, Any]) -> str:
        """The row's number, which grows, becomes part of it as ``id``."""
        number = str(int(self.world.store.value("SELECT ifnull(max(id), 1000) FROM okx")) + 1)
        query = "INSERT INTO okx (id, kind, name, body) VALUES (?, ?, ?, ?)"
        full = json.dumps({**body, "id": number, "at": time.time()})
        self.world.store.run(query, int(number), kind, name or number, full)
        return number

    def change(self, kind: str, row: dict[str, Any], **more: Any) -> None:
        body = json.dumps({**row, **more})
        self.world.store.run("UPDATE okx SET body = ? WHERE kind = ? AND id = ?", body, kind, int(row["id"]))

    # --- the position ----------------------------------------------------------------------------

    @property
    def notional(self) -> Decimal:
        """In bitcoin, without sign."""
        return abs(self.contracts) * FACE / self.mark

    @property
    def upl(self) -> Decimal:
        if not self.contracts:
            return ZERO
        return (self.contracts * FACE * (1 / self.entry - 1 / self.mark)).quantize(DUST)

    @property
    def equity(self) -> Decimal:
        return self.cash + self.upl

    @property
    def spare(self) -> Decimal:
        return max(self.equity - self.notional / LEVER, ZERO)

    @property
    def liquidation_price(self) -> Decimal | None:
        """Where equity is down to the maintenance margin."""
        if not self.contracts:
            return None
        face = -self.contracts * FACE
        under = face / self.entry - self.cash
        price = face * (1 - MAINTENANCE) / under if under else ZERO
        return price.quantize(Decimal("0.1")) if price > 0 else None

    def tick(self) -> None:
        """What happens by itself: funding, liquidation, slow orders."""
        with self.world.store.change():
            self._fund_on_time()
            if self.contracts and self.equity <= self.notional * MAINTENANCE:
                self._liquidate()
            for row in self.rows("order"):
                if row["state"] == "live" and time.time() - row["at"] >= float(self.moods["slowSeconds"]):
                    self._fill(row, Decimal(row["sz"]))

    def _fund_on_time(self) -> None:
        """At 00, 08 and 16 o'clock (UTC)."""
        now = int(time.time()) // FUNDING_EVERY_S
        before = int(self.number("funded", Decimal(now)))
        for _ in range(min(now - before, 90)):
            self.fund(self.number("rate", FUNDING_RATE))
        self.keep("funded", Decimal(now))

    def fund(self, rate: Decimal) -> None:
        """Longs pay shorts, or the other way round when it is below zero."""
        if self.contracts:
            amount = (-self.contracts * FACE / self.mark * rate).quantize(DUST)
            self._bill("8", "174" if amount > 0 else "173", amount)

    def _bill(self, kind: str, how: str, change: Decimal, **more: str) -> None:
        after = self.cash + change
        self.keep("cash", after)
        said = {"type": kind, "subType": how, "balChg": str(change), "bal": str(after), "px": str(self.mark)}
        self.add("bill", None, {**said, **more})

    def _liquidate(self) -> None:
        gone = self.contracts
        fee = min((self.notional * MAINTENANCE).quantize(DUST), max(self.equity, ZERO))
        change = max(self.upl - fee, -self.cash)
        self._bill("5", "104" if gone < 0 else "103", change, sz=str(abs(gone)), fee=str(-fee), pnl=str(self.upl))
        self.keep("contracts", ZERO)
        self.keep("entry", ZERO)

    # --- orders ----------------------------------------------------------------------------------

    def place(self, client_id: str, side: str, size: Decimal, *, reduce: bool) -> str:
        lot = Decimal(self.moods["lot"])
        if self.moods["market"] != "live":
            raise Refusal("51022", "Contract suspended")
        if size <= 0 or size % lot:
            raise Refusal("51121", "Order quantity must be a multiple of the lot size")
        if size > ORDER_MAX:
            raise Refusal("51202", "Market order amount exceeds the maximum amount")
        if any(row["state"] == "live" and row["clOrdId"] == client_id for row in self.rows("order")):
            raise Refusal("51016", "Client order ID already exists")  # only among orders that are pending
        signed = size if side == "buy" else -size
        after = self.contracts + signed
        if reduce and abs(after) > abs(self.contracts):
            raise Refusal("51169", "Order failed because you don't have any positions to reduce")
        if abs(after) > abs(self.contracts) and abs(after) * FACE / self.mark > self.equity * LEVER:
            raise Refusal("51008", "Order failed. Insufficient BTC margin in account")
        number = self.add("order", None, {
            "clOrdId": client_id, "side": side, "sz": str(size), "state": "live", "accFillSz": "0", "avgPx": "",
            "fee": "0", "pnl": "0", "cancelSource": "",
        })  # fmt: skip
        row = next(one for one in self.rows("order") if one["id"] == number)
        match self.moods["fill"]:
            case "all":
                self._fill(row, size)
            case "part":
                self._fill(row, max(size / 2 // lot * lot, lot), state="canceled")
            case "none":
                self.change("order", row, state="canceled", cancelSource="1")
        return number

    def _fill(self, row: dict[str, Any], size: Decimal, state: str = "filled") -> None:
        signed = size if row["side"] == "buy" else -size
        before, price = self.contracts, self.mark
        fee = (size * FACE / price * TAKER).quantize(DUST)
        closed = min(size, abs(before)) if before * signed < 0 else ZERO
        sign = 1 if before > 0 else -1
        pnl = (closed * sign * FACE * (1 / self.entry - 1 / price)).quantize(DUST) if closed else ZERO
        opened = size - closed
        if opened:
            kept = abs(before) if not closed else ZERO
            faces = kept / self.entry + opened / price if kept else opened / price
            self.keep("entry", (kept + opened) / faces)
        elif before + signed == 0:
            self.keep("entry", ZERO)
        self.keep("contracts", before + signed)
        self._bill(
            "2", "1" if row["side"] == "buy" else "2", pnl - fee, sz=str(size), fee=str(-fee), pnl=str(pnl),
            ordId=row["id"], clOrdId=row["clOrdId"],
        )  # fmt: skip
        self.change(
            "order", row, state=state, accFillSz=str(size), avgPx=str(price), fee=str(-fee), pnl=str(pnl)
        )  # fmt: skip

    # --- coins -----------------------------------------------------------------------------------

    def transfer(self, client_id: str, amount: Decimal, *, into_trading: bool) -> str:
        if self.row("transfer", client_id) is not None:
            raise Refusal("50071", "clientId already exists")
        if amount <= 0 or amount > (self.funding if into_trading else min(self.spare, self.cash)):
            raise Refusal("58350", "Insufficient balance")
        mood = self.moods["transfers"]
        if mood != "failed":
            self._move(amount, into_trading=into_trading)
        state = {"done": "success", "pending": "pending", "failed": "failed"}[mood]
        return self.add("transfer", client_id, {"state": state, "amt": str(amount), "into": into_trading})

    def _move(self, amount: Decimal, *, into_trading: bool) -> None:
        sign = 1 if into_trading else -1
        self.keep("funding", self.funding - sign * amount)
        self._bill("1", "11" if into_trading else "12", sign * amount)

    def withdraw(self, client_id: str, amount: Decimal, address: str) -> str:
        if self.row("withdrawal", client_id) is not None:
            raise Refusal("50071", "clientId already exists")
        if amount < LEAST:
            raise Refusal("58201", "Withdrawal amount is too small")
        if amount + WITHDRAWAL_FEE > self.funding:
            raise Refusal("58350", "Insufficient balance")
        mood = self.moods["withdrawals"]
        if mood != "failed":
            self.keep("funding", self.funding - amount - WITHDRAWAL_FEE)
        sent = "0" if self.world.store.setting(ON_CHAIN, 0) else "2"  # a real one is sent by and by
        state = {"done": sent, "stuck": "4", "failed": "-1"}[mood]
        return self.add("withdrawal", client_id, {
            "state": state, "amt": str(amount), "fee": str(WITHDRAWAL_FEE), "to": address, "clientId": client_id,
            "txId": new_secret().hex() if state == "2" else "",
        })  # fmt: skip

    def finish_withdrawals(self) -> None:
        """Those that were stuck."""
        for row in self.rows("withdrawal"):
            if row["state"] == "4":
                self.change("withdrawal", row, state="2", txId=new_secret().hex())
        for row in self.rows("transfer"):
            if row["state"] == "pending":
                self.change("transfer", row, state="success")

    def deposit(self, txid: str, amount: Decimal, state: str) -> None:
        """Coins arrive; the same ``txid`` again is the same coins, further on."""
        known = self.row("deposit", txid)
        credited = known is not None and known["state"] in ("1", "2")
        if state in ("1", "2") and not credited:
            self.keep("funding", self.funding + amount)
        if known is None:
            self.add("deposit", txid, {"txId": txid, "amt": str(amount), "state": state})
        else:
            self.change("deposit", known, state=state)

    @property
    def address(self) -> str:
        kept = self.world.store.setting(ADDRESS)
        if kept is None:
            kept = segwit(0, new_secret()[:20], Network.REGTEST)
            self.world.store.set(ADDRESS, kept)
        return str(kept)
