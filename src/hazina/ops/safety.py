"""What operators do about closed rails. Each asks the database directly: the bank need not run."""

from __future__ import annotations

import asyncio
import getpass
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

from hazina.kernel.clock import SystemClock
from hazina.kernel.db import Database
from hazina.kernel.errors import Refusal
from hazina.ops import Trouble
from hazina.ops.database import Place
from hazina.ops.stopping import Say
from hazina.safety import Closure, Rail, Safety

T = TypeVar("T")
LOG_SHOWN = 10


def rail_named(name: str) -> Rail:
    """:raises Trouble: there is no such rail."""
    try:
        return Rail(name)
    except ValueError:
        known = ", ".join(rail.value for rail in Rail)
        raise Trouble(f"There is no rail called {name!r}. There are: {known}.") from None


def passphrase(*, twice: bool = False) -> str:
    """From the terminal, unseen; else the first line of standard input.

    :raises Trouble: two that differ.
    """
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    given = getpass.getpass("Passphrase: ")
    if twice and getpass.getpass("The same again: ") != given:
        raise Trouble("The two differ. Nothing was done.")
    return given


def status(place: Place, say: Say) -> bool:
    """Print what is closed, and the last lines of the log. True when all is open."""
    standing = _run(place, lambda safety: safety.closures())
    for rail in Rail:
        say(f"{rail.value:12}{_said(next((c for c in standing if c.rail is rail), None))}")
    lines = _run(place, lambda safety: safety.log(LOG_SHOWN))
    if lines:
        say("\nlatest first:")
    for line in lines:
        said = f": {line.said}" if line.said else ""
        say(f"  {line.at:%Y-%m-%d %H:%M:%S}  {line.rail or '':10} {line.what}, by {line.by}{said}")
    return not standing


def _said(closure: Closure | None) -> str:
    if closure is None:
        return "open"
    text = f"CLOSED since {closure.since:%Y-%m-%d %H:%M:%S} UTC by {closure.by}: {closure.reason}"
    if closure.lift_asked_by and closure.lift_until:
        text += f"\n{'':12}{closure.lift_asked_by} asks to lift it, until {closure.lift_until:%H:%M:%S} UTC"
    return text


def close(place: Place, rail: Rail, reason: str, say: Say) -> None:
    _run(place, lambda safety: safety.close(rail, by=_me(), reason=reason))
    say(f"Closed: {rail.value}. Payments that were set aside wait; nothing new is sent. Two operators lift it.")


def lift(place: Place, rail: Rail, operator: str, secret: str, say: Say) -> None:
    """:raises Trouble: refused, with the reason."""
    done = _run(place, lambda safety: safety.lift(rail, operator, secret))
    if done.done:
        say(f"Open: {rail.value}.")
    elif done.until is not None:
        say(f"Asked for. Another operator must lift {rail.value} before {done.until:%H:%M:%S} UTC.")


def add_operator(place: Place, name: str, secret: str, say: Say) -> None:
    """:raises Trouble: refused, with the reason."""
    _run(place, lambda safety: safety.add_operator(name, secret, by=_me()))
    say(f"{name} is an operator.")


def remove_operator(place: Place, name: str, say: Say) -> None:
    """:raises Trouble: refused, with the reason."""
    _run(place, lambda safety: safety.remove_operator(name, by=_me()))
    say(f"{name} is no operator any more.")


def list_operators(place: Place, say: Say) -> None:
    found = [one for one in _run(place, lambda safety: safety.operators()) if one.removed_at is None]
    for one in found:
        say(f"{one.name:20} since {one.added_at:%Y-%m-%d}")
    if len(found) < 2:
        say("Lifting a closure takes two operators: add another with `hazina operator add NAME`.")


def _me() -> str:
    """Who the operating system says sits at the command line."""
    try:
        return f"command line ({getpass.getuser()})"
    except (KeyError, OSError):
        return "command line"


def _run(place: Place, verb: Callable[[Safety], Awaitable[T]]) -> T:
    async def main() -> T:
        db = Database(place.url, size=1)
        await db.open()
        try:
            return await verb(Safety(db, SystemClock()))
        finally:
            await db.close()

    try:
        return asyncio.run(main())
    except Refusal as refusal:
        raise Trouble(str(refusal)) from None
