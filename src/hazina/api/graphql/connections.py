"""Pages as Relay's connections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

from hazina.kernel.paging import Page, Slice

T = TypeVar("T")


def page_of(
    first: int | None = None, after: str | None = None, last: int | None = None, before: str | None = None
) -> Page:
    """Raises InvalidInput."""
    return Page(first, after, last, before).checked()


def wanted_wallets(ids: list[UUID | None] | None) -> list[UUID] | None:
    """None, the whole account, for no ids and for an empty list."""
    return [one for one in ids or () if one is not None] or None


def connection(page: Slice[T], cursor: Callable[[T], str]) -> dict[str, Any]:
    edges = [{"cursor": cursor(item), "node": item} for item in page.items]
    return {
        "edges": edges,
        "pageInfo": {
            "startCursor": edges[0]["cursor"] if edges else None,
            "endCursor": edges[-1]["cursor"] if edges else None,
            "hasNextPage": page.has_next,
            "hasPreviousPage": page.has_previous,
        },
    }
