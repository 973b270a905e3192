"""The walls themselves: they hold for the tree, and they catch what they are there to catch."""

from __future__ import annotations

from pathlib import Path

import pytest
from grimp import ImportGraph

from tools import locks
from walls import __main__ as walls
from walls import doors, kinds, sizes


def test_the_tree_obeys() -> None:
    assert walls.problems() == []


def test_every_context_stands_behind_the_walls() -> None:
    """A folder with a ``service`` or a ``store`` is a context, and the contracts know it."""
    package = walls.ROOT / "src" / "hazina"
    found = {f.parent.name for name in ("service.py", "store.py", "model.py") for f in package.glob(f"*/{name}")}
    assert found - {"sandbox"} == set(walls.contexts())


def sins(folder: Path, **files: str) -> list[str]:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return [f"{sin.file.stem}:{sin.line}: {sin.text}" for sin in kinds.check_context(folder)]


PORTS = "class Sms(Protocol):\n    async def send(self, to: str) -> None: ...\n"


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("service", "async def a(id, tx): ...", "service:1: a: tx comes first"),
        ("service", "class S:\n    async def a(self, *, tx): pass", ""),
        ("model", "async def a(): ...", "model:1: a: only rules live in model: neither tx nor async"),
        ("flow", "def a(tx): ...", "flow:1: a: only rules live in flow: neither tx nor async"),
        ("store", "async def a(id): ...", "store:1: a: only steps live in store: tx comes first"),
        ("store", "async def a(tx, id): ...\ndef b(row): ...", ""),
        (
            "service",
            "async def a(tx, db):\n    async with db.transaction() as inner:\n        pass",
            "service:2: a: a step opens no transaction",
        ),
        (
            "service",
            "class S:\n    sms: Sms\n    async def a(self, tx):\n        await self.sms.send('x')",
            "service:4: a: a step calls no port (sms)",
        ),
        (
            "service",
            "class S:\n    sms: Sms\n    async def a(self):\n        async with self.db.transaction() as tx:\n"
            "            if tx:\n                await self.sms.send('x')",
            "service:6: a: a port (sms) is called inside a transaction",
        ),
        (
            "service",
            "async def a(parts, gate: Sms | None):\n    async with parts.db.transaction() as tx:\n"
            "        await gate.send('x')",
            "service:3: a: a port (gate) is called inside a transaction",
        ),
        (
            "service",
            "async def a(db):\n    async with db.transaction() as tx:\n"
            "        async with db.transaction() as other:\n            pass",
            "service:3: a: a transaction inside a transaction",
        ),
        (
            "service",
            "class S:\n    sms: Sms\n    async def a(self):\n        async with self.db.transaction() as tx:\n"
            "            pass\n        await self.sms.send('x')",
            "",
        ),
    ],
)
def test_a_function_of_no_kind_is_caught(tmp_path: Path, file: str, text: str, said: str) -> None:
    found = sins(tmp_path, ports=PORTS, **{file: text})
    assert found[:1] == ([said] if said else [])


def test_what_is_too_long_is_caught(tmp_path: Path) -> None:
    (tmp_path / "fits.py").write_text("def a():\n" + "    x = 1\n" * 69)
    (tmp_path / "function.py").write_text("def a():\n" + "    x = 1\n" * 70)
    (tmp_path / "file.ts").write_text("x\n" * 600)
    (tmp_path / "data.json").write_text("x\n" * 600)
    said = [line.removeprefix(f"{tmp_path}/") for line in sizes.check(tmp_path)]
    assert said == [
        "file.ts:1: 600 lines; split it before 600",
        "function.py:1: a has 71 lines, 70 are the most",
    ]


def test_going_past_a_door_is_caught() -> None:
    graph = ImportGraph()
    for module in ("bank", "bank.ledger", "bank.ledger.store", "bank.ledger.ports", "bank.pay", "bank.app"):
        graph.add_module(module)
    for line, (importer, imported) in enumerate(
        [
            ("bank.pay", "bank.ledger"),
            ("bank.pay", "bank.ledger.ports"),
            ("bank.pay", "bank.ledger.store"),
            ("bank.app", "bank.ledger.store"),
            ("bank.ledger", "bank.ledger.store"),
        ],
        1,
    ):
        graph.add_import(importer=importer, imported=imported, line_number=line, line_contents="import")
    found = doors.entered(graph, "bank.ledger", {"ports"}, "bank", {"app"})
    assert found == ["bank.pay:3 goes past the door of bank.ledger: bank.ledger.store"]


@pytest.mark.parametrize(
    ("name", "line", "clean"),
    [
        ("a.lock", "uv==0.13.8 \\", True),
        ("a.lock", "    --hash=sha256:00", True),
        ("a.lock", "--index-url https://pypi.example/simple", False),
        ("a.lock", "uv @ https://files.example/uv.whl", False),
        ("p.json", '"integrity": "sha512-Yg//w=="', True),
        ("p.json", '"url": "https://example.org/sponsors"', True),
        ("p.json", '"resolved": "https://registry.example/x.tgz"', False),
        ("p.json", '"x": "github:someone/x"', False),
    ],
)
def test_a_lock_that_names_a_host_is_caught(tmp_path: Path, name: str, line: str, clean: bool) -> None:
    (tmp_path / name).write_text(line + "\n")
    assert (list(locks.hosts(tmp_path / name)) == []) is clean
