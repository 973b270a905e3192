"""Who is asking: the credential of a request, and the address it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from starlette.requests import HTTPConnection

from hazina.access import Caller
from hazina.api.bank import Bank
from hazina.identity import clean_ip


class BadCredential(Exception):
    """Something was shown, and it opens nothing. Over HTTP this is status 401."""


@dataclass(frozen=True, slots=True)
class Credential:
    kind: str
    secret: str


def credential(fields: Mapping[str, str]) -> Credential | None:
    """The credential among header fields (names in lower case), in the order of Blink's gateway.

    None when there is none, or an empty one: blink-mobile sends an empty ``authorization`` when it is
    logged out. Raises BadCredential for an ``authorization`` that is not ``Bearer``.
    """
    for name, kind in (("oauth2-token", "oauth2"), ("x-api-key", "key")):
        if secret := fields.get(name, "").strip():
            return Credential(kind, secret)
    scheme, _, secret = fields.get("authorization", "").strip().partition(" ")
    if not scheme or (scheme.lower() == "bearer" and not secret.strip()):
        return None
    if scheme.lower() != "bearer":
        raise BadCredential
    return Credential("bearer", secret.strip())


async def caller_of(bank: Bank, shown: Credential | None, ip: str | None) -> Caller | None:
    """The caller behind a credential; None for nobody. Raises BadCredential.

    Sessions are the only credential so far: an API key or an OAuth token opens nothing.
    """
    if shown is None:
        return None
    if shown.kind != "bearer" or not shown.secret.isascii():
        raise BadCredential
    caller = await bank.accounts.caller(shown.secret, ip)
    if caller is None:
        raise BadCredential
    return caller


def client_ip(connection: HTTPConnection) -> str | None:
    """The client's address. A proxy on this machine is believed; from elsewhere these headers are
    the client's own words."""
    peer = clean_ip(connection.client.host if connection.client else None)
    if peer is None or not ip_address(peer).is_loopback:
        return peer
    named = connection.headers.get("x-real-ip") or connection.headers.get("x-forwarded-for", "").partition(",")[0]
    return clean_ip(named) or peer
