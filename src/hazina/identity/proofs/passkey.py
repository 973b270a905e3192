"""Passkeys: the two ceremonies of WebAuthn Level 3 (§7.1, §7.2), by the ``webauthn`` library, and what it leaves
to the relying party: frames, token binding, user handles, backup flags, counters. Numbers are those sections'
steps."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import webauthn
from webauthn.helpers import (
    base64url_to_bytes,
    bytes_to_base64url,
    options_to_json_dict,
    parse_attestation_object,
    parse_authenticator_data,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorData,
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from hazina.identity.model import Factor
from hazina.identity.proofs.errors import (
    PasskeyAbsent,
    PasskeyFlags,
    PasskeyForeign,
    PasskeyFramed,
    PasskeyMalformed,
    PasskeyOrigin,
    PasskeyRefused,
    PasskeySite,
    PasskeyTokenBinding,
    PasskeyType,
    PasskeyUnverified,
)
from hazina.identity.proofs.model import Site

RESPONSE_MAX = 40_000
"""Longest response that is read, in characters: attestations carry certificates."""
CREDENTIAL_ID_MAX = 1_023  # step 25 of §7.1
HANDLE_BYTES = 32
CREATE, GET = "webauthn.create", "webauthn.get"

_TRANSPORTS = frozenset(one.value for one in AuthenticatorTransport)
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
T = TypeVar("T")
Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Response:
    """What navigator.credentials gave, well formed, with the challenge it answers; nothing is verified yet."""

    raw: dict[str, Any]
    credential_id: bytes
    challenge: bytes
    client: Json
    handle: bytes | None
    """Whom the authenticator takes the person for; only when logging in."""

    @property
    def answer(self) -> Json:
        """The authenticator's part."""
        inner: Json = self.raw["response"]
        return inner


@dataclass(frozen=True, slots=True)
class NewCredential:
    credential_id: bytes
    public_key: bytes  # COSE
    sign_count: int
    backup_eligible: bool
    backed_up: bool
    transports: tuple[str, ...]
    aaguid: str


@dataclass(frozen=True, slots=True)
class Known:
    """A credential as we keep it."""

    credential_id: bytes
    public_key: bytes
    handle: bytes
    sign_count: int
    backup_eligible: bool
    transports: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Used:
    """What an assertion showed."""

    sign_count: int
    backed_up: bool
    counter_fell: bool
    """It did not grow though it had to: a copy of the key may exist (§6.1.1). Never with always-zero counters."""


# -- what the browser is asked for --------------------------------------------------------------


def creation_options(
    site: Site, challenge: bytes, handle: bytes, user_name: str, existing: Sequence[Known], timeout_s: int
) -> dict[str, Any]:
    """PublicKeyCredentialCreationOptionsJSON: a discoverable credential whose user is verified. ``existing``
    ones of the same person are not made twice on one device."""
    return options_to_json_dict(
        webauthn.generate_registration_options(
            rp_id=site.host,
            rp_name=site.name,
            user_id=handle,
            user_name=user_name,
            challenge=challenge,
            timeout=timeout_s * 1000,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED,
                require_resident_key=True,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=[_descriptor(one.credential_id, one.transports) for one in existing],
        )
    )


def request_options(
    site: Site, challenge: bytes, allowed: Sequence[tuple[bytes, Sequence[str]]], timeout_s: int
) -> dict[str, Any]:
    """PublicKeyCredentialRequestOptionsJSON. None allowed by name: the authenticator offers what it has."""
    return options_to_json_dict(
        webauthn.generate_authentication_options(
            rp_id=site.host,
            challenge=challenge,
            timeout=timeout_s * 1000,
            allow_credentials=[_descriptor(id_, transports) for id_, transports in allowed],
            user_verification=UserVerificationRequirement.REQUIRED,
        )
    )


def _descriptor(credential_id: bytes, transports: Sequence[str]) -> PublicKeyCredentialDescriptor:
    known = [AuthenticatorTransport(one) for one in transports if one in _TRANSPORTS]
    return PublicKeyCredentialDescriptor(id=credential_id, transports=known or None)


def amr(backup_eligible: bool) -> tuple[str, ...]:
    """RFC 8176: a key in software or in one device, and a person verified by it: two factors."""
    return ("swk" if backup_eligible else "hwk", "user", "mfa")


# -- how it is kept, in a factor -----------------------------------------------------------------


def as_text(credential_id: bytes) -> str:
    return bytes_to_base64url(credential_id)


def new_data(made: NewCredential, handle: bytes) -> dict[str, Any]:
    return {
        "public_key": bytes_to_base64url(made.public_key),
        "handle": bytes_to_base64url(handle),
        "sign_count": made.sign_count,
        "backup_eligible": made.backup_eligible,
        "backed_up": made.backed_up,
        "transports": list(made.transports),
        "aaguid": made.aaguid,
    }


def used_data(data: Json, used: Used, at: datetime) -> dict[str, Any]:
    """The highest counter seen, so that a copy cannot go on from a lower one; and since when it is doubtful."""
    doubtful = data.get("doubtful_since") or (at.isoformat() if used.counter_fell else None)
    known = {**data, "sign_count": max(data["sign_count"], used.sign_count), "backed_up": used.backed_up}
    return {**known, "doubtful_since": doubtful} if doubtful else known


