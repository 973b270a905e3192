"""Refusals of the support chat."""

from __future__ import annotations

from hazina.kernel.errors import Kind, Refusal


class SupportChatOff(Refusal):
    code = "SUPPORT_CHAT_OFF"
    kind = Kind.UNAVAILABLE
    message = "This bank has no support chat. Write to its support instead."


class SupportChatSilent(Refusal):
    code = "SUPPORT_CHAT_SILENT"
    kind = Kind.UNAVAILABLE
    blink = "UNKNOWN_CLIENT_ERROR"
    message = "The support chat does not answer now. What you wrote is kept: write again in a moment."


class SupportChatBusy(Refusal):
    code = "SUPPORT_CHAT_BUSY"
    kind = Kind.BUSY
    blink = "TOO_MANY_REQUEST"
    message = "An answer is still being written. Wait for it, then write again."


class InvalidSupportMessage(Refusal):
    code = "SUPPORT_MESSAGE_INVALID"
    kind = Kind.INVALID
    message = "A message has 1 to 2,000 characters."
