"""Why a proof by key is refused. Each cause has a code of its own: a client's author must see which it was."""

from __future__ import annotations

from hazina.kernel.errors import Kind, Refusal


class AttemptOver(Refusal):
    """Never asked, expired, used, for another purpose or asked by another browser: nobody learns which."""

    code = "ATTEMPT_OVER"
    kind = Kind.UNAUTHENTICATED
    blink = "NOT_AUTHENTICATED"
    message = "This request to log in is over. Start again."


class NotProvedYet(Refusal):
    """The wallet has not answered; ask again in a moment."""

    code = "NOT_PROVED_YET"
    kind = Kind.BUSY
    message = "The wallet has not answered yet."


class InvalidPurpose(Refusal):
    code = "INVALID_PURPOSE"
    kind = Kind.INVALID
    message = "A key logs in, registers, is linked, or confirms."


class KeyUnknown(Refusal):
    """Somebody asked to log in, not to register, with a key that nobody has linked."""

    code = "KEY_UNKNOWN"
    kind = Kind.UNAUTHENTICATED
    blink = "NOT_AUTHENTICATED"
    message = "Nobody has registered this key here."


class KeyKnown(Refusal):
    """Somebody asked to register with a key that is somebody's already."""

    code = "KEY_KNOWN"
    kind = Kind.CONFLICT
    message = "This key is registered already. Log in with it."


class KeyOfAnother(Refusal):
    """The key is not one of the person who has to confirm."""

    code = "KEY_OF_ANOTHER"
    kind = Kind.FORBIDDEN
    blink = "NOT_AUTHORIZED"
    message = "This key is not one of yours."


class InvalidKeyName(Refusal):
    code = "INVALID_KEY_NAME"
    kind = Kind.INVALID
    message = "A name has one to fifty characters."


# -- passkeys -----------------------------------------------------------------------------------


class PasskeyRefused(Refusal):
    """The response proves nothing: signature, algorithm or attestation."""

    code = "PASSKEY_INVALID"
    kind = Kind.UNAUTHENTICATED
    blink = "NOT_AUTHENTICATED"
    message = "The passkey's answer is not valid."


class PasskeyMalformed(PasskeyRefused):
    code = "PASSKEY_MALFORMED"
    kind = Kind.INVALID
    message = "This is not an answer of navigator.credentials."


class PasskeyType(PasskeyRefused):
    code = "PASSKEY_TYPE"
    message = "The passkey answered another question."


class PasskeyOrigin(PasskeyRefused):
    code = "PASSKEY_ORIGIN"
    message = "The passkey was used on another site."


class PasskeyFramed(PasskeyRefused):
    code = "PASSKEY_FRAMED"
    message = "The passkey was used inside another site's page."


class PasskeyTokenBinding(PasskeyRefused):
    code = "PASSKEY_TOKEN_BINDING"
    message = "Token binding is not supported."


class PasskeySite(PasskeyRefused):
    code = "PASSKEY_SITE"
    message = "The passkey belongs to another site."


class PasskeyAbsent(PasskeyRefused):
    code = "PASSKEY_USER_ABSENT"
    message = "Nobody touched the device."


class PasskeyUnverified(PasskeyRefused):
    code = "PASSKEY_USER_UNVERIFIED"
    message = "The device must ask for your finger, face or PIN."


class PasskeyUnknown(PasskeyRefused):
    code = "PASSKEY_UNKNOWN"
    message = "This passkey is not registered here."


class PasskeyForeign(PasskeyRefused):
    code = "PASSKEY_FOREIGN"
    message = "This passkey belongs to somebody else."


class PasskeyFlags(PasskeyRefused):
    code = "PASSKEY_FLAGS"
    message = "The passkey says something about its backup that cannot be."


class PasskeyDoubtful(PasskeyRefused):
    """Its counter went back once: somebody may hold a copy. It logs in, and confirms nothing any more."""

    code = "PASSKEY_DOUBTFUL"
    kind = Kind.FORBIDDEN
    message = "This passkey may have been copied. Confirm in another way, and replace it."


# -- wallets, signatures, Nostr -----------------------------------------------------------------


class WalletAnswerInvalid(Refusal):
    """LNURL-auth: k1, sig or key is no such thing. Nothing was used up."""

    code = "LNURL_INVALID"
    kind = Kind.INVALID
    message = "Invalid k1, sig or key."


class WalletMismatch(WalletAnswerInvalid):
    code = "LNURL_MISMATCH"
    message = "The answer is to another request."


class WalletSignatureWrong(Refusal):
    code = "LNURL_WRONG_SIGNATURE"
    kind = Kind.UNAUTHENTICATED
    blink = "NOT_AUTHENTICATED"
    message = "The signature is not that key's."


class InvalidAddress(Refusal):
    code = "INVALID_BITCOIN_ADDRESS"
    kind = Kind.INVALID
    message = "This is not a Bitcoin address of this bank's network that can sign."


class SignatureMalformed(Refusal):
    code = "SIGNATURE_MALFORMED"
    kind = Kind.INVALID
    message = "A signature is base64 as a wallet shows it."


class SignatureUnsupported(Refusal):
    """Neither valid nor invalid: BIP-322 full and proof-of-funds signatures are not looked at."""

    code = "SIGNATURE_UNSUPPORTED"
    kind = Kind.INVALID
    message = 'Signatures of the kinds "full" and "proof of funds" are not supported. Sign in the simple form.'


class SignatureWrong(Refusal):
    code = "SIGNATURE_WRONG"
    kind = Kind.UNAUTHENTICATED
    blink = "NOT_AUTHENTICATED"
    message = "The signature is not one of this address for this text."


class NostrMalformed(Refusal):
    code = "NOSTR_MALFORMED"
    kind = Kind.INVALID
    message = "This is not a Nostr event."


class NostrRefused(Refusal):
    """Signature or id is wrong."""

    code = "NOSTR_INVALID"
    kind = Kind.UNAUTHENTICATED
    blink = "NOT_AUTHENTICATED"
    message = "The event is not signed by its key."


class NostrKind(NostrRefused):
    code = "NOSTR_KIND"
    message = "An event of another kind was expected."


class NostrTime(NostrRefused):
    code = "NOSTR_TIME"
    message = "The event is too old, or from the future. Check the clock of your device."


class NostrPlace(NostrRefused):
    """``u``, ``url`` or ``relay``, ``method`` or ``payload`` name something else."""

    code = "NOSTR_PLACE"
    message = "The event was made for another place."
