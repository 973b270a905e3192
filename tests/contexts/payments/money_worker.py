"""A process that may be killed: books what the chain told, or begins one withdrawal, then ends.

Reads from its standard input, pickled: the bank's settings, and a customer and an order, or None to follow.
"""

from __future__ import annotations

import asyncio
import pickle
import sys

from hazina import app
from hazina.access import Caller
from hazina.payments import SendOnchain
from hazina.settings import Settings


async def work(settings: Settings, wish: tuple[Caller, SendOnchain] | None) -> None:
    bank = app.build(settings)
    await bank.start()
    try:
        if wish is None:
            await bank.payments.follow_chain()
        else:
            await bank.payments.send_onchain(*wish)
    finally:
        await bank.stop()


if __name__ == "__main__":
    asyncio.run(work(*pickle.load(sys.stdin.buffer)))