def known_of(factor: Factor) -> Known:
    data = factor.data
    return Known(
        base64url_to_bytes(factor.subject),
        base64url_to_bytes(data["public_key"]),
        base64url_to_bytes(data["handle"]),
        data["sign_count"],
        data["backup_eligible"],
        tuple(data["transports"]),
    )


# -- what it answers ----------------------------------------------------------------------------


def read_response(found: Any) -> Response:
    """A RegistrationResponseJSON or AuthenticationResponseJSON. Raises PasskeyMalformed."""
    response = found.get("response") if isinstance(found, dict) else None
    if not isinstance(response, dict) or not isinstance(found.get("id"), str):
        raise PasskeyMalformed
    try:
        if len(json.dumps(found)) > RESPONSE_MAX:
            raise PasskeyMalformed
        credential_id = _bytes(found["id"])
        client = json.loads(_bytes(response.get("clientDataJSON")).decode())
        challenge = _bytes(client.get("challenge")) if isinstance(client, dict) else b""
        handle = response.get("userHandle")
        handle_bytes = _bytes(handle) if handle else None
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        raise PasskeyMalformed from None
    if not challenge or not 1 <= len(credential_id) <= CREDENTIAL_ID_MAX:
        raise PasskeyMalformed
    return Response(found, credential_id, challenge, client, handle_bytes)


def _bytes(text: Any) -> bytes:
    """Base64url without padding, as browsers write it. Raises PasskeyMalformed."""
    if not isinstance(text, str) or not _BASE64URL.fullmatch(text) or len(text) % 4 == 1:
        raise PasskeyMalformed
    return base64url_to_bytes(text)


def _check_client(response: Response, type_: str, site: Site) -> None:
    """Steps 7–11 of §7.1, 10–14 of §7.2; the challenge was looked up by its hash before."""
    client = response.client
    if client.get("type") != type_:
        raise PasskeyType
    if client.get("origin") != site.origin:
        raise PasskeyOrigin
    if client.get("crossOrigin", False) is not False or "topOrigin" in client:
        raise PasskeyFramed
    if client.get("tokenBinding") is not None:
        raise PasskeyTokenBinding


def _check_authenticator(data: AuthenticatorData, site: Site) -> None:
    """Steps 14–18 of §7.1, 16–20 of §7.2."""
    if data.rp_id_hash != site.host_hash:
        raise PasskeySite
    if not data.flags.up:
        raise PasskeyAbsent
    if not data.flags.uv:
        raise PasskeyUnverified
    if data.flags.bs and not data.flags.be:
        raise PasskeyFlags


def _parsed(parse: Callable[[bytes], T], text: Any) -> T:
    data = _bytes(text)
    try:
        return parse(data)
    except Exception:  # the library lets through whatever its CBOR parser meets
        raise PasskeyMalformed from None


def verify_creation(response: Response, site: Site) -> NewCredential:
    """§7.1. Raises a PasskeyRefused. Attestation is not asked for, and proves nothing when it is there."""
    _check_client(response, CREATE, site)
    data = _parsed(parse_attestation_object, response.answer.get("attestationObject")).auth_data
    _check_authenticator(data, site)
    try:
        made = webauthn.verify_registration_response(
            credential=response.raw,
            expected_challenge=response.challenge,
            expected_rp_id=site.host,
            expected_origin=site.origin,
            require_user_verification=True,
        )
    except WebAuthnException:
        raise PasskeyRefused from None
    except Exception:  # a key or an attestation that is none
        raise PasskeyMalformed from None
    if made.credential_id != response.credential_id:
        raise PasskeyRefused
    shown = response.answer.get("transports")
    transports = {one for one in shown if isinstance(one, str)} & _TRANSPORTS if isinstance(shown, list) else ()
    return NewCredential(
        made.credential_id,
        made.credential_public_key,
        made.sign_count,
        data.flags.be,
        data.flags.bs,
        tuple(sorted(transports)),
        made.aaguid,
    )


def verify_use(response: Response, site: Site, known: Known) -> Used:
    """§7.2, for the credential that the response names. A counter that fell is told, not refused. Raises a
    PasskeyRefused."""
    assert known.credential_id == response.credential_id, "looked up by it"
    _check_client(response, GET, site)
    if response.handle is not None and response.handle != known.handle:  # step 6
        raise PasskeyForeign
    data = _parsed(parse_authenticator_data, response.answer.get("authenticatorData"))
    _check_authenticator(data, site)
    if data.flags.be != known.backup_eligible:  # step 19: it never changes
        raise PasskeyFlags
    try:
        webauthn.verify_authentication_response(
            credential=response.raw,
            expected_challenge=response.challenge,
            expected_rp_id=site.host,
            expected_origin=site.origin,
            credential_public_key=known.public_key,
            credential_current_sign_count=0,  # step 22 is ours: the library would refuse, in words only
            require_user_verification=True,
        )
    except WebAuthnException:
        raise PasskeyRefused from None
    except Exception:  # a signature of no form
        raise PasskeyMalformed from None
    fell = (data.sign_count > 0 or known.sign_count > 0) and data.sign_count <= known.sign_count
    return Used(data.sign_count, data.flags.bs, fell)
