"""Who is asking: the credential of a request, and the address it came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network, ip_address

from starlette.requests import HTTPConnection

from hazina.access import Caller, Cap
from hazina.api.bank import Bank
from hazina.identity import clean_ip
from hazina.oauth import spending_subject

HOPS_MAX = 10


class BadCredential(Exception):
    """Something was shown, and it opens nothing. Over HTTP this is status 401."""


@dataclass(frozen=True, slots=True)
class Credential:
    """``step_up``: a second proof that is held out with it."""

    kind: str
    secret: str
    step_up: str | None = None


def credential(fields: Mapping[str, str]) -> Credential | None:
    """The credential among header fields (names in lower case), in the order of Blink's gateway.

    None when there is none, or an empty one: blink-mobile sends an empty ``authorization`` when it is
    logged out. Raises BadCredential for an ``authorization`` that is not ``Bearer``.
    """
    step_up = fields.get("x-step-up", "").strip() or None
    for name, kind in (("oauth2-token", "oauth2"), ("x-api-key", "key")):
        if secret := fields.get(name, "").strip():
            return Credential(kind, secret, step_up)
    scheme, _, secret = fields.get("authorization", "").strip().partition(" ")
    if not scheme or (scheme.lower() == "bearer" and not secret.strip()):
        return None
    if scheme.lower() == "apikey" and secret.strip():  # as Flash's clients say it
        return Credential("key", secret.strip(), step_up)
    if scheme.lower() != "bearer":
        raise BadCredential
    return Credential("bearer", secret.strip(), step_up)


async def caller_of(bank: Bank, shown: Credential | None, ip: str | None) -> Caller | None:
    """The caller behind a credential; None for nobody. Raises BadCredential.

    As ``Bearer`` a session's token or an app's access token is taken, as ``Oauth2-Token`` only the latter.
    """
    if shown is None:
        return None
    if not shown.secret.isascii():
        raise BadCredential
    if shown.kind == "key":
        return await _key(bank, shown.secret, ip)
    caller = None
    if shown.kind == "bearer":
        caller = await bank.accounts.caller(shown.secret, ip)
    if caller is None:
        caller = await _app(bank, shown.secret, ip)
    if caller is None:
        raise BadCredential
    return replace(caller, step_up=shown.step_up)


async def _key(bank: Bank, secret: str, ip: str | None) -> Caller:
    """A program with a key of the customer's. Raises BadCredential."""
    key = await bank.api_keys.find(secret)
    caller = None if key is None else await bank.accounts.caller_of_key(key, ip)
    if caller is None:
        raise BadCredential
    return caller


async def _app(bank: Bank, token: str, ip: str | None) -> Caller | None:
    """An app that acts for a customer, within what they agreed to."""
    bearer = await bank.oauth.bearer(token)
    if bearer is None:
        return None
    caps = [Cap(spending_subject(bearer.grant_id), bearer.caps)] if bearer.caps else []
    return await bank.accounts.caller_of_app(bearer.user_id, bearer.rights, ip, client_id=bearer.client_id, caps=caps)


def client_ip(connection: HTTPConnection) -> str | None:
    """The client's address: the last hop that no proxy of ours is. Only such a proxy is believed about the hop
    before it (this machine, and the networks in ``trusted_proxies``), so what a client puts in front of
    ``X-Forwarded-For`` is never reached. ``X-Real-IP`` counts where a proxy sets only that one."""
    peer = clean_ip(connection.client.host if connection.client else None)
    application = connection.scope.get("app")
    proxies = getattr(getattr(application, "state", None), "proxies", ())
    if peer is None or not _ours(peer, proxies):
        return peer
    seen = peer
    listed = ",".join(connection.headers.getlist("x-forwarded-for")) or connection.headers.get("x-real-ip", "")
    for hop in reversed(listed.split(",")[-HOPS_MAX:]):
        address = clean_ip(hop)
        if address is None:
            break
        seen = address
        if not _ours(address, proxies):
            break
    return seen


def _ours(address: str, proxies: Sequence[IPv4Network | IPv6Network]) -> bool:
    found = ip_address(address)
    return found.is_loopback or any(found in network for network in proxies)
