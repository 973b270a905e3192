"""What the web app holds to without a browser: its rules, and the documents that it sends."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from graphql import parse, validate

from hazina.api.graphql.schema import build_schema
from hazina.kernel.errors import Refusal
from hazina.learn import SECTIONS

WEB = Path(__file__).parents[2] / "web"
SCHEMA = build_schema()


def sent() -> str:
    return "\n".join(file.read_text() for file in sorted((WEB / "src" / "api").glob("*.ts")))


def documents() -> dict[str, str]:
    """Every document of the wallet by the name of its constant, fragments filled in."""
    text = sent()
    pieces = dict(re.findall(r"const ([A-Z]+) = `([^`]*)`;", text))
    found = dict(re.findall(r"export const (\w+) = doc<[\s\S]*?>\(\s*`([^`]*)`\);", text))
    for name, document in found.items():
        for _ in range(2):  # a piece may hold a piece
            document = re.sub(r"\$\{([A-Z]+)\}", lambda hole: str(pieces[hole[1]]), document)
        found[name] = document
    return found


@pytest.mark.parametrize("name", sorted(documents()))
def test_a_document_fits_the_schema(name: str) -> None:
    assert validate(SCHEMA, parse(documents()[name])) == []


def test_no_document_is_overlooked() -> None:
    assert len(documents()) == sent().count("= doc<")


@pytest.mark.parametrize("language", ["en", "sw"])
def test_every_quiz_of_the_bank_has_a_lesson(language: str) -> None:
    sections = json.loads((WEB / "src" / "learn" / f"{language}.json").read_text())
    assert [[lesson[0] for lesson in one["lessons"]] for one in sections] == [list(ids) for _, ids in SECTIONS]
    for one in sections:
        for _, text, question, *answers in one["lessons"]:
            assert text and question.endswith("?") and len(set(answers)) == 3 and all(answers)


def test_words_are_of_refusals_that_exist() -> None:
    """The wallet words a refusal by its code: the bank's own where Blink's says nothing, or all and nothing."""

    def every(of: type[Refusal]) -> set[str]:
        return {of.blink, *vars(of).get("code", "").split()}.union(*(every(one) for one in of.__subclasses__()))

    words = json.loads((WEB / "src" / "lib" / "en.json").read_text())
    worded = {key.removeprefix("refusal.") for key in words if key.startswith("refusal.")}
    assert worded <= every(Refusal)
    assert not worded & {"INVALID_INPUT", "UNKNOWN_CLIENT_ERROR"}


def test_the_rules_of_money_and_destinations() -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("there is no npm here")
    run = subprocess.run([npm, "test", "--silent"], cwd=WEB, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
