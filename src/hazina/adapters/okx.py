"""The hedge's exchange: OKX, by its REST API version 5 (https://www.okx.com/docs-v5/en/), with the inverse perpetual
swap BTC-USD-SWAP.

Requests are signed over their exact bytes. Numbers are text, absent is ``""``; business errors come with HTTP 200. An
error code that is not known below is taken as no answer: the client id tells what became of it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import ROUND_FLOOR, Decimal, InvalidOperation
from typing import Any, Protocol
from urllib.parse import urlencode

from hazina.hedging.ports import (
    Bill,
    BillKind,
    Coins,
    Instrument,
    Limits,
    Position,
    Progress,
    Refused,
    Stage,
    Trading,
    VenueRefused,
    VenueSilent,
)
from hazina.kernel.clock import Clock
from hazina.kernel.db import outside_call
from hazina.kernel.http import HttpClient, NoAnswer
from hazina.kernel.money import MSAT_PER_SAT, SAT_PER_BTC, Msats, Price

SWAP = "BTC-USD-SWAP"
CCY = "BTC"
CHAIN = "BTC-Bitcoin"
FUNDING, TRADING = "6", "18"
TIMEOUT_S = 8.0
PAGE = 100
PAGES_MAX = 200
CENTS = 100
MSAT_PER_BTC = SAT_PER_BTC * MSAT_PER_SAT
AMOUNT_MAX = Decimal(10**12)


def _codes(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text))


LATER = _codes("50001 50011 50013 50026 50036 50046 50061 51022 51030 51113 58101 58102 58111 58112 58204")
SHORT = _codes("51008 51119 51127 51131 58350 59200")
KNOWN = _codes("50071 51016")
WRONG = _codes(
    "51001 51004 51007 51020 51103 51104 51105 51106 51107 51121 51169 51202 58116 58201 58203 58205 58206 58207 58210"
    " 58211"
)
LOCKED = _codes("50035 50038 50120") | {str(code) for code in range(50101, 50115)}
NO_ORDER, NO_TRANSFER, NO_WITHDRAWAL = _codes("51603"), _codes("58129 51000"), _codes("58215")
ENDED = _codes("51400 51401 51402 51410")
"""Answers to a cancellation: it is over, or will be."""

SELLS = _codes("2 4 5 100 103 107 125 128")
BUYS = _codes("1 3 6 101 104 106 126 127")
"""``subType`` of bills that change the position."""
KINDS = {
    "1": BillKind.TRANSFER,
    "6": BillKind.TRANSFER,
    "2": BillKind.TRADE,
    "5": BillKind.LIQUIDATION,
    "9": BillKind.LIQUIDATION,
    "10": BillKind.LIQUIDATION,
    "8": BillKind.FUNDING,
}


class Secret(Protocol):
    def get_secret_value(self) -> str: ...


class Account(Protocol):
    @property
    def base_url(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def secret(self) -> Secret: ...
    @property
    def passphrase(self) -> Secret: ...
    @property
    def simulated(self) -> bool: ...


@dataclass(slots=True)
class Okx:
    http: HttpClient
    clock: Clock
    key: str
    secret: bytes
    passphrase: str
    simulated: bool = False
    _face: int | None = field(default=None, repr=False)
    """US cents of one contract, as the instrument last said."""

    @classmethod
    def of(cls, account: Account, clock: Clock) -> Okx:
        http = HttpClient("OKX", account.base_url, headers={"user-agent": "hazina"}, timeout_s=TIMEOUT_S)
        secret, passphrase = account.secret.get_secret_value(), account.passphrase.get_secret_value()
        return cls(http, clock, account.key, secret.encode(), passphrase, account.simulated)

    async def close(self) -> None:
        await self.http.close()

    # --- the account and the market --------------------------------------------------------------

    async def fit(self) -> str | None:
        found = _first(await self._get("/account/config"))
        level, mode = _text(found, "acctLv"), _text(found, "posMode")
        if level != "2":
            return f"the account is not in futures mode (acctLv is {level}, not 2)"
        if mode != "net_mode":
            return f"positions are not kept net (posMode is {mode}, not net_mode)"
        return None

    async def instrument(self) -> Instrument:
        found = _first(await self._get("/public/instruments", instType="SWAP", instId=SWAP))
        if (_text(found, "ctType"), _text(found, "ctValCcy"), _text(found, "settleCcy")) != ("inverse", "USD", CCY):
            raise VenueSilent(f"OKX: {SWAP} is another contract than it was")
        self._face = _whole(_number(found, "ctVal") * CENTS)
        most = _number(found, "maxMktSz", "1000000")
        return Instrument(
            lot=_whole(_number(found, "lotSz") * self._face),
            least=_whole(_number(found, "minSz") * self._face),
            most=int(most * self._face),
            live=_text(found, "state") == "live",
        )

    async def mark(self) -> Price:
        found = _first(await self._get("/public/mark-price", instType="SWAP", instId=SWAP))
        cents = int((_number(found, "markPx") * CENTS).to_integral_value())
        if cents <= 0:
            raise VenueSilent("OKX: no mark price")
        return Price(cents, "okx", _moment(found, "ts"))

    async def position(self) -> Position:
        face = await self._face_cents()
        rows = await self._get("/account/positions", instId=SWAP)
        held = [row for row in rows if _number(row, "pos", "0")]
        if not held:
            return Position(0)
        if len(held) > 1 or _text(held[0], "posSide") != "net" or _text(held[0], "instId") != SWAP:
            raise VenueSilent("OKX: positions that cannot be read as one")
        row = held[0]
        liquidation = _number(row, "liqPx", "0")
        return Position(
            short=-_whole(_number(row, "pos") * face),
            upl=_msats(_number(row, "upl", "0")),
            liquidation=int(liquidation * CENTS) if liquidation > 0 else None,
        )

    async def trading(self) -> Trading:
        details = _first(await self._get("/account/balance", ccy=CCY)).get("details") or []
        row = next((one for one in details if _text(one, "ccy") == CCY), None)
        if row is None:
            return Trading(Msats(0), Msats(0), Msats(0))
        cash = _number(row, "cashBal")
        spare = max(min(_number(row, "availEq", "0"), cash), Decimal(0))
        return Trading(_msats(cash), _msats(_number(row, "eq")), _msats(spare))

    async def funding(self) -> Msats:
        rows = await self._get("/asset/balances", ccy=CCY)
        return _msats(_number(rows[0], "bal", "0")) if rows else Msats(0)

    async def bills(self, after: str | None) -> Sequence[Bill]:
        """OKX shows the last week, newest first; what is older is in its archive (three months)."""
        face = await self._face_cents()
        if after is None:
            newest = await self._get("/account/bills", ccy=CCY, limit="1")
            return [_bill(newest[0], face)] if newest else []
        found: list[dict[str, Any]] = []
        for path in ("/account/bills", "/account/bills-archive"):
            for _ in range(PAGES_MAX):
                query = {"ccy": CCY, "limit": str(PAGE)} | ({"after": _text(found[-1], "billId")} if found else {})
                page = await self._get(f"{path}?{urlencode(query)}")
                fresh = [row for row in page if int(_text(row, "billId")) > int(after)]
                found += fresh
                if len(fresh) < len(page):
                    return [_bill(row, face) for row in reversed(found)]
                if len(page) < PAGE:
                    break
        return [_bill(row, face) for row in reversed(found)]

    # --- orders ----------------------------------------------------------------------------------

    async def place(self, client_id: str, cents: int, expires_at: datetime) -> None:
        face = await self._face_cents()
        order: dict[str, Any] = {
            "instId": SWAP,
            "tdMode": "cross",
            "side": "sell" if cents > 0 else "buy",
            "posSide": "net",
            "ordType": "market",
            "sz": _plain(Decimal(abs(cents)) / face),
            "clOrdId": client_id,
        }
        if cents < 0:
            order["reduceOnly"] = True
        expires = str(int(expires_at.timestamp() * 1000))
        await self._post("/trade/order", order, {"expTime": expires})

    async def order(self, client_id: str) -> Progress | None:
        face = await self._face_cents()
        rows = await self._get("/trade/order", none=NO_ORDER, instId=SWAP, clOrdId=client_id)
        if not rows:
            return None
        row = rows[0]
        filled = _whole(_number(row, "accFillSz", "0") * face)
        match _text(row, "state"):
            case "filled":
                return Progress(Stage.DONE, filled)
            case "canceled" | "mmp_canceled":
                said = f"cancelled by OKX ({_text(row, 'cancelSource', '?')})"
                return Progress(Stage.DONE if filled else Stage.FAILED, filled, said=said)
            case _:
                return Progress(Stage.PENDING, filled)

    async def cancel(self, client_id: str) -> None:
        await self._post("/trade/cancel-order", {"instId": SWAP, "clOrdId": client_id}, fine=ENDED)

    # --- coins -----------------------------------------------------------------------------------

    async def transfer(self, client_id: str, sats: int) -> None:
        there, back = (FUNDING, TRADING) if sats > 0 else (TRADING, FUNDING)
        body = {"ccy": CCY, "amt": _btc(abs(sats)), "from": there, "to": back, "clientId": client_id}
        await self._post("/asset/transfer", body)

    async def transferred(self, client_id: str) -> Progress | None:
        rows = await self._get("/asset/transfer-state", none=NO_TRANSFER, clientId=client_id)
        if not rows:
            return None
        stage = {"success": Stage.DONE, "failed": Stage.FAILED}.get(_text(rows[0], "state"), Stage.PENDING)
        return Progress(stage)

    async def limits(self) -> Limits:
        rows = await self._get("/asset/currencies", ccy=CCY)
        row = next((one for one in rows if _text(one, "chain") == CHAIN), None)
        if row is None or row.get("canDep") is not True or row.get("canWd") is not True:
            raise VenueRefused(Refused.LATER, "closed", "OKX takes no coins in or out now")
        fee = _number(row, "fee", _text(row, "minFee", "0") or "0")
        return Limits(_sats(_number(row, "minDep", "0")), _sats(_number(row, "minWd", "0")), _sats(fee))

    async def address(self) -> str:
        rows = await self._get("/asset/deposit-address", ccy=CCY)
        for row in rows:
            if (_text(row, "chain"), _text(row, "to")) == (CHAIN, FUNDING) and row.get("selected") is True:
                return _text(row, "addr")
        raise VenueSilent("OKX: no address for bitcoin on its own chain")

    async def withdraw(self, client_id: str, sats: int, address: str, fee_sats: int) -> None:
        body = {
            "ccy": CCY, "amt": _btc(sats), "dest": "4", "chain": CHAIN, "toAddr": address, "clientId": client_id,
            "fee": _btc(fee_sats),
        }  # fmt: skip
        await self._post("/asset/withdrawal", body)

    async def withdrawn(self, client_id: str) -> Progress | None:
        rows = await self._get("/asset/withdrawal-history", none=NO_WITHDRAWAL, ccy=CCY, clientId=client_id)
        if not rows:
            return None
        row = rows[0]
        stage = {"2": Stage.DONE, "-1": Stage.FAILED, "-2": Stage.FAILED}.get(_text(row, "state"), Stage.PENDING)
        said = f"withdrawal state {_text(row, 'state')}"
        return Progress(stage, txid=_text(row, "txId", "") or None, fee_sats=_sats(_number(row, "fee", "0")), said=said)

    async def deposits(self) -> Sequence[Coins]:
        rows = await self._get("/asset/deposit-history", ccy=CCY)
        return [
            Coins(
                f"deposit:{_text(row, 'depId')}", _moment(row, "ts"), _sats(_number(row, "amt")),
                _text(row, "state") in ("1", "2"), _text(row, "txId", "") or None,
            )
            for row in rows
        ]  # fmt: skip

    async def withdrawals(self) -> Sequence[Coins]:
        rows = await self._get("/asset/withdrawal-history", none=NO_WITHDRAWAL, ccy=CCY)
        return [
            Coins(
                f"withdrawal:{_text(row, 'wdId')}", _moment(row, "ts"), _sats(_number(row, "amt")),
                _text(row, "state") == "2", _text(row, "txId", "") or None, _sats(_number(row, "fee", "0")),
                _text(row, "clientId", "") or None,
            )
            for row in rows
        ]  # fmt: skip

    # --- the wire --------------------------------------------------------------------------------

    async def _face_cents(self) -> int:
        if self._face is None:
            await self.instrument()
        assert self._face is not None
        return self._face

    async def _get(self, path: str, none: frozenset[str] | None = None, **query: str) -> list[dict[str, Any]]:
        """``none``: codes that mean that there is no such thing."""
        text = f"{path}?{urlencode(query)}" if query else path
        code, said, rows = await self._call("GET", text)
        if code == "0":
            return rows
        if code in (none or ()):
            return []
        raise _trouble(code, said)

    async def _post(
        self, path: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None, fine: frozenset[str] = KNOWN
    ) -> None:
        """Done, or there already (``fine``); raises otherwise."""
        code, said, rows = await self._call("POST", path, json.dumps(body).encode(), headers)
        if code in ("1", "2") and rows and (inner := _text(rows[0], "sCode", "")):
            code, said = inner, _text(rows[0], "sMsg", "")
        if code != "0" and code not in fine:
            raise _trouble(code, said)

    async def _call(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> tuple[str, str, list[dict[str, Any]]]:
        outside_call(f"okx {path}")
        path = f"/api/v5{path}"
        at = self.clock.now().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        message = f"{at}{method}{path}".encode() + body
        signed = {
            "OK-ACCESS-KEY": self.key,
            "OK-ACCESS-PASSPHRASE": self.passphrase,
            "OK-ACCESS-TIMESTAMP": at,
            "OK-ACCESS-SIGN": base64.b64encode(hmac.digest(self.secret, message, hashlib.sha256)).decode(),
            "x-simulated-trading": "1" if self.simulated else "0",
            **({"content-type": "application/json"} if body else {}),
            **(headers or {}),
        }
        try:
            answer = await self.http.call(method, path, content=body or None, headers=signed)
            said = answer.json()
        except (NoAnswer, TimeoutError) as error:
            raise VenueSilent(f"OKX {method} {path.partition('?')[0]}: {error or 'no answer in time'}") from error
        if not isinstance(said, dict) or not isinstance(said.get("code"), str):
            raise VenueSilent(f"OKX {path.partition('?')[0]}: HTTP {answer.status} without a code")
        rows = said.get("data")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            rows = []
            if said["code"] == "0":
                raise VenueSilent(f"OKX {path.partition('?')[0]}: an answer without rows")
        return said["code"], str(said.get("msg", ""))[:200], rows


def _trouble(code: str, said: str) -> VenueRefused | VenueSilent:
    for codes, why in (
        (LATER, Refused.LATER), (SHORT, Refused.SHORT), (KNOWN, Refused.KNOWN), (WRONG, Refused.WRONG),
        (LOCKED, Refused.LOCKED),
    ):  # fmt: skip
        if code in codes:
            return VenueRefused(why, code, said)
    return VenueSilent(f"OKX: code {code} {said}")


def _bill(row: Mapping[str, Any], face: int) -> Bill:
    after, change = _number(row, "bal"), _number(row, "balChg")
    amount = Msats(_msats(after).n - _msats(after - change).n)
    kind, how = KINDS.get(_text(row, "type"), BillKind.OTHER), _text(row, "subType", "")
    short = 0
    if kind in (BillKind.TRADE, BillKind.LIQUIDATION) and _text(row, "instId", SWAP) == SWAP and how in SELLS | BUYS:
        short = _whole(_number(row, "sz", "0") * face) * (1 if how in SELLS else -1)
    fee = _msats(_number(row, "fee", "0")) if kind is not BillKind.FUNDING else Msats(0)
    said = f"type {_text(row, 'type')}/{how}"
    return Bill(_text(row, "billId"), kind, _moment(row, "ts"), amount, fee, short, said)


def _first(rows: list[dict[str, Any]]) -> dict[str, Any]:
    if not rows:
        raise VenueSilent("OKX: an empty answer")
    return rows[0]


def _text(row: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = row.get(name, default)
    if not isinstance(value, str):
        if default is not None and value is None:
            return default
        raise VenueSilent(f"OKX: {name} is missing")
    return value


def _number(row: Mapping[str, Any], name: str, default: str | None = None) -> Decimal:
    """A finite number of a sane size; ``default`` where it is absent (``""``)."""
    text = _text(row, name, default) or default
    try:
        number = Decimal(text or "")
    except InvalidOperation:
        raise VenueSilent(f"OKX: {name} is no number") from None
    if not number.is_finite() or abs(number) > AMOUNT_MAX:
        raise VenueSilent(f"OKX: {name} is no amount")
    return number


def _whole(number: Decimal) -> int:
    if number != number.to_integral_value():
        raise VenueSilent(f"OKX: {number} is not a whole number of cents")
    return int(number)


def _moment(row: Mapping[str, Any], name: str) -> datetime:
    try:
        return datetime.fromtimestamp(int(_text(row, name)) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        raise VenueSilent(f"OKX: {name} is no time") from None


def _msats(btc: Decimal) -> Msats:
    return Msats(int((btc * MSAT_PER_BTC).to_integral_value(rounding=ROUND_FLOOR)))


def _sats(btc: Decimal) -> int:
    return int((btc * SAT_PER_BTC).to_integral_value())


def _btc(sats: int) -> str:
    return f"{sats // SAT_PER_BTC}.{sats % SAT_PER_BTC:08d}"


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"
