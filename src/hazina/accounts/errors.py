"""Refusals of accounts. ``blink`` is the code that Blink's clients know for the same cause."""

from __future__ import annotations

from hazina.kernel.errors import Kind, Refusal


class WalletUnknown(Refusal):
    """No such wallet, or somebody else's: an outsider cannot tell which. Blink gives no code here,
    only its error's name in the message."""

    code = "WALLET_UNKNOWN"
    kind = Kind.MISSING
    blink = ""
    message = "There is no such wallet in this account. (InvalidWalletId)"


class RecipientUnknown(Refusal):
    code = "RECIPIENT_UNKNOWN"
    kind = Kind.MISSING
    blink = "NOT_FOUND"
    message = "There is no customer with this wallet or name."


class RecipientNotActive(Refusal):
    code = "RECIPIENT_NOT_ACTIVE"
    kind = Kind.CONFLICT
    message = "The recipient's account cannot receive at present."


class InvalidUsername(Refusal):
    code = "INVALID_USERNAME"
    kind = Kind.INVALID
    message = "Invalid value for Username"


class UsernameTaken(Refusal):
    """Somebody has it, or the bank keeps it for itself."""

    code = "USERNAME_TAKEN"
    kind = Kind.CONFLICT
    blink = "USERNAME_ERROR"
    message = "This username is not available. Choose another."


class UsernameFixed(Refusal):
    code = "USERNAME_FIXED"
    kind = Kind.CONFLICT
    blink = "USERNAME_ERROR"
    message = "The username of an account is chosen once and cannot be changed."


class ContactUnknown(Refusal):
    """Nobody with this handle is among the caller's contacts."""

    code = "CONTACT_UNKNOWN"
    kind = Kind.MISSING
    blink = "NOT_FOUND"
    message = "There is no contact with this name."


class InvalidContact(Refusal):
    code = "INVALID_CONTACT"
    kind = Kind.INVALID
    message = "A contact is somebody else's username here, or a Lightning Address elsewhere."


class TooManyContacts(Refusal):
    code = "TOO_MANY_CONTACTS"
    kind = Kind.LIMIT
    blink = "TOO_MANY_REQUEST"
    message = "There are too many contacts already."


class NoticeUnknown(Refusal):
    """No such notice, or somebody else's."""

    code = "NOTICE_UNKNOWN"
    kind = Kind.MISSING
    blink = "NOT_FOUND"
    message = "There is no such notification."


class DeletionRefused(Refusal):
    """So that a phone number does not buy a new account's limits again and again; Blink's quota."""

    code = "DELETION_REFUSED"
    kind = Kind.FORBIDDEN
    blink = "OPERATION_RESTRICTED"
    message = "Accounts with this phone number were deleted too often. Ask the bank to delete this one."
