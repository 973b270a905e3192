"""The bank's coins by its command line, on real nodes: swept to cold, brought back by two people; the books agree."""

from __future__ import annotations

import asyncio
import base64
import subprocess
import sys
import time
from pathlib import Path

from tests.browser.conftest import Bank, Outside, People
from tests.ops.bank import environment
from tests.real.bank.test_coins import address_of
from tests.real.signer import Signer

DEPOSIT = 300_000_000
SECONDS_MAX = 180


def said(bank: Bank, *arguments: str, secret: str = "", code: int = 0) -> str:
    command = [sys.executable, "-m", "hazina.cli", *arguments, "--data", str(bank.data)]
    done = subprocess.run(
        command,
        env=environment(),
        input=f"{secret}\n",
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


async def swept(bank: Bank, cold: str, outside: Outside) -> None:
    """By our command or by a worker's round, whichever was quicker; blocks are mined meanwhile."""
    end = time.monotonic() + SECONDS_MAX
    while cold not in (seen := await asyncio.to_thread(said, bank, "treasury", "show")):
        assert time.monotonic() < end, f"{cold} is not in:\n{seen}"
        await asyncio.to_thread(said, bank, "treasury", "sweep")
        await outside._call("POST", "onchain/mine", blocks=1)


def sat(name: str, sats: int) -> str:
    return f"{name:15}{sats:>18,} sat"


async def test_coins_go_to_cold_and_come_back_and_the_books_agree(
    people: People, outside: Outside, bank: Bank, tmp_path: Path
) -> None:
    before = said(bank, "treasury", "show")
    hot = int(before.split(" sat")[0].split()[-1].replace(",", ""))
    for name in ("halima", "jelani"):
        said(bank, "operator", "add", name, secret=f"{name}, a long passphrase")
    signer, file = Signer.of("wpkh"), tmp_path / "descriptor.txt"
    file.write_text(signer.descriptor)
    propose = ("treasury", "cold", "propose", "vault", str(file), "--operator", "halima")
    assert "passphrase is wrong" in said(bank, *propose, secret="guessed", code=1)
    said(bank, *propose, secret="halima, a long passphrase")
    confirm = ("treasury", "cold", "confirm", "vault", "--operator")
    assert "Another operator" in said(bank, *confirm, "halima", secret="halima, a long passphrase", code=1)
    said(bank, *confirm, "jelani", secret="jelani, a long passphrase")

    person = await (await people("halima_treasury")).start()
    await outside._call("POST", "onchain/send", address=await address_of(person), sats=DEPOSIT)
    await outside._call("POST", "onchain/mine", blocks=6)
    await swept(bank, sat("cold", hot + DEPOSIT - 1_000_000), outside)

    draft_file, signed_file = tmp_path / "refill.psbt", tmp_path / "signed.psbt"
    draft = ("treasury", "psbt", "draft", "150000000", "--operator", "halima", "--out", str(draft_file))
    draft_id = said(bank, *draft, secret="halima, a long passphrase").split()[0]
    psbt = signer.sign(base64.b64encode(draft_file.read_bytes()).decode())
    signed_file.write_bytes(base64.b64decode(psbt))
    release = ("treasury", "psbt", "release", draft_id)
    unsigned = (*release, str(draft_file), "--operator", "jelani")
    assert "signatures are missing" in said(bank, *unsigned, secret="jelani, a long passphrase", code=1)
    said(bank, *release, str(signed_file), "--operator", "jelani", secret="jelani, a long passphrase")
    assert "refill" in said(bank, "treasury", "show")
    await outside._call("POST", "onchain/mine", blocks=2)
    await asyncio.to_thread(said, bank, "verify", "--nodes")
