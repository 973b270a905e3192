"""The hedge of the bank's dollars, for operators: how it stands, what it costs, the switch."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from hazina import app
from hazina.hedging import Day, Hedge, Mode, Move, Status
from hazina.hedging import Kind as Kinds
from hazina.kernel.errors import Refusal
from hazina.ops import Trouble, serve
from hazina.ops.stopping import Say
from hazina.settings import Settings

T = TypeVar("T")
BY = "command line"
RISK = "the risk of bitcoin's price is the bank's"
WHAT = {
    Kinds.ORDER: "order",
    Kinds.TRANSFER: "transfer at the exchange",
    Kinds.DEPOSIT: "coins to the exchange",
    Kinds.WITHDRAWAL: "coins from the exchange",
}


def show(settings: Settings, say: Say, *, as_json: bool = False) -> None:
    status = _with_hedge(settings, lambda hedge: hedge.status())
    if as_json:
        say(json.dumps(told(status), indent=2))
        return
    for line in lines(status):
        say(line)


def switch(settings: Settings, mode: Mode, say: Say) -> None:
    """:raises Trouble: the settings name no exchange."""

    async def turn(hedge: Hedge) -> Status:
        await hedge.switch(mode, BY)
        return await hedge.status()

    status = _with_hedge(settings, turn)
    if mode is Mode.ON:
        say("The hedge is on. A worker keeps it: look at `hazina hedge status` in a minute.")
        return
    if mode is Mode.CLOSING:
        say("The position is being closed; then the hedge is off. `hazina hedge status` follows it.")
    else:
        short = _seen(status, "shortCents")
        left = f" A position of {dollars(short)} stays open at the exchange." if short else ""
        say(f"The hedge is off: nothing is ordered or moved any more.{left}")
    say(f"Of {dollars(status.liability.owed)} owed for bitcoin {RISK}.")


def report(settings: Settings, days: int, say: Say, *, as_json: bool = False) -> None:
    """What the exchange billed, day by day, and what is not realised yet."""

    async def look(hedge: Hedge) -> tuple[Sequence[Day], Status]:
        return await hedge.days(days), await hedge.status()

    found, status = _with_hedge(settings, look)
    if as_json:
        rows = [{**asdict(one), "total_msats": _total(one)} for one in found]
        say(json.dumps({"days": rows, "unrealised_sats": _seen(status, "unrealisedSats")}, indent=2))
        return
    say(f"{'day (UTC)':<12}{'position':>16}{'funding':>14}{'fees':>14}{'total':>16}{'traded':>18}   satoshi, dollars")
    for one in found:
        liquidated = f"   LIQUIDATED {dollars(one.liquidated_cents)}" if one.liquidated_cents else ""
        say(
            f"{one.day:<12}{sats(one.position_msats + one.other_msats):>16}{sats(one.funding_msats):>14}"
            f"{sats(one.fees_msats):>14}{sats(_total(one)):>16}{dollars(one.traded_cents):>18}{liquidated}"
        )
    whole = sum(_total(one) for one in found)
    say(f"{'together':<12}{'':>44}{sats(whole):>16}")
    if (left := _seen(status, "unrealisedSats")) is not None:
        say(f"{'not realised':<12}{'':>44}{left:>16,}")


def address(settings: Settings, say: Say) -> None:
    """:raises Trouble: there is no Bitcoin node, or it is away."""
    found = _with_hedge(settings, lambda hedge: hedge.address())
    if found is None:
        raise Trouble("No Bitcoin node is set: coins come back from the exchange only by hand.")
    say(found)


def _total(day: Day) -> int:
    return day.position_msats + day.funding_msats + day.fees_msats + day.other_msats


# --- in words ---------------------------------------------------------------------------------------


def dollars(cents: int | None) -> str:
    return "unknown" if cents is None else f"USD {cents / 100:,.2f}"


def sats(msats: int) -> str:
    return f"{msats / 1_000:,.0f}"


def _seen(status: Status, name: str) -> int | None:
    return None if status.seen is None else status.seen[name]


def lines(status: Status) -> Iterator[str]:
    """How it stands, in plain sentences."""
    owed = status.liability
    mode = status.mode.value if status.set_up else "not set up: the settings have no [hedging]"
    yield _line("hedge", f"{mode}{f', by {status.switched_by}' if status.switched_by else ''}")
    yield _line("customers", f"{dollars(owed.customers)} in dollars, {dollars(owed.in_dollars)} of it against dollars")
    yield _line("owed", f"{dollars(owed.owed)} for bitcoin")
    if status.mode is Mode.OFF:
        yield _line("risk", f"{dollars(owed.owed)}: {RISK}")
    if status.seen is not None:
        yield from _position(status.seen)
        yield _line("in the books", f"{sats(status.booked_msats)} sat at the exchange")
        yield _line("seen at", f"{status.seen_at:%Y-%m-%d %H:%M:%S} UTC")
    if status.transit_msats:
        yield _line("in transit", f"{sats(status.transit_msats)} sat between hot wallet and exchange")
    if status.blind is not None:
        yield _line("BLIND", f"{status.blind}; nothing is ordered or moved")
    if status.outside:
        yield _line("OUTSIDE", "the position has been out of its band for more than five minutes")
    if status.liquidated_cents:
        yield _line("LIQUIDATED", f"{dollars(status.liquidated_cents)} were closed by the exchange in the last day")
    for one in status.under_way:
        yield _line("under way" if one not in status.lost else "LOST", _move(one))
    if not status.onchain:
        yield _line("coins", "people bring them to the exchange and back: no Bitcoin node, or onchain = false")


def _position(seen: dict[str, Any]) -> Iterator[str]:
    ratio, leverage = seen["ratioBp"], seen["leveragePct"]
    share = "" if ratio is None else f", {ratio / 100:.2f} % of what is owed"
    yield _line("position", f"{dollars(seen['shortCents'])} short{share}")
    times = "" if leverage is None else f", {leverage / 100:.2f} times"
    yield _line("collateral", f"{seen['equitySats']:,} sat{times}, beside it {seen['fundingSats']:,} sat")
    yield _line("not realised", f"{seen['unrealisedSats']:,} sat")
    if seen["liquidationCents"] is not None:
        yield _line(
            "liquidation", f"at {dollars(seen['liquidationCents'])}; the price is {dollars(seen['priceCents'])}"
        )


def _move(move: Move) -> str:
    what = dollars(move.cents) if move.kind is Kinds.ORDER else f"{move.sats:,} sat"
    return f"{WHAT[move.kind]} {move.id}, {what}, {move.state.name.lower()} since {move.asked_at:%Y-%m-%d %H:%M:%S} UTC"


def _line(name: str, text: str) -> str:
    return f"{name:<14} {text}"


def told(status: Status) -> dict[str, Any]:
    """For machines."""
    return {
        "setUp": status.set_up,
        "mode": status.mode.value,
        "switchedBy": status.switched_by,
        "customersCents": status.liability.customers,
        "inDollarsCents": status.liability.in_dollars,
        "owedCents": status.liability.owed,
        "riskIsTheBanks": status.mode is Mode.OFF,
        "seen": status.seen,
        "seenAt": status.seen_at.isoformat() if status.seen_at else None,
        "blind": status.blind,
        "outsideOfBand": status.outside,
        "bookedMsats": status.booked_msats,
        "transitMsats": status.transit_msats,
        "liquidatedCents": status.liquidated_cents,
        "onchain": status.onchain,
        "moves": [
            {
                "id": str(one.id), "kind": one.kind.name.lower(), "state": one.state.name.lower(), "cents": one.cents,
                "sats": one.sats, "doneCents": one.done_cents, "doneSats": one.done_sats, "reason": one.reason,
                "createdAt": one.created_at.isoformat(),
            }
            for one in status.moves
        ],
    }  # fmt: skip


def _with_hedge(settings: Settings, work: Callable[[Hedge], Awaitable[T]]) -> T:
    async def main(bank: app.Bank) -> T:
        await bank.db.open()
        try:
            return await work(bank.hedge)
        except Refusal as refusal:
            raise Trouble(str(refusal)) from None
        finally:
            await bank.stop()

    with serve.beside_others(settings) as (settings, place):
        return asyncio.run(main(serve.built(settings, place)))
