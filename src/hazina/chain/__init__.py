"""The Bitcoin chain as the bank uses it: addresses, deposits seen and settled, payout queues and batches,
hot and cold wallets. It knows no customer and posts no entry: payments follows its events.
"""

from hazina.chain.batch import Batch, Payout, PayoutPolicy, PayoutState
from hazina.chain.cold import Cold, ColdPolicy, Draft
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
from hazina.chain.payout_store import payer_of, payouts_open, queue_own_payout
from hazina.chain.payouts import Payouts, cancel_payout
from hazina.chain.service import Chain, owner_of
from hazina.chain.treasury import Treasury, TreasuryState
from hazina.chain.verify import verify

__all__ = [
    "EFFECTS",
    "Address",
    "Batch",
    "Chain",
    "ChainEvent",
    "Cold",
    "ColdPolicy",
    "Draft",
    "EventKind",
    "FeeQuote",
    "FeeRate",
    "NodeUnfit",
    "OnchainUnavailable",
    "Output",
    "OutputState",
    "Payout",
    "PayoutNews",
    "PayoutPolicy",
    "PayoutState",
    "Payouts",
    "Policy",
    "Speed",
    "TransferNews",
    "Treasury",
    "TreasuryState",
    "cancel_payout",
    "owner_of",
    "payer_of",
    "payouts_open",
    "queue_own_payout",
    "submit_payout",
    "verify",
]
