"""The status page: for everybody, in two languages, without a script; and the same for machines.

It says what works and what was checked when, never what was found: offending rows are the operators'.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from hazina.api.bank import Bank
from hazina.hedging import Mode
from hazina.kernel.errors import Refusal
from hazina.safety import Rail
from hazina.watch import INVARIANTS, Report, State

HERE = Path(__file__).parent / "templates"
TEMPLATES = Environment(loader=FileSystemLoader(HERE), autoescape=True)
WORDS: dict[str, dict[str, str]] = json.loads((HERE / "status.json").read_text())
STATES = {State.HOLDS: "holds", State.BROKEN: "broken", State.ABSENT: "absent"}
LOOKS = {
    "working": "good", "holds": "good", "paused": "bad", "broken": "bad", "away": "unknown", "slow": "unknown",
    "unknown": "unknown",
    "absent": "idle", "uncovered": "idle",
}  # fmt: skip
KEPT_S = 5


@dataclass(frozen=True, slots=True)
class Service:
    name: str
    state: str


@dataclass(frozen=True, slots=True)
class Checked:
    name: str
    state: str
    checked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Closed:
    rail: str
    since: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Status:
    """What the page shows, in one language."""

    at: datetime
    services: tuple[Service, ...]
    invariants: tuple[Checked, ...]
    closed: tuple[Closed, ...]

    @property
    def ok(self) -> bool:
        states = [*(one.state for one in self.services), *(one.state for one in self.invariants)]
        return not self.closed and all(LOOKS[state] in ("good", "idle") for state in states)


def routes(bank: Bank) -> list[Route]:
    css = (HERE / "status.css").read_bytes()

    async def page(request: Request) -> Response:
        lang = language(request)
        other = "sw" if lang == "en" else "en"
        text = TEMPLATES.get_template("status.html").render(
            lang=lang, say=WORDS[lang], other={"lang": other, **WORDS[other]}, looks=LOOKS, at=told,
            status=await look(bank, WORDS[lang]),
        )  # fmt: skip
        return HTMLResponse(text, headers={"cache-control": f"max-age={KEPT_S}", "vary": "accept-language"})

    async def machine(_: Request) -> Response:
        headers = {"cache-control": f"max-age={KEPT_S}", "access-control-allow-origin": "*"}
        return JSONResponse(as_json(await look(bank, WORDS["en"])), headers=headers)

    async def style(_: Request) -> Response:
        return Response(css, media_type="text/css", headers={"cache-control": "max-age=3600"})

    return [Route("/status", page), Route("/status.json", machine), Route("/status.css", style)]


def language(request: Request) -> str:
    """``?lang=``, else the first of the browser's that we have, else English."""
    asked = request.query_params.get("lang", "")
    if asked in WORDS:
        return asked
    wished = (part.split(";")[0].strip()[:2].lower() for part in request.headers.get("accept-language", "").split(","))
    return next((one for one in wished if one in WORDS), "en")


async def look(bank: Bank, say: dict[str, str]) -> Status:
    report = await bank.watch.report()
    return Status(
        report.at,
        await _services(bank, report),
        tuple(Checked(one.invariant.name, STATES.get(one.state, "unknown"), one.checked_at)
              for one in report.standings),
        tuple(Closed(one.rail.value, one.since, _reason(one.by, one.rail, one.reason, say)) for one in report.closures),
    )  # fmt: skip


def _reason(by: str, rail: Rail, reason: str, say: dict[str, str]) -> str:
    """An invariant's in the reader's language; an operator's in the operator's own words."""
    automatic = any(one.name == by for one in INVARIANTS)
    return say[f"reason_{rail.value}"] if automatic else reason


async def _services(bank: Bank, report: Report) -> tuple[Service, ...]:
    node = await bank.payments.lightning_is_up()
    try:
        await bank.prices.fresh()
        price = "working"
    except Refusal:
        price = "away"
    receiving = "working" if node else "away"
    sending = "slow" if node and await bank.payments.stuck() else receiving
    return (
        Service("send", "paused" if _closed(report, Rail.LIGHTNING) else sending),
        Service("receive", receiving),
        *await _onchain(bank, report),
        Service("inside", "working"),
        Service("price", price),
        Service("hedge", await _hedge(bank)),
    )


async def _hedge(bank: Bank) -> str:
    """Whether dollars that are owed for bitcoin are hedged; off, the risk is the bank's, and it is said so."""
    status = await bank.hedge.status()
    if status.mode is Mode.OFF:
        return "uncovered"
    return "away" if status.blind is not None or status.outside else "working"


async def _onchain(bank: Bank, report: Report) -> tuple[Service, ...]:
    """Nothing where the bank has no Bitcoin node."""
    if bank.chain is None:
        return ()
    seen = "slow" if await bank.chain.trouble() else "working"
    return (
        Service("payouts", "paused" if _closed(report, Rail.ONCHAIN) else seen),
        Service("deposits", seen),
    )


def _closed(report: Report, rail: Rail) -> bool:
    return any(one.rail in (rail, Rail.BANK) for one in report.closures)


def told(at: datetime) -> str:
    """A moment for people, the same in both languages."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def as_json(status: Status) -> dict[str, Any]:
    return {
        "at": status.at.isoformat(),
        "ok": status.ok,
        "services": {one.name: one.state for one in status.services},
        "invariants": [
            {
                "name": one.name,
                "title": WORDS["en"][one.name],
                "state": one.state,
                "checkedAt": one.checked_at.isoformat() if one.checked_at else None,
            }
            for one in status.invariants
        ],
        "closed": [{"rail": one.rail, "since": one.since.isoformat(), "reason": one.reason} for one in status.closed],
    }
