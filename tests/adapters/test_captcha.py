"""The captcha adapters against the sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.sandbox.process import SandboxProcess

from hazina.adapters.captcha import GeeTest, Turnstile
from hazina.identity.ports import CaptchaUnavailable
from hazina.sandbox import captcha
from hazina.settings import GeeTest as GeeTestSettings
from hazina.settings import Turnstile as TurnstileSettings

NOWHERE: frozenset[str] = frozenset()


@pytest.fixture
async def geetest(sandbox: SandboxProcess) -> AsyncIterator[GeeTest]:
    url = f"{sandbox.url}/geetest"
    settings = {"base_url": url, "status_url": url, "id": captcha.GEETEST_ID, "key": captcha.GEETEST_KEY}
    adapter = GeeTest(GeeTestSettings.model_validate(settings))
    yield adapter
    await adapter.close()


@asynccontextmanager
async def turnstile(sandbox: SandboxProcess, secret: str = captcha.TURNSTILE_SECRET) -> AsyncIterator[Turnstile]:
    settings = {"base_url": sandbox.url, "site_key": "1x", "secret": secret}
    widget = Turnstile(TurnstileSettings.model_validate(settings))
    try:
        yield widget
    finally:
        await widget.close()


async def test_geetest_solved_once(geetest: GeeTest) -> None:
    puzzle = await geetest.puzzle()
    assert puzzle.online and puzzle.id == captcha.GEETEST_ID
    validate, seccode = captcha.solution(puzzle.challenge)
    assert not await geetest.solved(puzzle.challenge, "x", "x|jordan")
    assert await geetest.solved(puzzle.challenge, validate, seccode)
    assert not await geetest.solved(puzzle.challenge, validate, seccode)


async def test_geetest_away(geetest: GeeTest, sandbox: SandboxProcess) -> None:
    for call in ("status", "register"):
        await sandbox.fault(call, "error", provider="captcha", times=1)
        assert not (await geetest.puzzle()).online
    await sandbox.fault("verify", "cut", provider="captcha", times=1)
    with pytest.raises(CaptchaUnavailable):
        await geetest.solved("c" * 32, "v", "s")


async def test_turnstile(sandbox: SandboxProcess) -> None:
    async with turnstile(sandbox) as widget:
        assert await widget.solved("ok-1", "127.0.0.1", NOWHERE)
        assert not await widget.solved("ok-1", None, NOWHERE)
        assert not await widget.solved("no", None, NOWHERE)
        assert await widget.solved("ok-2", None, frozenset({"localhost"}))
        assert not await widget.solved("ok-3", None, frozenset({"elsewhere.example"}))
        await sandbox.fault("verify", "empty", provider="captcha", times=1)
        with pytest.raises(CaptchaUnavailable):
            await widget.solved("ok-4", None, NOWHERE)


@pytest.mark.parametrize(
    ("secret", "passes"),
    [(captcha.ALWAYS_PASSES, True), (captcha.ALWAYS_FAILS, False), (captcha.ALREADY_SPENT, False)],
)
async def test_cloudflares_own_test_secrets(sandbox: SandboxProcess, secret: str, passes: bool) -> None:
    async with turnstile(sandbox, secret) as widget:
        assert await widget.solved("XXXX.DUMMY.TOKEN.XXXX", None, NOWHERE) == passes


async def test_a_wrong_secret_of_ours_is_no_proof_against_the_customer(sandbox: SandboxProcess) -> None:
    async with turnstile(sandbox, "wrong") as widget:
        with pytest.raises(CaptchaUnavailable):
            await widget.solved("ok-5", None, NOWHERE)
