"""LND's calls about the node itself: state, balances, channels, macaroons."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Collection
from typing import Any

from hazina.sandbox.lnd.asked import Asked
from hazina.sandbox.lnd.payments import NETWORK_NAME
from hazina.sandbox.macaroons import ADMIN, ENTITIES, Permission
from hazina.sandbox.network import ALIASES, RESERVE_SHARE, Channel, Route
from hazina.sandbox.payments import Payment
from hazina.sandbox.wire import LndError, Object, b64, read_int, read_message
from hazina.sandbox.world import World

VERSION = "0.21.2-beta"
BLOCK_S = 600
ONCHAIN_SAT = 10_0000_0000


async def state(world: World, asked: Asked) -> Object:
    return {"state": "UNLOCKED" if world.starting(asked.node) else "SERVER_ACTIVE"}


async def version(world: World, asked: Asked) -> Object:
    return {
        "commit": f"v{VERSION}",
        "commit_hash": "",
        "version": VERSION,
        "app_major": 0,
        "app_minor": 21,
        "app_patch": 2,
        "app_pre_release": "beta",
        "build_tags": ["signrpc", "walletrpc", "chainrpc", "invoicesrpc"],
        "go_version": "",
    }


async def info(world: World, asked: Asked) -> Object:
    now = world.height
    return {
        "version": f"{VERSION} commit=v{VERSION}",
        "commit_hash": "",
        "identity_pubkey": world.network.keys[asked.node].hex(),
        "alias": ALIASES[asked.node],
        "color": "#3399ff",
        "num_pending_channels": 0,
        "num_active_channels": len(world.network.channels(asked.node)),
        "num_inactive_channels": 0,
        "num_peers": len(world.network.channels(asked.node)),
        "block_height": now,
        "block_hash": hashlib.sha256(str(now).encode()).hexdigest(),
        "best_header_timestamp": str(int(time.time()) // BLOCK_S * BLOCK_S),
        "synced_to_chain": True,
        "synced_to_graph": True,
        "testnet": False,
        "chains": [{"chain": "bitcoin", "network": NETWORK_NAME}],
        "uris": [],
        "features": {},
        "require_htlc_interceptor": False,
        "store_final_htlc_resolutions": False,
        "wallet_synced": True,
        "graph_cache_status": "GRAPH_CACHE_STATUS_LOADED",
    }


def _pending(world: World, node: str, outgoing: bool) -> dict[int, list[Payment]]:
    """Payments in flight over the bank's channels, by channel."""
    found: dict[int, list[Payment]] = {}
    rows = world.store.rows("SELECT * FROM payments WHERE status = 'IN_FLIGHT' AND route IS NOT NULL")
    for payment in (Payment(*row) for row in rows):
        for step in Route.load(payment.route or "").steps:
            if (step.source if outgoing else step.target) == node:
                found.setdefault(step.channel, []).append(payment)
    return found


def _in_flight_msat(node: str, payments: dict[int, list[Payment]], outgoing: bool) -> dict[int, int]:
    sums: dict[int, int] = {}
    for channel, held in payments.items():
        for payment in held:
            for step in Route.load(payment.route or "").steps:
                if step.channel == channel and (step.source if outgoing else step.target) == node:
                    sums[channel] = sums.get(channel, 0) + step.msat
    return sums


