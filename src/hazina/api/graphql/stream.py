"""One subscription, from its document to the text of each answer.

Most events are somebody's own. A price is everybody's: such an event is executed and encoded once for all who
asked the same, and what it costs does not grow with their number.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    Executor,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    Node,
    Visitor,
    create_source_event_stream,
    execute_subscription_event,
    visit,
)

from hazina.api.graphql.context import Context
from hazina.api.graphql.errors import shown

FRAMES_MAX = 200
"""Different questions whose answers one event keeps; whoever asks the next one is answered all the same."""
VARIABLES_CHARS_MAX = 1_000


class Shared(dict[str, Any]):
    """A payload that is the same for everybody. ``frames``: its encoded answers, by what was asked."""

    __slots__ = ("frames",)

    def __init__(self, payload: dict[str, Any]) -> None:
        super().__init__(payload)
        self.frames: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Subscribed:
    """``mark`` stands for document and variables; None where an answer may hold what is the asker's own."""

    executor: Executor[Any]
    source: AsyncIterable[Any] | ExecutionResult
    mark: str | None

    async def answers(self) -> AsyncGenerator[str, None]:
        """The payload of each message, encoded. Closes the source when it is closed."""
        if isinstance(self.source, ExecutionResult):
            yield _encoded(self.source)
            return
        try:
            async for event in self.source:
                yield await self._answer(event)
        finally:
            close = getattr(self.source, "aclose", None)
            if close is not None:
                await close()

    async def _answer(self, event: Any) -> str:
        mark = self.mark if isinstance(event, Shared) else None
        if mark is not None and (known := event.frames.get(mark)) is not None:
            return str(known)
        result = execute_subscription_event(self.executor.build_per_event_executor(event))
        text = _encoded(result if isinstance(result, ExecutionResult) else await result)
        if mark is not None and len(event.frames) < FRAMES_MAX:
            event.frames[mark] = text
        return text


async def subscribed(
    schema: GraphQLSchema,
    document: DocumentNode,
    text: str,
    context: Context,
    variables: dict[str, Any] | None,
    name: str | None,
) -> Subscribed | list[GraphQLError]:
    """The operation, begun; or why it cannot be."""
    executor = Executor.build(schema, document, None, context, variables, name)
    if isinstance(executor, list):
        return executor
    source = create_source_event_stream(executor)
    if not isinstance(source, AsyncIterable | ExecutionResult):
        source = await source
    return Subscribed(executor, source, _mark(document, text, variables, name))


def _mark(document: DocumentNode, text: str, variables: dict[str, Any] | None, name: str | None) -> str | None:
    given = json.dumps([name, variables], sort_keys=True)
    if len(given) > VARIABLES_CHARS_MAX or _asks_for_me(document):
        return None
    return f"{sha256(text.encode()).hexdigest()}{given}"


class _Me(Visitor):
    found = False

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        self.found = self.found or node.name.value == "me"


def _asks_for_me(document: Node) -> bool:
    looking = _Me()
    visit(document, looking)
    return looking.found


def _encoded(result: ExecutionResult) -> str:
    answer: dict[str, Any] = {"data": result.data}
    if result.errors:
        answer["errors"] = [shown(error) for error in result.errors]
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
