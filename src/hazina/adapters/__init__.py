"""Adapters: one per provider, each behind a port of a context. Nothing else speaks to the outside."""
