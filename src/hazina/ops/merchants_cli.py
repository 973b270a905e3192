"""``hazina merchants``, ``hazina feedback``: the commands, without what they need: that is imported when one runs."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer

from hazina.ops.command import Data, opened, say

merchants_cli = typer.Typer(
    name="merchants",
    help="The map of merchants: look at what was suggested.\n\nExample: `hazina merchants list`",
    no_args_is_help=True,
)
Id = Annotated[str, typer.Argument(help="As `hazina merchants list` shows it.")]
Operator = Annotated[str, typer.Option("--operator", help="Your name, for the audit log.")]


class Which(Enum):
    PENDING = "pending"
    MAP = "map"
    INACTIVE = "inactive"


@merchants_cli.command("list")
def list_(
    which: Annotated[Which, typer.Argument(help="pending, map, or inactive: half a year without a transaction.")] = (
        Which.PENDING
    ),
    data: Data = None,
) -> None:
    """What waits for a look, what is on the map, or what of that is inactive.

    Example: `hazina merchants list map`
    """
    from hazina.ops import merchants

    with opened(data) as (settings, place):
        merchants.listed(settings, place, which.value, say)


@merchants_cli.command("approve")
def approve(merchant_id: Id, operator: Operator, data: Data = None) -> None:
    """Put a suggested place on the map. Its owner is told in the app.

    Example: `hazina merchants approve 5f0c… --operator amina`
    """
    from hazina.ops import merchants

    with opened(data) as (settings, place):
        merchants.approve(settings, place, merchant_id, operator, say)


@merchants_cli.command("delete")
def delete(merchant_id: Id, operator: Operator, data: Data = None) -> None:
    """Refuse a suggested place, or take one off the map.

    Example: `hazina merchants delete 5f0c… --operator amina`
    """
    from hazina.ops import merchants

    with opened(data) as (settings, place):
        merchants.delete(settings, place, merchant_id, operator, say)


def feedback(newest: Annotated[int, typer.Option(help="How many.", min=1, max=10_000)] = 50, data: Data = None) -> None:
    """What customers have written to the bank, the newest first.

    Example: `hazina feedback --newest 20`
    """
    from hazina.ops import merchants

    with opened(data) as (_, place):
        merchants.feedback(place, newest, say)
