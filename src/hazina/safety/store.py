"""SQL of safety besides the claim."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString

from hazina.kernel.db import Tx
from hazina.safety.model import Closure, LogLine, Operator, Rail

_CLOSURE: LiteralString = "select id, rail, since, closed_by, reason, lift_asked_by, lift_until from closure"


def _closure(id_: int, rail: str, *rest: Any) -> Closure:
    return Closure(id_, Rail(rail), *rest)


async def closures(tx: Tx) -> list[Closure]:
    """What is closed now."""
    return await tx.rows(_closure, _CLOSURE + " where lifted_at is null order by since, id")


async def stopping(tx: Tx, rail: Rail) -> Closure | None:
    """Why nothing may leave over ``rail`` now: the closure of the bank, or its own; None while it is open."""
    found = await tx.rows(
        _closure,
        _CLOSURE + " where lifted_at is null and rail in ('bank', %(rail)s) order by rail",
        {"rail": rail.value},
    )
    return found[0] if found else None


async def closure_for_change(tx: Tx, rail: Rail) -> Closure | None:
    return await tx.one(
        _closure, _CLOSURE + " where lifted_at is null and rail = %(rail)s for update", {"rail": rail.value}
    )


async def put_closure(tx: Tx, rail: Rail, by: str, reason: str, at: datetime) -> tuple[int, bool]:
    """The closure's id, and whether it is new. One that stands keeps its first reason, but a request to
    lift it is void: whoever asked had not seen this."""
    values = {"rail": rail.value, "by": by, "reason": reason, "at": at}
    new: int | None = await tx.value(
        """insert into closure (rail, since, closed_by, reason) values (%(rail)s, %(at)s, %(by)s, %(reason)s)
        on conflict (rail) where lifted_at is null do nothing returning id""",
        values,
    )
    if new is not None:
        return new, True
    standing: int | None = await tx.value(
        """update closure set lift_asked_by = null, lift_until = null
        where rail = %(rail)s and lifted_at is null returning id""",
        values,
    )
    if standing is None:  # lifted between the two statements
        return await put_closure(tx, rail, by, reason, at)
    return standing, False


async def ask_to_lift(tx: Tx, closure_id: int, operator: str, until: datetime) -> None:
    await tx.execute(
        "update closure set lift_asked_by = %(by)s, lift_until = %(until)s where id = %(id)s",
        {"id": closure_id, "by": operator, "until": until},
    )


async def lift(tx: Tx, closure_id: int, operator: str, at: datetime) -> None:
    await tx.execute(
        "update closure set lifted_by = %(by)s, lifted_at = %(at)s where id = %(id)s",
        {"id": closure_id, "by": operator, "at": at},
    )


async def lifted(tx: Tx, ids: Sequence[int]) -> dict[int, tuple[datetime, str]]:
    """Which of these closures are lifted: when, and by which two."""
    found = await tx.rows(
        lambda id_, at, by: (id_, (at, by)),
        """select id, lifted_at, lift_asked_by || ' and ' || lifted_by from closure
        where id = any(%(ids)s) and lifted_at is not null""",
        {"ids": list(ids)},
    )
    return dict(found)


async def log(tx: Tx, at: datetime, what: str, by: str, said: str = "", rail: Rail | None = None) -> None:
    await tx.execute(
        "insert into safety_log (at, rail, what, by, said) values (%(at)s, %(rail)s, %(what)s, %(by)s, %(said)s)",
        {"at": at, "rail": rail.value if rail else None, "what": what, "by": by, "said": said},
    )


async def log_lines(tx: Tx, limit: int) -> list[LogLine]:
    """Newest first."""
    return await tx.rows(
        LogLine, "select at, rail, what, by, said from safety_log order by id desc limit %(limit)s", {"limit": limit}
    )


# -- operators ----------------------------------------------------------------------------------


async def add_operator(tx: Tx, name: str, passphrase: str, at: datetime) -> bool:
    """False: the name is, or was, taken. ``passphrase``: sealed."""
    changed = await tx.execute(
        """insert into operator (name, passphrase, added_at) values (%(name)s, %(passphrase)s, %(at)s)
        on conflict (name) do nothing""",
        {"name": name, "passphrase": passphrase, "at": at},
    )
    return changed == 1


async def remove_operator(tx: Tx, name: str, at: datetime) -> bool:
    changed = await tx.execute(
        "update operator set removed_at = %(at)s where name = %(name)s and removed_at is null",
        {"name": name, "at": at},
    )
    return changed == 1


async def passphrase_of(tx: Tx, name: str) -> str | None:
    found: str | None = await tx.value(
        "select passphrase from operator where name = %(name)s and removed_at is null", {"name": name}
    )
    return found


async def operators(tx: Tx) -> list[Operator]:
    return await tx.rows(Operator, "select name, added_at, removed_at from operator order by name")
