"""Safety: by which rails money may leave the bank, and who may say so.

Owns the tables ``closure``, ``operator`` and ``safety_log``. A rail is open unless a closure stands; the
closure of the bank stands for every rail. A unit by which money would leave carries the claim ``leaving``
(``CLAIMS``; registered with the books), so it is decided in the same commit. Closing takes one statement;
lifting takes two operators. Receiving, payments inside the bank, balances and history know nothing of this.
"""

from hazina.safety.effects import CLAIMS
from hazina.safety.errors import (
    InvalidOperatorName,
    LiftNeedsAnother,
    NotClosed,
    OperatorRefused,
    OperatorTaken,
    PassphraseTooShort,
    SafeMode,
)
from hazina.safety.model import Closure, Lift, LogLine, Operator, Rail, leaving
from hazina.safety.service import Safety, close
from hazina.safety.store import closures, lifted, stopping

__all__ = [
    "CLAIMS",
    "Closure",
    "InvalidOperatorName",
    "Lift",
    "LiftNeedsAnother",
    "LogLine",
    "NotClosed",
    "Operator",
    "OperatorRefused",
    "OperatorTaken",
    "PassphraseTooShort",
    "Rail",
    "SafeMode",
    "Safety",
    "close",
    "closures",
    "leaving",
    "lifted",
    "stopping",
]
