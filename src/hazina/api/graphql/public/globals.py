"""What holds for everybody."""

from __future__ import annotations

import functools
from typing import Any

import phonenumbers
import structlog
from ariadne import ObjectType, QueryType

from hazina.accounts import LIMIT_WINDOW_S, Level, LimitKind, level_cap
from hazina.api.graphql.context import Info, context_of
from hazina.payments.ports import NodeRefused, NodeSilent

log = structlog.get_logger("hazina.api")

query, globals_type = QueryType(), ObjectType("Globals")


@query.field("globals")
async def everywhere(_: Any, info: Info) -> dict[str, Any]:
    settings = context_of(info).bank.settings
    return {
        "network": settings.network,
        "lightningAddressDomain": f"{settings.host}:{settings.port}",
        "lightningAddressDomainAliases": [],
        "buildInformation": {"commitHash": None, "helmRevision": None},
        "blockInfo": None,
        "feesInformation": {"deposit": _deposit_fees(context_of(info).bank.payments.deposit_tiers())},
        "supportedCountries": supported_countries(),
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


@functools.cache
def supported_countries() -> list[dict[str, Any]]:
    """Every country that has a numbering plan."""
    return [{"id": region, "supportedAuthChannels": ["SMS"]} for region in sorted(phonenumbers.SUPPORTED_REGIONS)]


def _limits(level: Level) -> dict[str, Any]:
    return {
        "level": level,
        "interval": LIMIT_WINDOW_S,
        "withdrawal": level_cap(level, LimitKind.WITHDRAWAL).n,
        "internalSend": level_cap(level, LimitKind.INTRALEDGER).n,
        "convert": level_cap(level, LimitKind.TRADE).n,
    }


BINDABLES = (query, globals_type)
