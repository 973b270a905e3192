"""What operators do about apps that log people in here. Each asks the database directly: the bank need not run."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from hazina.kernel.audit import Audit
from hazina.kernel.clock import SystemClock
from hazina.kernel.db import Database
from hazina.kernel.errors import Refusal
from hazina.kernel.vault import Vault
from hazina.oauth import AppKind, Client, Made, OAuth
from hazina.ops import Trouble, keys
from hazina.ops.database import Place
from hazina.ops.stopping import Say
from hazina.settings import Settings

T = TypeVar("T")
KINDS = {AppKind.OPERATOR: "operators", AppKind.CUSTOMER: "a customer", AppKind.ITSELF: "itself"}


def add(settings: Settings, place: Place, description: dict[str, Any], introspects: bool, say: Say) -> None:
    """:raises Trouble: refused, with the reason."""
    made = _run(settings, place, lambda oauth: oauth.make_app(None, description, introspects=introspects))
    _shown(made, settings, say)


def described(file: Path) -> dict[str, Any]:
    """RFC 7591 metadata from a JSON file.

    :raises Trouble: it cannot be read.
    """
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise Trouble(f"{file} cannot be read as JSON: {error}.") from None
    if not isinstance(found, dict):
        raise Trouble(f"{file} must hold a JSON object.")
    return found


def _shown(made: Made, settings: Settings, say: Say) -> None:
    say(f"client_id      {made.client.id}")
    if made.secret is not None:
        say(f"client_secret  {made.secret}   (shown once)")
    say(f"issuer         {settings.origin}")


def listed(settings: Settings, place: Place, say: Say) -> None:
    found = _run(settings, place, lambda oauth: oauth.apps(None))
    for one in found:
        say(_line(one))
    if not found:
        say("No apps yet. Add one with `hazina apps add NAME --redirect https://app.example/back`.")


def _line(app: Client) -> str:
    marks = [
        *(["off"] if app.disabled_at else []),
        *(["checked"] if app.checked else []),
        *(["resource server"] if app.introspects else []),
    ]
    said = f"   ({', '.join(marks)})" if marks else ""
    return f"{app.id:52} {app.name[:30]:30} of {KINDS[app.kind]:10} {' '.join(app.scope)}{said}"


def mark(settings: Settings, place: Place, client_id: str, say: Say, **marks: bool | None) -> None:
    """:raises Trouble: there is no such app."""
    say(_line(_run(settings, place, lambda oauth: oauth.mark_app(client_id, **marks))))


def new_secret(settings: Settings, place: Place, client_id: str, say: Say) -> None:
    """:raises Trouble: there is no such app, or it shows no secret."""
    _shown(_run(settings, place, lambda oauth: oauth.new_app_secret(None, client_id)), settings, say)


def remove(settings: Settings, place: Place, client_id: str, say: Say) -> None:
    """:raises Trouble: there is no such app."""
    _run(settings, place, lambda oauth: oauth.remove_app(None, client_id))
    say("Removed, with everything that people agreed to for it.")


def initial_token(settings: Settings, place: Place, note: str, uses: int, days: int, say: Say) -> None:
    say(_run(settings, place, lambda oauth: oauth.initial_token(note, uses, days)))


def rotate_keys(settings: Settings, place: Place, stolen: bool, say: Say) -> None:
    _run(settings, place, lambda oauth: oauth.rotate_keys(stolen=stolen))
    if stolen:
        say("New signing keys sign within a minute, and what the older ones signed is refused. Tell your apps.")
    else:
        say("New signing keys are published. They sign in two days; what the older ones signed stays valid.")


def _run(settings: Settings, place: Place, verb: Callable[[OAuth], Awaitable[T]]) -> T:
    known = keys.known(settings)

    async def main() -> T:
        db = Database(place.url, size=2)
        await db.open()
        oauth = OAuth(db, SystemClock(), Audit(Vault(known)), settings.origin, known)
        try:
            return await verb(oauth)
        finally:
            await oauth.close()
            await db.close()

    try:
        return asyncio.run(main())
    except Refusal as refusal:
        raise Trouble(str(refusal)) from None
