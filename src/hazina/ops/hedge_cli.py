"""``hazina hedge``: the commands, without what they need: that is imported when one runs."""

from __future__ import annotations

from typing import Annotated

import typer

from hazina.ops.command import Data, say, settings_of

hedge_cli = typer.Typer(
    name="hedge",
    help="The dollars that the bank owes for bitcoin, and the swaps that hedge them. Off, their risk is the bank's.\n\n"
    "Example: `hazina hedge status`",
    no_args_is_help=True,
)
Json = Annotated[bool, typer.Option("--json", help="For machines: cents, satoshi and millisatoshi, never fractions.")]


@hedge_cli.command()
def status(as_json: Json = False, data: Data = None) -> None:
    """What is owed, what is hedged, what lies at the exchange, what is under way, and whether all of it is seen.

    Example: `hazina hedge status --json`
    """
    from hazina.ops import hedge

    hedge.show(settings_of(data), say, as_json=as_json)


@hedge_cli.command()
def report(
    days: Annotated[int, typer.Option("--days", help="How far back.", min=1, max=400)] = 30,
    as_json: Json = False,
    data: Data = None,
) -> None:
    """Profit and loss by day: of the position, funding payments, fees; and what is not realised yet.

    Example: `hazina hedge report --days 7`
    """
    from hazina.ops import hedge

    hedge.report(settings_of(data), days, say, as_json=as_json)


@hedge_cli.command()
def on(data: Data = None) -> None:
    """Hedge from now on. What lies at the exchange is taken into the books as the bank's own money.

    Example: `hazina hedge on`
    """
    from hazina.hedging import Mode
    from hazina.ops import hedge

    hedge.switch(settings_of(data), Mode.ON, say)


@hedge_cli.command()
def off(
    close: Annotated[bool, typer.Option("--close", help="Close the position first.")] = False, data: Data = None
) -> None:
    """Order and move nothing any more. The position stays as it is, unless it is closed first.

    Example: `hazina hedge off --close`
    """
    from hazina.hedging import Mode
    from hazina.ops import hedge

    hedge.switch(settings_of(data), Mode.CLOSING if close else Mode.OFF, say)


@hedge_cli.command()
def address(data: Data = None) -> None:
    """The one address to which coins come back: confirm it at the exchange before you switch the hedge on.

    Example: `hazina hedge address`
    """
    from hazina.ops import hedge

    hedge.address(settings_of(data), say)
