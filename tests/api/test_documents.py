"""Limits on documents, and that a document is checked once."""

from __future__ import annotations

import time

import pytest
from graphql import get_introspection_query

from hazina.api.graphql.documents import KEPT_MAX, Documents
from hazina.api.graphql.errors import code_of
from hazina.api.graphql.schema import build_schema


@pytest.fixture(scope="module")
def documents() -> Documents:
    return Documents(build_schema())


def code(documents: Documents, text: str) -> str | None:
    checked = documents.get(text)
    return None if checked.document is not None else code_of(checked.errors[0])


def test_a_document_is_checked_once(documents: Documents) -> None:
    text = "{ me { id } }"
    assert documents.get(text) is documents.get(text)
    wrong = "{ nobody }"
    assert documents.get(wrong) is documents.get(wrong)


def test_the_store_is_bounded() -> None:
    documents = Documents(build_schema())
    for n in range(KEPT_MAX + 20):
        documents.get(f"{{ me {{ id }} }} # {n}")
        documents.persist(f"{n:064x}", "{ me { id } }")
    assert len(documents._kept) == KEPT_MAX
    assert len(documents._persisted) == KEPT_MAX
    assert documents.persisted(f"{0:064x}") is None


def test_introspection_is_served(documents: Documents) -> None:
    assert code(documents, get_introspection_query()) is None
    assert code(documents, get_introspection_query(specified_by_url=True, input_value_deprecation=True)) is None


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("{ me { id ", "GRAPHQL_PARSE_FAILED"),
        ("", "GRAPHQL_PARSE_FAILED"),
        ("{ nobody }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ me { id { deeper } } }", "GRAPHQL_VALIDATION_FAILED"),
        ("query A { me { id } } query A { me { id } }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ a: me { id } }" + " " * 20_000, "QUERY_TOO_COMPLEX"),
        ("{" * 5_000, "GRAPHQL_PARSE_FAILED"),
        ("{ me { id } }" + " #" * 9_000, None),
        ("{" + " ".join(f"a{n}: me {{ id }}" for n in range(31)) + "}", "QUERY_TOO_COMPLEX"),
        ("{ me {" + " id" * 250 + "} }", "QUERY_TOO_COMPLEX"),
        ("{ me { id } }" + " id" * 3_000, "GRAPHQL_PARSE_FAILED"),
        ("{ me " + "{ defaultAccount " * 20 + "{ id }" + "}" * 20 + " }", "QUERY_TOO_COMPLEX"),
        ("mutation { captchaCreateChallenge { errors { message } } }", None),
        ("mutation { __typename captchaCreateChallenge { __typename errors { message } } }", None),
        ("mutation { a: captchaCreateChallenge { errors { message } } b: captchaCreateChallenge { errors { code } } }",
         "QUERY_TOO_COMPLEX"),
        ("mutation { ...A ...B } fragment A on Mutation { a: captchaCreateChallenge { errors { message } } } "
         "fragment B on Mutation { b: captchaCreateChallenge { errors { message } } }", "QUERY_TOO_COMPLEX"),
        ("mutation { ... on Mutation { a: captchaCreateChallenge { errors { message } } } "
         "b: captchaCreateChallenge { errors { message } } }", "QUERY_TOO_COMPLEX"),
    ],
)  # fmt: skip
def test_api_01_limits(documents: Documents, text: str, wanted: str | None) -> None:
    assert code(documents, text) == wanted


def test_api_01_a_fan_of_fragments_is_measured_once(documents: Documents) -> None:
    fan = " ".join(f"fragment F{n} on User {{ ...F{n + 1} ...F{n + 1} }}" for n in range(60))
    began = time.process_time()
    assert code(documents, f"{{ me {{ ...F0 }} }} {fan} fragment F60 on User {{ id }}") == "QUERY_TOO_COMPLEX"
    assert time.process_time() - began < 1


def test_api_01_fragments_in_a_circle_end(documents: Documents) -> None:
    text = "{ me { ...A } } fragment A on User { ...B } fragment B on User { ...A }"
    assert code(documents, text) == "GRAPHQL_VALIDATION_FAILED"


@pytest.mark.parametrize(
    "text",
    [
        "{ me {" + " id" * 180 + "} }",
        "{ me { " + " ".join(f"...F{n}" for n in range(150)) + " } } "
        + " ".join(f"fragment F{n} on User {{ id }}" for n in range(150)),
        "query(" + " ".join(f"$v{n}: Int" for n in range(400)) + ") { me { id } }",
        "{ me { " + " ".join("... on User { id ... on User { id } }" for _ in range(90)) + " } }",
    ],
)  # fmt: skip
def test_the_worst_text_is_checked_quickly(documents: Documents, text: str) -> None:
    """Rules that compare every pair of selections must not see so many that a request takes seconds."""
    began = time.process_time()
    documents.get(text)
    assert time.process_time() - began < 3
