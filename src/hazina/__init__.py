"""Hazina: an open-source Bitcoin bank."""

from importlib.metadata import version

__version__ = version("hazina")
