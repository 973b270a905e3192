"""What holds for everybody."""

from __future__ import annotations

import functools
from typing import Any, Literal
from urllib.parse import urlsplit

import phonenumbers
import structlog
from ariadne import ObjectType, QueryType

from hazina.accounts import LIMIT_WINDOW_S, Level, LimitKind, level_cap
from hazina.api.graphql.context import Info, context_of
from hazina.payments.ports import NodeRefused, NodeSilent
from hazina.settings import MobileApp, Settings

log = structlog.get_logger("hazina.api")

PLATFORMS: tuple[Literal["android", "ios"], ...] = ("android", "ios")
NO_APP = MobileApp(min=0, current=0)
query, globals_type = QueryType(), ObjectType("Globals")


@query.field("globals")
async def everywhere(_: Any, info: Info) -> dict[str, Any]:
    bank = context_of(info).bank
    settings = bank.settings
    return {
        "network": settings.network,
        "lightningAddressDomain": urlsplit(settings.origin).netloc,
        "lightningAddressDomainAliases": list(settings.address_domains),
        "buildInformation": {"commitHash": settings.commit, "helmRevision": None},
        "feesInformation": {"deposit": _deposit_fees(bank.payments.deposit_tiers())},
        "supportedCountries": supported_countries(bank.identity.policy.countries, _channels(settings)),
        "accountLimitsByLevel": [_limits(level) for level in Level],
    }


def _deposit_fees(tiers: list[tuple[int | None, int]]) -> dict[str, Any]:
    """Numbers as text, as Blink has them."""
    shown = [{"maxAmount": None if most is None else str(most), "amount": str(fee)} for most, fee in tiers]
    first = shown[0] if shown else {"maxAmount": None, "amount": "0"}
    return {
        "minBankFee": first["amount"], "minBankFeeThreshold": first["maxAmount"] or "0", "ratio": "0", "tiers": shown,
    }  # fmt: skip


@globals_type.field("nodesIds")
async def node_ids(_: Any, info: Info) -> list[str]:
    try:
        return [key.hex() for key in await context_of(info).bank.nodes.keys()]
    except (NodeSilent, NodeRefused) as error:
        log.warning("node_not_asked", why=str(error)[:200])
        return []


@globals_type.field("blockInfo")
async def block_info(_: Any, info: Info) -> dict[str, Any] | None:
    """The newest block that the bank has taken in; null where it knows of none."""
    chain = context_of(info).bank.chain
    found = None if chain is None else await chain.tip()
    return None if found is None else {"blockHeight": found[0], "blockHash": found[1]}


def _channels(settings: Settings) -> tuple[str, ...]:
    """By which codes and log-ins come."""
    by_whatsapp = settings.twilio is not None and settings.twilio.whatsapp_sender is not None
    return ("SMS", *(["WHATSAPP"] if by_whatsapp else []), *(["TELEGRAM"] if settings.telegram is not None else []))


@functools.cache
def supported_countries(served: frozenset[str] | None, channels: tuple[str, ...]) -> list[dict[str, Any]]:
    """Every country that has a numbering plan, and that the bank serves (None: all)."""
    plans = phonenumbers.SUPPORTED_REGIONS
    regions = sorted(plans if served is None else served & plans)
    return [{"id": region, "supportedAuthChannels": list(channels)} for region in regions]


@query.field("mobileVersions")
async def mobile_versions(_: Any, info: Info) -> list[dict[str, Any]]:
    """Rows android and ios; nothing is demanded of an app while the operator has named no builds."""
    known = context_of(info).bank.settings.mobile
    rows = {platform: known.get(platform) or NO_APP for platform in PLATFORMS}
    return [{"platform": name, "currentSupported": one.current, "minSupported": one.min} for name, one in rows.items()]


def _limits(level: Level) -> dict[str, Any]:
    return {
        "level": level,
        "interval": LIMIT_WINDOW_S,
        "withdrawal": level_cap(level, LimitKind.WITHDRAWAL).n,
        "internalSend": level_cap(level, LimitKind.INTRALEDGER).n,
        "convert": level_cap(level, LimitKind.TRADE).n,
    }


BINDABLES = (query, globals_type)
