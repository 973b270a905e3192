"""A function fits a screen, a file can be read in one sitting."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

FILE_LINES_MAX = 599
FUNCTION_LINES_MAX = 70
WRITTEN_BY_HAND = {".py", ".ts", ".svelte", ".css", ".sql", ".graphql", ".html"}
SKIPPED = {"node_modules", "dist", "__pycache__"}


def check(folder: Path) -> Iterator[str]:
    """Everything too long under ``folder``."""
    for file in sorted(folder.rglob("*")):
        if file.suffix in WRITTEN_BY_HAND and file.is_file() and not SKIPPED & set(file.parts):
            yield from check_file(file)


def check_file(file: Path) -> Iterator[str]:
    text = file.read_text()
    lines = text.count("\n")
    if lines > FILE_LINES_MAX:
        yield f"{file}:1: {lines} lines; split it before {FILE_LINES_MAX + 1}"
    if file.suffix != ".py":
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES_MAX:
                yield f"{file}:{node.lineno}: {node.name} has {length} lines, {FUNCTION_LINES_MAX} are the most"
