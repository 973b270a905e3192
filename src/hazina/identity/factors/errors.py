"""Refusals of these factors."""

from __future__ import annotations

from hazina.identity.errors import FactorExists, FactorTaken
from hazina.kernel.errors import Kind, Refusal


class InvalidEmail(Refusal):
    code = "INVALID_EMAIL"
    kind = Kind.INVALID
    message = "Invalid value for EmailAddress"


class EmailTaken(FactorTaken):
    code = "EMAIL_TAKEN"
    blink = "EMAIL_ACCOUNT_ALREADY_EXISTS_ERROR"


class EmailExists(FactorExists):
    code = "EMAIL_EXISTS"
    blink = "EMAIL_ALREADY_ATTACHED_ERROR"


class PhoneExists(FactorExists):
    code = "PHONE_EXISTS"
    blink = "PHONE_ALREADY_ATTACHED_ERROR"


class TotpExists(FactorExists):
    code = "TOTP_EXISTS"
    blink = "TOTP_ACCOUNT_ALREADY_EXISTS_ERROR"


class EmailCodeWrong(Refusal):
    """Wrong, expired, used, never sent, or of an address that is nobody's: an outsider learns no more."""

    code = "EMAIL_CODE_WRONG"
    kind = Kind.UNAUTHENTICATED
    blink = "PHONE_CODE_ERROR"
    message = "Invalid or incorrect email code entered."


class TotpNotSet(Refusal):
    code = "TOTP_NOT_SET"
    kind = Kind.MISSING
    blink = "NOT_FOUND"
    message = "No authenticator app belongs to this account."


class TotpCodeWrong(Refusal):
    """Wrong, too old, or used before."""

    code = "TOTP_CODE_WRONG"
    kind = Kind.UNAUTHENTICATED
    blink = "PHONE_CODE_ERROR"
    message = "The code of the authenticator app is not right, or was used already. Wait for the next one."


class InvalidDevice(Refusal):
    """Not a pair of UUIDs."""

    code = "INVALID_DEVICE"
    kind = Kind.INVALID
    message = "A device logs in with two UUIDs: a user name and a password."


class DeviceRefused(Refusal):
    """The pair's password is not the one that this device was registered with."""

    code = "DEVICE_REFUSED"
    kind = Kind.UNAUTHENTICATED
    blink = "NOT_AUTHENTICATED"
    message = "This device is not known by that password."


class CaptchaFailed(Refusal):
    code = "CAPTCHA_FAILED"
    kind = Kind.INVALID
    blink = "INVALID_INPUT"
    message = "The captcha was not solved. Try again."


class TelegramOff(Refusal):
    code = "TELEGRAM_OFF"
    kind = Kind.UNAVAILABLE
    blink = "NOT_AUTHORIZED"
    message = "This bank does not log people in by Telegram."


class TelegramWaiting(Refusal):
    """Telegram has not told us yet; clients ask again."""

    code = "TELEGRAM_WAITING"
    kind = Kind.UNAUTHENTICATED
    blink = "NOT_AUTHORIZED"
    message = "Authorization data from Telegram is still pending."


class TelegramOver(Refusal):
    code = "TELEGRAM_OVER"
    kind = Kind.UNAUTHENTICATED
    blink = "NOT_AUTHENTICATED"
    message = "This request is unknown, over or used. Start again."
