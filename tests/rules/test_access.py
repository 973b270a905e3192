"""Scopes, idempotency keys and fingerprints."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from hazina.access import (
    Caller,
    InvalidIdempotencyKey,
    ReadNotAllowed,
    Scope,
    WriteNotAllowed,
    fingerprint,
    idempotency_claim,
    require_read,
    require_receive,
    require_write,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def caller(*scopes: Scope) -> Caller:
    return Caller(uuid4(), uuid4(), None, frozenset(scopes), None)


def test_each_scope_opens_only_its_doors() -> None:
    require_read(caller(Scope.READ))
    require_write(caller(Scope.WRITE))
    require_receive(caller(Scope.RECEIVE))
    require_receive(caller(Scope.WRITE))
    for check, scopes in ((require_write, (Scope.READ, Scope.RECEIVE)), (require_receive, (Scope.READ,))):
        with pytest.raises(WriteNotAllowed):
            check(caller(*scopes))
    with pytest.raises(ReadNotAllowed):
        require_read(caller(Scope.WRITE, Scope.RECEIVE))


@pytest.mark.parametrize("key", ["a", "0d5b7c1e-6a2f-4d53-8b7e-5d4c3b2a1f00", "x" * 100, "two words", "~!@#"])
def test_keys_taken(key: str) -> None:
    assert idempotency_claim(uuid4(), "pay", key, fingerprint(), NOW).values["key"] == key


@pytest.mark.parametrize(
    "key",
    ["", " ", " a", "a ", "a\n", "a\x00b", "x" * 101, "x" * 1_000_000, "ключ", "\ud800", "１２３", "a\tb", "a\x7f"],
)
def test_keys_refused(key: str) -> None:
    with pytest.raises(InvalidIdempotencyKey):
        idempotency_claim(uuid4(), "pay", key, fingerprint(), NOW)


def test_a_fingerprint_knows_values_not_their_order() -> None:
    assert fingerprint(a=1, b="x") == fingerprint(b="x", a=1)
    different = [fingerprint(a=1), fingerprint(a="1"), fingerprint(a=None), fingerprint(b=1), fingerprint(a=1, b=None)]
    assert len(set(different)) == len(different)
    assert len(fingerprint(memo="\ud800\x00")) == 64, "text that no database takes has one too"
