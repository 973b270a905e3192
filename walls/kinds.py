"""Every function of a context is of one of three kinds, and its signature says which.

- A rule has neither ``tx`` nor ``await``: all of ``model``, ``flow``, ``postings``, ``effects``.
- A step has ``tx`` as its first parameter and touches only that: no transaction of its own, no port.
- A journey has no ``tx``: it opens transactions and calls ports, never a port inside a transaction.

Ports are the Protocols of the context's ``ports.py``; a call of one is a call on anything that is annotated
with it, or named like a field that is.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

OPENING = {"transaction", "reading", "again"}
RULES_ONLY = {"model", "flow", "postings", "effects"}
STEPS_ONLY = {"store"}
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Sin:
    file: Path
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


def check_context(folder: Path) -> list[Sin]:
    """All breaches in one context."""
    trees = {file: ast.parse(file.read_text()) for file in sorted(folder.rglob("*.py"))}
    ports = {
        node.name
        for file, tree in trees.items()
        if file.stem == "ports"
        for node in tree.body
        if isinstance(node, ast.ClassDef) and any(_last(base) == "Protocol" for base in node.bases)
    }
    names = {name for tree in trees.values() for name in _names_of(tree, ports)}
    return [sin for file, tree in trees.items() for sin in _check_file(file, tree, names)]


def _names_of(tree: ast.AST, ports: set[str]) -> Iterator[str]:
    """Fields and parameters that are annotated with a port."""
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name, annotation = node.target.id, node.annotation
        elif isinstance(node, ast.arg) and node.annotation is not None:
            name, annotation = node.arg, node.annotation
        else:
            continue
        if any(_last(part) in ports for part in ast.walk(annotation)):
            yield name


def _check_file(file: Path, tree: ast.AST, ports: set[str]) -> Iterator[Sin]:
    for function in ast.walk(tree):
        if isinstance(function, Function):
            for line, text in _check_function(file.stem, function, ports):
                yield Sin(file, line, f"{function.name}: {text}")


def _check_function(stem: str, function: Function, ports: set[str]) -> Iterator[tuple[int, str]]:
    arguments = function.args
    names = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    own = [name for name in names if name not in ("self", "cls")]
    step = own[:1] == ["tx"]
    if "tx" in own and not step:
        yield function.lineno, "tx comes first"
    if stem in RULES_ONLY and ("tx" in own or isinstance(function, ast.AsyncFunctionDef)):
        yield function.lineno, f"only rules live in {stem}: neither tx nor async"
    if stem in STEPS_ONLY and isinstance(function, ast.AsyncFunctionDef) and not step:
        yield function.lineno, f"only steps live in {stem}: tx comes first"
    if step:
        for call in _calls(function.body):
            if _opens(call):
                yield call.lineno, "a step opens no transaction"
            elif port := _port(call, ports):
                yield call.lineno, f"a step calls no port ({port})"
    for block in _inside(function.body):
        if isinstance(block, ast.AsyncWith) and any(_opens(item.context_expr) for item in block.items):
            for call in _calls(block.body):
                if _opens(call):
                    yield call.lineno, "a transaction inside a transaction"
                elif port := _port(call, ports):
                    yield call.lineno, f"a port ({port}) is called inside a transaction"


def _inside(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """Everything in these statements but the bodies of inner functions, which run at another time."""
    todo: list[ast.AST] = list(body)
    while todo:
        node = todo.pop()
        if isinstance(node, Function | ast.Lambda):
            continue
        yield node
        todo.extend(ast.iter_child_nodes(node))


def _calls(body: list[ast.stmt]) -> Iterator[ast.Call]:
    return (node for node in _inside(body) if isinstance(node, ast.Call))


def _opens(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in OPENING


def _port(call: ast.Call, ports: set[str]) -> str | None:
    """The port on which this call is a method, else None: ``self.sms.send()``, ``parts.lightning.pay()``."""
    if not isinstance(call.func, ast.Attribute):
        return None
    owner = _last(call.func.value)
    return owner if owner in ports else None


def _last(node: ast.AST) -> str | None:
    """``c`` of ``a.b.c``, or a name."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else None
