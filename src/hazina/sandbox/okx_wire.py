"""OKX's REST API version 5 over the sandbox's exchange, with its envelope, signatures and refusals; and the calls of
the control panel that drive it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from hazina.sandbox import faults
from hazina.sandbox.okx import FUNDING_RATE, LEAST, MAINTENANCE, SWAP, USUAL, WITHDRAWAL_FEE, Okx, Refusal
from hazina.sandbox.problems import Problem, name, read_body, read_object, whole
from hazina.sandbox.world import World

KEY, SECRET, PASSPHRASE = "sandbox-okx-key", "sandbox-okx-secret", "sandbox-okx-passphrase"
CLOCK_S = 30
STATUS = {"50001": 503, "50004": 400, "50011": 429, "50013": 429, "50026": 500, "50035": 403, "51149": 500,
          "51054": 500}  # fmt: skip
AFTER_ACTING = ("50004", "51149", "51054")
SATS_MAX = 21 * 10**14
SAT_PER_BTC = 100_000_000

Rows = list[dict[str, Any]]


def _ms(at: float) -> str:
    return str(int(at * 1000))


# --- the account and the market ---------------------------------------------------------------------


def config(okx: Okx, said: Mapping[str, Any]) -> Rows:
    return [{"acctLv": "2", "posMode": "net_mode", "uid": "1", "level": "Lv1", "autoLoan": False}]


def instruments(okx: Okx, said: Mapping[str, Any]) -> Rows:
    return [{
        "instType": "SWAP", "instId": SWAP, "ctType": "inverse", "ctVal": "100", "ctValCcy": "USD", "settleCcy": "BTC",
        "lotSz": okx.moods["lot"], "minSz": okx.moods["lot"], "tickSz": "0.1", "maxMktSz": "10000",
        "state": okx.moods["market"],
    }]  # fmt: skip


def mark(okx: Okx, said: Mapping[str, Any]) -> Rows:
    return [{"instType": "SWAP", "instId": SWAP, "markPx": f"{okx.mark.normalize():f}", "ts": _ms(time.time())}]


def balance(okx: Okx, said: Mapping[str, Any]) -> Rows:
    if not okx.rows("bill"):
        return [{"totalEq": "0", "uTime": _ms(time.time()), "details": []}]
    detail = {
        "ccy": "BTC", "eq": str(okx.equity), "cashBal": str(okx.cash), "availEq": str(okx.spare),
        "availBal": "", "frozenBal": str(okx.equity - okx.spare), "upl": str(okx.upl),
    }  # fmt: skip
    return [{"totalEq": str(okx.equity * okx.mark), "uTime": _ms(time.time()), "details": [detail]}]


def balances(okx: Okx, said: Mapping[str, Any]) -> Rows:
    if not okx.funding:
        return []
    amount = str(okx.funding)
    return [{"ccy": "BTC", "bal": amount, "availBal": amount, "frozenBal": "0"}]


def positions(okx: Okx, said: Mapping[str, Any]) -> Rows:
    row = dict.fromkeys(("notionalUsd", "avgPx", "markPx", "liqPx", "lever", "mgnRatio", "upl", "imr", "mmr"), "")
    row |= {"instType": "SWAP", "instId": SWAP, "posSide": "net", "mgnMode": "cross", "posId": "1"}
    if okx.moods["blankPosition"]:
        return [{**row, "pos": "?"}]
    if not okx.contracts:
        return [{**row, "pos": "0"}] if okx.rows("order") else []
    return [{
        **row, "pos": f"{okx.contracts.normalize():f}", "notionalUsd": str(abs(okx.contracts) * 100),
        "avgPx": str(okx.entry), "markPx": str(okx.mark), "liqPx": str(okx.liquidation_price or ""),
        "upl": str(okx.upl), "lever": "10",
    }]  # fmt: skip


def bills(okx: Okx, said: Mapping[str, Any]) -> Rows:
    empty = dict.fromkeys(("sz", "px", "pnl", "fee", "ordId", "clOrdId"), "")
    rows = [
        {**empty, "instId": "" if one["type"] == "1" else SWAP, "instType": "SWAP", "ccy": "BTC", "mgnMode": "cross",
         "billId": one["id"], "ts": _ms(one["at"]), **{k: v for k, v in one.items() if k not in ("id", "at")}}
        for one in okx.rows("bill")
        if int(one["id"]) < int(said.get("after") or 2**62)
    ]  # fmt: skip
    return rows[: int(said.get("limit") or 100)]


# --- orders -----------------------------------------------------------------------------------------


def _size(said: Mapping[str, Any], field: str) -> Decimal:
    try:
        return Decimal(str(said.get(field)))
    except InvalidOperation:
        raise Refusal("51000", f"Parameter {field} error", 400) from None


def _id(said: Mapping[str, Any], field: str) -> str:
    value = said.get(field)
    if not isinstance(value, str) or not value.isalnum() or not value.isascii() or len(value) > 32:
        raise Refusal("51000", f"Parameter {field} error", 400)
    return value


def place(okx: Okx, said: Mapping[str, Any]) -> Rows:
    client_id = _id(said, "clOrdId")
    if (said.get("instId"), said.get("tdMode"), said.get("ordType")) != (SWAP, "cross", "market"):
        raise Refusal("51000", "Parameter error", 400)
    size, side = _size(said, "sz"), str(said.get("side"))
    try:
        number = okx.place(client_id, side, size, reduce=bool(said.get("reduceOnly")))
    except Refusal as refusal:
        raise _Row(refusal, {"ordId": "", "clOrdId": client_id, "tag": "", "ts": _ms(time.time())}) from None
    return [{"ordId": number, "clOrdId": client_id, "tag": "", "ts": _ms(time.time()), "sCode": "0", "sMsg": ""}]


class _Row(Exception):
    """A refusal that stands in the row, below a top code 1."""

    def __init__(self, refusal: Refusal, row: dict[str, Any]) -> None:
        super().__init__(str(refusal))
        self.row = {**row, "sCode": refusal.code, "sMsg": str(refusal)}


def _order(okx: Okx, said: Mapping[str, Any]) -> dict[str, Any]:
    named = [row for row in okx.rows("order") if row["clOrdId"] == said.get("clOrdId")]
    if not named or time.time() - named[0]["at"] < float(okx.moods["hideSeconds"]):
        raise Refusal("51603", "Order does not exist")
    return named[0]


def order(okx: Okx, said: Mapping[str, Any]) -> Rows:
    row = _order(okx, said)
    return [{**row, "ordId": row["id"], "instId": SWAP, "feeCcy": "BTC", "ordType": "market",
             "cTime": _ms(row["at"]), "uTime": _ms(row["at"])}]  # fmt: skip


def cancel(okx: Okx, said: Mapping[str, Any]) -> Rows:
    row = _order(okx, said)
    if row["state"] != "live":
        refusal = Refusal("51402" if row["state"] == "filled" else "51401", "Cancellation failed: it is over")
        raise _Row(refusal, {"ordId": row["id"], "clOrdId": row["clOrdId"]})
    okx.change("order", row, state="canceled", cancelSource="1")
    return [{"ordId": row["id"], "clOrdId": row["clOrdId"], "sCode": "0", "sMsg": ""}]


# --- coins ------------------------------------------------------------------------------------------


def transfer(okx: Okx, said: Mapping[str, Any]) -> Rows:
    way = (said.get("from"), said.get("to"))
    if said.get("ccy") != "BTC" or way not in (("6", "18"), ("18", "6")):
        raise Refusal("51000", "Parameter error", 400)
    client_id = _id(said, "clientId")
    number = okx.transfer(client_id, _size(said, "amt"), into_trading=way == ("6", "18"))
    return [{"transId": number, "clientId": client_id, "ccy": "BTC", "amt": said["amt"], "from": way[0], "to": way[1]}]


def transfer_state(okx: Okx, said: Mapping[str, Any]) -> Rows:
    row = okx.row("transfer", str(said.get("clientId")))
    if row is None or time.time() - row["at"] < float(okx.moods["hideSeconds"]):
        raise Refusal("58129", "Incorrect clientId or transId")
    return [
        {"transId": row["id"], "clientId": said["clientId"], "ccy": "BTC", "amt": row["amt"], "state": row["state"]}
    ]


def currencies(okx: Okx, said: Mapping[str, Any]) -> Rows:
    wrapped = {"ccy": "BTC", "chain": "BTC-OKC", "canDep": True, "canWd": True, "minDep": "0", "minWd": "0", "fee": "0"}
    return [wrapped, {
        "ccy": "BTC", "chain": "BTC-Bitcoin", "canDep": True, "canWd": True, "minDep": "0.0001", "minWd": str(LEAST),
        "maxWd": "100", "fee": str(WITHDRAWAL_FEE), "wdTickSz": "8", "minDepArrivalConfirm": "1",
    }]  # fmt: skip


def deposit_address(okx: Okx, said: Mapping[str, Any]) -> Rows:
    wrapped = {"ccy": "BTC", "chain": "BTC-OKC", "to": "6", "addr": "0x00", "selected": False, "ctAddr": "ff"}
    return [wrapped, {"ccy": "BTC", "chain": "BTC-Bitcoin", "to": "6", "addr": okx.address, "selected": True}]


def deposit_history(okx: Okx, said: Mapping[str, Any]) -> Rows:
    return [
        {"depId": row["id"], "ccy": "BTC", "chain": "BTC-Bitcoin", "txId": row["txId"], "amt": row["amt"],
         "state": row["state"], "to": okx.address, "ts": _ms(row["at"]), "actualDepBlkConfirm": "1"}
        for row in okx.rows("deposit")[:100]
    ]  # fmt: skip


def withdrawal(okx: Okx, said: Mapping[str, Any]) -> Rows:
    if (said.get("ccy"), said.get("dest"), said.get("chain")) != ("BTC", "4", "BTC-Bitcoin"):
        raise Refusal("51000", "Parameter error", 400)
    client_id = _id(said, "clientId")
    number = okx.withdraw(client_id, _size(said, "amt"), str(said.get("toAddr")))
    return [{"wdId": number, "clientId": client_id, "ccy": "BTC", "chain": "BTC-Bitcoin", "amt": said["amt"]}]


def withdrawal_history(okx: Okx, said: Mapping[str, Any]) -> Rows:
    asked = said.get("clientId")
    return [
        {"wdId": row["id"], "clientId": row["clientId"], "ccy": "BTC", "chain": "BTC-Bitcoin", "amt": row["amt"],
         "fee": row["fee"], "feeCcy": "BTC", "txId": row["txId"], "state": row["state"], "ts": _ms(row["at"]),
         "to": row["to"]}
        for row in okx.rows("withdrawal")[:100]
        if asked in (None, row["clientId"]) and time.time() - row["at"] >= float(okx.moods["hideSeconds"])
    ]  # fmt: skip


CALLS: dict[tuple[str, str], tuple[str, Callable[[Okx, Mapping[str, Any]], Rows]]] = {
    ("GET", "/account/config"): ("config", config),
    ("GET", "/public/instruments"): ("instruments", instruments),
    ("GET", "/public/mark-price"): ("mark", mark),
    ("GET", "/account/balance"): ("balance", balance),
    ("GET", "/account/positions"): ("positions", positions),
    ("GET", "/account/bills"): ("bills", bills),
    ("GET", "/account/bills-archive"): ("bills", bills),
    ("GET", "/asset/balances"): ("funding", balances),
    ("POST", "/trade/order"): ("order.place", place),
    ("GET", "/trade/order"): ("order", order),
    ("POST", "/trade/cancel-order"): ("order.cancel", cancel),
    ("POST", "/asset/transfer"): ("transfer", transfer),
    ("GET", "/asset/transfer-state"): ("transfer.state", transfer_state),
    ("GET", "/asset/currencies"): ("currencies", currencies),
    ("GET", "/asset/deposit-address"): ("deposit.address", deposit_address),
    ("GET", "/asset/deposit-history"): ("deposits", deposit_history),
    ("POST", "/asset/withdrawal"): ("withdraw", withdrawal),
    ("GET", "/asset/withdrawal-history"): ("withdrawals", withdrawal_history),
}


class Server:
    """One path of the API, below ``/okx/api/v5``."""

    def __init__(self, world: World, path: str) -> None:
        self.okx = Okx(world)
        self.path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = CALLS.get((scope["method"], self.path))
        if found is None:
            return await JSONResponse({"code": "405", "msg": "Method Not Allowed", "data": []}, 405)(
                scope, receive, send
            )
        call, act = found

        async def acting(scope: Scope, receive: Receive, send: Send) -> None:
            await (await self._answer(Request(scope, receive), call, act))(scope, receive, send)

        await faults.serve(self.okx.world.faults.take("okx", call), acting, scope, receive, send)

    async def _answer(self, request: Request, call: str, act: Callable[[Okx, Mapping[str, Any]], Rows]) -> JSONResponse:
        body = await read_body(request)
        try:
            if not self.path.startswith("/public/"):
                _signed(request, f"/api/v5{self.path}", body)
            expires = request.headers.get("exptime")
            if expires is not None and int(expires) < time.time() * 1000:
                raise Refusal("50036", "The request has expired", 400)
            said = dict(request.query_params) if request.method == "GET" else json.loads(body)
            return JSONResponse({"code": "0", "msg": "", "data": self._act(call, act, said)})
        except Refusal as refusal:
            return JSONResponse({"code": refusal.code, "msg": str(refusal), "data": []}, refusal.status)
        except _Row as refused:
            return JSONResponse({"code": "1", "msg": "Operation failed.", "data": [refused.row]})

    def _act(self, call: str, act: Callable[[Okx, Mapping[str, Any]], Rows], said: Mapping[str, Any]) -> Rows:
        self.okx.tick()
        code = self._rejected(call)
        if code is not None and code not in AFTER_ACTING:
            raise Refusal(code, "sandbox: told to refuse", STATUS.get(code, 401 if code.startswith("501") else 200))
        with self.okx.world.store.change():
            rows = act(self.okx, said)
        if code is not None:
            raise Refusal(code, "sandbox: acted, and says so", STATUS[code])
        return rows

    def _rejected(self, call: str) -> str | None:
        moods = self.okx.moods
        code, times = moods["reject"].get(call, (None, 0))
        if times < 1:
            return None
        self.okx.set_moods({**moods, "reject": {**moods["reject"], call: (code, times - 1)}})
        return str(code)


def _signed(request: Request, path: str, body: bytes) -> None:
    said = request.headers
    if said.get("ok-access-key") != KEY:
        raise Refusal("50111", "Invalid OK-ACCESS-KEY", 401)
    if said.get("ok-access-passphrase") != PASSPHRASE:
        raise Refusal("50105", "OK-ACCESS-PASSPHRASE incorrect", 401)
    at = said.get("ok-access-timestamp", "")
    try:
        apart = abs(datetime.fromisoformat(at).timestamp() - time.time())
    except ValueError:
        raise Refusal("50112", "Invalid OK-ACCESS-TIMESTAMP", 401) from None
    if apart > CLOCK_S:
        raise Refusal("50102", "Timestamp request expired", 401)
    query = f"?{request.url.query}" if request.url.query else ""
    message = f"{at}{request.method}{path}{query}".encode() + body
    wanted = base64.b64encode(hmac.digest(SECRET.encode(), message, hashlib.sha256)).decode()
    if not hmac.compare_digest(said.get("ok-access-sign", ""), wanted):
        raise Refusal("50113", "Invalid Sign", 401)


def routes(world: World) -> list[Route]:
    paths = dict.fromkeys(path for _, path in CALLS)
    return [Route(f"/okx/api/v5{path}", Server(world, path)) for path in paths]


# --- the control panel ------------------------------------------------------------------------------


async def state(world: World, request: Request) -> dict[str, Any]:
    okx = Okx(world)
    okx.tick()
    return {
        "fundingSats": int(okx.funding * SAT_PER_BTC), "cash": str(okx.cash), "equity": str(okx.equity),
        "contracts": str(okx.contracts), "entry": str(okx.entry), "mark": str(okx.mark), "upl": str(okx.upl),
        "liquidationPrice": str(okx.liquidation_price or ""), "address": okx.address, "moods": okx.moods,
        "fundingRate": str(okx.number("rate", FUNDING_RATE)), "maintenance": str(MAINTENANCE),
        **{f"{kind}s": okx.rows(kind)[:50] for kind in ("order", "transfer", "deposit", "withdrawal", "bill")},
    }  # fmt: skip


async def set_moods(world: World, request: Request) -> dict[str, Any]:
    """How the exchange behaves from now on; what is not named is as usual again. ``{"finish": true}`` also ends what is
    pending there."""
    body = read_object(await read_body(request), *USUAL, "finish")
    okx = Okx(world)
    finish = body.pop("finish", False)
    for field, value in body.items():
        if type(value) is not type(USUAL[field]) and not isinstance(value, int | float):
            raise Problem("BAD_MOOD", f"{field} is of another type.")
    okx.set_moods(body)
    if finish:
        okx.finish_withdrawals()
    return okx.moods


async def fund(world: World, request: Request) -> dict[str, Any]:
    """A funding payment now, at ``rate`` (above zero: shorts receive)."""
    body = read_object(await read_body(request), "rate")
    Okx(world).fund(_decimal(body, "rate"))
    return await state(world, request)


async def trade(world: World, request: Request) -> dict[str, Any]:
    """Somebody trades in the account by hand: ``contracts`` above zero are bought."""
    body = read_object(await read_body(request), "contracts")
    contracts, okx = _decimal(body, "contracts"), Okx(world)
    try:
        okx.place(f"hand{time.time_ns()}", "buy" if contracts > 0 else "sell", abs(contracts), reduce=False)
    except Refusal as refusal:
        raise Problem("REFUSED", f"{refusal.code}: {refusal}") from None
    return await state(world, request)


async def deposit(world: World, request: Request) -> dict[str, Any]:
    """Coins arrive there: ``state`` 0 waiting, 1 credited but locked, 2 done."""
    body = read_object(await read_body(request), "txId", "sats", "state")
    txid, sats = name(body, "txId"), whole(body, "sats", 1, SATS_MAX)
    if txid is None or sats is None:
        raise Problem("MISSING_FIELD", "A deposit has a txId and sats.")
    state_ = whole(body, "state", 0, 17)
    Okx(world).deposit(txid, Decimal(sats) / SAT_PER_BTC, str(2 if state_ is None else state_))
    return await state(world, request)


async def balance_of(world: World, request: Request) -> dict[str, Any]:
    """``fundingSats`` lie there now; the position, its bills and everything else are forgotten."""
    body = read_object(await read_body(request), "fundingSats")
    sats, okx = whole(body, "fundingSats", 0, SATS_MAX), Okx(world)
    with world.store.change():
        world.store.run("DELETE FROM okx")
        for part in ("cash", "contracts", "entry"):
            okx.keep(part, Decimal(0))
        okx.keep("funding", Decimal(sats or 0) / SAT_PER_BTC)
        okx.set_moods({})
    return await state(world, request)


def _decimal(body: dict[str, Any], field: str) -> Decimal:
    try:
        value = Decimal(str(body.get(field)))
        if not value.is_finite() or abs(value) > SATS_MAX:
            raise ValueError
    except (ArithmeticError, ValueError):
        raise Problem(f"BAD_{field.upper()}", f"{field} must be a number.") from None
    return value


CONTROL: tuple[tuple[str, str, Callable[[World, Request], Awaitable[Any]]], ...] = (
    ("GET", "/okx", state),
    ("POST", "/okx/moods", set_moods),
    ("POST", "/okx/funding", fund),
    ("POST", "/okx/trades", trade),
    ("POST", "/okx/deposits", deposit),
    ("POST", "/okx/balance", balance_of),
)
