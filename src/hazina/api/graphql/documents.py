"""Documents, parsed and validated once.

A client sends the same few texts over and over. Validation never sees variables, so its answer may
be kept by the text's digest. The limits here are on the text alone, before it is validated, because
some rules of validation take time that grows with the square of what they read.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    parse,
    validate,
)

from hazina.api.graphql.errors import code_of

TOKENS_MAX = 2_000
DEPTH_MAX = 12
ALIASES_MAX = 30
COMPLEXITY_MAX = 200  # Blink's limit and costs: every field 1, every mutation 120
MUTATION_COST = 120
TEXT_CHARS_MAX = 20_000  # comments and blanks are no tokens, and reading them takes time too
KEPT_MAX = 500
KEPT_CHARS_MAX = 10_000
"""A longer text is served, but not kept: 500 of these are a few dozen megabytes as trees."""


@dataclass(frozen=True, slots=True)
class Size:
    depth: int = 0
    aliases: int = 0
    cost: int = 0


@dataclass(frozen=True, slots=True)
class Checked:
    """A document that may be executed, or why not."""

    document: DocumentNode | None
    errors: tuple[GraphQLError, ...] = ()


class _Measure:
    """Sizes of one document. Each fragment is measured once: a fan of fragments that use each other
    twice would double with every step."""

    def __init__(self, document: DocumentNode) -> None:
        self.fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        self.known: dict[str, Size] = {}

    def fragment(self, name: str, trail: tuple[str, ...]) -> Size:
        if name in trail or name not in self.fragments:
            return Size()  # validation names the mistake
        if name not in self.known:
            found = self.fragments[name]
            type_name = found.type_condition.name.value
            if type_name.startswith("__"):
                return Size()  # of the schema itself
            cost = MUTATION_COST if type_name == "Mutation" else 1
            self.known[name] = self.selections(found.selection_set, (*trail, name), cost)
        return self.known[name]

    def selections(
        self, selection_set: SelectionSetNode | None, trail: tuple[str, ...] = (), field_cost: int = 1
    ) -> Size:
        depth = aliases = cost = 0
        for node in selection_set.selections if selection_set else ():
            if isinstance(node, FieldNode):
                if node.name.value in ("__schema", "__type"):
                    continue  # the schema never grows; validation bounds how deep it is asked
                inner = self.selections(node.selection_set, trail)
                own = 1 if node.name.value.startswith("__") else field_cost
                size = Size(inner.depth + 1, inner.aliases + (node.alias is not None), inner.cost + own)
            elif isinstance(node, InlineFragmentNode):
                size = self.selections(node.selection_set, trail, field_cost)
            else:
                assert isinstance(node, FragmentSpreadNode)
                size = self.fragment(node.name.value, trail)
            depth, aliases, cost = max(depth, size.depth), aliases + size.aliases, cost + size.cost
        return Size(depth, aliases, cost)


def check_size(document: DocumentNode) -> None:
    """Raises GraphQLError, code QUERY_TOO_COMPLEX, for a document that asks for too much."""
    measure = _Measure(document)
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            mutation = definition.operation is OperationType.MUTATION
            size = measure.selections(definition.selection_set, field_cost=MUTATION_COST if mutation else 1)
        elif isinstance(definition, FragmentDefinitionNode):
            size = measure.fragment(definition.name.value, ())
        else:
            continue
        for what, have, most in (
            ("complexity", size.cost, COMPLEXITY_MAX),
            ("depth", size.depth, DEPTH_MAX),
            ("number of aliases", size.aliases, ALIASES_MAX),
        ):
            if have > most:
                raise GraphQLError(
                    f"Query is too complex: its {what} is {have}, and at most {most} is allowed.",
                    extensions={"code": "QUERY_TOO_COMPLEX"},
                )


def _too_complex(message: str) -> Checked:
    return Checked(None, (GraphQLError(message, extensions={"code": "QUERY_TOO_COMPLEX"}),))


class Documents:
    """The bounded store of checked documents, and the texts that clients name by digest only."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self.schema = schema
        self._kept: OrderedDict[bytes, Checked] = OrderedDict()
        self._persisted: OrderedDict[str, str] = OrderedDict()

    def get(self, text: str) -> Checked:
        """``text`` holds no lone surrogates."""
        key = sha256(text.encode()).digest()
        if (kept := self._kept.get(key)) is not None:
            self._kept.move_to_end(key)
            return kept
        checked = self._check(text)
        if len(text) <= KEPT_CHARS_MAX:
            self._kept[key] = checked
            if len(self._kept) > KEPT_MAX:
                self._kept.popitem(last=False)
        return checked

    def _check(self, text: str) -> Checked:
        if len(text) > TEXT_CHARS_MAX:
            return _too_complex(f"Query is too long: at most {TEXT_CHARS_MAX:,} characters are allowed.")
        try:
            document = parse(text, max_tokens=TOKENS_MAX)
            check_size(document)
            errors = validate(self.schema, document, max_errors=5)
        except RecursionError:
            return _too_complex("Query is nested too deeply.")
        except GraphQLError as error:
            if code_of(error) is None:
                error.extensions = {"code": "GRAPHQL_PARSE_FAILED"}
            return Checked(None, (error,))
        for found in errors:
            found.extensions = {"code": "GRAPHQL_VALIDATION_FAILED"}
        return Checked(None, tuple(errors)) if errors else Checked(document)

    def persisted(self, digest: str) -> str | None:
        """The text whose SHA-256 is ``digest`` (hex), if a client has shown it before."""
        if (text := self._persisted.get(digest)) is not None:
            self._persisted.move_to_end(digest)
        return text

    def persist(self, digest: str, text: str) -> None:
        """Keep a text that was checked; the caller has compared the digest."""
        if len(text) <= KEPT_CHARS_MAX:
            self._persisted[digest] = text
            if len(self._persisted) > KEPT_MAX:
                self._persisted.popitem(last=False)
