"""The wallets of a bitcoind (Core or Knots, 27 and newer) for payouts and cold storage, by its JSON-RPC.

The node builds and signs; nothing that it built is its own transaction until we hand it in, so a transaction that
nobody stored was never there. What it says about outputs is read back from the bytes that it signed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from hazina.adapters.bitcoind_rpc import Rpc, bitcoin, sats
from hazina.chain.ports import (
    Coin,
    Given,
    Made,
    NodeRefused,
    NodeSilent,
    NotEnough,
    Order,
    OutputRefused,
    Purse,
    Signed,
    Standing,
    TooMuch,
    Unsigned,
)
from hazina.kernel.db import outside_call

BUILD_S = 120.0
"""Hundreds of inputs take a slow machine its time to choose and sign."""
NO_SUCH_TX = NO_SUCH_ADDRESS = -5
PAGE_FIRST, PAGE = 20, 1_000
WALLET_ERROR = WALLET_EXISTS = -4
ALREADY_IN_CHAIN = -27
INVALID_PARAMETER = -8
LOCKS = 500
RANGE = 1_000
"""Addresses that a watch-only wallet looks ahead on each branch."""
_SIGHASH_ALL = 1


class BitcoindWallets:
    """``rpc`` raises ``NodeRefused`` and ``NodeSilent``."""

    def __init__(self, rpc: Rpc, hot: str) -> None:
        self._rpc = rpc
        self._hot = hot

    @property
    def hot(self) -> str:
        return self._hot

    # --- building ---------------------------------------------------------------------------------

    async def sign(self, order: Order) -> Signed:
        outside_call("bitcoin.sign")
        funded = await self._funded(self._hot, order)
        signed = await self._ask("walletprocesspsbt", funded["psbt"], True, "ALL", wallet=self._hot)
        return await self._whole(signed["psbt"])

    async def draft(self, wallet: str, order: Order) -> Unsigned:
        outside_call("bitcoin.draft")
        funded = await self._funded(wallet, order)
        read = await self._ask("decodepsbt", funded["psbt"])
        size = (await self._ask("analyzepsbt", funded["psbt"])).get("estimated_vsize") or read["tx"]["vsize"]
        outputs = tuple(_made(one) for one in read["tx"]["vout"])
        return Unsigned(funded["psbt"], read["tx"]["txid"], sats(funded["fee"]), int(size), _coins(read), outputs)

    async def _funded(self, wallet: str, order: Order) -> Mapping[str, Any]:
        options: dict[str, Any] = {
            "fee_rate": str(Decimal(order.rate) / 1_000),
            "replaceable": True,
            "lockUnspents": True,
            "add_inputs": order.more,
            "minconf": 1 if order.confirmed else 0,
            "changePosition": len(order.outputs),
            "includeWatching": wallet != self._hot,
        }
        if order.coins:
            options["include_unsafe"] = True  # of the coins that are given; those the wallet adds have a block
            options["minconf"] = 1
        if wallet != self._hot:
            options["change_type"] = await self._kind(wallet)
        if order.whole:
            options["subtractFeeFromOutputs"] = [0]
        inputs = [{"txid": coin.txid, "vout": coin.vout} for coin in order.coins]
        outputs = [{one.address: bitcoin(one.sats)} for one in order.outputs]
        try:
            funded: Mapping[str, Any] = await self._ask(
                "walletcreatefundedpsbt", inputs, outputs, 0, options, wallet=wallet, timeout_s=BUILD_S
            )
        except NodeRefused as refused:
            raise _sorted(refused) from refused
        return funded

    async def _whole(self, psbt: str) -> Signed:
        """The signed transaction of a PSBT, read back from its bytes."""
        done = await self._ask("finalizepsbt", psbt)
        if not done.get("complete"):
            raise NodeRefused(WALLET_ERROR, "signatures are missing")
        coins = _coins(await self._ask("decodepsbt", psbt))
        made = await self._ask("decoderawtransaction", done["hex"])
        spent = [(one["txid"], int(one["vout"])) for one in made["vin"]]
        if spent != [(coin.txid, coin.vout) for coin in coins]:
            raise NodeSilent("the signed transaction spends other coins")
        outputs = tuple(_made(one) for one in made["vout"])
        fee = sum(coin.sats for coin in coins) - sum(one.sats for one in outputs)
        return Signed(made["txid"], bytes.fromhex(done["hex"]), int(made["vsize"]), fee, coins, outputs)

    # --- telling the network ----------------------------------------------------------------------

    async def judge(self, raw: bytes) -> str | None:
        outside_call("bitcoin.judge")
        found = (await self._ask("testmempoolaccept", [raw.hex()], "0"))[0]
        reason = str(found.get("reject-details") or found.get("reject-reason") or "refused")
        return None if found.get("allowed") or reason.startswith("txn-already") else reason

    async def publish(self, raw: bytes) -> str | None:
        outside_call("bitcoin.publish")
        try:
            await self._ask("sendrawtransaction", raw.hex(), "0")
        except NodeRefused as refused:
            if refused.number == ALREADY_IN_CHAIN or refused.text.startswith("txn-already"):
                return None
            return refused.text
        return None

    async def publish_together(self, raws: list[bytes]) -> str | None:
        outside_call("bitcoin.publish_together")
        try:
            said = await self._ask("submitpackage", [raw.hex() for raw in raws])
        except NodeRefused as refused:
            return refused.text
        if said.get("package_msg") == "success":
            return None
        why = {str(one["error"]) for one in said.get("tx-results", {}).values() if one.get("error")}
        return "; ".join([str(said.get("package_msg") or "refused"), *sorted(why)])

    async def standing(self, wallet: str, txid: str) -> Standing | None:
        outside_call("bitcoin.standing")
        try:
            found = await self._ask("gettransaction", txid, True, wallet=wallet)
        except NodeRefused as refused:
            if refused.number == NO_SUCH_TX:
                return None
            raise
        deep = int(found["confirmations"])
        height = int(found["blockheight"]) if deep > 0 else None
        return Standing(deep, height, deep == 0 and await self._in_mempool(txid))

    async def _in_mempool(self, txid: str) -> bool:
        try:
            await self._ask("getmempoolentry", txid)
        except NodeRefused as refused:
            if refused.number == NO_SUCH_TX:
                return False
            raise
        return True

    async def spends(self, wallet: str, since: str | None) -> tuple[list[str], str | None]:
        """By pages from the newest back: each has a bound, however much dust somebody sends us."""
        outside_call("bitcoin.spends")
        sent: set[str] = set()
        newest: str | None = None
        count, skip = PAGE_FIRST, 0
        while True:
            page = await self._ask("listtransactions", "*", count, skip, wallet=wallet)
            for one in reversed(page):
                newest = newest or str(one["txid"])
                if one["txid"] == since:
                    return sorted(sent), newest
                if one["category"] == "send" and not one.get("abandoned"):
                    sent.add(str(one["txid"]))
            if len(page) < count:
                return sorted(sent), newest
            skip += count
            count = PAGE

    async def least_rate(self) -> int:
        outside_call("bitcoin.least_rate")
        found = await self._ask("getmempoolinfo")
        per_kvb = max(Decimal(found["mempoolminfee"]), Decimal(found["minrelaytxfee"]))
        return sats(per_kvb)  # sat/kvB is msat/vB

    # --- what the wallets have --------------------------------------------------------------------

    async def purse(self, wallet: str) -> Purse:
        outside_call("bitcoin.purse")
        found = (await self._ask("getbalances", wallet=wallet))["mine"]
        return Purse(sats(found["trusted"]), sats(found["untrusted_pending"]))

    async def locked(self, wallet: str) -> list[tuple[str, int]]:
        outside_call("bitcoin.locked")
        return [(one["txid"], int(one["vout"])) for one in await self._ask("listlockunspent", wallet=wallet)]

    async def lock(self, wallet: str, coins: list[tuple[str, int]], *, on: bool) -> None:
        outside_call("bitcoin.lock")
        for start in range(0, len(coins), LOCKS):
            some = [{"txid": txid, "vout": vout} for txid, vout in coins[start : start + LOCKS]]
            try:
                await self._ask("lockunspent", not on, some, wallet=wallet)
            except NodeRefused as refused:
                if refused.number != INVALID_PARAMETER:
                    raise
                # one of them is so already, or spent: that must not stop the others
                said = await self._rpc.batch([("lockunspent", [not on, [one]]) for one in some], wallet=wallet)
                for answer in said:
                    if isinstance(answer, NodeRefused) and answer.number != INVALID_PARAMETER:
                        raise answer from None

    async def own_address(self, wallet: str) -> str:
        outside_call("bitcoin.own_address")
        if wallet == self._hot:
            return str(await self._ask("getrawchangeaddress", wallet=wallet))
        return str(await self._ask("getnewaddress", "", await self._kind(wallet), wallet=wallet))

    async def _kind(self, wallet: str) -> str:
        """The kind of address that a watch-only wallet has; it has one descriptor."""
        known = (await self._ask("listdescriptors", wallet=wallet))["descriptors"]
        return "bech32m" if any(one["desc"].startswith("tr(") for one in known) else "bech32"

    async def owns(self, wallet: str, address: str) -> bool:
        outside_call("bitcoin.owns")
        try:
            found = await self._ask("getaddressinfo", address, wallet=wallet)
        except NodeRefused as refused:
            if refused.number == NO_SUCH_ADDRESS:
                return False
            raise
        return bool(found["ismine"]) and bool(found["solvable"])

    # --- cold -------------------------------------------------------------------------------------

    async def first_address(self, descriptor: str) -> str:
        outside_call("bitcoin.first_address")
        found = await self._ask("getdescriptorinfo", descriptor)
        branches = found.get("multipath_expansion") or []
        if found["hasprivatekeys"] or not found["isrange"] or not found["issolvable"] or len(branches) != 2:
            raise NodeRefused(-5, "not a public descriptor with two branches")
        return str((await self._ask("deriveaddresses", branches[0], [0, 0]))[0])

    async def watch(self, wallet: str, descriptor: str) -> None:
        outside_call("bitcoin.watch")
        if wallet in await self._ask("listwallets"):
            return
        try:
            await self._ask("createwallet", wallet, True, True, "", False, True, True)
        except NodeRefused as refused:
            if refused.number != WALLET_EXISTS:
                raise
            await self._ask("loadwallet", wallet, True)
        if await self._has(wallet, descriptor):
            return
        wish = {"desc": descriptor, "active": True, "timestamp": "now", "range": [0, RANGE - 1]}
        done = (await self._ask("importdescriptors", [wish], wallet=wallet, timeout_s=BUILD_S))[0]
        if not done.get("success"):
            raise NodeRefused(-4, str(done.get("error", {}).get("message", "the descriptor was not taken")))

    async def _has(self, wallet: str, descriptor: str) -> bool:
        wanted = set((await self._ask("getdescriptorinfo", descriptor)).get("multipath_expansion") or [])
        there = {one["desc"] for one in (await self._ask("listdescriptors", wallet=wallet))["descriptors"]}
        return bool(wanted) and wanted <= there

    async def read(self, psbt: str) -> Given:
        outside_call("bitcoin.read")
        read = await self._ask("decodepsbt", psbt)
        made = read["tx"]
        spends = tuple((one["txid"], int(one["vout"])) for one in made["vin"])
        outputs = tuple(_made(one) for one in made["vout"])
        return Given(made["txid"], spends, outputs, all(_only_all(one) for one in read["inputs"]))

    async def finish(self, ours: str, theirs: str) -> Signed:
        outside_call("bitcoin.finish")
        return await self._whole(await self._ask("combinepsbt", [ours, theirs]))

    async def _ask(self, method: str, *params: Any, wallet: str | None = None, timeout_s: float | None = None) -> Any:
        return await self._rpc(method, *params, wallet=wallet, timeout_s=timeout_s)


def _sorted(refused: NodeRefused) -> NodeRefused:
    """Which of the refusals that a caller can act upon this is. The numbers say little, so the texts decide; what
    is not known stays what it was, and nothing is done on its account."""
    text = refused.text
    if text.startswith(("Insufficient funds", "The total exceeds your balance", "The preselected coins total")):
        return NotEnough(refused.number, text)
    if text.startswith(("Invalid Bitcoin address", "Transaction amount too small")) or text == "Invalid amount":
        return OutputRefused(refused.number, text)
    if "maximum weight" in text or text.startswith("Transaction too large"):
        return TooMuch(refused.number, text)
    return refused


def _coins(read: Mapping[str, Any]) -> tuple[Coin, ...]:
    """What a PSBT spends, in its order."""
    found = []
    for spent, known in zip(read["tx"]["vin"], read["inputs"], strict=True):
        if "witness_utxo" in known:
            amount = known["witness_utxo"]["amount"]
        else:
            amount = known["non_witness_utxo"]["vout"][spent["vout"]]["value"]
        found.append(Coin(spent["txid"], int(spent["vout"]), sats(amount)))
    return tuple(found)


def _made(output: Mapping[str, Any]) -> Made:
    script = output["scriptPubKey"]
    return Made(script.get("address"), sats(output["value"]), len(script["hex"]) // 2)


def _only_all(known: Mapping[str, Any]) -> bool:
    """Every signature of an input commits to the whole transaction (SIGHASH_ALL, or taproot's default)."""
    if known.get("sighash") not in (None, "ALL", "DEFAULT"):
        return False
    signatures: Sequence[str] = list(known.get("partial_signatures", {}).values())
    if not all(int(one[-2:], 16) == _SIGHASH_ALL for one in signatures):
        return False
    taproot = [
        known.get("taproot_key_path_sig", ""),
        *(one["sig"] for one in known.get("taproot_script_path_sigs", [])),
    ]
    final = known.get("final_scriptwitness", [])
    looks = [one for one in final if _looks_like_signature(one)]
    return all(len(one) in (0, 128) or one.endswith("01") for one in [*taproot, *looks])


def _looks_like_signature(item: str) -> bool:
    """In a finished witness: DER with its sighash byte, or 64 or 65 bytes of Schnorr."""
    size = len(item) // 2
    return size in (64, 65) or (item.startswith("30") and 9 <= size <= 73)
