"""The Bitcoin chain as the bank uses it: addresses, deposits seen and settled, payout queues and batches,
hot and cold wallets. It knows no customer and posts no entry: payments follows its events.
"""

from hazina.chain.effects import EFFECTS, submit_payout
from hazina.chain.errors import NodeUnfit, OnchainUnavailable
from hazina.chain.model import (
    Address,
    ChainEvent,
    EventKind,
    FeeQuote,
    FeeRate,
    Output,
    OutputState,
    PayoutNews,
    Policy,
    Speed,
    TransferNews,
)
from hazina.chain.service import Chain, owner_of

__all__ = [
    "EFFECTS",
    "Address",
    "Chain",
    "ChainEvent",
    "EventKind",
    "FeeQuote",
    "FeeRate",
    "NodeUnfit",
    "OnchainUnavailable",
    "Output",
    "OutputState",
    "PayoutNews",
    "Policy",
    "Speed",
    "TransferNews",
    "owner_of",
    "submit_payout",
]
