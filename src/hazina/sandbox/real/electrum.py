"""An Electrum daemon: a Lightning node of another make than LND."""

from __future__ import annotations

import contextlib
import json
import secrets
import signal
import time
from pathlib import Path
from typing import Any

from hazina.kernel.http import NoAnswer
from hazina.sandbox.real import electrum_main
from hazina.sandbox.real.bitcoind import bitcoin, sats, until
from hazina.sandbox.real.jsonrpc import JsonRpc, RpcError
from hazina.sandbox.real.node import Channel, Paid
from hazina.sandbox.real.program import HOST, Program, free_ports

START_S = 90.0
CONNECT_S = 60.0
USER = "hazina"
CHANNEL_SATS_MAX = 10 * 10**8
FEE_SAT_PER_KVBYTE = 5_000  # a young chain gives no estimate


EXPIRED, PAID, IN_FLIGHT = 1, 3, 4  # Electrum's own numbers
HOLD_STATES = {"unpaid": "OPEN", "paid": "ACCEPTED", "settled": "SETTLED"}
PAY_S = 86_400.0  # as long as an HTLC may hang on regtest


class Electrum:
    """One node; see ``node.Node``.

    :param environment: folder of Electrum's Python environment.
    :param server_port: of the server that it asks for its coins.
    :param outside: not the bank's; it pays as ``electrum_main`` says.
    :param forwards: passes on what others pay each other.
    """

    def __init__(
        self,
        name: str,
        environment: Path,
        folder: Path,
        server_port: int,
        *,
        outside: bool = False,
        forwards: bool = False,
    ) -> None:
        self.name = name
        self.environment = environment
        self.folder = folder
        self.server_port = server_port
        self.outside = outside
        self.forwards = forwards
        self.password = secrets.token_urlsafe(18)
        self.rpc_port, self.listen_port = free_ports(2)
        self.program = Program(name, folder)
        self._rpc = JsonRpc(name, self.rpc_port, USER, self.password)
        self._id: str | None = None
        self.dials: Electrum | None = None
        """Whom it reaches for by itself; the others wait to be reached."""
        self.opened = False
        """Its wallet is open and it answers."""

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.rpc_port}"

    @property
    def user(self) -> str:
        return USER

    # -- its process ------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start it with its wallet open.

        :raises NotRunning:
        """
        self._configure()
        self._point()
        (self.folder / "regtest" / "daemon").unlink(missing_ok=True)  # a killed one's: it would say it runs already
        binaries = self.environment / "bin"
        program = [Path(electrum_main.__file__), binaries / "electrum"] if self.outside else [binaries / "electrum"]
        self.program.spawn([binaries / "python", "-P", *program, "--regtest", "-D", self.folder, "daemon"])
        await self.program.ready(self._answers, START_S)
        if not self._wallet.exists():
            await self.rpc("create")
        await self.rpc("load_wallet")
        await self.id()
        self.opened = True

    async def stop(self) -> None:
        self.opened = False
        if self.program.running:
            try:
                await self.rpc("stop", timeout_s=10)
            except (NoAnswer, TimeoutError, RpcError):
                self.program.last_words()  # then by signal
        await self.program.stop()

    async def kill(self) -> None:
        self.opened = False
        await self.program.stop(signal.SIGKILL)

    async def close(self) -> None:
        await self.stop()
        await self._rpc.close()

    @property
    def _wallet(self) -> Path:
        return self.folder / "regtest" / "wallets" / "default_wallet"

    def _configure(self) -> None:
        settings: dict[str, Any] = {
            "config_version": 3,
            "rpchost": HOST,
            "rpcuser": USER,
            "rpcpassword": self.password,
            "rpcport": self.rpc_port,
            "rpcsock": "tcp",
            "server": f"{HOST}:{self.server_port}:t",
            "oneserver": True,
            "auto_connect": False,  # with oneserver it would forget the server
            "check_updates": False,
            "lightning_listen": f"{HOST}:{self.listen_port}",
            "lightning_forward_payments": self.forwards,
            "lightning_forward_trampoline_payments": self.forwards,
            "use_recoverable_channels": False,  # else nobody could open a channel to it
            "lightning_max_funding_sat": CHANNEL_SATS_MAX,
            "lightning_node_alias": self.name,
            "fee_policy": {name: f"feerate:{FEE_SAT_PER_KVBYTE}" for name in ("default", "lnwatcher", "swaps")},
            "log_to_file": False,
        }
        folder = self.folder / "regtest"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = folder / "config"
        file.touch(mode=0o600)
        file.write_text(json.dumps(settings))

    def _point(self) -> None:
        """Its wallet remembers where peers were. They are elsewhere now, and a stranger may be there."""
        if not self._wallet.exists():
            return
        wallet = json.loads(self._wallet.read_text())
        where = {f"{HOST}:{self.dials.listen_port}": int(time.time())} if self.dials else {}
        for channel in wallet.get("channels", {}).values():
            channel["peer_network_addresses"] = where
        fresh = self._wallet.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(wallet))
        fresh.replace(self._wallet)

    async def _answers(self) -> bool:
        try:
            return bool((await self.rpc("getinfo", timeout_s=5))["connected"])
        except (NoAnswer, TimeoutError):
            return False

    # -- what one asks of it ----------------------------------------------------------------------

    async def rpc(self, method: str, *, timeout_s: float | None = None, **params: Any) -> Any:
        """One command of Electrum's, as on its command line. Amounts are in bitcoin: give text.

        :raises RpcError, NoAnswer:
        """
        return await self._rpc.call(method, params, timeout_s=timeout_s)

    async def id(self) -> str:
        """The node's public key."""
        if self._id is None:
            self._id = str(await self.rpc("nodeid")).partition("@")[0]
        return self._id

    async def at(self) -> str:
        """How others reach it."""
        return f"{await self.id()}@{HOST}:{self.listen_port}"

    async def height(self) -> int:
        return int((await self.rpc("getinfo"))["blockchain_height"])

    async def address(self) -> str:
        found: str = await self.rpc("createnewaddress")
        return found

    async def coins(self) -> int:
        """Satoshi in its wallet that have a block and that it knows of."""
        balance = await self.rpc("getbalance")
        return sats(balance.get("confirmed", 0)) if await self.rpc("is_synchronized") else 0

    async def channels(self) -> list[Channel]:
        return [
            Channel(one["remote_pubkey"], one["capacity"], one["local_balance"], one["remote_balance"])
            for one in await self.rpc("list_channels")
        ]

    async def open_channel(self, other: Electrum, sats: int, push_sats: int) -> None:
        """Fund a channel to ``other``. It opens with blocks."""
        await self.rpc(
            "open_channel", connection_string=await other.at(), amount=bitcoin(sats), push_amount=bitcoin(push_sats)
        )

    async def finds(self, peer: str) -> bool:
        """A trampoline finds the way."""
        return True

    def access(self) -> dict[str, Any]:
        return {"base_url": self.url, "user": self.user, "password": self.password}

    async def connect(self, other: Electrum) -> None:
        """Reach ``other``, and wait until the channels with it are usable.

        :raises TimeoutError:
        """
        us, them, at = await self.id(), await other.id(), await other.at()

        async def usable() -> bool:
            if not await self.is_usable(them):
                with contextlib.suppress(RpcError, NoAnswer):  # both may reach for the other at once: one gives up
                    await self.rpc("add_peer", connection_string=at)
            return await self.is_usable(them) and await other.is_usable(us)

        await until(usable, f"{self.name} and {other.name} speak", CONNECT_S, every_s=0.2)

    async def is_usable(self, peer: str) -> bool:
        return any(
            one["state"] == "OPEN" and one["peer_state"] == "GOOD"
            for one in await self.rpc("list_channels")
            if one["remote_pubkey"] == peer
        )

    # -- invoices and payments --------------------------------------------------------------------

    async def issue(
        self, amount_msat: int | None, memo: str, expiry_s: int, hold: str | None = None
    ) -> tuple[str, str]:
        """A new invoice, as (payment hash, text). ``hold``: the hash of a secret that we keep.

        :raises ValueError: not a whole satoshi.
        """
        if (amount_msat or 0) % 1000:
            raise ValueError("Electrum's invoices are in whole satoshi.")
        amount = bitcoin((amount_msat or 0) // 1000)
        if hold is not None:
            made = await self.rpc("add_hold_invoice", payment_hash=hold, amount=amount, memo=memo, expiry=expiry_s)
            return hold, made["invoice"]
        made = await self.rpc("add_request", amount=amount, memo=memo, expiry=expiry_s, lightning=True)
        return made["rhash"], made["lightning_invoice"]

    async def invoice_state(self, payment_hash: str, *, hold: bool = False) -> tuple[str, int]:
        """OPEN, ACCEPTED, SETTLED or CANCELED, and what came, in millisatoshi."""
        if hold:
            found = await self.rpc("check_hold_invoice", payment_hash=payment_hash)
            return HOLD_STATES.get(found["status"], "CANCELED"), int(found["received_amount_sat"]) * 1000
        found = await self.rpc("get_request", request_id=payment_hash)
        if found["status"] == PAID:
            return "SETTLED", int((await self._line(payment_hash))["amount_msat"])
        return "CANCELED" if found["status"] == EXPIRED else "OPEN", 0

    async def settle(self, preimage: str) -> None:
        await self.rpc("settle_hold_invoice", preimage=preimage)

    async def cancel(self, payment_hash: str, *, hold: bool = False) -> None:
        if hold:
            await self.rpc("cancel_hold_invoice", payment_hash=payment_hash)
        else:
            await self.rpc("delete_request", request_id=payment_hash)

    async def pay(self, bolt11: str, amount_msat: int | None = None, timeout_s: float = PAY_S) -> Paid:
        """Returns when it has ended. An amount only for an invoice without one, and only outside.

        :raises RpcError: it was not begun.
        :raises NoAnswer: ask ``paid``.
        """
        if self.outside:
            said = await self.rpc("lnpay_outside", invoice=bolt11, amount_msat=amount_msat, timeout_s=timeout_s)
        else:
            said = await self.rpc("lnpay", invoice=bolt11, timeout_s=timeout_s)
        if not said["success"]:
            return Paid("FAILED", error=str(said["log"][-1][-1]) if said["log"] else "NO_ROUTE")
        return await self.paid(said["payment_hash"])

    async def paid(self, payment_hash: str) -> Paid:
        """How a payment of ours stands."""
        try:
            found = await self.rpc("get_invoice", invoice_id=payment_hash)
        except RpcError:
            return Paid("FAILED", error="UNKNOWN")
        if found["status"] == PAID:
            return Paid("SUCCEEDED", found["preimage"], int((await self._line(payment_hash))["fee_msat"] or 0))
        return Paid("IN_FLIGHT") if found["status"] == IN_FLIGHT else Paid("FAILED", error=found["status_str"])

    async def _line(self, payment_hash: str) -> dict[str, Any]:
        """What the history says of a payment."""
        lines: list[dict[str, Any]] = await self.rpc("lightning_history")
        return next(line for line in lines if line["payment_hash"] == payment_hash)
