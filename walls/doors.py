"""A contract for import-linter: outsiders import ``hazina.<context>``, its ``events`` or its ``ports``, never what
lies behind. The stock contract types cannot say "only its own context"."""

from __future__ import annotations

from typing import Any, cast

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class Doors(Contract):
    root = fields.StringField()
    contexts = fields.ListField(subfield=fields.StringField())
    doors = fields.ListField(subfield=fields.StringField())
    exempt = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        found: Any = self  # the library turns the fields above into plain values
        broken = [
            line
            for context in found.contexts
            for line in entered(graph, f"{found.root}.{context}", set(found.doors), found.root, set(found.exempt))
        ]
        return ContractCheck(kept=not broken, metadata={"broken": sorted(broken)})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for line in cast("list[str]", check.metadata["broken"]):
            output.print_error(line)


def entered(graph: ImportGraph, home: str, doors: set[str], root: str, exempt: set[str]) -> list[str]:
    """Imports from outside ``home`` that go past its doors."""
    inside = {home, *graph.find_descendants(home)}
    behind = inside - {home, *(f"{home}.{door}" for door in doors)}
    lines = []
    for target in behind:
        for who in graph.find_modules_that_directly_import(target) - inside:
            if not any(f"{who}.".startswith(f"{root}.{free}.") for free in exempt):
                details = graph.get_import_details(importer=who, imported=target)
                lines.append(f"{who}:{details[0]['line_number']} goes past the door of {home}: {target}")
    return lines
