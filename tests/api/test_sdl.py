"""The schema has exactly the names and types of Blink's, and the same marks."""

from __future__ import annotations

import re
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    print_ast,
    print_schema,
)
from tests.api import contract

from hazina.api.graphql.schema import build_schema

ROOTS = {"Query": contract.QUERY, "Mutation": contract.MUTATION, "Subscription": contract.SUBSCRIPTION}
BUILT_IN = {"Boolean", "Float", "ID", "Int", "String"}


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema()


# -- the contract, as data -----------------------------------------------------------------------


def _paragraphs(text: str) -> list[str]:
    return re.sub(r"\n    +", " ", text).strip().splitlines()


def _one_spelling(field: str) -> str:
    """Arguments in order of name, and nothing else to differ by."""
    if match := re.fullmatch(r"(\w+)\((.*)\): (.*)", field):
        name, arguments, type_ = match.groups()
        return f"{name}({', '.join(sorted(re.split(r', (?=[a-z])', arguments.strip())))}): {type_}"
    return field


def _fields(parts: list[str]) -> dict[str, str]:
    """Field name to arguments, type and mark, in one spelling."""
    return {re.split(r"[(:]", part)[0]: _one_spelling(part) for part in parts}


TYPES: dict[str, tuple[str | None, str]] = {}
"""Name to (interface, what it holds)."""
for _paragraph in _paragraphs(contract.TYPES):
    _head, _, _holds = _paragraph.partition(" = ")
    _name, _, _interface = _head.partition(" implements ")
    TYPES[_name] = (_interface or None, _holds)


def _is_list_of_names(holds: str) -> bool:
    """An enum's values or a union's members, no fields."""
    return ": " not in holds


def _wanted(name: str) -> dict[str, str]:
    return _fields(_paragraphs(ROOTS[name]) if name in ROOTS else TYPES[name][1].split("; "))


def _named(said: str) -> set[str]:
    return set(re.findall(r"\b[A-Z]\w+", re.sub(r" = (\[.*\]|[^,)]*)", "", said)))


# -- the schema, in the same spelling --------------------------------------------------------------


def _given(name: str, argument: Any) -> str:
    default = argument.ast_node.default_value
    return f"{name}: {argument.type}" + (f" = {print_ast(default)}" if default is not None else "")


def _served(type_: Any) -> dict[str, str]:
    found = {}
    for name, field in type_.fields.items():
        if isinstance(type_, GraphQLInputObjectType):
            found[name] = _given(name, field)
            continue
        arguments = ", ".join(sorted(_given(*one) for one in field.args.items()))
        mark = "" if field.deprecation_reason is None else "~"
        found[name] = f"{name}{f'({arguments})' if arguments else ''}: {field.type}{mark}"
    ours = contract.OURS.get(type_.name, ())
    return {name: said for name, said in found.items() if name not in ours}


# -- and both held against each other --------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(TYPES))
def test_a_type_is_served_whole(schema: GraphQLSchema, name: str) -> None:
    interface, holds = TYPES[name]
    type_ = schema.type_map.get(name)
    assert type_ is not None, f"{name} is missing"
    if isinstance(type_, GraphQLEnumType):
        assert set(type_.values) == set(holds.split(", "))
    elif isinstance(type_, GraphQLUnionType):
        assert {member.name for member in type_.types} == set(holds.split(", "))
    else:
        assert _served(type_) == _wanted(name)
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            assert [one.name for one in type_.interfaces] == ([interface] if interface else [])


@pytest.mark.parametrize("root", ROOTS)
def test_root_fields(schema: GraphQLSchema, root: str) -> None:
    assert _served(schema.type_map[root]) == _wanted(root)


def test_nothing_is_served_that_the_contract_does_not_name(schema: GraphQLSchema) -> None:
    served = {n for n, t in schema.type_map.items() if not n.startswith("__") and not isinstance(t, GraphQLScalarType)}
    assert served - {*ROOTS, *contract.OUR_TYPES} == set(TYPES)
    scalars = {n for n, t in schema.type_map.items() if isinstance(t, GraphQLScalarType)} - BUILT_IN
    assert scalars == set(contract.SCALARS.split())


def test_the_contract_is_closed() -> None:
    """It names nothing that it does not define."""
    known = {*TYPES, *contract.SCALARS.split(), *BUILT_IN}
    for name in (*ROOTS, *(name for name, (_, holds) in TYPES.items() if not _is_list_of_names(holds))):
        for said in _wanted(name).values():
            assert _named(said) <= known, (name, said)


def test_the_schema_prints(schema: GraphQLSchema) -> None:
    assert "type Query" in print_schema(schema)
