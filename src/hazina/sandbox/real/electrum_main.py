"""Electrum with one command more, for the wallets outside: its own ``lnpay`` cannot pay an invoice without
an amount, though Electrum itself can. Run by the Python of Electrum's environment; imports nothing of ours.

    python electrum_main.py PATH_OF_ELECTRUM [arguments of Electrum's]
"""

from __future__ import annotations

import importlib
import runpy
import sys
from typing import Any


async def lnpay_amount(self: Any, invoice: str, amount_msat: int, wallet: Any = None) -> dict[str, Any]:
    """Pay a lightning invoice that has no amount

    arg:str:invoice:Lightning invoice (bolt 11)
    arg:int:amount_msat:What to pay
    """
    order = importlib.import_module("electrum.invoices").Invoice.from_bech32(invoice)
    order.set_amount_msat(amount_msat)
    wallet.save_invoice(order)
    success, log = await wallet.lnworker.pay_invoice(order, amount_msat=amount_msat)
    preimage = wallet.lnworker.get_preimage(bytes.fromhex(order.rhash)) if success else None
    return {
        "payment_hash": order.rhash,
        "success": success,
        "preimage": preimage.hex() if preimage else None,
        "log": [one.formatted_tuple() for one in log],
    }


def main() -> None:
    commands = importlib.import_module("electrum.commands")
    commands.Commands.lnpay_amount = commands.command("wnl")(lnpay_amount)
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
