"""The command line: help everywhere with an example, plain sentences, exit codes. Nothing is started here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from hazina.cli import cli

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = (
    "up",
    "api",
    "worker",
    "sandbox",
    "migrate",
    "verify",
    "doctor",
    "keys",
    "config",
    "issue-dollars",
    "psql",
    "operator",
    "safe-mode",
    "treasury",
    "hedge",
    "apps",
    "merchants",
    "webhooks",
    "funder",
    "feedback",
)


def hazina(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("HAZINA_", "DATABASE_URL"))}
    command = [sys.executable, "-m", "hazina.cli", *arguments]
    return subprocess.run(command, env=clean | environ, capture_output=True, text=True, timeout=300, check=False)


def test_there_are_these_commands() -> None:
    group = typer.main.get_group(cli)
    assert set(group.commands) == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name: str) -> None:
    text = typer.main.get_group(cli).commands[name].help or ""
    assert "Example: `" in text
    assert f"hazina {name}" in text


def test_help_is_shown() -> None:
    for arguments in (["--help"], ["up", "--help"]):
        done = hazina(*arguments)
        assert done.returncode == 0
        assert "Usage: hazina" in done.stdout


def test_a_command_that_makes_no_sense_is_exit_code_2() -> None:
    assert hazina("upp").returncode == 2
    assert hazina("up", "--port", "70000").returncode == 2


def test_bad_settings_are_a_sentence_with_their_place(tmp_path: Path) -> None:
    (tmp_path / "hazina.toml").write_text("prot = 1\n")
    done = hazina("config", "--data", str(tmp_path))
    assert done.returncode == 1
    assert f"{tmp_path}/hazina.toml:1: prot: there is no such setting." in done.stderr
    assert "Traceback" not in done.stderr


def test_config_hides_secrets() -> None:
    done = hazina("config", DATABASE_URL="postgresql://hazina:pass-word@db/hazina")
    assert done.returncode == 0
    assert "DATABASE_URL" in done.stdout
    assert "pass-word" not in done.stdout


def test_the_process_refuses_to_run_without_its_assertions() -> None:
    done = subprocess.run(
        [sys.executable, "-O", "-m", "hazina.cli", "--help"], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 1
    assert "-O" in done.stderr


def test_dev_says_what_it_can_do() -> None:
    done = subprocess.run([ROOT / "dev", "help"], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0
    for word in ("./dev up", "./dev test", "./dev check", "./dev hazina", "./dev web", "./dev bench"):
        assert word in done.stdout
    done = subprocess.run([ROOT / "dev", "nonsense"], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 2
    assert "nonsense" in done.stderr


def test_the_gate_is_the_command_that_people_type() -> None:
    assert (ROOT / ".ci" / "run").read_text().splitlines()[-1] == 'exec "$(dirname -- "$0")/../dev" test'
