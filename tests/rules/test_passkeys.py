"""WebAuthn Level 3, §7.1 and §7.2, step by step, with an authenticator of our own.

Where a step leaves nothing to refuse (asking the client, deciding to trust an attestation that was not asked for)
there is no test of that number. Challenges being good once, users and storage are in the context's tests.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st
from tests.contexts.identity.signers import AT, BE, BS, UP, UV, Passkey, b64u, sha, un64u

from hazina.identity import Factor, FactorKind
from hazina.identity.proofs import passkey
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
from hazina.kernel.bolt11 import Network
from hazina.kernel.ids import UUID

Json = dict[str, Any]
SITE = Site("https://bank.example", "Hazina", Network.REGTEST)
NONCE, HANDLE = b"n" * 32, b"h" * 32
CREATION = passkey.creation_options(SITE, NONCE, HANDLE, "amina", [], 600)
REQUEST = passkey.request_options(SITE, NONCE, [], 600)


def device(**changes: Any) -> Passkey:
    return Passkey(**{"host": "bank.example", "origin": "https://bank.example", **changes})


def create(answer: Any) -> passkey.NewCredential:
    return passkey.verify_creation(passkey.read_response(answer), SITE)


def kept(one: Passkey, **changes: Any) -> passkey.Known:
    made = create(one.create(CREATION))
    known: dict[str, Any] = {
        "credential_id": made.credential_id,
        "public_key": made.public_key,
        "handle": HANDLE,
        "sign_count": made.sign_count,
        "backup_eligible": made.backup_eligible,
    }
    return passkey.Known(**(known | changes))


def use(answer: Any, known: passkey.Known) -> passkey.Used:
    return passkey.verify_use(passkey.read_response(answer), SITE, known)


# -- what is asked ------------------------------------------------------------------------------


def test_7_1_step_1_what_is_asked_when_registering() -> None:
    other = kept(device())
    asked = passkey.creation_options(SITE, NONCE, HANDLE, "amina", [other], 600)
    assert asked["rp"] == {"name": "Hazina", "id": "bank.example"}
    assert (asked["user"]["id"], asked["user"]["name"]) == (b64u(HANDLE), "amina")
    assert (asked["challenge"], asked["timeout"], asked["attestation"]) == (b64u(NONCE), 600_000, "none")
    assert {one["alg"] for one in asked["pubKeyCredParams"]} == {-7, -8, -257}
    assert asked["authenticatorSelection"] == {
        "residentKey": "required",
        "requireResidentKey": True,
        "userVerification": "required",
    }
    assert [one["id"] for one in asked["excludeCredentials"]] == [b64u(other.credential_id)]


def test_7_2_step_1_what_is_asked_when_logging_in() -> None:
    asked = passkey.request_options(SITE, NONCE, [(b"id", ("internal", "from-mars"))], 600)
    assert (asked["rpId"], asked["userVerification"]) == ("bank.example", "required")
    assert asked["allowCredentials"] == [{"id": b64u(b"id"), "type": "public-key", "transports": ["internal"]}]
    assert REQUEST["allowCredentials"] == [], "discoverable: the authenticator offers what it has"


# -- §7.1, registering --------------------------------------------------------------------------


@pytest.mark.parametrize("synced", [True, False])
def test_7_1_a_registration(synced: bool) -> None:
    one = device(synced=synced, counter=0 if synced else 7)
    made = create(one.create(CREATION))
    assert (made.credential_id, made.sign_count) == (one.id, 0 if synced else 7)
    assert (made.backup_eligible, made.backed_up) == (synced, synced)
    assert made.transports == ("hybrid", "internal")


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "text",
        [],
        {},
        {"id": "a", "response": None},
        device().create(CREATION) | {"id": 7},
        device().create(CREATION) | {"id": "=="},
        device().create(CREATION) | {"id": b64u(b"x" * 1_024)},
        device().create(CREATION) | {"x": "y" * 40_000},
        device().create(CREATION) | {"response": {"clientDataJSON": b64u(b"[]"), "attestationObject": "AA"}},
        device().create(CREATION) | {"response": {"clientDataJSON": b64u(b"\xff{}"), "attestationObject": "AA"}},
        device().create(CREATION) | {"response": {"clientDataJSON": b64u(b"{}"), "attestationObject": "AA"}},
        device().create(CREATION) | {"response": {"attestationObject": "AA"}},
        device().create(CREATION) | {"response": {"clientDataJSON": b64u(b"[" * 9_000), "attestationObject": "AA"}},
    ],
)
def test_7_1_steps_3_to_6_and_25_what_is_no_response(answer: Any) -> None:
    with pytest.raises(PasskeyMalformed):
        passkey.read_response(answer)


def test_7_1_step_7_type() -> None:
    for type_ in ("webauthn.get", "payment.get", None):
        with pytest.raises(PasskeyType):
            create(device().create(CREATION, type=type_))


def test_7_1_step_8_challenge_is_what_the_row_is_looked_up_by() -> None:
    assert passkey.read_response(device().create(CREATION)).challenge == NONCE
    with pytest.raises(PasskeyMalformed):
        passkey.read_response(device().create(CREATION, challenge=""))


@pytest.mark.parametrize(
    "origin",
    [
        "http://bank.example",
        "https://bank.example:8443",
        "https://evil.bank.example",
        "https://bank.example.evil.test",
        "android:apk-key-hash:x",
        None,
    ],
)
def test_7_1_step_9_origin(origin: str | None) -> None:
    with pytest.raises(PasskeyOrigin):
        create(device().create(CREATION, origin=origin))


@pytest.mark.parametrize("said", [{"crossOrigin": True}, {"crossOrigin": "no"}, {"topOrigin": "https://bank.example"}])
def test_7_1_steps_10_and_11_frames(said: Json) -> None:
    with pytest.raises(PasskeyFramed):
        create(device().create(CREATION, **said))


def test_7_1_token_binding_is_not_supported() -> None:
    with pytest.raises(PasskeyTokenBinding):
        create(device().create(CREATION, tokenBinding={"status": "present", "id": "x"}))


@pytest.mark.parametrize("attestation", [b"", b"\x00", b"\xff" * 20, cbor2.dumps([]), cbor2.dumps({"fmt": "none"})])
def test_7_1_step_13_attestation_object_is_cbor(attestation: bytes) -> None:
    answer = device().create(CREATION)
    answer["response"]["attestationObject"] = b64u(attestation)
    with pytest.raises(PasskeyMalformed):
        create(answer)


def test_7_1_step_14_rp_id() -> None:
    with pytest.raises(PasskeySite):
        create(device(host="evil.test").create(CREATION))


def test_7_1_step_15_user_present() -> None:
    with pytest.raises(PasskeyAbsent):
        create(device().create(CREATION, UV | BE | BS))


def test_7_1_step_16_user_verified() -> None:
    with pytest.raises(PasskeyUnverified):
        create(device().create(CREATION, UP | BE | BS))


def test_7_1_steps_17_and_18_backup_state_needs_eligibility() -> None:
    with pytest.raises(PasskeyFlags):
        create(device().create(CREATION, UP | UV | BS))
    assert not create(device().create(CREATION, UP | UV | BE)).backed_up


def test_7_1_step_19_algorithm_is_one_that_was_offered() -> None:
    one = device()
    with pytest.raises(PasskeyRefused):
        create(one.create(CREATION, cose=one.cose(alg=-47)))


@pytest.mark.parametrize(
    ("fmt", "statement"),
    [("none", {"sig": b"x"}), ("unheard-of", {}), ("packed", {"alg": -7, "sig": b"x"}), ("packed", {}), ("tpm", {})],
)
def test_7_1_steps_20_to_22_attestation_statement(fmt: str, statement: Json) -> None:
    answer = device().create(CREATION)
    inner = cbor2.loads(un64u(answer["response"]["attestationObject"]))
    answer["response"]["attestationObject"] = b64u(cbor2.dumps(inner | {"fmt": fmt, "attStmt": statement}))
    with pytest.raises(PasskeyRefused):  # malformed, where the library cannot even read it
        create(answer)


def test_7_1_step_22_self_attestation_is_verified() -> None:
    one = device()
    answer = one.create(CREATION)
    inner = cbor2.loads(un64u(answer["response"]["attestationObject"]))
    signed = inner["authData"] + sha(un64u(answer["response"]["clientDataJSON"]))
    statement = {"alg": -7, "sig": one.key.sign(signed, ec.ECDSA(SHA256()))}
    answer["response"]["attestationObject"] = b64u(cbor2.dumps(inner | {"fmt": "packed", "attStmt": statement}))
    assert create(answer).credential_id == one.id


def test_7_1_the_id_outside_is_the_id_inside() -> None:
    with pytest.raises(PasskeyRefused):
        create(device().create(CREATION) | {"id": b64u(b"other"), "rawId": b64u(b"other")})
    with pytest.raises(PasskeyRefused):
        create(device().create(CREATION) | {"rawId": b64u(b"other")})


def test_7_1_no_credential_at_all() -> None:
    one = device()
    answer = one.create(CREATION)
    data = sha(b"bank.example") + bytes([UP | UV]) + bytes(4)
    answer["response"]["attestationObject"] = b64u(cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data}))
    with pytest.raises(PasskeyRefused):
        create(answer)
    data = sha(b"bank.example") + bytes([UP | UV | AT]) + bytes(4)
    answer["response"]["attestationObject"] = b64u(cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data}))
    with pytest.raises(PasskeyMalformed):
        create(answer)


# -- §7.2, logging in ---------------------------------------------------------------------------


@pytest.mark.parametrize("synced", [True, False])
def test_7_2_an_assertion(synced: bool) -> None:
    one = device(synced=synced)
    known = kept(one)
    assert use(one.get(REQUEST), known) == passkey.Used(0 if synced else 1, synced, False)


def test_7_2_every_algorithm_that_was_offered() -> None:
    ed, big = ed25519.Ed25519PrivateKey.generate(), rsa.generate_private_key(65537, 2048)
    numbers = big.public_key().public_numbers()
    for cose, sign in (
        ({1: 1, 3: -8, -1: 6, -2: ed.public_key().public_bytes_raw()}, ed.sign),
        (
            {1: 3, 3: -257, -1: numbers.n.to_bytes(256, "big"), -2: b"\x01\x00\x01"},
            lambda data: big.sign(data, padding.PKCS1v15(), SHA256()),
        ),
    ):
        one = device()
        made = create(one.create(CREATION, cose=cbor2.dumps(cose)))
        answer = one.get(REQUEST)["response"]
        signed = un64u(answer["authenticatorData"]) + sha(un64u(answer["clientDataJSON"]))
        answer["signature"] = b64u(sign(signed))
        known = passkey.Known(one.id, made.public_key, HANDLE, 0, True)
        whole = {"id": b64u(one.id), "rawId": b64u(one.id), "type": "public-key", "response": answer}
        assert not use(whole, known).counter_fell


def test_7_2_step_6_the_user_that_the_authenticator_means() -> None:
    one = device()
    known = kept(one)
    with pytest.raises(PasskeyForeign):
        use(one.get(REQUEST, handle=b"somebody else"), known)
    nobody = one.get(REQUEST)
    del nobody["response"]["userHandle"]
    use(nobody, known)  # an old security key says nothing; the credential says whose it is


def test_aut_07_7_2_steps_10_to_14_client_data() -> None:
    one = device()
    known = kept(one)
    for said, refusal in (
        ({"type": "webauthn.create"}, PasskeyType),
        ({"origin": "https://evil.test"}, PasskeyOrigin),
        ({"crossOrigin": True}, PasskeyFramed),
        ({"topOrigin": "https://evil.test"}, PasskeyFramed),
        ({"tokenBinding": {"status": "supported"}}, PasskeyTokenBinding),
    ):
        with pytest.raises(refusal):
            use(one.get(REQUEST, **said), known)


def test_aut_07_7_2_step_15_rp_id() -> None:
    one = device()
    known = kept(one)
    one.host = "evil.test"
    with pytest.raises(PasskeySite):
        use(one.get(REQUEST), known)


def test_aut_07_7_2_steps_16_and_17_presence_and_verification() -> None:
    one = device()
    known = kept(one)
    with pytest.raises(PasskeyAbsent):
        use(one.get(REQUEST, UV | BE | BS), known)
    with pytest.raises(PasskeyUnverified):
        use(one.get(REQUEST, UP | BE | BS), known)


def test_7_2_steps_18_and_19_backup_flags() -> None:
    one = device()
    known = kept(one)
    with pytest.raises(PasskeyFlags):
        use(one.get(REQUEST, UP | UV | BS), known)
    with pytest.raises(PasskeyFlags):
        use(one.get(REQUEST, UP | UV), known)  # eligible once, eligible always
    alone = device(synced=False)
    with pytest.raises(PasskeyFlags):
        use(alone.get(REQUEST, UP | UV | BE), kept(alone))
    assert not use(one.get(REQUEST, UP | UV | BE), known).backed_up


def test_aut_07_7_2_step_21_signature() -> None:
    one, other = device(), device()
    known = kept(one)
    forged = other.get(REQUEST) | {"id": b64u(one.id), "rawId": b64u(one.id)}
    forged["response"]["userHandle"] = b64u(HANDLE)
    with pytest.raises(PasskeyRefused):
        use(forged, known)
    for part in ("signature", "clientDataJSON", "authenticatorData"):
        answer = one.get(REQUEST)
        raw = un64u(answer["response"][part])
        answer["response"][part] = b64u(raw + b" " if part == "clientDataJSON" else raw[:-1] + bytes([raw[-1] ^ 1]))
        with pytest.raises(PasskeyRefused):
            use(answer, known)


@pytest.mark.parametrize(
    ("before", "now", "fell"),
    [(0, 0, False), (0, 1, False), (5, 6, False), (5, 2**32 - 1, False), (5, 5, True), (5, 4, True), (5, 0, True)],
)
def test_aut_08_7_2_step_22_the_counter(before: int, now: int, fell: bool) -> None:
    """Always zero is what synced passkeys do; anything else must grow."""
    one = device(synced=False)
    known = kept(one, sign_count=before)
    one.counter = now - 1
    if now == 0:
        one.counter, one.synced = 0, True
    answer = one.get(REQUEST, UP | UV)
    assert use(answer, known) == passkey.Used(now, False, fell)


def test_aut_08_what_is_kept_of_a_use() -> None:
    data = passkey.new_data(create(device(synced=False, counter=3).create(CREATION)), HANDLE)
    assert json.loads(json.dumps(data)) == data
    at, later = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    grown = passkey.used_data(data, passkey.Used(9, False, False), at)
    assert grown == data | {"sign_count": 9}
    fallen = passkey.used_data(grown, passkey.Used(4, True, True), at)
    assert fallen == data | {"sign_count": 9, "backed_up": True, "doubtful_since": at.isoformat()}
    again = passkey.used_data(fallen, passkey.Used(10, True, False), later)
    assert again["doubtful_since"] == at.isoformat(), "it does not become trusted again"


def test_a_factor_holds_all_of_it() -> None:
    one = device()
    made = create(one.create(CREATION))
    at = datetime(2026, 1, 1, tzinfo=UTC)
    data = passkey.new_data(made, HANDLE)
    subject = passkey.as_text(one.id)
    factor = Factor(UUID(int=1), UUID(int=2), FactorKind.PASSKEY, subject, "phone", data, at, None)
    known = passkey.known_of(factor)
    assert known == passkey.Known(one.id, made.public_key, HANDLE, 0, True, ("hybrid", "internal"))
    assert not use(one.get(REQUEST), known).counter_fell


# -- hostile input ------------------------------------------------------------------------------


@given(st.binary(max_size=200), st.binary(max_size=200), st.sampled_from(["attestationObject", "clientDataJSON"]))
def test_no_registration_does_more_than_be_refused(raw: bytes, more: bytes, part: str) -> None:
    one = device()
    answer = one.create(CREATION)
    true = un64u(answer["response"][part])
    for content in (raw, true + more, true[: len(raw)] + more, true[: -len(more) or None]):
        answer["response"][part] = b64u(content)
        try:
            made = create(answer)
        except PasskeyRefused:
            continue
        # Nothing is signed here, so bytes may hang behind what is read; what is read is the credential.
        assert made.credential_id == one.id


@given(st.binary(max_size=100), st.sampled_from(["authenticatorData", "signature"]))
def test_no_assertion_does_more_than_be_refused(raw: bytes, part: str) -> None:
    one = device()
    known = kept(one)
    answer = one.get(REQUEST)
    true = un64u(answer["response"][part])
    for content in (raw, true + raw, true[: len(raw)] + raw):
        answer["response"][part] = b64u(content)
        if content != true:
            with pytest.raises(PasskeyRefused):
                use(answer, known)


parts: st.SearchStrategy[Any] = (
    st.none() | st.integers() | st.text(max_size=10) | st.lists(st.text(max_size=3)) | st.just({})
)


@given(st.dictionaries(st.sampled_from(["id", "rawId", "type", "response", "authenticatorAttachment"]), parts))
def test_no_shape_does_more_than_be_refused(changes: Json) -> None:
    answer = device().create(CREATION)
    try:
        create(answer | changes)
    except PasskeyRefused:
        return
    assert all(changes[name] == answer.get(name) for name in changes if name != "authenticatorAttachment")
