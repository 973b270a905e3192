"""The SDL files and the resolvers, made one executable schema."""

from __future__ import annotations

import functools
from pathlib import Path

from ariadne import InterfaceType, load_schema_from_path, make_executable_schema
from graphql import GraphQLSchema

from hazina.api.graphql.public import (
    accounts,
    api_keys,
    callbacks,
    contacts,
    custody,
    exchange,
    factors,
    globals,
    invoices,
    links,
    merchants,
    notifications,
    onchain,
    payments,
    prices,
    quiz,
    subscriptions,
    support,
    transactions,
    users,
    wallets,
)
from hazina.api.graphql.scalars import SCALARS

SDL = Path(__file__).parent / "sdl"
NOUNS = (
    users,
    factors,
    api_keys,
    accounts,
    wallets,
    transactions,
    invoices,
    payments,
    links,
    onchain,
    exchange,
    prices,
    globals,
    subscriptions,
    callbacks,
    quiz,
    support,
    contacts,
    notifications,
    custody,
    merchants,
)


@functools.cache
def build_schema() -> GraphQLSchema:
    """The one schema of this program; resolvers find the bank in their context."""
    error = InterfaceType("Error")
    error.set_type_resolver(lambda *_: "GraphQLApplicationError")
    bindables = [bindable for noun in NOUNS for bindable in noun.BINDABLES]
    return make_executable_schema(load_schema_from_path(SDL), error, *SCALARS, *bindables)
