"""Learn: quizzes, and the satoshi that each pays to who has done it.

Owns the tables ``quiz_claim`` and ``quiz_funder``. Questions and answers are in the apps; here are the ids, the order
in which sections open, who is rewarded, and the payment: from the funder's wallet, once for each account and quiz.
"""

from hazina.learn.errors import (
    QuizAlreadyClaimed,
    QuizBeingPaid,
    QuizClaimedTooEarly,
    QuizCountryRefused,
    QuizFunderDepleted,
    QuizIpRefused,
    QuizPhoneNeeded,
    QuizPhoneRefused,
    QuizUnknown,
    QuizVpnRefused,
)
from hazina.learn.model import GATE, QUIZZES, REWARD_SATS, SECTIONS, IpFacts, Policy, Quiz, State, memo_shown, quizzes
from hazina.learn.ports import IpLookup, IpUnknown
from hazina.learn.service import Funder, Funding, Learn

__all__ = [
    "GATE",
    "QUIZZES",
    "REWARD_SATS",
    "SECTIONS",
    "Funder",
    "Funding",
    "IpFacts",
    "IpLookup",
    "IpUnknown",
    "Learn",
    "Policy",
    "Quiz",
    "QuizAlreadyClaimed",
    "QuizBeingPaid",
    "QuizClaimedTooEarly",
    "QuizCountryRefused",
    "QuizFunderDepleted",
    "QuizIpRefused",
    "QuizPhoneNeeded",
    "QuizPhoneRefused",
    "QuizUnknown",
    "QuizVpnRefused",
    "State",
    "memo_shown",
    "quizzes",
]
