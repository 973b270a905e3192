"""Operators at the command line: closing, asking, lifting; what `doctor` says meanwhile."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.ops.bank import environment

from hazina.kernel.db import Database

AMINA, BARAKA = "bahari ya shaba", "punda wa mchanga"


@pytest.fixture
def hazina(db: Database, program_url: str, tmp_path: Path) -> Hazina:
    return Hazina(program_url, tmp_path)


class Hazina:
    def __init__(self, url: str, data: Path) -> None:
        self.url, self.data = url, data

    def __call__(self, *arguments: str, stdin: str = "") -> tuple[int, str]:
        command = [sys.executable, "-m", "hazina.cli", *arguments, "--data", str(self.data)]
        done = subprocess.run(
            command, env=environment(DATABASE_URL=self.url, HAZINA_UNSAFE_DATABASE="true"), input=stdin + "\n",
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr


def test_two_operators_lift_what_one_closed(hazina: Hazina) -> None:
    assert hazina("safe-mode", "status")[0] == 0
    assert "takes two operators" in hazina("operator", "list")[1]
    for name, secret in (("amina", AMINA), ("baraka", BARAKA)):
        assert hazina("operator", "add", name, stdin=secret) == (0, f"{name} is an operator.\n")

    code, said = hazina("safe-mode", "close", "--rail", "lightning", "--reason", "The node moves.")
    assert code == 0 and "Closed: lightning" in said
    code, said = hazina("safe-mode", "status")
    assert code == 1 and "The node moves." in said

    lift = ("safe-mode", "lift", "--rail", "lightning", "--operator")
    assert "Asked for" in hazina(*lift, "amina", stdin=AMINA)[1]
    code, said = hazina(*lift, "amina", stdin=AMINA)
    assert code == 1 and "Another operator has to lift it" in said and "Traceback" not in said
    code, said = hazina(*lift, "baraka", stdin="wrong")
    assert code == 1 and "passphrase is wrong" in said
    assert hazina(*lift, "baraka", stdin=BARAKA) == (0, "Open: lightning.\n")
    code, said = hazina("safe-mode", "status")
    assert code == 0
    for word in (
        "closed, by command line",
        "lift asked for, by amina",
        "operator refused, by baraka",
        "lifted, by baraka",
    ):
        assert word in said


def test_what_makes_no_sense_is_a_plain_sentence(hazina: Hazina) -> None:
    for arguments, stdin, said in (
        (("safe-mode", "close", "--rail", "road", "--reason", "x"), "", "There is no rail called 'road'."),
        (("operator", "add", "amina"), "short", "at least 12 characters"),
        (("operator", "remove", "amina"), "", "There is no such operator."),
        (("safe-mode", "lift", "--rail", "bank", "--operator", "amina"), AMINA, "no such operator"),
    ):
        code, text = hazina(*arguments, stdin=stdin)
        assert code == 1 and said in text and "Traceback" not in text


def test_doctor_says_what_is_closed_and_how_it_is_lifted(hazina: Hazina) -> None:
    hazina("safe-mode", "close", "--rail", "bank", "--reason", "Theft.")
    code, said = hazina("doctor")
    assert code == 1
    plain = " ".join(said.split())
    for words in ("rail bank", "Theft.", "safe-mode lift --rail bank", "nobody could lift a closure"):
        assert words in plain, said
