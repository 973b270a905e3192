"""Refusals of these factors."""

from __future__ import annotations

from hazina.kernel.errors import Kind, Refusal


class InvalidEmail(Refusal):
    code = "INVALID_EMAIL"
    kind = Kind.INVALID
    message = "Invalid value for EmailAddress"


class EmailCodeWrong(Refusal):
    """Wrong, expired, used, never sent, or of an address that is nobody's: an outsider learns no more."""

    code = "EMAIL_CODE_WRONG"
    kind = Kind.UNAUTHENTICATED
    blink = "EMAIL_CODE_ERROR"
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
    blink = "INVALID_TOTP_CODE"
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
