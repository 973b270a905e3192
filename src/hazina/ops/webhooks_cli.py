"""``hazina webhooks`` and ``hazina funder``: the commands, without what they need: that is imported when one runs."""

from __future__ import annotations

from typing import Annotated

import typer

from hazina.ops.command import Data, opened, say

webhooks_cli = typer.Typer(
    name="webhooks",
    help="Callbacks to customers' own servers.\n\nExample: `hazina webhooks list`",
    no_args_is_help=True,
)
funder_cli = typer.Typer(
    name="funder",
    help="Who pays the rewards of quizzes.\n\nExample: `hazina funder set amina`",
    no_args_is_help=True,
)


@webhooks_cli.command("list")
def list_(data: Data = None) -> None:
    """Every account's endpoints, the newest thousand: whether they answer, and what waits.

    Example: `hazina webhooks list`
    """
    from hazina.ops import webhooks

    with opened(data) as (settings, place):
        webhooks.listed(settings, place, say)


@webhooks_cli.command("log")
def log(
    endpoint: Annotated[str, typer.Argument(help="Its id, as `hazina webhooks list` shows it.")], data: Data = None
) -> None:
    """The newest deliveries of an endpoint, and how they went.

    Example: `hazina webhooks log 5f0c7a53-3f6e-4b8e-9a53-0d8c3c1f6a10`
    """
    from hazina.ops import webhooks

    with opened(data) as (settings, place):
        webhooks.log(settings, place, endpoint, say)


@webhooks_cli.command("replay")
def replay(
    delivery: Annotated[str, typer.Argument(help="Its id, as `hazina webhooks log` shows it.")], data: Data = None
) -> None:
    """Send a delivery once more, under the same message id.

    Example: `hazina webhooks replay 01935f2e-7c1b-7d5e-8f57-3a2b1c0d9e8f`
    """
    from hazina.ops import webhooks

    with opened(data) as (settings, place):
        webhooks.replay(settings, place, delivery, say)


@webhooks_cli.command("rotate")
def rotate(
    endpoint: Annotated[str, typer.Argument(help="Its id, as `hazina webhooks list` shows it.")], data: Data = None
) -> None:
    """Give an endpoint a new secret. It is not shown here; for a day the one before signs too.

    Example: `hazina webhooks rotate 5f0c7a53-3f6e-4b8e-9a53-0d8c3c1f6a10`
    """
    from hazina.ops import webhooks

    with opened(data) as (settings, place):
        webhooks.rotate(settings, place, endpoint, say)


@funder_cli.command("show")
def show(data: Data = None) -> None:
    """Who pays rewards, what is left, and how many were paid.

    Example: `hazina funder show`
    """
    from hazina.ops import webhooks

    with opened(data) as (_, place):
        webhooks.show_funder(place, say)


@funder_cli.command("set")
def set_(name: Annotated[str, typer.Argument(help="The customer's username.")], data: Data = None) -> None:
    """Let a customer's bitcoin wallet pay the rewards of quizzes from now on.

    Example: `hazina funder set amina`
    """
    from hazina.ops import webhooks

    with opened(data) as (_, place):
        webhooks.set_funder(place, name, say)


@funder_cli.command("remove")
def remove(data: Data = None) -> None:
    """Let nobody pay rewards.

    Example: `hazina funder remove`
    """
    from hazina.ops import webhooks

    with opened(data) as (_, place):
        webhooks.remove_funder(place, say)
