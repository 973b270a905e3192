"""The schema has exactly the names and types of Blink's, for what it serves."""

from __future__ import annotations

import re

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    print_schema,
    print_type,
)
from tests.api import contract

from hazina.api.graphql.schema import build_schema


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema()


def _contract_types() -> dict[str, tuple[str | None, str]]:
    """Name to (interface, what it holds)."""
    found = {}
    for paragraph in re.sub(r"\n    +", " ", contract.TYPES).strip().splitlines():
        head, _, holds = paragraph.partition(" = ")
        name, _, interface = head.partition(" implements ")
        found[name] = (interface or None, holds)
    return found


def _fields(text: str, separator: str = "; ") -> dict[str, str]:
    """Field name to arguments and type, in one spelling."""
    parts = [part.strip() for part in re.sub(r"\(\s+", "(", text).split(separator) if part.strip()]
    return {re.split(r"[(:]", part)[0]: _one_spelling(part) for part in parts}


def _one_spelling(field: str) -> str:
    """Arguments in order of name, and nothing else to differ by."""
    if match := re.fullmatch(r"(\w+)\((.*)\): (.*)", field):
        name, arguments, type_ = match.groups()
        return f"{name}({', '.join(sorted(re.split(r', ?', arguments)))}): {type_}"
    return field


def _served(schema: GraphQLSchema, name: str) -> dict[str, str]:
    """The same of a type in the schema, from its SDL without descriptions and deprecations."""
    text = re.sub(r'"""(?:.|\n)*?"""', "", print_type(schema.type_map[name]))
    body = text[text.index("{") + 1 : text.rindex("}")]
    body = re.sub(r' @deprecated\((?:reason: "[^"]*")?\)', "", body)
    body = re.sub(r"\(\s+", "(", re.sub(r"\s+\)", ")", body))
    body = re.sub(r"\n\s*(?=[^\n()]*\):)", ", ", body) if "(\n" in body else body
    return _fields(body, "\n")


def test_every_type_is_in_the_contract_and_whole(schema: GraphQLSchema) -> None:
    for name, (interface, holds) in _contract_types().items():
        type_ = schema.type_map[name]
        if isinstance(type_, GraphQLEnumType):
            assert set(type_.values) == set(holds.split(", ")), name
        elif isinstance(type_, GraphQLUnionType):
            assert {member.name for member in type_.types} == set(holds.split(", ")), name
        else:
            wanted = {k: v for k, v in _fields(holds).items() if k not in contract.NOT_YET.get(name, ())}
            served = {k: v for k, v in _served(schema, name).items() if k not in contract.OURS.get(name, ())}
            assert served == wanted, name
            if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
                assert [one.name for one in type_.interfaces] == ([interface] if interface else []), name


def test_nothing_is_served_that_the_contract_does_not_name(schema: GraphQLSchema) -> None:
    roots = {"Query", "Mutation", "Subscription"}
    served = {n for n, t in schema.type_map.items() if not n.startswith("__") and not isinstance(t, GraphQLScalarType)}
    assert served == set(_contract_types()) | roots | contract.OUR_TYPES


@pytest.mark.parametrize(
    ("root", "wanted"),
    [("Query", contract.QUERY), ("Mutation", contract.MUTATION), ("Subscription", contract.SUBSCRIPTION)],
)
def test_root_fields(schema: GraphQLSchema, root: str, wanted: str) -> None:
    served = {k: v for k, v in _served(schema, root).items() if k not in contract.OURS.get(root, ())}
    assert served == _fields(wanted, "\n")


def test_the_schema_prints(schema: GraphQLSchema) -> None:
    assert "type Query" in print_schema(schema)
