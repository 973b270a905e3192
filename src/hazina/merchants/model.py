"""Nouns and rules of the map."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from hazina.merchants.errors import InvalidCoordinates, InvalidTitle

TITLE_MIN, TITLE_MAX = 3, 100
INACTIVE = timedelta(days=183)
"""On the map for so long, and no transaction in as long: half a year, as with Blink."""


@dataclass(frozen=True, slots=True)
class Place:
    """Degrees, WGS 84."""

    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Merchant:
    """A place where a customer takes money. On the map once an operator has looked (``validated_at``)."""

    id: UUID
    account_id: UUID
    username: str
    title: str
    place: Place
    created_at: datetime
    validated_at: datetime | None = None


def parse_place(latitude: float, longitude: float) -> Place:
    """Raises InvalidCoordinates, for what is no number too."""
    if not (math.isfinite(latitude) and math.isfinite(longitude) and abs(latitude) <= 90 and abs(longitude) <= 180):
        raise InvalidCoordinates
    return Place(latitude, longitude)


def parse_title(text: str) -> str:
    """Blanks at the ends and double ones are dropped. Raises InvalidTitle."""
    title = " ".join(text.split()) if len(text) <= 4 * TITLE_MAX else ""
    if not TITLE_MIN <= len(title) <= TITLE_MAX or not title.isprintable():
        raise InvalidTitle
    return title
