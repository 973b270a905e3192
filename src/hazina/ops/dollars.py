"""Dollars that were brought to the counter: the only way in until the bank exchanges."""

from __future__ import annotations

import asyncio

from hazina.kernel.errors import Refusal
from hazina.kernel.money import Asset, Cents
from hazina.ops import Trouble, serve
from hazina.ops.stopping import Say
from hazina.settings import Settings


def issue(settings: Settings, name: str, cents: int, reason: str, say: Say) -> None:
    """Put ``cents`` into the dollar wallet of the customer called ``name`` (or with that phone number).

    :raises Trouble: refused; nothing was moved.
    """

    async def main() -> str:
        await bank.start()
        try:
            wallet = await bank.accounts.default_wallet(name, Asset.USD)
            line = await bank.payments.issue_dollars(wallet.id, Cents(cents), reason)
        except Refusal as refusal:
            raise Trouble(f"{refusal} Nothing was moved.") from None
        finally:
            await bank.stop()
        return str(line.payment_id)

    with serve.beside_others(settings) as (settings, place):
        bank = serve.built(settings, place)
        payment = asyncio.run(main())
    say(f"USD {cents // 100}.{cents % 100:02d} for {name}, payment {payment}.")
