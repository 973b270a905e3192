"""What chain's rows do in the database, over a whole batch at once."""

from __future__ import annotations

from hazina.kernel.units import EffectKind

EFFECTS: tuple[EffectKind, ...] = ()
