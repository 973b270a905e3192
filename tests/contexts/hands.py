"""A process that may be killed: does one thing to a bank, then ends.

Reads from its standard input, pickled: the bank's settings, and what to do with its arguments.
"""

from __future__ import annotations

import asyncio
import pickle
import sys
from typing import Any

from hazina import app
from hazina.settings import Settings


async def work(settings: Settings, wish: tuple[Any, ...]) -> None:
    bank = app.build(settings)
    await bank.start()
    try:
        match wish:
            case ("follow webhooks",):
                await bank.webhooks.follow()
            case ("deliver webhooks",):
                await bank.webhooks.sender.begin()
                await asyncio.wait(bank.webhooks.sender.under_way)
            case ("claim quiz", caller, quiz_id):
                await bank.learn.claim(caller, quiz_id)
            case ("settle quizzes",):
                await bank.learn.settle()
    finally:
        await bank.stop()


if __name__ == "__main__":
    asyncio.run(work(*pickle.load(sys.stdin.buffer)))
