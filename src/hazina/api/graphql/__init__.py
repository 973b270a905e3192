"""The public GraphQL API: Blink's names and types, written schema first in ``sdl/``."""
