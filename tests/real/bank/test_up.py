"""``hazina up --regtest`` without what it needs."""

from __future__ import annotations

from pathlib import Path

from tests.ops.bank import hazina, left_over

from hazina.sandbox.real.network import Programs


def test_a_missing_program_is_named(tmp_path: Path) -> None:
    refused = hazina("up", "--data", str(tmp_path / "data"), "--port", "0", "--regtest")
    assert refused.returncode == 1
    assert "./dev up --regtest" in refused.stderr and "HAZINA_BITCOIND" in refused.stderr
    assert left_over(tmp_path) == []


def test_lnd_must_be_named(tmp_path: Path, programs: Programs) -> None:
    variables = {"HAZINA_BITCOIND": str(programs.bitcoind)}
    refused = hazina(
        "up", "--data", str(tmp_path / "data"), "--port", "0", "--regtest", "--lightning", "lnd", **variables
    )
    assert refused.returncode == 1
    assert "HAZINA_LND_BINARY" in refused.stderr
