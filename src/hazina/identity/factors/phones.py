"""What stands before a code is sent to a phone: a captcha, and what kind of line it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from hazina.identity.errors import FactorExists, PhoneNotServed
from hazina.identity.factors import store
from hazina.identity.factors.errors import CaptchaFailed, PhoneExists
from hazina.identity.factors.model import CaptchaAnswer, ip_rate
from hazina.identity.model import HOUR_S, Factor, Proved, parse_phone
from hazina.identity.ports import Captcha, CaptchaWidget, Lines, Puzzle
from hazina.identity.service import Identity
from hazina.kernel import rates
from hazina.kernel.db import Tx
from hazina.kernel.errors import TooManyRequests
from hazina.kernel.ids import UUID

log = structlog.get_logger("hazina.identity.phones")

PUZZLE_LIFE_S = 600
OFFLINE_PER_IP = rates.Rate("captcha_offline_per_ip", 3, HOUR_S, HOUR_S)
"""While the captcha's provider is away, everybody passes, but not often: a stranger must not be able to switch the
captcha off by being many."""
LINES_REFUSED = frozenset({"nonFixedVoip", "voicemail", "pager", "premium", "sharedCost", "uan", "tollFree"})


@dataclass(frozen=True, slots=True)
class Phones:
    """``captcha`` and ``widget``: whichever the bank has; neither: everybody may ask. ``lines``: who says what kind
    of line a number is; None: nobody is asked."""

    identity: Identity
    captcha: Captcha | None = None
    widget: CaptchaWidget | None = None
    hostnames: frozenset[str] = frozenset()
    lines: Lines | None = None
    lines_refused: frozenset[str] = field(default=LINES_REFUSED)

    @property
    def guarded(self) -> bool:
        return self.captcha is not None or self.widget is not None

    async def puzzle(self) -> Puzzle | None:
        """A captcha to draw; None: the bank asks for none, or its widget draws its own."""
        if self.captcha is None:
            return None
        puzzle = await self.captcha.puzzle()
        if not puzzle.online:
            log.error("captcha_offline")
        ends = self.identity.clock.now() + timedelta(seconds=PUZZLE_LIFE_S)
        async with self.identity.db.transaction() as tx:
            await store.put_puzzle(tx, puzzle.challenge, puzzle.online, ends)
        return puzzle

    async def request_code(self, phone: str, channel: str, ip: str | None, answer: CaptchaAnswer | None) -> None:
        """As ``Identity.request_code``, behind the captcha and the look at the line. Raises what that raises,
        CaptchaFailed, CaptchaUnavailable."""
        number = parse_phone(phone)
        await self._see_person(answer or CaptchaAnswer(), ip)
        if self.lines is not None and await self.lines.kind(number) in self.lines_refused:
            raise PhoneNotServed
        await self.identity.request_code(number, channel, ip)

    async def link(self, tx: Tx, user_id: UUID, proved: Proved, *, ip: str | None, agent: str | None) -> Factor:
        """Add the phone that was proved. Raises FactorTaken, PhoneExists."""
        try:
            return await self.identity.links.link(tx, user_id, proved.kind, proved.subject, ip=ip, agent=agent)
        except FactorExists:
            raise PhoneExists from None

    async def _see_person(self, answer: CaptchaAnswer, ip: str | None) -> None:
        if self.widget is not None and (answer.token or self.captcha is None):
            if not answer.token or not await self.widget.solved(answer.token, ip, self.hostnames):
                raise CaptchaFailed
        elif self.captcha is not None:
            await self._geetest(self.captcha, answer, ip)

    async def _geetest(self, captcha: Captcha, answer: CaptchaAnswer, ip: str | None) -> None:
        """The mode is the one that the puzzle was made in: what a client says of it counts for nothing."""
        now = self.identity.clock.now()
        # the widget lengthens the challenge by two characters
        async with self.identity.db.transaction() as tx:
            online = await store.use_puzzle(tx, answer.challenge[:32], now)
            wait = 0
            if online is False:
                wait = await rates.take(tx, ip_rate(OFFLINE_PER_IP, ip, self.identity.policy), now)
        if wait:
            raise TooManyRequests(retry_after_s=wait)
        if online is None or not (answer.challenge and answer.validate and answer.seccode):
            raise CaptchaFailed
        if online and not await captcha.solved(answer.challenge, answer.validate, answer.seccode):
            raise CaptchaFailed
