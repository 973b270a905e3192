"""The quizzes: their ids in sections, when a section opens, and who is rewarded. Rules.

The ids are Blink's, in its order and with its spelling: its apps send them, and know the questions and answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from uuid import UUID

import phonenumbers
from phonenumbers import PhoneNumberType

from hazina.identity import country_of
from hazina.kernel.rates import Rate
from hazina.learn.errors import (
    QuizCountryRefused,
    QuizIpRefused,
    QuizPhoneNeeded,
    QuizPhoneRefused,
    QuizVpnRefused,
)
from hazina.payments import Line

_SECTIONS = {
    "bitcoinWhatIsIt": "whatIsBitcoin sat whereBitcoinExist whoControlsBitcoin copyBitcoin",
    "WhatIsMoney": "moneySocialAgreement coincidenceOfWants moneyEvolution whyStonesShellGold moneyIsImportant "
    "moneyImportantGovernement",
    "HowDoesMoneyWork": "WhatIsFiat whyCareAboutFiatMoney GovernementCanPrintMoney FiatLosesValueOverTime OtherIssues",
    "BitcoinWhySpecial": "LimitedSupply Decentralized NoCounterfeitMoney HighlyDivisible securePartOne securePartTwo",
    "TheOriginsOfMoney": "originsOfMoney primitiveMoney anticipatingDemand nashEquilibrium singleStoreOfValue",
    "AttributesOfAGoodStoreOfValue": "whatIsGoodSOV durability portability fungibility verifiability divisibility "
    "scarce establishedHistory censorshipResistance",
    "TheEvolutionOfMoneyI": "evolutionMoney collectible storeOfValue mediumOfExchange unitOfAccount partlyMonetized "
    "monetizationStage",
    "TheEvolutionOfMoneyII": "notFromGovernment primaryFunction monetaryMetals stockToFlow hardMoney",
    "TheEvolutionOfMoneyIII": "convergingOnGold originsOfPaperMoney fractionalReserve bankRun modernCentralBanking "
    "goldBacked brettonWoods globalReserve",
    "TheEvolutionOfMoneyIV": "nixonShock fiatEra digitalFiat plasticCredit doubleSpendProblem satoshisBreakthrough "
    "nativelyDigital CBDCs",
    "BitcoinWhyWasItCreated": "rootProblem bitcoinCreator fiatRequiresTrust moneyPrinting genesisBlock cypherpunks",
    "BitcoinHowDoesItWork": "peer2Peer blockchain privateKey publicKey mining proofOfWork difficultyAdjustment halving",
    "LightningWhatDoesItSolve": "bitcoinDrawbacks blocksizeWars lightningNetwork instantPayments micropayments "
    "scalability paymentChannels routing",
    "BitcoinCriticismsFallaciesI": "itsaBubble itstooVolatile itsnotBacked willbecomeObsolete toomuchEnergy "
    "strandedEnergy",
    "BitcoinCriticismsFallaciesII": "internetDependent forcrimeOnly ponziScheme bitcoinisTooSlow supplyLimit "
    "governmentBan",
    "BitcoinCriticismsFallaciesIII": "concentratedOwnership centralizedMining tooExpensive prohibitivelyHigh "
    "willBeHoarded canBeDuplicated",
    "BitcoinAndEconomicsI": "scarcity monetaryPremium greshamsLaw thiersLaw cantillonEffect schellingPoint",
    "BitcoinAndEconomicsII": "opportunityCost timePreference impossibleTrinity jevonsParadox powerLaws winnerTakeAll",
    "BitcoinAndEconomicsIII": "unitBias veblenGood malinvestment asymmetricPayoff ansoffMatrix",
}
SECTIONS: tuple[tuple[str, tuple[str, ...]], ...] = tuple((name, tuple(ids.split())) for name, ids in _SECTIONS.items())
QUIZZES: Mapping[str, int] = {id_: place for place, (_, ids) in enumerate(SECTIONS) for id_ in ids}
"""Section of every quiz, counted from 0."""
GATE = timedelta(hours=12)
REWARD_SATS = 1

PER_IP = Rate("add-quiz-per-ip", points=50, window_s=86_400, block_s=604_800)
PER_PHONE = Rate("add-quiz-per-phone", points=20, window_s=86_400, block_s=604_800)

# Lines that are had by the dozen, or that nobody holds in a hand.
_NOT_A_HAND = frozenset(
    {
        PhoneNumberType.VOIP,
        PhoneNumberType.PAGER,
        PhoneNumberType.UAN,
        PhoneNumberType.VOICEMAIL,
        PhoneNumberType.PREMIUM_RATE,
        PhoneNumberType.TOLL_FREE,
        PhoneNumberType.SHARED_COST,
        PhoneNumberType.PERSONAL_NUMBER,
    }
)


class State(IntEnum):
    UNREWARDED = 0
    PAYING = 1
    PAID = 2
    DOUBTFUL = 3  # nobody could say for too long whether it was paid: an operator looks


@dataclass(frozen=True, slots=True)
class Policy:
    """Whom an operator does not reward. Countries are ISO codes, networks "AS1234"."""

    phone_countries_denied: frozenset[str] = frozenset()
    ip_countries_denied: frozenset[str] = frozenset()
    networks_denied: frozenset[str] = frozenset()
    again_after_s: int = 60  # a reward whose outcome nobody heard is paid, or found paid, after so long
    doubtful_after_s: int = 5 * 86_400  # before the books forget the key that makes a repeat harmless


@dataclass(frozen=True, slots=True)
class Quiz:
    """``not_before``: when its section opens; None: it is open, or done."""

    id: str
    section: int
    sats: int
    completed: bool
    not_before: datetime | None


@dataclass(frozen=True, slots=True)
class Claim:
    """A reward. ``funder_id``: the account that pays it; None: it has none. ``phone``: a keyed hash of the phone that
    it is for, which earns each quiz once, whoever has it."""

    account_id: UUID
    quiz_id: str
    state: State
    funder_id: UUID | None
    to_wallet_id: UUID | None
    at: datetime
    phone: bytes | None = None

    @property
    def key(self) -> str:
        """Idempotency key of its payment: the same whoever asks, however often."""
        return f"quiz:{self.quiz_id}:{self.account_id}"


@dataclass(frozen=True, slots=True)
class IpFacts:
    """What is known of an address. ``country``: ISO code; ``network``: "AS1234"."""

    country: str | None
    network: str | None
    hidden: bool  # a VPN, a proxy, Tor


def quizzes(done: Mapping[str, datetime], now: datetime) -> list[Quiz]:
    """All of them, in order, for somebody who has done some. A section opens when its last quiz before was done long
    enough ago; while that is not done it would open that long from now."""
    opens: list[datetime | None] = [None]
    for _, ids in SECTIONS[:-1]:
        opens.append(done.get(ids[-1], now) + GATE)
    return [
        Quiz(id_, place, REWARD_SATS, id_ in done, None if id_ in done else opens[place])
        for id_, place in QUIZZES.items()
    ]


def is_open(quiz: Quiz, now: datetime) -> bool:
    return quiz.not_before is None or quiz.not_before <= now


def may_be_rewarded(phone: str | None, policy: Policy) -> str:
    """The phone. Raises QuizPhoneNeeded, QuizPhoneRefused."""
    if phone is None:
        raise QuizPhoneNeeded
    country = country_of(phone)
    if country is None or country in policy.phone_countries_denied:
        raise QuizPhoneRefused
    if phonenumbers.number_type(phonenumbers.parse(phone, None)) in _NOT_A_HAND:
        raise QuizPhoneRefused
    return phone


def may_come_from(facts: IpFacts, policy: Policy) -> None:
    """Raises QuizVpnRefused, QuizCountryRefused, QuizIpRefused."""
    if facts.hidden:
        raise QuizVpnRefused
    if facts.country is None or facts.country in policy.ip_countries_denied:
        raise QuizCountryRefused
    if facts.network is None or facts.network in policy.networks_denied:
        raise QuizIpRefused


def memo_shown(line: Line) -> str | None:
    """The memo of a line: also of one that is too small to show any, when it is the name of a quiz."""
    return line.memo if line.memo in QUIZZES else line.memo_shown
