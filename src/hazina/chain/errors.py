"""Refusals of the chain context. Those of an address come from its rules: ``kernel.addresses``."""

from __future__ import annotations

from hazina.kernel.errors import Kind, Refusal


class OnchainUnavailable(Refusal):
    code = "ONCHAIN_UNAVAILABLE"
    kind = Kind.UNAVAILABLE
    blink = "LND_OFFLINE"
    message = "The bank's Bitcoin node is away, or there is none. Nothing was moved."


class BadDescriptor(Refusal):
    code = "BAD_DESCRIPTOR"
    kind = Kind.INVALID
    message = "This descriptor is not one that the bank keeps coins on."


class BadPsbt(Refusal):
    code = "BAD_PSBT"
    kind = Kind.INVALID
    message = "This is not the signed transaction of the draft. Nothing was sent."


class ColdNameInvalid(Refusal):
    code = "COLD_NAME_INVALID"
    kind = Kind.INVALID
    message = "A cold wallet's name has 1 to 30 of a-z, 0-9 and -, begins with a letter, and was never given before."


class NoColdWallet(Refusal):
    code = "NO_COLD_WALLET"
    kind = Kind.MISSING
    message = "There is no such cold wallet, or none that is confirmed."


class NoDraft(Refusal):
    code = "NO_DRAFT"
    kind = Kind.MISSING
    message = "There is no open draft of this id."


class NeedsAnother(Refusal):
    code = "NEEDS_ANOTHER_OPERATOR"
    kind = Kind.FORBIDDEN
    message = "You have begun this yourself. Another operator has to finish it."


class RefillStopped(Refusal):
    code = "REFILL_STOPPED"
    kind = Kind.UNAVAILABLE
    message = "Nothing leaves by the chain now, so nothing is brought to the hot wallet either: see safe-mode status."


class ColdTooLittle(Refusal):
    code = "COLD_TOO_LITTLE"
    kind = Kind.CONFLICT
    message = "The cold wallet has not as many free coins, or the fee would take too much of them."


class NodeUnfit(Exception):
    """The node cannot serve this bank: another network, too old, pruned too far. The program does not start;
    the text says what to do."""
