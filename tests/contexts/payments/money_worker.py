"""Processes that may be killed: each does one thing that moves money, then ends.

Reads from its standard input, one after the other, pickled: the bank's settings, and a customer and an order, or the
name of a background verb of payments, or ``hedge``, or a context above payments with one of its verbs. For each it
forks, so that the program is loaded once, and prints the number of the new process.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import sys
from typing import Any, Literal

from hazina import app
from hazina.access import Caller
from hazina.payments import SendInternal, SendInvoice, SendOnchain
from hazina.settings import Settings

LinkWish = tuple[Literal["links", "webhooks", "learn"], str, tuple[Any, ...]]  # a verb, and what it takes
Wish = str | tuple[Caller, SendOnchain | SendInternal | SendInvoice] | LinkWish


async def work(settings: Settings, wish: Wish) -> None:
    bank = app.build(settings)
    await bank.start()
    try:
        if isinstance(wish, str):
            await (bank.hedge.round() if wish == "hedge" else getattr(bank.payments, wish)())
            return
        if isinstance(wish[0], str):
            await getattr(getattr(bank, wish[0]), wish[1])(*wish[2])
            return
        caller, order = wish
        if isinstance(order, SendOnchain):
            await bank.payments.send_onchain(caller, order)
        elif isinstance(order, SendInternal):
            await bank.payments.send_internal(caller, order)
        else:
            await bank.payments.send_invoice(caller, order)
    finally:
        await bank.stop()


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    while True:
        try:
            job = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.dup2(2, 1)  # what it logs is no answer
            try:
                asyncio.run(work(*job))
            finally:
                os._exit(0)
        print(pid, flush=True)


if __name__ == "__main__":
    main()