def _pair(msat: int) -> Object:
    return {"sat": str(msat // 1_000), "msat": str(msat)}


async def channel_balance(world: World, asked: Asked) -> Object:
    """An outgoing amount in flight stands under ``unsettled_remote``, an incoming one under ``unsettled_local``."""
    channels = world.network.channels(asked.node)
    local = sum(channel.local_msat(asked.node) for channel in channels)
    remote = sum(channel.local_msat(channel.peer(asked.node)) for channel in channels)
    leaving = sum(_in_flight_msat(asked.node, _pending(world, asked.node, True), True).values())
    coming = sum(_in_flight_msat(asked.node, _pending(world, asked.node, False), False).values())
    return {
        "balance": str(local // 1_000),
        "pending_open_balance": "0",
        "local_balance": _pair(local),
        "remote_balance": _pair(remote),
        "unsettled_local_balance": _pair(coming),
        "unsettled_remote_balance": _pair(leaving),
        "pending_open_local_balance": _pair(0),
        "pending_open_remote_balance": _pair(0),
        "custom_channel_data": "AgAAAA==",
    }


async def wallet_balance(world: World, asked: Asked) -> Object:
    coins = {"confirmed_balance": str(ONCHAIN_SAT), "unconfirmed_balance": "0"}
    return {
        "total_balance": str(ONCHAIN_SAT),
        **coins,
        "locked_balance": "0",
        "reserved_balance_anchor_chan": "20000",
        "account_balance": {"default": coins},
    }


async def channels(world: World, asked: Asked) -> Object:
    flying = {incoming: _pending(world, asked.node, not incoming) for incoming in (True, False)}
    return {
        "channels": [
            _channel(
                world,
                asked.node,
                channel,
                [
                    _htlc(asked.node, channel, payment, incoming=incoming)
                    for incoming, found in flying.items()
                    for payment in found.get(channel.id, ())
                ],
            )
            for channel in world.network.channels(asked.node)
        ]
    }


def _htlc(node: str, channel: Channel, payment: Payment, *, incoming: bool) -> Object:
    steps = Route.load(payment.route or "").steps
    step = next(one for one in steps if one.channel == channel.id and (one.target if incoming else one.source) == node)
    return {
        "incoming": incoming,
        "amount": str(step.msat // 1_000),
        "hash_lock": b64(payment.hash),
        "htlc_index": str(payment.id),
        "locked_in": True,
    }


def _channel(world: World, node: str, channel: Channel, pending: list[Object]) -> Object:
    peer = channel.peer(node)
    reserve = str(channel.capacity_msat // RESERVE_SHARE // 1_000)
    return {
        "active": True,
        "remote_pubkey": world.network.keys[peer].hex(),
        "channel_point": hashlib.sha256(str(channel.id).encode()).hexdigest() + ":0",
        "chan_id": str(channel.id),
        "capacity": str(channel.capacity_msat // 1_000),
        "local_balance": str(channel.local_msat(node) // 1_000),
        "remote_balance": str(channel.local_msat(peer) // 1_000),
        "commit_fee": "0",
        "unsettled_balance": str(sum(int(one["amount"]) for one in pending)),
        "pending_htlcs": pending,
        "private": False,
        "initiator": True,
        "chan_status_flags": "ChanStatusDefault",
        "local_chan_reserve_sat": reserve,
        "remote_chan_reserve_sat": reserve,
        "commitment_type": "ANCHORS",
        "peer_alias": ALIASES[peer],
    }


SUPPORTED = f"supported actions are [read write generate], supported entities are [{' '.join(ENTITIES)} uri]"


async def bake(world: World, asked: Asked, uris: Collection[str]) -> Object:
    body = read_message(asked.body, permissions="objects", root_key_id="int", allow_external_permissions="bool")
    if not body["permissions"]:
        raise LndError(f"permission list cannot be empty. specify at least one action/entity pair. {SUPPORTED}")
    granted = {_permission(found, uris) for found in body["permissions"]}
    return {"macaroon": world.macaroons[asked.node].bake(granted, body["root_key_id"]).hex()}


def _permission(found: Any, uris: Collection[str]) -> Permission:
    fields = found if isinstance(found, dict) else {}
    permission = (str(fields.get("entity", "")), str(fields.get("action", "")))
    if permission[0] == "uri" and permission[1] not in uris:
        raise LndError("invalid permission action, must be an existing URI in the format /package.Service/MethodName")
    if permission[0] != "uri" and permission not in ADMIN:
        wrong = "action" if permission[0] in ENTITIES else "entity"
        raise LndError(f"invalid permission {wrong}. {SUPPORTED}")
    return permission


async def macaroon_ids(world: World, asked: Asked) -> Object:
    return {"root_key_ids": [str(number) for number in world.macaroons[asked.node].root_key_ids()]}


async def revoke(world: World, asked: Asked) -> Object:
    number = read_int(asked.path["id"], "root_key_id") if re.fullmatch(r"[0-9]+", asked.path["id"]) else -1
    if number == 0:
        raise LndError("the specified ID cannot be deleted")
    return {"deleted": number > 0 and world.macaroons[asked.node].revoke(number)}
