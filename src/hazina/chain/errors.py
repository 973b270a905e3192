"""Refusals of the chain context. Those of an address come from its rules: ``kernel.addresses``."""

from __future__ import annotations

from hazina.kernel.errors import Kind, Refusal


class OnchainUnavailable(Refusal):
    code = "ONCHAIN_UNAVAILABLE"
    kind = Kind.UNAVAILABLE
    blink = "UNKNOWN_CLIENT_ERROR"
    message = "The bank's Bitcoin node is away, or there is none. Nothing was moved."


class NodeUnfit(Exception):
    """The node cannot serve this bank: another network, too old, pruned too far. The program does not start;
    the text says what to do."""
