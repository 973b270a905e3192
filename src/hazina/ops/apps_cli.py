"""``hazina apps``: the commands, without what they need: that is imported when one runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from hazina.ops.command import Data, opened, say

apps_cli = typer.Typer(
    name="apps",
    help="Apps that people log in to with this bank, and their tokens.\n\nExample: `hazina apps list`",
    no_args_is_help=True,
)
Id = Annotated[str, typer.Argument(help="The app's client_id, as `hazina apps list` shows it.")]


@apps_cli.command("add")
def add(
    name: Annotated[str, typer.Argument(help="As people read it when they are asked.")],
    redirect: Annotated[list[str] | None, typer.Option(help="Where people come back to. May be repeated.")] = None,
    scope: Annotated[str, typer.Option(help="Most that it may ask for.")] = "openid profile",
    public: Annotated[bool, typer.Option("--public", help="It runs on people's devices and keeps no secret.")] = False,
    introspects: Annotated[bool, typer.Option(help="A resource server: may ask about every token.")] = False,
    file: Annotated[Path | None, typer.Option("--file", help="More, as RFC 7591 metadata in JSON.")] = None,
    data: Data = None,
) -> None:
    """Register an app. Its secret is shown once.

    Example: `hazina apps add "Vitabu Books" --redirect https://vitabu.example/back --scope "openid phone read"`
    """
    from hazina.ops import apps

    said: dict[str, Any] = apps.described(file) if file else {}
    said = {"client_name": name, "scope": scope, **said}
    if redirect:
        said |= {"redirect_uris": redirect, "grant_types": ["authorization_code", "refresh_token"]}
    elif "grant_types" not in said:
        said["grant_types"] = ["client_credentials"]
    if public:
        said |= {"token_endpoint_auth_method": "none"}
    with opened(data) as (settings, place):
        apps.add(settings, place, said, introspects, say)


@apps_cli.command("list")
def list_(data: Data = None) -> None:
    """Every app: the operators', customers', and those that registered themselves.

    Example: `hazina apps list`
    """
    from hazina.ops import apps

    with opened(data) as (settings, place):
        apps.listed(settings, place, say)


@apps_cli.command("mark")
def mark(
    client_id: Id,
    checked: Annotated[bool | None, typer.Option(help="The consent page says that the bank knows it.")] = None,
    introspects: Annotated[bool | None, typer.Option(help="A resource server: may ask about every token.")] = None,
    off: Annotated[bool | None, typer.Option("--off/--on", help="None of its tokens opens anything.")] = None,
    data: Data = None,
) -> None:
    """Vouch for an app, or stop it.

    Example: `hazina apps mark client_x --off`
    """
    from hazina.ops import apps

    with opened(data) as (settings, place):
        apps.mark(settings, place, client_id, say, checked=checked, introspects=introspects, off=off)


@apps_cli.command("secret")
def secret(client_id: Id, data: Data = None) -> None:
    """Give an app a new secret. The one before is dead at once.

    Example: `hazina apps secret client_x`
    """
    from hazina.ops import apps

    with opened(data) as (settings, place):
        apps.new_secret(settings, place, client_id, say)


@apps_cli.command("remove")
def remove(client_id: Id, data: Data = None) -> None:
    """Remove an app, with everything that people agreed to for it.

    Example: `hazina apps remove client_x`
    """
    from hazina.ops import apps

    with opened(data) as (settings, place):
        apps.remove(settings, place, client_id, say)


@apps_cli.command("token")
def token(
    note: Annotated[str, typer.Argument(help="For whom.")],
    uses: Annotated[int, typer.Option(min=1, max=1_000_000)] = 1,
    days: Annotated[int, typer.Option(min=1, max=3_650)] = 30,
    data: Data = None,
) -> None:
    """Print an initial access token (RFC 7591): who shows it may register an app by program, with any scope.

    Example: `hazina apps token "The makers of tills" --uses 100`
    """
    from hazina.ops import apps

    with opened(data) as (settings, place):
        apps.initial_token(settings, place, note, uses, days, say)


@apps_cli.command("rotate-keys")
def rotate_keys(
    stolen: Annotated[bool, typer.Option("--stolen", help="At once, and refuse what the old ones signed.")] = False,
    data: Data = None,
) -> None:
    """Publish new keys for signing tokens; they sign in two days. It also happens by itself, every 90 days.

    Example: `hazina apps rotate-keys`
    """
    from hazina.ops import apps

    with opened(data) as (settings, place):
        apps.rotate_keys(settings, place, stolen, say)
