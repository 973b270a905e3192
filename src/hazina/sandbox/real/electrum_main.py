"""Electrum with one command more, for the wallets outside. Its own ``lnpay`` cannot pay an invoice without
an amount, though Electrum itself can; and with two channels it may try to reach the payee of one through
the other. Run by the Python of Electrum's environment; imports nothing of ours.

    python electrum_main.py PATH_OF_ELECTRUM [arguments of Electrum's]
"""

from __future__ import annotations

import importlib
import runpy
import sys
from typing import Any


async def lnpay_outside(self: Any, invoice: str, amount_msat: int | None = None, wallet: Any = None) -> dict[str, Any]:
    """Pay a lightning invoice, to a neighbour by our channel with it

    arg:str:invoice:Lightning invoice (bolt 11)
    arg:int:amount_msat:What to pay, if the invoice does not say
    """
    node = wallet.lnworker
    order = importlib.import_module("electrum.invoices").Invoice.from_bech32(invoice)
    if amount_msat is not None:
        order.set_amount_msat(amount_msat)
    wallet.save_invoice(order)
    payee = node._check_bolt11_invoice(invoice, amount_msat=amount_msat).pubkey.serialize()
    direct = [channel for channel in node.channels.values() if channel.node_id == payee and channel.is_active()]
    success, log = await node.pay_invoice(order, amount_msat=amount_msat, channels=direct or None)
    return {"payment_hash": order.rhash, "success": success, "log": [one.formatted_tuple() for one in log]}


def main() -> None:
    commands = importlib.import_module("electrum.commands")
    commands.Commands.lnpay_outside = commands.command("wnl")(lnpay_outside)
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
