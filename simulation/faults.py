"""Every throw of the dice about time and misfortune. One stream of numbers for each kind of thing, so that
one more statement somewhere does not change what the outside does."""

from __future__ import annotations

import random

from hazina.kernel.money import Msats

WEATHER = {
    "network": (0.3, 1, 3, 8),
    "database": (0.3, 1, 3),
    "kills": (0.3, 1, 2),
    "pauses": (0.3, 1, 3),
    "node": (0.3, 1, 3),
    "bitcoin": (0.3, 1, 3),
}
"""How much of each kind of trouble a seed may have. Seeds differ, because much of one thing hides another."""


LUCK = {"pay": 4, "info": 0.2}
"""Bad luck of some calls, times the weather's. Sends are what must never happen twice or be taken for dead;
the look whether the node lives only keeps them from being tried."""
STEPS = {"sign": 3, "publish": 4, "next_address": 2}
"""The same for calls to the Bitcoin node. Whoever makes one of these may die of it; all others have half the luck."""


class Faults:
    """``calm``: what remains are short delays. ``rough``: this seed's weather."""

    def __init__(self, seed: int, weather: dict[str, float] | None = None) -> None:
        self.calm = False
        self.seed = seed
        sky = self.dice("weather")
        self.rough = {name: sky.choice(levels) for name, levels in WEATHER.items()} | (weather or {})
        self._database = self.dice("database")
        self._network = self.dice("network")
        self._bitcoin = self.dice("bitcoin")
        self._octets = self.dice("octets")

    def dice(self, name: str) -> random.Random:
        return random.Random(f"{self.seed}:{name}")  # a seeded stream is the point

    def database(self, what: str) -> tuple[float, str]:
        """Seconds on the way of one statement or answer, and whether the connection survives it."""
        dice = self._database
        seconds = dice.expovariate(1 / 0.003)
        if self.calm:
            return seconds, ""
        rough = self.rough["database"]
        if dice.random() < 0.0025 * rough:
            seconds = dice.uniform(0, 300)
        elif dice.random() < 0.03 * rough:
            seconds = dice.uniform(0, 0.5)
        fate = dice.random() / rough
        if what != "statement" or fate >= 0.0012:
            return seconds, ""
        return seconds, "lost before" if fate < 0.0005 else "lost after"

    def notification(self) -> float | None:
        """When a NOTIFY arrives; None: never."""
        dice = self._database
        if not self.calm and dice.random() < 0.05:
            return None
        return dice.uniform(0.001, 0.02)

    def network(self, what: str) -> tuple[float, float, str]:
        """Seconds there and back, and what is lost on the way."""
        dice = self._network
        there, back = dice.uniform(0.005, 0.2), dice.uniform(0.005, 0.2)
        if self.calm:
            return there, back, ""
        luck = self.rough["network"] * LUCK.get(what, 1)
        there, back = _slow(dice, there, luck), _slow(dice, back, luck)
        fate = dice.random() / luck
        return there, back, "request" if fate < 0.012 else "answer" if fate < 0.03 else ""

    def bitcoin(self, what: str) -> tuple[float, float, str]:
        """As ``network``; "asker": that is killed at this moment."""
        dice = self._bitcoin
        there, back = dice.uniform(0.001, 0.02), dice.uniform(0.001, 0.02)  # it is next door
        if self.calm:
            return there, back, ""
        luck = self.rough["bitcoin"] * STEPS.get(what, 0.5)
        there, back = _slow(dice, there, luck), _slow(dice, back, luck)
        fate = dice.random() / luck
        lost = "request" if fate < 0.012 else "answer" if fate < 0.03 else ""
        return there, back, "asker" if not lost and fate < 0.045 and what in STEPS else lost

    def hint(self) -> float:
        """How much of its patience somebody waits who hopes for a hint."""
        return 1 if self.calm else self._bitcoin.uniform(0.1, 1)

    def copies(self) -> int:
        """How often a stream tells one piece of news."""
        return 1 if self.calm or self._network.random() > 0.1 else self._network.randint(2, 4)

    def quote(self) -> Msats | None:
        dice = self._network
        return None if dice.random() < 0.2 else Msats(dice.randint(0, 12_000))

    def price_error(self) -> int:
        """A source that mistakes a unit now and then."""
        return 1 if self.calm or self._network.random() > 0.02 else 100

    def skew(self) -> float:
        """Seconds by which a process's clock is off: machines keep time by NTP."""
        return self._network.uniform(-0.5, 0.5)

    def octets(self, n: int) -> bytes:
        return self._octets.randbytes(n)


def _slow(dice: random.Random, seconds: float, luck: float) -> float:
    fate = dice.random() / luck
    if fate < 0.012:
        return dice.uniform(12, dice.choice((24, 90)))
    return dice.uniform(1, 12) if fate < 0.03 else seconds
