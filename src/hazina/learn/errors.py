"""Refusals of quizzes."""

from __future__ import annotations

from hazina.kernel.errors import Kind, Refusal


class QuizUnknown(Refusal):
    code = "QUIZ_UNKNOWN"
    kind = Kind.MISSING
    message = "There is no such quiz."


class QuizAlreadyClaimed(Refusal):
    code = "QUIZ_ALREADY_CLAIMED"
    kind = Kind.CONFLICT
    message = "You have done this quiz already."


class QuizClaimedTooEarly(Refusal):
    code = "QUIZ_CLAIMED_TOO_EARLY"
    kind = Kind.LIMIT
    blink = "QUIZ_CLAIMED_TOO_EARLY"
    message = "This section is not open yet: it opens twelve hours after the section before it was finished."


class QuizPhoneNeeded(Refusal):
    code = "QUIZ_PHONE_NEEDED"
    kind = Kind.FORBIDDEN
    message = "Add a phone number to your account first."


class QuizPhoneRefused(Refusal):
    code = "QUIZ_PHONE_REFUSED"
    kind = Kind.FORBIDDEN
    message = "Quizzes are not rewarded for phone numbers of this kind or country."


class QuizIpRefused(Refusal):
    code = "QUIZ_IP_REFUSED"
    kind = Kind.FORBIDDEN
    blink = "UNAUTHORIZED_IP_FOR_QUIZZES"
    message = "Quizzes are not rewarded from this network."


class QuizVpnRefused(Refusal):
    code = "QUIZ_VPN_REFUSED"
    kind = Kind.FORBIDDEN
    blink = "UNAUTHORIZED_VPN_IP_FOR_QUIZZES"
    message = "Quizzes are not rewarded through a VPN or a proxy."


class QuizCountryRefused(Refusal):
    code = "QUIZ_COUNTRY_REFUSED"
    kind = Kind.FORBIDDEN
    blink = "UNAUTHORIZED_COUNTRY_IP_FOR_QUIZZES"
    message = "Quizzes are not rewarded in this country."


class QuizFunderDepleted(Refusal):
    code = "QUIZ_FUNDER_DEPLETED"
    kind = Kind.UNAVAILABLE
    message = "There is nothing left to reward quizzes with. Try again later."


class QuizBeingPaid(Refusal):
    code = "QUIZ_BEING_PAID"
    kind = Kind.BUSY
    blink = "TOO_MANY_REQUEST"
    message = "The reward is on its way. Look at your history in a moment."
