"""An LND, where HAZINA_LND_BINARY names one, by its REST API."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
import signal
from pathlib import Path
from typing import Any

from hazina.kernel.http import HttpClient, NoAnswer, read_json
from hazina.sandbox.macaroons import BANK
from hazina.sandbox.real.bitcoind import Bitcoind, until
from hazina.sandbox.real.jsonrpc import RpcError
from hazina.sandbox.real.node import Channel, Paid
from hazina.sandbox.real.program import HOST, Program, free_ports

START_S = 120.0
STATE_S = 10.0
"""A call that came before the node served may never be answered; it is made again."""
CONNECT_S = 60.0
ATTEMPTS_S = 60
FEE_LIMIT_MSAT = 10**9
NOT_FOUND = 5  # gRPC code


class Lnd:
    """One node; see ``node.Node``.

    :param binary: the lnd to run.
    """

    def __init__(self, name: str, binary: Path, folder: Path, bitcoind: Bitcoind) -> None:
        self.name = name
        self.binary = binary
        self.folder = folder
        self.bitcoind = bitcoind
        self.p2p_port, self.grpc_port, self.rest_port = free_ports(3)
        self.program = Program(name, folder)
        self.opened = False
        self._http: HttpClient | None = None
        self._id: str | None = None

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.rest_port}"

    # -- its process ------------------------------------------------------------------------------

    async def start(self) -> None:
        """:raises NotRunning:"""
        node = self.bitcoind
        settings = {
            "bitcoin.node": "bitcoind",
            "bitcoin.defaultchanconfs": 1,
            "bitcoind.rpchost": f"{HOST}:{node.rpc_port}",
            "bitcoind.rpcuser": node.user,
            "bitcoind.rpcpass": node.password,
            "bitcoind.zmqpubrawblock": node.zmq["rawblock"],
            "bitcoind.zmqpubrawtx": node.zmq["rawtx"],
            "lnddir": self.folder,
            "listen": f"{HOST}:{self.p2p_port}",
            "externalip": f"{HOST}:{self.p2p_port}",  # peers forget the address of one that announces none
            "rpclisten": f"{HOST}:{self.grpc_port}",
            "restlisten": f"{HOST}:{self.rest_port}",
            "alias": self.name,
            "trickledelay": 50,  # ms; else gossip takes minutes
            "maxpendingchannels": 10,
        }
        flags = [f"--{name}={value}" for name, value in settings.items()]
        wide = "--protocol.wumbo-channels"  # else none is wider than 0.16 bitcoin
        self.program.spawn([self.binary, "--bitcoin.regtest", "--nobootstrap", wide, *flags])
        await self.program.ready(self._listens, START_S)
        await self._open_wallet()
        self._id = str((await self.ask("GET", "/v1/getinfo"))["identity_pubkey"])
        if not self._bank_macaroon.exists():
            granted = [{"entity": entity, "action": action} for entity, action in sorted(BANK)]
            baked = await self.ask("POST", "/v1/macaroon", {"permissions": granted})
            self._bank_macaroon.touch(mode=0o600)
            self._bank_macaroon.write_text(baked["macaroon"])
        self.opened = True

    async def stop(self) -> None:
        await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        await self._end(signal.SIGKILL)

    async def _end(self, how: signal.Signals) -> None:
        self.opened = False
        await self.program.stop(how)
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def close(self) -> None:
        await self.stop()

    @property
    def _bank_macaroon(self) -> Path:
        return self.folder / "bank.macaroon.hex"

    def access(self) -> dict[str, Any]:
        pem = (self.folder / "tls.cert").read_text()
        return {"base_url": self.url, "macaroon": self._bank_macaroon.read_text(), "tls_cert": pem}

    async def _listens(self) -> bool:
        certificate = self.folder / "tls.cert"
        if self._http is None:
            if not certificate.exists():
                return False
            self._http = HttpClient(self.name, self.url, ca_pem=certificate.read_text(), timeout_s=60)
        try:
            return await self._state() in ("NON_EXISTING", "LOCKED", "SERVER_ACTIVE")
        except (NoAnswer, RpcError):
            return False

    async def _state(self) -> str:
        return str((await self.ask("GET", "/v1/state", timeout_s=STATE_S))["state"])

    async def _open_wallet(self) -> None:
        """Make or open it, and wait until every server of the node answers."""
        file = self.folder / "password"
        if await self._state() == "NON_EXISTING":
            file.touch(mode=0o600)
            file.write_text(secrets.token_urlsafe(18))
            seed = (await self.ask("GET", "/v1/genseed"))["cipher_seed_mnemonic"]
            await self.ask("POST", "/v1/initwallet", {**self._password(file), "cipher_seed_mnemonic": seed})
        elif await self._state() == "LOCKED":
            await self.ask("POST", "/v1/unlockwallet", self._password(file))

        async def active() -> bool:
            return await self._state() == "SERVER_ACTIVE"

        await until(active, f"{self.name}'s servers are up", START_S, every_s=0.1)

    def _password(self, file: Path) -> dict[str, str]:
        return {"wallet_password": base64.b64encode(file.read_bytes()).decode()}

    # -- what one asks of it ----------------------------------------------------------------------

    async def ask(
        self, method: str, path: str, body: Any = None, *, timeout_s: float | None = None, **query: str
    ) -> Any:
        """One call. Fields of 64 bits are text.

        :raises RpcError, NoAnswer:
        """
        if self._http is None:
            raise NoAnswer(f"{self.name} does not run")
        answered = await self._http.call(
            method, path, body=body, query=query, headers=self._headers(), timeout_s=timeout_s
        )
        said = answered.json()
        if answered.status != 200:
            raise _refusal(said)
        return said

    def _headers(self) -> dict[str, str]:
        file = self.folder / "data" / "chain" / "bitcoin" / "regtest" / "admin.macaroon"
        return {"Grpc-Metadata-macaroon": file.read_bytes().hex()} if file.exists() else {}

    async def id(self) -> str:
        if self._id is None:
            raise NoAnswer(f"{self.name} has not started yet")
        return self._id

    async def at(self) -> str:
        return f"{await self.id()}@{HOST}:{self.p2p_port}"

    async def height(self) -> int:
        return int((await self.ask("GET", "/v1/getinfo"))["block_height"])

    async def address(self) -> str:
        return str((await self.ask("GET", "/v1/newaddress", type="WITNESS_PUBKEY_HASH"))["address"])

    async def coins(self) -> int:
        return int((await self.ask("GET", "/v1/balance/blockchain"))["confirmed_balance"])

    async def channels(self) -> list[Channel]:
        found = (await self.ask("GET", "/v1/channels"))["channels"]
        return [
            Channel(
                one["remote_pubkey"], int(one["capacity"]), int(one["local_balance"]), int(one["remote_balance"])
            )
            for one in found
        ]  # fmt: skip

    async def open_channel(self, other: Lnd, sats: int, push_sats: int) -> None:
        them = await other.id()

        async def reached() -> bool:
            await self._reach(other)  # it says "initiated", and may yet fail
            return any(one["pub_key"] == them for one in (await self.ask("GET", "/v1/peers"))["peers"])

        await until(reached, f"{self.name} has {other.name} for a peer", CONNECT_S, every_s=0.2)
        await self.ask(
            "POST",
            "/v1/channels",
            {
                "node_pubkey": _b64(them),
                "local_funding_amount": str(sats),
                "push_sat": str(push_sats),
                "sat_per_vbyte": "2",
            },
        )

    async def _reach(self, other: Lnd) -> None:
        address = {"pubkey": await other.id(), "host": f"{HOST}:{other.p2p_port}"}
        try:
            await self.ask("POST", "/v1/peers", {"addr": address, "perm": True})
        except RpcError as error:
            if "already connected" not in error.message:
                raise

    async def is_usable(self, peer: str) -> bool:
        found = (await self.ask("GET", "/v1/channels", active_only="true"))["channels"]
        return any(one["remote_pubkey"] == peer for one in found)

    async def connect(self, other: Lnd) -> None:
        us, them = await self.id(), await other.id()

        async def usable() -> bool:
            if not await self.is_usable(them):
                await self._reach(other)
            return await self.is_usable(them) and await other.is_usable(us)

        await until(usable, f"{self.name} and {other.name} speak", CONNECT_S, every_s=0.2)

    async def finds(self, peer: str) -> bool:
        try:
            return bool((await self.ask("GET", f"/v1/graph/routes/{peer}/1000"))["routes"])
        except RpcError:
            return False

    # -- invoices and payments --------------------------------------------------------------------

    async def issue(
        self, amount_msat: int | None, memo: str, expiry_s: int, hold: str | None = None
    ) -> tuple[str, str]:
        order = {"value_msat": str(amount_msat or 0), "memo": memo, "expiry": str(expiry_s)}
        if hold is not None:
            made = await self.ask("POST", "/v2/invoices/hodl", {**order, "hash": _b64(hold)})
            return hold, made["payment_request"]
        made = await self.ask("POST", "/v1/invoices", order)
        return base64.b64decode(made["r_hash"]).hex(), made["payment_request"]

    async def invoice_state(self, payment_hash: str, *, hold: bool = False) -> tuple[str, int]:
        found = await self.ask("GET", f"/v1/invoice/{payment_hash}")
        came = int(found["amt_paid_msat"]) if found["state"] in ("ACCEPTED", "SETTLED") else 0
        return str(found["state"]), came

    async def settle(self, preimage: str) -> None:
        await self.ask("POST", "/v2/invoices/settle", {"preimage": _b64(preimage)})

    async def cancel(self, payment_hash: str, *, hold: bool = False) -> None:
        await self.ask("POST", "/v2/invoices/cancel", {"payment_hash": _b64(payment_hash)})

    async def pay(self, bolt11: str, amount_msat: int | None = None) -> Paid:
        order: dict[str, Any] = {
            "payment_request": bolt11,
            "timeout_seconds": ATTEMPTS_S,
            "fee_limit_msat": str(FEE_LIMIT_MSAT),
            "no_inflight_updates": True,
        }
        if amount_msat is not None:
            order["amt_msat"] = str(amount_msat)
        return await self._last("POST", "/v2/router/send", order)

    async def paid(self, payment_hash: str) -> Paid:
        path = base64.urlsafe_b64encode(bytes.fromhex(payment_hash)).decode()
        try:
            async with asyncio.timeout(5):
                return await self._last("GET", f"/v2/router/track/{path}", None)
        except TimeoutError:  # a hold invoice may keep it for long
            return Paid("IN_FLIGHT")
        except RpcError as error:
            if error.code == NOT_FOUND:
                return Paid("FAILED", error="UNKNOWN")
            raise NoAnswer(f"{self.name}: {error.message}") from error  # still starting, for one

    async def _last(self, method: str, path: str, body: Any) -> Paid:
        """What the stream says at its end."""
        if self._http is None:
            raise NoAnswer(f"{self.name} does not run")
        last: Any = None
        query = {"no_inflight_updates": "true"} if method == "GET" else None
        async with self._http.stream(
            method, path, body=body, query=query, headers=self._headers(), start_s=None
        ) as stream:
            async for line in stream.lines:
                said = read_json(line)
                if "result" not in said:
                    raise _refusal(said)
                last = said["result"]
        if last is None or last["status"] not in ("SUCCEEDED", "FAILED"):
            raise NoAnswer(f"{self.name}: the stream ended before the payment")
        if last["status"] == "FAILED":
            return Paid("FAILED", error=str(last["failure_reason"]).removeprefix("FAILURE_REASON_"))
        preimage = str(last["payment_preimage"])
        assert hashlib.sha256(bytes.fromhex(preimage)).hexdigest() == last["payment_hash"]
        return Paid("SUCCEEDED", preimage, int(last["fee_msat"]))


def _refusal(said: Any) -> RpcError:
    """Streams wrap their errors, other calls do not."""
    error = said.get("error", said) if isinstance(said, dict) else {}
    return RpcError(int(error.get("code", 0)), str(error.get("message", said)))


def _b64(hexadecimal: str) -> str:
    return base64.b64encode(bytes.fromhex(hexadecimal)).decode()
