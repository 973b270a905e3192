"""Keys: what is sealed opens for its own person, its own field and its own key, and for nothing else."""

from __future__ import annotations

import stat
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hazina.kernel import keyfile
from hazina.kernel.crypto import BadKeys, Keys

KEYS = Keys.fresh()
ONE, OTHER = uuid4(), uuid4()
texts = st.text(max_size=100)


@given(texts, texts, st.uuids())
def test_what_is_sealed_opens_again(field: str, text: str, person_id: UUID) -> None:
    key, name, wrapped = KEYS.new_person(person_id)
    sealed = key.seal(field, text)
    assert KEYS.unwrap(person_id, name, wrapped).open(field, sealed) == text
    assert len(wrapped) == 60 and sealed != key.seal(field, text), "never twice the same"


@given(st.text(min_size=8, max_size=60))
def test_it_opens_for_nobody_and_nothing_else(text: str) -> None:
    key, name, wrapped = KEYS.new_person(ONE)
    other, _, _ = KEYS.new_person(OTHER)
    sealed = key.seal("phone", text)
    assert text.encode() not in sealed
    for stranger, field in ((other, "phone"), (key, "email"), (type(key)(OTHER, key.key), "phone")):
        with pytest.raises(BadKeys):
            stranger.open(field, sealed)
    for person_id, keys in ((OTHER, KEYS), (ONE, Keys.fresh())):
        with pytest.raises(BadKeys):
            keys.unwrap(person_id, name, wrapped)


@given(st.integers(min_value=0), st.integers(1, 255))
def test_a_changed_byte_is_seen(place: int, change: int) -> None:
    key, _, _ = KEYS.new_person(ONE)
    sealed = bytearray(key.seal("phone", "+254712345678"))
    sealed[place % len(sealed)] ^= change
    with pytest.raises(BadKeys):
        key.open("phone", bytes(sealed))


@pytest.mark.parametrize("cut", [0, 1, 11, 12, 20])
def test_a_piece_does_not_open(cut: int) -> None:
    key, _, _ = KEYS.new_person(ONE)
    with pytest.raises(BadKeys):
        key.open("phone", key.seal("phone", "+254712345678")[:cut])


def test_marks_tell_equal_from_different_and_no_more() -> None:
    phone = "+254712345678"
    assert KEYS.mark("phone", phone) == KEYS.mark("phone", phone)
    assert len({KEYS.mark("phone", phone), KEYS.mark("email", phone), KEYS.mark("phone", phone + "0")}) == 3
    assert KEYS.mark("phone", phone) != Keys.fresh().mark("phone", phone)


def test_the_file_says_what_was_made() -> None:
    more = KEYS.with_new().with_new()
    assert list(more.wrapping) == ["kek-1", "kek-2", "kek-3"] and more.active == "kek-3"
    assert Keys.parse(more.as_text()) == more
    key, name, wrapped = KEYS.new_person(ONE)
    assert more.unwrap(ONE, name, wrapped) == key, "the older key still opens"
    assert KEYS.marks()["index"] == more.marks()["index"]
    for secret in (KEYS.index, *KEYS.wrapping.values()):
        assert secret.hex() not in repr(KEYS) + str(KEYS) and repr(secret) not in repr(KEYS)


BAD = [
    "", "index " + "0" * 64, "kek-1 " + "0" * 64, "index 00\nkek-1 " + "0" * 64, "nonsense",
    f"index {'0' * 64}\nindex {'1' * 64}\nkek-1 {'0' * 64}", f"index {'0' * 64}\nkek-1 {'g' * 64}",
]  # fmt: skip


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_keys_file(text: str) -> None:
    with pytest.raises(BadKeys) as refused:
        Keys.parse(text)
    assert "0000" not in str(refused.value), "nothing of the content"


def test_keys_of_a_folder_are_made_once_for_its_owner_only(tmp_path: Path) -> None:
    made = keyfile.keys_in(tmp_path / "data")
    file = tmp_path / "data" / "keys"
    assert keyfile.keys_in(tmp_path / "data") == made
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    keyfile.replace(tmp_path / "data", made.with_new())
    assert Keys.parse((tmp_path / "data" / "keys.old").read_text()) == made
    assert keyfile.keys_in(tmp_path / "data").active == "kek-2"
    assert sorted(one.name for one in (tmp_path / "data").iterdir()) == ["keys", "keys.old"]
    file.write_text("damaged")
    with pytest.raises(BadKeys):
        keyfile.keys_in(tmp_path / "data")
