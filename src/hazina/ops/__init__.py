"""What an operator does: start and stop, migrate, look after, look into. The command line calls these."""

from __future__ import annotations


class Trouble(Exception):
    """It cannot go on. The text is one plain sentence or two: what is wrong, and how to mend it."""
