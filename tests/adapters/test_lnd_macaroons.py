"""Macaroons: what the bank's may, and what a caveat takes away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from pymacaroons import Macaroon  # type: ignore[import-untyped]  # the package ships no types
from pymacaroons.serializers import BinarySerializer  # type: ignore[import-untyped]
from tests.sandbox.process import SandboxProcess

from hazina.adapters import lnd as adapter
from hazina.adapters.lnd import Lnd, narrowed
from hazina.payments.ports import NodeSilent
from hazina.sandbox.macaroons import BANK


def with_caveat(macaroon: str, caveat: str) -> str:
    sealed = BinarySerializer().deserialize_raw(bytes.fromhex(macaroon))
    assert isinstance(sealed, Macaroon)
    sealed.add_first_party_caveat(caveat)
    return bytes(BinarySerializer().serialize_raw(sealed)).hex()


async def said(sandbox: SandboxProcess, macaroon: str | None, path: str = "/v1/getinfo") -> Any:
    answer = await sandbox.raw("GET", path, macaroon=macaroon)
    return answer.status if answer.status == 200 else (answer.status, answer.json()["message"])


def test_the_bank_needs_what_it_is_given() -> None:
    assert {("uri", uri) for uri in adapter.CALLS} == BANK


async def test_time_before(sandbox: SandboxProcess) -> None:
    macaroon, now = sandbox.macaroon(), datetime.now(UTC)
    assert await said(sandbox, narrowed(macaroon, now + timedelta(minutes=1))) == 200
    status, text = await said(sandbox, narrowed(macaroon, datetime(2026, 1, 2, 3, 4, 5, 6_000, tzinfo=UTC)))
    assert status == 500
    assert text == 'caveat "time-before 2026-01-02T03:04:05.006Z" not satisfied: macaroon has expired'
    narrowed_twice = narrowed(narrowed(macaroon, now - timedelta(seconds=1)), now + timedelta(days=1))
    assert (await said(sandbox, narrowed_twice))[0] == 500


@pytest.mark.parametrize(
    ("caveat", "answer"),
    [
        ("ipaddr 127.0.0.1", 200),
        ("ipaddr 10.1.1.1",
         (500, 'caveat "ipaddr 10.1.1.1" not satisfied: macaroon locked to different IP address')),
        ("foo bar", (500, 'caveat "foo bar" not satisfied: caveat not recognized')),
        ("time-before soon", (500, 'caveat "time-before soon" not satisfied: macaroon has expired')),
    ],
)  # fmt: skip
async def test_caveats(sandbox: SandboxProcess, caveat: str, answer: object) -> None:
    assert await said(sandbox, with_caveat(sandbox.macaroon(), caveat)) == answer


async def test_macaroons_that_open_nothing(sandbox: SandboxProcess) -> None:
    good = sandbox.macaroon()
    assert await said(sandbox, None) == (500, "expected 1 macaroon, got 0")
    assert await said(sandbox, "zz") == (500, "encoding/hex: invalid byte: U+007A 'z'")
    forged = good[:-2] + ("00" if good[-2:] != "00" else "01")
    assert await said(sandbox, forged) == (
        500,
        "verification failed: signature mismatch after caveat verification",
    )
    for broken in ("00", "02", good[:50], "02" * 5_000, good[:8] + "ff" + good[10:]):
        assert (await said(sandbox, broken))[0] == 500


async def test_the_banks_macaroon_can_do_no_more(sandbox: SandboxProcess) -> None:
    mine = sandbox.macaroon()
    for path in ("/v1/balance/blockchain", "/v1/payreq/lnbc1", "/v1/macaroon/ids"):
        assert await said(sandbox, mine, path) == (500, "permission denied")
    answer = await sandbox.raw("POST", "/v1/macaroon", macaroon=mine, body={"permissions": []})
    assert answer.json()["message"] == "permission denied"


async def test_baking_and_revoking(sandbox: SandboxProcess) -> None:
    address = SimpleNamespace(
        name="x",
        base_url=f"{sandbox.url}/lnd",
        tls_cert=None,
        macaroon=SimpleNamespace(get_secret_value=lambda: sandbox.macaroon(admin=True)),
    )
    baked = await adapter.bake(address)
    assert await said(sandbox, baked) == 200
    assert await said(sandbox, baked, "/v1/macaroon/ids") == (500, "permission denied")
    node = Lnd("lnd-1", f"{sandbox.url}/lnd", baked)
    assert (await node.info()).synced
    await node.close()

    read_only = {"permissions": [{"entity": "info", "action": "read"}], "root_key_id": "7"}
    baked = (await sandbox.raw("POST", "/v1/macaroon", body=read_only)).json()["macaroon"]
    assert await said(sandbox, baked) == 200
    assert await said(sandbox, baked, "/v1/invoices") == (500, "permission denied")
    assert (await sandbox.raw("DELETE", "/v1/macaroon/7")).json() == {"deleted": True}
    assert (await sandbox.raw("DELETE", "/v1/macaroon/7")).json() == {"deleted": False}
    assert (await sandbox.raw("DELETE", "/v1/macaroon/0")).status == 500
    assert await said(sandbox, baked) == (
        500,
        "cannot retrieve macaroon: cannot get macaroon: root key with id 7 doesn't exist",
    )


@pytest.mark.parametrize(
    "permissions",
    [
        [],
        [{"entity": "money", "action": "read"}],
        [{"entity": "info", "action": "eat"}],
        [{"entity": "uri", "action": "/x"}],
        ["info"],
    ],
)
async def test_baking_nonsense(sandbox: SandboxProcess, permissions: list[object]) -> None:
    answer = await sandbox.raw("POST", "/v1/macaroon", body={"permissions": permissions})
    assert answer.status == 500


async def test_the_adapter_takes_a_refused_macaroon_for_silence(sandbox: SandboxProcess) -> None:
    node = Lnd("lnd-1", f"{sandbox.url}/lnd", with_caveat(sandbox.macaroon(), "ipaddr 10.1.1.1"))
    for call in (node.info(), node.outgoing(bytes(32)), anext(node.changes("5"))):
        with pytest.raises(NodeSilent):
            await call
    await node.close()
