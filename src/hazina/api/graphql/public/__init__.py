"""Resolvers, one file for each noun of the schema. A resolver finds the caller, calls one verb of a
context, and shapes the answer; it decides nothing about money."""
