"""One round of payouts in a process of its own that kills itself at a given step, as a power cut would.

``python -m tests.real.payout_worker DATABASE NODE USER PASSWORD TIME METHOD before|after``
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from datetime import datetime
from typing import Any

from hazina.adapters.bitcoind_rpc import Rpc
from hazina.adapters.bitcoind_wallet import BitcoindWallets
from hazina.chain.payouts import Payouts
from hazina.kernel.clock import ManualClock
from hazina.kernel.db import Database


class Dying(BitcoindWallets):
    """The real thing, which does not survive one of its calls."""

    method = ""
    when = ""

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name != super().__getattribute__("method"):
            return found

        async def call(*given: Any, **named: Any) -> Any:
            if super(Dying, self).__getattribute__("when") == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            await found(*given, **named)
            os.kill(os.getpid(), signal.SIGKILL)

        return call


async def main(database: str, url: str, user: str, password: str, now: str, method: str, when: str) -> None:
    db = Database(database, size=2)
    await db.open()
    wallets = Dying(Rpc(url, user=user, password=password), "hot")
    Dying.method, Dying.when = method, when
    await Payouts(db, ManualClock(datetime.fromisoformat(now)), wallets).round()
    await db.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
