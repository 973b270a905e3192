"""A Bitcoin node with a wallet: bitcoind 25 or newer (Core or Knots), behind the chain context's port."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import zmq
import zmq.asyncio

from hazina.adapters.bitcoind_rpc import Rpc, bitcoin, readable, sats
from hazina.chain.ports import Header, Labelled, NodeInfo, NodeRefused, NodeSilent, Pending
from hazina.kernel.bolt11 import Network
from hazina.kernel.db import outside_call

INFO_S = 10.0
WALLET_S = 120.0
"""To make a wallet fills its key pool; to load one may scan blocks that it missed."""
NETWORKS = {
    "main": Network.MAIN,
    "test": Network.TEST,
    "testnet4": Network.TEST,
    "signet": Network.SIGNET,
    "regtest": Network.REGTEST,
}
TOPICS = (b"hashblock", b"rawblock", b"hashtx", b"rawtx", b"sequence")

# RPC error codes (bitcoin/src/rpc/protocol.h)
MISC = -1
WALLET = -4
NOT_FOUND = -5
INVALID_PARAMETER = -8
NO_SUCH_LABEL = -11
NO_SUCH_WALLET = -18
ALREADY_LOADED = -35


class Secret(Protocol):
    def get_secret_value(self) -> str: ...


class Node(Protocol):
    """Where a node is and what opens it: a cookie file, or user and password. ``wallet``: the hot wallet's name on
    the node. ``zmq``: addresses on which it publishes blocks and transactions, as many as it has."""

    @property
    def url(self) -> str: ...
    @property
    def user(self) -> str | None: ...
    @property
    def password(self) -> Secret | None: ...
    @property
    def cookie(self) -> Path | None: ...
    @property
    def wallet(self) -> str: ...
    @property
    def zmq(self) -> Sequence[str]: ...


class Bitcoind:
    def __init__(self, rpc: Rpc, wallet: str, zmq_addresses: Sequence[str] = ()) -> None:
        self.rpc = rpc
        self.wallet = wallet
        self._descriptor = ""
        self._news = _News(zmq_addresses)

    @classmethod
    def of(cls, node: Node) -> Bitcoind:
        password = node.password.get_secret_value() if node.password else ""
        return cls(
            Rpc(node.url, user=node.user or "", password=password, cookie=node.cookie), node.wallet, tuple(node.zmq)
        )

    async def close(self) -> None:
        self._news.close()
        await self.rpc.close()

    async def hint(self, timeout_s: float) -> bool:
        return await self._news.wait(timeout_s)

    # --- the node

    async def info(self) -> NodeInfo:
        outside_call("bitcoin.info")
        said = await self.rpc.batch([("getblockchaininfo", ()), ("getnetworkinfo", ()), ("getmempoolinfo", ())])
        for one in said:
            if isinstance(one, NodeRefused):
                raise one
        with readable("a state"):
            chain, network, mempool = said
            rate = max(sats(mempool["mempoolminfee"]), sats(mempool["minrelaytxfee"]))
            return NodeInfo(
                NETWORKS.get(str(chain["chain"])), int(network["version"]), int(chain["blocks"]),
                int(chain["headers"]), str(chain["bestblockhash"]), int(chain["chainwork"], 16),
                bool(chain["initialblockdownload"]), int(chain.get("pruneheight", 0)), bool(mempool["loaded"]), rate,
            )  # fmt: skip

    async def header(self, block: str) -> Header | None:
        outside_call("bitcoin.header")
        try:
            return _header(await self.rpc.call("getblockheader", [block]))
        except NodeRefused as error:
            if error.number == NOT_FOUND:
                return None
            raise

    async def headers(self, first: int, last: int) -> list[Header]:
        outside_call("bitcoin.headers")
        hashes = await self.rpc.batch([("getblockhash", [height]) for height in range(first, last + 1)])
        known = [one for one in hashes if isinstance(one, str)]  # above the tip it refuses
        said = await self.rpc.batch([("getblockheader", [one]) for one in known])
        return [_header(one) for one in said if not isinstance(one, NodeRefused)]

    async def block(self, block: str) -> bytes:
        outside_call("bitcoin.block")
        said = await self.rpc.call("getblock", [block, 0])
        with readable("a block"):
            return bytes.fromhex(said)

    async def fee_rate(self, blocks: int) -> int | None:
        outside_call("bitcoin.fee_rate")
        said = await self.rpc.call("estimatesmartfee", [blocks, "economical"])
        with readable("an estimate"):
            # BTC per 1,000 vB is, in satoshi, millisatoshi per vB
            return sats(said["feerate"]) if "feerate" in said else None

    async def in_mempool(self, txids: Sequence[str]) -> set[str]:
        outside_call("bitcoin.in_mempool")
        said = await self.rpc.batch([("getmempoolentry", [txid]) for txid in txids])
        for one in said:
            if isinstance(one, NodeRefused) and one.number != NOT_FOUND:
                raise one
        return {txid for txid, one in zip(txids, said, strict=True) if not isinstance(one, NodeRefused)}

    # --- its wallet

    async def open_wallet(self, *, make: bool) -> str | None:
        outside_call("bitcoin.open_wallet")
        wallets = await self.rpc.call("listwallets")
        with readable("a list of wallets"):
            loaded = self.wallet in wallets
        if not loaded and not await self._load_or_make(make):
            return None
        said = await self.rpc.call("getwalletinfo", wallet=self.wallet)
        with readable("a wallet"):
            fit = said["descriptors"] and said["private_keys_enabled"]
        if not fit:
            raise NodeRefused(WALLET, f"wallet {self.wallet} is not one of descriptors with keys")
        await self._receiving()
        return self._descriptor.partition("#")[0].replace("'", "h")  # versions differ in how they write hardened

    async def _load_or_make(self, make: bool) -> bool:
        wish = {"filename": self.wallet, "load_on_startup": True}
        try:
            await self.rpc.call("loadwallet", wish, timeout_s=WALLET_S)
        except NodeRefused as error:
            if error.number == ALREADY_LOADED:
                return True
            if error.number != NO_SUCH_WALLET:
                raise
            if not make:
                return False
            wish = {"wallet_name": self.wallet, "descriptors": True, "load_on_startup": True}
            await self.rpc.call("createwallet", wish, timeout_s=WALLET_S)
        return True

    async def _receiving(self) -> dict[str, Any]:
        """The descriptor of which receiving addresses are made."""
        said = await self.rpc.call("listdescriptors", wallet=self.wallet)
        with readable("a receiving descriptor"):
            found = next(
                one
                for one in said["descriptors"]
                if one["active"] and not one["internal"] and one["desc"].startswith("wpkh(")
            )
            self._descriptor = str(found["desc"])
            return dict(found)

    async def address(self, label: str) -> list[Labelled]:
        outside_call("bitcoin.address")
        texts = await self._labelled(label)
        if not texts:
            await self.next_address(label)
            texts = await self._labelled(label)
        found = await self._described(texts)
        if not found:
            raise NodeSilent("bitcoind: an address that was just made is unknown")
        return sorted(found, key=lambda one: one.place)

    async def next_address(self, label: str) -> str:
        outside_call("bitcoin.next_address")
        wish = {"label": label, "address_type": "bech32"}
        return str(await self.rpc.call("getnewaddress", wish, wallet=self.wallet))

    async def _labelled(self, label: str) -> list[str]:
        try:
            said = await self.rpc.call("getaddressesbylabel", [label], wallet=self.wallet)
        except NodeRefused as error:
            if error.number == NO_SUCH_LABEL:
                return []
            raise
        with readable("addresses"):
            return [str(text) for text in said]

    async def _described(self, texts: Sequence[str]) -> list[Labelled]:
        said = await self.rpc.batch([("getaddressinfo", [text]) for text in texts], wallet=self.wallet)
        found = []
        for text, one in zip(texts, said, strict=True):
            if isinstance(one, NodeRefused):
                raise one
            with readable("an address"):
                if one["ismine"] and "hdkeypath" in one:
                    place = int(one["hdkeypath"].rpartition("/")[2])
                    found.append(Labelled(text, place, next(iter(one.get("labels", ())), "")))
        return found

    async def made(self) -> int:
        outside_call("bitcoin.made")
        found = await self._receiving()
        with readable("a receiving descriptor"):
            return int(found["next_index"])

    async def addresses(self, first: int, last: int) -> list[Labelled]:
        outside_call("bitcoin.addresses")
        if not self._descriptor:
            await self._receiving()
        said = await self.rpc.call("deriveaddresses", [self._descriptor, [first, last]])
        with readable("addresses"):
            texts = [str(text) for text in said]
        return await self._described(texts)

    async def pending(self, sats_min: int, limit: int) -> list[Pending]:
        outside_call("bitcoin.pending")
        options = {"minimumAmount": bitcoin(sats_min), "maximumCount": limit}
        # it answers when the wallet has taken in the newest block, which takes it long when that is full of payments
        said = await self.rpc.call("listunspent", [0, 0, [], True, options], wallet=self.wallet, timeout_s=WALLET_S)
        with readable("coins"):
            return [
                Pending(str(one["txid"]), int(one["vout"]), str(one["address"]), sats(one["amount"]))
                for one in said
                if one.get("address")  # a script that has one
            ]


def _header(said: Any) -> Header:
    with readable("a block header"):
        return Header(str(said["hash"]), int(said["height"]), int(said["chainwork"], 16), said["confirmations"] > 0)


class _News:
    """bitcoind's ZMQ messages, of which only the arrival counts: any may be lost."""

    QUIET_S = 0.05

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses
        self._context: zmq.asyncio.Context | None = None
        self._socket: zmq.asyncio.Socket | None = None

    async def wait(self, timeout_s: float) -> bool:
        """True as soon as there was news, False when the time is over."""
        if not self._addresses:
            await asyncio.sleep(timeout_s)
            return False
        socket = self._open()
        if not await socket.poll(int(timeout_s * 1000)):
            return False
        until = time.monotonic() + self.QUIET_S
        while time.monotonic() < until and await socket.poll(0):  # a burst is one piece of news
            await socket.recv_multipart()
        return True

    def _open(self) -> zmq.asyncio.Socket:
        if self._socket is None:
            self._context = zmq.asyncio.Context()
            self._socket = self._context.socket(zmq.SUB)
            self._socket.setsockopt(zmq.LINGER, 0)
            self._socket.setsockopt(zmq.RCVHWM, 1_000)
            self._socket.setsockopt(zmq.MAXMSGSIZE, 16 * 2**20)
            for topic in TOPICS:
                self._socket.setsockopt(zmq.SUBSCRIBE, topic)
            for address in self._addresses:
                self._socket.connect(address)
        return self._socket

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        if self._context is not None:
            self._context.term()
        self._socket = self._context = None
