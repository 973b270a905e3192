"""Pages of a list that is newest first, by keyset: a row's place never changes when others are added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from hazina.kernel.errors import InvalidInput

T = TypeVar("T")
PAGE_MAX = 100


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of the list is wanted. ``after``: older than that row. ``before``: newer than that row,
    with ``last`` only (Blink's rule). Without either count: the first 100."""

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None

    def checked(self) -> Page:
        """Itself; raises InvalidInput for both counts, or one outside 1 to 100."""
        if self.first is not None and self.last is not None:
            raise InvalidInput('Passing both "first" and "last" is not supported.')
        for count in (self.first, self.last):
            if count is not None and not 1 <= count <= PAGE_MAX:
                raise InvalidInput(f"A page has 1 to {PAGE_MAX} rows.")
        return self

    @property
    def size(self) -> int:
        return self.first or self.last or PAGE_MAX

    @property
    def backward(self) -> bool:
        return self.last is not None


@dataclass(frozen=True, slots=True)
class Slice(Generic[T]):
    """One page, newest first."""

    items: Sequence[T]
    has_next: bool = False
    has_previous: bool = False


def sliced(page: Page, found: Sequence[T]) -> Slice[T]:
    """The page out of up to ``size + 1`` rows: newest first, or oldest first for a backward page."""
    more, items = len(found) > page.size, found[: page.size]
    if page.backward:
        return Slice(tuple(reversed(items)), has_previous=more)
    return Slice(tuple(items), has_next=more)
