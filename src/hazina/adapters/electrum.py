"""A Lightning node: Electrum 4.8 and newer by its JSON-RPC, behind the payments context's port.

Electrum differs from LND in what it cannot do (``Capabilities``): it picks the preimages of plain invoices,
counts in whole satoshi, cannot pay an invoice without an amount nor issue one over a hash, has no probe, no
scoped credentials and no feed. The feed is emulated by polling: commitment numbers tell whether anything settled,
and only then the history is read. Whoever may call Electrum's RPC owns its wallet: keep the port on loopback.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections import OrderedDict
from collections.abc import AsyncGenerator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from hazina.adapters import electrum_wire as wire
from hazina.adapters.electrum_wire import Said
from hazina.kernel import bolt11 as bolt
from hazina.kernel.clock import Clock, SystemClock
from hazina.kernel.db import outside_call
from hazina.kernel.http import HttpClient, NoAnswer
from hazina.kernel.money import Msats
from hazina.payments.ports import (
    Accepted,
    AlreadySettled,
    Balance,
    Cancelled,
    Capabilities,
    Change,
    Incoming,
    IncomingState,
    Issued,
    NodeInfo,
    NodeRefused,
    NodeSilent,
    Outgoing,
    OutgoingState,
    Paid,
    Reason,
    Refused,
    Unfit,
)

CALL_S = 10.0
INFO_S = 5.0
TAKEN_S = 10.0
"""Electrum answers a payment when it has ended; that it began is seen sooner in its list."""
LISTEN_S = 60.0
LISTENED_MAX = 40
LOOK_S = 0.05
POLL_S = 1.0
RENEW_S = 900.0
OLDEST = (4, 8, 0)
FOLLOWED_MAX = 1_000
CAN = Capabilities(
    repeatable=False, msats=False, any_amount=False, quote=False, fenced=False, failures=False, description_hash=False
)  # fmt: skip


class Secret(Protocol):
    def get_secret_value(self) -> str: ...


class Node(Protocol):
    """Where a daemon is and what opens it. ``wallet``: path of the wallet file, None for the default one."""

    @property
    def name(self) -> str: ...
    @property
    def base_url(self) -> str: ...
    @property
    def user(self) -> str: ...
    @property
    def password(self) -> Secret: ...
    @property
    def wallet(self) -> str | None: ...


class Electrum:
    can = CAN

    def __init__(
        self, name: str, base_url: str, user: str, password: str, *, wallet: str | None = None,
        renew_s: float = RENEW_S, clock: Clock | None = None,
    ) -> None:  # fmt: skip
        self.name = name
        self._wallet = wallet
        self._renew_s = renew_s
        self._clock = clock or SystemClock()
        self._http = HttpClient(f"Electrum {name}", base_url, basic_auth=(user, password), timeout_s=CALL_S)
        self._key: bytes | None = None
        self._begun: OrderedDict[bytes, Reason | None] = OrderedDict()  # what we sent, and why it failed
        self._ended: set[bytes] = set()  # of these, those that the feed has told
        self._calls: set[asyncio.Task[None]] = set()

    @classmethod
    def of(cls, node: Node, clock: Clock | None = None) -> Electrum:
        password = node.password.get_secret_value()
        return cls(node.name, node.base_url, node.user, password, wallet=node.wallet, clock=clock)

    async def close(self) -> None:
        for task in self._calls:
            task.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)
        await self._http.close()

    # --- receiving

    async def issue(
        self, *, preimage: bytes, amount: Msats | None, description: str, expiry_s: int,
        description_hash: bytes | None = None,
    ) -> Issued:  # fmt: skip
        """``preimage`` is not taken: Electrum makes its own."""
        outside_call("lightning.issue")
        assert expiry_s > 0 and description_hash is None
        made = await self._wanted("add_request", amount=_btc(amount), memo=description, expiry=expiry_s, lightning=True)
        issued = wire.read_issued(made.get("lightning_invoice"))
        found = await self._wanted_text("export_lightning_preimage", payment_hash=issued.payment_hash.hex())
        own = wire.octets(found, 32)
        if hashlib.sha256(own).digest() != issued.payment_hash:
            raise NodeSilent("a preimage of another invoice")
        return Issued(issued.payment_hash, issued.bolt11, issued.payment_secret, own)

    async def issue_hold(
        self, *, payment_hash: bytes, amount: Msats | None, description: str, expiry_s: int,
        description_hash: bytes | None = None,
    ) -> Issued:  # fmt: skip
        """Asking again is refused. Electrum refuses, too, what its channels cannot receive now."""
        outside_call("lightning.issue_hold")
        assert len(payment_hash) == 32 and expiry_s > 0 and description_hash is None
        made = await self._wanted(
            "add_hold_invoice", payment_hash=payment_hash.hex(), amount=_btc(amount), memo=description, expiry=expiry_s
        )
        issued = wire.read_issued(made.get("invoice"))
        if issued.payment_hash != payment_hash:
            raise NodeSilent("an invoice for another hash")
        return issued

    async def settle(self, payment_hash: bytes, preimage: bytes) -> None:
        outside_call("lightning.settle")
        assert hashlib.sha256(preimage).digest() == payment_hash
        try:
            await self._ask("settle_hold_invoice", preimage=preimage.hex())
        except Said as said:
            if not said.tells(wire.ALREADY_SETTLED):
                raise said.as_error(wire.NOT_HELD) from said

    async def cancel(self, payment_hash: bytes) -> Cancelled | AlreadySettled:
        """A request that is deleted cannot be paid any more. One that was paid a moment ago stands in the list
        of hold invoices as settled."""
        outside_call("lightning.cancel")
        name = payment_hash.hex()
        request = await self._request(name)
        if request is not None:
            if request.get("status") == wire.PAID:
                return AlreadySettled()
            await self._plainly("delete_request", request_id=name)
        else:
            try:
                await self._ask("cancel_hold_invoice", payment_hash=name)
            except Said as said:
                if said.tells(wire.PREIMAGE_GIVEN):
                    return AlreadySettled()
                if not said.tells(wire.NO_INVOICE):
                    raise said.as_error() from said
        found = await self._wanted("check_hold_invoice", payment_hash=name)
        if found.get("status") == "settled":
            return AlreadySettled()
        if found.get("status") != "unknown":
            raise NodeSilent("an invoice that was cancelled is still there")
        return Cancelled()

    async def held(self) -> list[bytes]:
        outside_call("lightning.held")
        arriving = {
            htlc.payment_hash
            for channel in await self._channels()
            if channel.unsettled_in
            for htlc in await self._in_flight(channel.point)
            if not htlc.out
        }
        found = []
        for payment_hash in sorted(arriving):
            with contextlib.suppress(NodeRefused):  # it stumbles over ordinary invoices and forwards
                said = await self._wanted("check_hold_invoice", payment_hash=payment_hash.hex())
                if said.get("status") == "paid":
                    found.append(payment_hash)
        return found

    async def incoming(self, payment_hash: bytes) -> Incoming | None:
        """None also for what was cancelled: Electrum forgets it."""
        outside_call("lightning.incoming")
        name = payment_hash.hex()
        request, held = await self._request(name), Msats(0)
        if request is not None:
            state = wire.REQUESTS.get(request.get("status", -1))
            text = str(request.get("lightning_invoice", ""))
        else:
            found = await self._wanted("check_hold_invoice", payment_hash=name)
            if found.get("status") == "unknown":
                return None
            state, text = wire.HOLDS.get(found.get("status", "")), ""
            held = wire.read_held(found) if state is IncomingState.HELD else held
        if state is None:
            raise NodeSilent("an invoice in an unknown state")
        if state is not IncomingState.SETTLED:
            return Incoming(payment_hash, state, Msats(0), None, None, text, held)
        for line in await self._history():
            if line.payment_hash == payment_hash and not line.sent:
                return line.incoming(text)
        raise NodeSilent("a paid invoice that is not in the history yet")

    async def _request(self, name: str) -> dict[str, Any] | None:
        try:
            return wire.an_object(await self._ask("get_request", request_id=name))
        except Said as said:
            if said.tells(wire.NOT_FOUND):
                return None
            raise said.as_error() from said

    # --- paying

    async def pay(
        self, bolt11: str, *, amount: Msats | None, fee_max: Msats, timeout_s: int, not_after: datetime
    ) -> Accepted | Refused:
        """Electrum knows no time limit for its attempts, and cannot refuse a late call: the caller must not
        believe a failure while a call may be on its way (``Capabilities.fenced``)."""
        outside_call("lightning.pay")
        says = bolt.decode(bolt11)
        if amount is not None or says.amount_msat is None:
            return Refused(Reason.BAD_INVOICE, "Electrum cannot pay an invoice without an amount")
        if says.payee == await self._own_key():
            return Refused(Reason.OWN_INVOICE, "an invoice of this very node")
        if self._clock.now() >= not_after:
            raise NodeSilent("the call came too late")
        most = max(says.amount_msat // 2, 1_000_000) - 1  # Electrum's own bound
        limit = str(min(fee_max.n, most))
        call = asyncio.create_task(self._paying(bolt11, int(limit), says.payment_hash))
        self._calls.add(call)
        call.add_done_callback(self._heard)
        return await self._taken(call, says)

    def _heard(self, call: asyncio.Task[None]) -> None:
        self._calls.discard(call)
        if not call.cancelled():
            call.exception()  # whoever wanted it has looked

    async def _paying(self, text: str, fee_max_msat: int, payment_hash: bytes) -> None:
        """The call, for as long as we listen. Raises ``Said``; leaving does not stop a payment."""
        self._remember(payment_hash, None)
        self._ended.discard(payment_hash)
        try:
            said = await self._ask("lnpay", timeout_s=LISTEN_S, invoice=text, max_fee_msat=fee_max_msat)
        except NodeSilent:
            return
        if isinstance(said, dict) and said.get("success") is False:
            self._remember(payment_hash, wire.why_failed(said.get("log")))

    async def _taken(self, call: asyncio.Task[None], says: bolt.Invoice11) -> Accepted | Refused:
        """Until the payment is in the node's list, or the node has answered."""
        end = asyncio.get_running_loop().time() + TAKEN_S
        while asyncio.get_running_loop().time() < end:
            await asyncio.wait({call}, timeout=LOOK_S)
            answered = call.done()
            known = await self.outgoing(says.payment_hash)
            if known.state is not OutgoingState.UNKNOWN:
                if len(self._calls) > LISTENED_MAX:
                    call.cancel()  # it goes on; only why it may fail is not heard
                return Accepted()
            if answered:
                error = call.exception()
                if isinstance(error, Said):
                    return Refused(wire.refusal_reason(error.text), error.text)
                raise NodeSilent("the node answered and knows nothing of the payment") from error
        raise NodeSilent("no sign of the payment in time")

    async def outgoing(self, payment_hash: bytes) -> Outgoing:
        """The list says how the node's own attempts stand; HTLCs that are out count whatever it says."""
        outside_call("lightning.outgoing")
        before = await self._invoice(payment_hash)
        if before is None:
            return Outgoing(payment_hash, OutgoingState.UNKNOWN)
        parts = await self._parts_out(payment_hash)
        after = await self._invoice(payment_hash)
        amount = wire.amount_of(before)
        status = before.get("status")
        if parts or status == wire.IN_FLIGHT or after is None or after.get("status") != status:
            return Outgoing(payment_hash, OutgoingState.IN_FLIGHT, amount, parts=parts or None)
        if status == wire.PAID:
            for line in await self._history():
                if line.payment_hash == payment_hash and line.sent:
                    return line.outgoing(amount)
            raise NodeSilent("a paid payment that is not in the history yet")
        return Outgoing(payment_hash, OutgoingState.FAILED, amount, reason=await self._why(payment_hash, amount))

    async def _why(self, payment_hash: bytes, amount: Msats) -> Reason:
        reason = self._begun.get(payment_hash)
        if reason is not None and reason is not Reason.NO_ROUTE:
            return reason
        return Reason.NO_BALANCE if amount > (await self.balance()).can_send else Reason.NO_ROUTE

    async def _invoice(self, payment_hash: bytes) -> dict[str, Any] | None:
        try:
            return wire.an_object(await self._ask("get_invoice", invoice_id=payment_hash.hex()))
        except Said as said:
            if said.tells(wire.NOT_FOUND):
                return None
            raise said.as_error() from said

    async def _parts_out(self, payment_hash: bytes) -> int:
        """HTLCs of ours with this hash that have no end yet."""
        out = 0
        for channel in await self._channels():
            if channel.unsettled_out:
                for htlc in await self._in_flight(channel.point):
                    out += htlc.out and htlc.payment_hash == payment_hash
        return out

    def _remember(self, payment_hash: bytes, reason: Reason | None) -> None:
        self._begun[payment_hash] = reason
        self._begun.move_to_end(payment_hash)
        while len(self._begun) > FOLLOWED_MAX:
            self._begun.popitem(last=False)

    async def quote(self, bolt11: str, amount: Msats | None, timeout_s: int) -> Msats | None:
        return None

    # --- following

    async def changes(self, cursor: str | None) -> AsyncGenerator[Change, None]:
        """By polling. Failures are told of what this very object sent; look up the others."""
        outside_call("lightning.changes")
        loop = asyncio.get_running_loop()
        until = loop.time() + self._renew_s
        place, seen = wire.Place.read(cursor), None
        while loop.time() < until:
            channels = await self._channels()
            numbers = {channel.point: channel.numbers for channel in channels}
            if numbers != seen:
                for line, reached in await self._settled_after(place, channels):
                    item = await self.outgoing(line.payment_hash) if line.sent else line.incoming("")
                    place = reached
                    self._ended.add(line.payment_hash)
                    yield Change(item, place.text())
                seen = numbers
            for payment_hash in [one for one in self._begun if one not in self._ended]:
                news = await self.outgoing(payment_hash)
                if news.state is OutgoingState.FAILED:
                    self._ended.add(payment_hash)
                    yield Change(news, None)
            self._ended &= set(self._begun)
            await asyncio.sleep(POLL_S)

    async def settled_since(self, cursor: str | None) -> list[Change]:
        outside_call("lightning.settled_since")
        after = await self._settled_after(wire.Place.read(cursor), await self._channels())
        return [Change(line.incoming(""), place.text()) for line, place in after if not line.sent]

    async def paid_since(self, cursor: str | None) -> Paid:
        outside_call("lightning.paid_since")
        place = wire.Place.read(cursor)
        after = await self._settled_after(place, await self._channels())
        paid = tuple(line.outgoing(line.amount) for line, _ in after if line.sent)
        return Paid(paid, after[-1][1].text() if after else place.text())

    async def _settled_after(
        self, place: wire.Place, channels: list[wire.Channel]
    ) -> list[tuple[wire.Settled, wire.Place]]:
        """Electrum dates a payment by its first HTLC, not by its end: so the place moves only as far as nothing
        that is in flight can still come before it."""
        held: dict[bytes, int] = {}
        for channel in channels:
            if channel.unsettled_out or channel.unsettled_in:
                for htlc in await self._in_flight(channel.point):
                    held[htlc.payment_hash] = min(htlc.at, held.get(htlc.payment_hash, htlc.at))
        bound = min([*held.values(), int(self._clock.now().timestamp()) - wire.SETTLES_S])
        lines = [line for line in await self._history() if line.payment_hash not in held]
        return wire.following(place, lines, bound)

    # --- the node

    async def info(self) -> NodeInfo:
        outside_call("lightning.info")
        found = await self._wanted("getinfo", timeout_s=INFO_S)
        try:
            height, there = int(found["blockchain_height"]), int(found["server_height"])
            return NodeInfo(
                pubkey=await self._own_key(),
                network=wire.NETWORKS[found["network"]],
                alias=self.name,
                height=height,
                synced=found["connected"] is True and height >= there > 0,
                version=str(found["version"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise NodeSilent("node information that cannot be read") from error

    async def balance(self) -> Balance:
        outside_call("lightning.balance")
        channels = await self._channels()
        usable = [channel for channel in channels if channel.usable]
        return Balance(
            Msats.from_sats(sum(channel.can_send for channel in usable)),
            Msats.from_sats(sum(channel.can_receive for channel in usable)),
            Msats.from_sats(sum(channel.unsettled_out for channel in channels)),
            Msats.from_sats(sum(channel.unsettled_in for channel in channels)),
            Msats.from_sats(sum(channel.own for channel in channels)),
            Msats.from_sats(len(channels)),  # it shows whole satoshi of each
        )

    async def unfit(self, network: str) -> list[Unfit]:
        try:
            info = await self.info()
        except NodeRefused as refused:
            return [Unfit("WALLET", f"no wallet is loaded, or it has no Lightning: {refused}")]
        found = []
        if info.network != network:
            found.append(Unfit("NETWORK", f"the node is on another network ({info.network}, wanted {network})"))
        if wire.version(info.version) < OLDEST:
            wanted = ".".join(str(part) for part in OLDEST)
            found.append(Unfit("VERSION", f"Electrum {info.version} is too old; {wanted} is the oldest that will do"))
        return found

    async def _own_key(self) -> bytes:
        if self._key is None:
            text = await self._wanted_text("nodeid")
            self._key = wire.octets(text.partition("@")[0], 33)
        return self._key

    async def _channels(self) -> list[wire.Channel]:
        return wire.read_channels(await self._plainly("list_channels"))

    async def _in_flight(self, point: str) -> list[wire.Htlc]:
        return wire.read_htlcs(await self._plainly("list_channel_htlcs", channel_point=point))

    async def _history(self) -> list[wire.Settled]:
        return wire.read_history(await self._plainly("lightning_history"))

    # --- the wire

    async def _ask(self, method: str, *, timeout_s: float | None = None, **params: Any) -> Any:
        """The result. Raises ``Said`` for Electrum's own errors and ``NodeSilent`` for everything else."""
        if self._wallet is not None and method != "getinfo":
            params["wallet"] = self._wallet
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        try:
            answer = await self._http.call("POST", "/", body=body, timeout_s=timeout_s)
        except NoAnswer as error:
            raise NodeSilent(str(error)) from error
        return wire.read_answer(answer)

    async def _plainly(self, method: str, *, timeout_s: float | None = None, **params: Any) -> Any:
        """The same where no error of the node's has a meaning of its own."""
        try:
            return await self._ask(method, timeout_s=timeout_s, **params)
        except Said as said:
            raise said.as_error() from said

    async def _wanted(self, method: str, *, timeout_s: float | None = None, **params: Any) -> Mapping[str, Any]:
        return wire.an_object(await self._plainly(method, timeout_s=timeout_s, **params))

    async def _wanted_text(self, method: str, **params: Any) -> str:
        found = await self._plainly(method, **params)
        if not isinstance(found, str):
            raise NodeSilent(f"{method} without a text")
        return found


def _btc(amount: Msats | None) -> str:
    """Electrum reads amounts in bitcoin; 0 is none. Parts of a satoshi are the caller's mistake."""
    sats = 0 if amount is None else amount.sats_floor
    assert amount is None or Msats.from_sats(sats) == amount, "Electrum counts whole satoshi"
    return format(Decimal(sats).scaleb(-8), "f")
