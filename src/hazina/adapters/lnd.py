"""A Lightning node: LND 0.20 and newer by its REST API, behind the payments context's port.

Only the calls that LND 0.21 still has are used. A fee limit is always sent (the default is zero), an
amount only for an invoice without one. Reading the answers is in ``lnd_wire``.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncGenerator, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from pymacaroons import Macaroon  # type: ignore[import-untyped]  # the package ships no types
from pymacaroons.exceptions import MacaroonException  # type: ignore[import-untyped]
from pymacaroons.serializers import BinarySerializer  # type: ignore[import-untyped]

from hazina.adapters import lnd_wire as wire
from hazina.adapters.lnd_wire import Said
from hazina.kernel import bolt11
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
    Refused,
    Unfit,
)

CALL_S = 10.0
INFO_S = 5.0
FIRST_LINE_S = 10.0
"""A send stream says IN_FLIGHT at once; a node that takes longer is not well."""
PROOF_S = 10.0
QUIET_S = 0.5
RENEW_S = 900.0
"""Following ends after this time and is begun anew: the replay at its start heals what a stream lost."""
LISTING_S = 5.0
PAGE = 500
QUEUE = 1_000

CALLS = (
    "/lnrpc.Lightning/GetInfo", "/lnrpc.Lightning/AddInvoice", "/lnrpc.Lightning/LookupInvoice",
    "/lnrpc.Lightning/ListInvoices", "/lnrpc.Lightning/SubscribeInvoices", "/invoicesrpc.Invoices/CancelInvoice",
    "/invoicesrpc.Invoices/AddHoldInvoice", "/invoicesrpc.Invoices/SettleInvoice", "/lnrpc.Lightning/ListChannels",
    "/lnrpc.Lightning/ChannelBalance", "/verrpc.Versioner/GetVersion",
    "/routerrpc.Router/SendPaymentV2", "/routerrpc.Router/TrackPaymentV2", "/routerrpc.Router/TrackPayments",
    "/routerrpc.Router/EstimateRouteFee", "/lnrpc.Lightning/ListPayments",
)  # fmt: skip
"""All that the bank asks of a node. A macaroon baked for exactly these can neither read more nor delete
payments, which would let a hash be paid again."""
HARMLESS = frozenset({("info", "read"), ("invoices", "read"), ("invoices", "write"), ("offchain", "read")})
"""Coarser permissions that a macaroon may have besides: none can send, erase or spend."""
OLDEST = (0, 20)
SUBSERVERS = ("invoicesrpc",)
CLTV_LIMIT = 1_008
"""Blocks, a week: for so long at most can a payee keep a payment in flight."""


class Secret(Protocol):
    def get_secret_value(self) -> str: ...


class Node(Protocol):
    """Where a node is and what opens it. ``macaroon`` is hexadecimal, ``tls_cert`` PEM."""

    @property
    def name(self) -> str: ...
    @property
    def base_url(self) -> str: ...
    @property
    def macaroon(self) -> Secret: ...
    @property
    def tls_cert(self) -> str | None: ...


class Lnd:
    can = Capabilities()

    def __init__(
        self,
        name: str,
        base_url: str,
        macaroon: str,
        *,
        tls_pem: str | None = None,
        renew_s: float = RENEW_S,
        proof_s: float = PROOF_S,
        clock: Clock | None = None,
    ) -> None:
        self.name = name
        self._macaroon = macaroon
        self._renew_s = renew_s
        self._proof_s = proof_s
        self._clock = clock or SystemClock()
        headers = {"Grpc-Metadata-macaroon": macaroon}
        self._http = HttpClient(f"LND {name}", base_url, headers=headers, ca_pem=tls_pem, timeout_s=CALL_S)

    @classmethod
    def of(cls, node: Node, clock: Clock | None = None) -> Lnd:
        """``clock``: the one by which its callers say "not after"; None: this machine's."""
        return cls(node.name, node.base_url, node.macaroon.get_secret_value(), tls_pem=node.tls_cert, clock=clock)

    async def close(self) -> None:
        await self._http.close()

    # --- receiving

    async def issue(
        self, *, preimage: bytes, amount: Msats | None, description: str, expiry_s: int,
        description_hash: bytes | None = None,
    ) -> Issued:  # fmt: skip
        outside_call("lightning.issue")
        assert len(preimage) == 32 and expiry_s > 0, "LND takes a negative expiry for its default"
        payment_hash = hashlib.sha256(preimage).digest()
        body = {
            "r_preimage": wire.b64(preimage),
            "value_msat": str(amount.n if amount else 0),
            "memo": description,
            "expiry": str(expiry_s),
            **({} if description_hash is None else {"description_hash": wire.b64(description_hash)}),
        }
        try:
            made = await self._ask("POST", "/v1/invoices", body=body)
        except Said as said:
            if said.text != wire.DUPLICATE_INVOICE:
                raise said.as_refusal() from said
            made = await self._invoice(payment_hash) or {}
        return wire.read_issued(made, payment_hash, preimage)

    async def issue_hold(
        self, *, payment_hash: bytes, amount: Msats | None, description: str, expiry_s: int,
        description_hash: bytes | None = None,
    ) -> Issued:  # fmt: skip
        """Asking again gives the same invoice."""
        outside_call("lightning.issue_hold")
        assert len(payment_hash) == 32 and expiry_s > 0, "LND takes a negative expiry for its default"
        body = {
            "hash": wire.b64(payment_hash),
            "value_msat": str(amount.n if amount else 0),
            "memo": description,
            "expiry": str(expiry_s),
            **({} if description_hash is None else {"description_hash": wire.b64(description_hash)}),
        }
        try:
            made = await self._ask("POST", "/v2/invoices/hodl", body=body)
        except Said as said:
            if said.text != wire.DUPLICATE_INVOICE:
                raise said.as_refusal() from said
            made = await self._invoice(payment_hash) or {}
        return wire.read_issued(made, payment_hash)

    async def settle(self, payment_hash: bytes, preimage: bytes) -> None:
        outside_call("lightning.settle")
        assert hashlib.sha256(preimage).digest() == payment_hash
        try:
            await self._ask("POST", "/v2/invoices/settle", body={"preimage": wire.b64(preimage)})
        except Said as said:
            if said.text in (wire.STILL_OPEN, wire.ALREADY_CANCELED, *wire.NO_SUCH_INVOICE):
                raise NodeRefused(said.text) from said
            raise said.as_refusal() from said

    async def cancel(self, payment_hash: bytes) -> Cancelled | AlreadySettled:
        outside_call("lightning.cancel")
        try:
            await self._ask("POST", "/v2/invoices/cancel", body={"payment_hash": wire.b64(payment_hash)})
        except Said as said:
            if said.text == wire.ALREADY_SETTLED:
                return AlreadySettled()
            if said.text != wire.ALREADY_CANCELED and said.text not in wire.NO_SUCH_INVOICE:
                raise said.as_refusal() from said
        return Cancelled()

    async def held(self) -> list[bytes]:
        outside_call("lightning.held")
        if not (await self.balance()).pending_in:
            return []
        found: list[bytes] = []
        offset = "0"
        while True:
            query = {"pending_only": "true", "index_offset": offset, "num_max_invoices": str(PAGE)}
            page = await self._ask_plainly("GET", "/v1/invoices", query=query)
            try:
                pending = [wire.read_incoming(line) for line in page["invoices"]]
                offset = str(int(page["last_index_offset"]))
            except (KeyError, TypeError, ValueError) as error:
                raise NodeSilent("a list of invoices that cannot be read") from error
            if not pending:
                return found
            found += [one.payment_hash for one in pending if one.state is IncomingState.HELD]

    async def incoming(self, payment_hash: bytes) -> Incoming | None:
        outside_call("lightning.incoming")
        found = await self._invoice(payment_hash)
        return None if found is None else wire.read_incoming(found)

    async def _invoice(self, payment_hash: bytes) -> dict[str, Any] | None:
        try:
            return await self._ask("GET", f"/v1/invoice/{payment_hash.hex()}")
        except Said as said:
            if wire.is_no_such_invoice(said):
                return None
            raise said.as_refusal() from said

    # --- paying

    async def pay(
        self, bolt11: str, *, amount: Msats | None, fee_max: Msats, timeout_s: int, not_after: datetime
    ) -> Accepted | Refused:
        outside_call("lightning.pay")
        body = {
            "payment_request": bolt11,
            "timeout_seconds": timeout_s,
            "fee_limit_msat": str(fee_max.n),
            "cltv_limit": CLTV_LIMIT,
            **({"amt_msat": str(amount.n)} if amount is not None else {}),
        }
        headers = {"Grpc-Metadata-macaroon": narrowed(self._macaroon, not_after)}
        try:
            await self._first_line("POST", "/v2/router/send", body=body, headers=headers)
        except Said as said:
            if said.text.startswith(wire.TOO_LATE):
                raise NodeSilent("the call came too late") from said
            # Only the node's own record says whether something left, and only while no other sender of the
            # same payment can be on its way.
            known = await self.outgoing(_hash_of(bolt11))
            if known.state is OutgoingState.UNKNOWN:
                if self._clock.now() >= not_after:
                    raise NodeSilent("the refusal came too late") from said
                return Refused(wire.refusal_reason(said.text), said.text)
        return Accepted()

    async def outgoing(self, payment_hash: bytes) -> Outgoing:
        outside_call("lightning.outgoing")
        try:
            line = await self._first_line("GET", f"/v2/router/track/{wire.b64url(payment_hash)}")
        except Said as said:
            if wire.is_never_started(said):
                return Outgoing(payment_hash, OutgoingState.UNKNOWN)
            # any other 404 is a wrong path or build: a fault of ours, which proves nothing about money
            raise NodeSilent(str(said)) from said
        found = wire.read_outgoing(line)
        if found.payment_hash != payment_hash:
            raise NodeSilent("the node told of another payment")
        return found

    async def quote(self, bolt11: str, amount: Msats | None, timeout_s: int) -> Msats | None:
        outside_call("lightning.quote")
        if amount is None:
            body: dict[str, Any] = {"payment_request": bolt11, "timeout": timeout_s}
        else:
            body = {"dest": wire.b64(_payee_of(bolt11)), "amt_sat": str(amount.sats_ceil)}
        try:
            found = await self._ask("POST", "/v2/router/route/estimatefee", body=body, timeout_s=timeout_s + CALL_S)
        except Said:
            return None
        if found.get("failure_reason") != "FAILURE_REASON_NONE":
            return None
        try:
            return Msats(int(found["routing_fee_msat"]))
        except (KeyError, TypeError, ValueError) as error:
            raise NodeSilent("a fee that cannot be read") from error

    # --- following

    async def changes(self, cursor: str | None) -> AsyncGenerator[Change, None]:
        """The cursor is the settle index of the last invoice told. From 2 on the stream is asked to begin
        one before it: that invoice comes at once and proves that the stream lives, for LND sends not even
        a status on a quiet one. Below that nothing can prove it, so the list is read now and then."""
        outside_call("lightning.changes")
        place = _place(cursor)
        if place == 0:
            for change in await self._listed():
                place = _place(change.cursor)
                yield change
        queue: asyncio.Queue[Change | Exception] = asyncio.Queue(QUEUE)
        pumps = [self._follow_invoices(place, queue), self._follow_payments(queue)]
        if place == 0:
            pumps.append(self._follow_list(queue))
        tasks = [asyncio.create_task(_pumping(pump, queue)) for pump in pumps]
        until = asyncio.get_running_loop().time() + self._renew_s
        try:
            while True:
                try:
                    async with asyncio.timeout_at(until):
                        news = await queue.get()
                except TimeoutError:
                    return
                if isinstance(news, Exception):
                    raise news
                yield news
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def settled_since(self, cursor: str | None) -> list[Change]:
        """By replay where the node's cursor allows it; the whole list otherwise."""
        outside_call("lightning.settled_since")
        place = _place(cursor)
        if place < 2:
            return [change for change in await self._listed() if _place(change.cursor) > place]
        found: list[Change] = []
        proven = False
        async with contextlib.aclosing(self._settled_lines(place - 1)) as lines:
            while True:
                try:
                    async with asyncio.timeout(QUIET_S if proven else self._proof_s):
                        line = await anext(lines)
                except TimeoutError:
                    if not proven:
                        raise NodeSilent("the node does not know the last settlement that we saw") from None
                    return found
                except StopAsyncIteration:
                    raise NodeSilent("the invoice stream ended") from None
                proven = True
                if wire.settle_index(line) > place:
                    found.append(_settled(line))

    async def _listed(self) -> list[Change]:
        """Every settled invoice, oldest settlement first, by paging through the list."""
        found: list[dict[str, Any]] = []
        offset = 0
        while True:
            query = {"index_offset": str(offset), "num_max_invoices": str(PAGE)}
            page = await self._ask_plainly("GET", "/v1/invoices", query=query)
            invoices = page.get("invoices")
            if not isinstance(invoices, list):
                raise NodeSilent("a list of invoices that cannot be read")
            found += [line for line in invoices if line.get("state") == "SETTLED" and wire.settle_index(line) > 0]
            if not invoices:
                return [_settled(line) for line in sorted(found, key=wire.settle_index)]
            offset = int(page["last_index_offset"])

    async def paid_since(self, cursor: str | None) -> Paid:
        """By payment index, which follows the start of payments, not their end."""
        outside_call("lightning.paid_since")
        found: list[tuple[int, Outgoing]] = []
        place = _place(cursor)
        kept_back: int | None = None
        while True:
            query = {"include_incomplete": "true", "index_offset": str(place), "max_payments": str(PAGE)}
            page = await self._ask_plainly("GET", "/v1/payments", query={**query, "omit_hops": "true"})
            try:
                payments = [(int(line["payment_index"]), line["status"], line) for line in page["payments"]]
                last = int(page["last_index_offset"])
            except (KeyError, TypeError, ValueError) as error:
                raise NodeSilent("a list of payments that cannot be read") from error
            for index, status, line in payments:
                if status == "SUCCEEDED":
                    found.append((index, wire.read_outgoing(line)))
                elif status != "FAILED" and kept_back is None:
                    kept_back = index - 1
            if not payments:
                until = place if kept_back is None else kept_back
                again = frozenset(one.payment_hash for index, one in found if index > until)
                return Paid(tuple(one for _, one in found), str(until), again)
            place = max(last, place + 1)

    async def _settled_lines(self, after: int) -> AsyncGenerator[dict[str, Any], None]:
        """Settled invoices after a settle index (0: only news), as the node tells them."""
        query = {"settle_index": str(after)}
        async with contextlib.aclosing(self._lines("/v1/invoices/subscribe", query)) as lines:
            async for line in lines:
                if line.get("state") == "SETTLED" and wire.settle_index(line) > 0:
                    yield line

    async def _follow_invoices(self, place: int, queue: asyncio.Queue[Change | Exception]) -> None:
        proven = place < 2
        after = place if proven else place - 1
        async with contextlib.aclosing(self._settled_lines(after)) as lines:
            while True:
                try:
                    async with asyncio.timeout(None if proven else self._proof_s):
                        line = await anext(lines)
                except TimeoutError:
                    raise NodeSilent("the node does not know the last settlement that we saw") from None
                except StopAsyncIteration:
                    return
                proven = True
                if wire.settle_index(line) > place:
                    await queue.put(_settled(line))

    async def _follow_payments(self, queue: asyncio.Queue[Change | Exception]) -> None:
        async with contextlib.aclosing(self._lines("/v2/router/payments", {"no_inflight_updates": "true"})) as lines:
            async for line in lines:
                if line.get("payment_request"):  # probes have none
                    await queue.put(Change(wire.read_outgoing(line), None))

    async def _follow_list(self, queue: asyncio.Queue[Change | Exception]) -> None:
        """Until the first settlement ever is seen: its place is the first that can be replayed from."""
        while True:
            await asyncio.sleep(LISTING_S)
            if found := await self._listed():
                for change in found:
                    await queue.put(change)
                await asyncio.Event().wait()

    # --- the node

    async def info(self) -> NodeInfo:
        outside_call("lightning.info")
        found = await self._ask_plainly("GET", "/v1/getinfo", timeout_s=INFO_S)
        try:
            return NodeInfo(
                pubkey=bytes.fromhex(found["identity_pubkey"]),
                network=wire.NETWORKS[found["chains"][0]["network"]],
                alias=str(found["alias"]),
                height=int(found["block_height"]),
                synced=bool(found["synced_to_chain"]) and bool(found.get("wallet_synced", True)),
                version=str(found["version"]),
            )
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise NodeSilent("node information that cannot be read") from error

    async def balance(self) -> Balance:
        outside_call("lightning.balance")
        return wire.read_balance(
            await self._ask_plainly("GET", "/v1/channels"), await self._ask_plainly("GET", "/v1/balance/channels")
        )

    async def unfit(self, network: str) -> list[Unfit]:
        """A macaroon names its own powers, so they are read from it before it is used."""
        granted = permissions_of(self._macaroon)
        missing = [uri for uri in CALLS if ("uri", uri) not in granted and not wire.COARSE[uri] <= granted]
        more = sorted(granted - {("uri", uri) for uri in CALLS} - HARMLESS)
        found = []
        if more:
            named = ", ".join(action if entity == "uri" else f"{entity}:{action}" for entity, action in more)
            found.append(Unfit("TOO_MUCH_POWER", f"the macaroon allows more than the bank needs: {named}"))
        if missing:
            found.append(Unfit("TOO_LITTLE_POWER", f"the macaroon does not allow {', '.join(missing)}"))
        info = await self.info()
        if info.network != network:
            found.append(Unfit("NETWORK", f"the node is on another network ({info.network}, wanted {network})"))
        if missing:
            return found
        version, tags = wire.read_version(await self._ask_plainly("GET", "/v2/versioner/version"))
        if version < OLDEST:
            wanted = ".".join(str(part) for part in OLDEST)
            found.append(Unfit("VERSION", f"LND {info.version} is too old; {wanted} is the oldest that will do"))
        if lacks := [name for name in SUBSERVERS if name not in tags]:
            found.append(Unfit("SUBSERVER", f"LND was built without {', '.join(lacks)}"))
        return found

    # --- the wire

    async def _ask(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: Any = None,
        timeout_s: float | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """One answer. Raises ``Said`` for the node's own errors and ``NodeSilent`` for everything else."""
        try:
            answer = await self._http.call(method, path, query=query, body=body, timeout_s=timeout_s)
        except NoAnswer as error:
            raise NodeSilent(str(error)) from error
        return wire.read_answer(answer)

    async def _ask_plainly(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, timeout_s: float | None = None
    ) -> dict[str, Any]:
        """The same where no error of the node's has a meaning of its own."""
        try:
            return await self._ask(method, path, query=query, timeout_s=timeout_s)
        except Said as said:
            raise said.as_refusal() from said

    async def _first_line(
        self, method: str, path: str, *, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """The first line of a stream, which is then left. Leaving does not stop a payment."""
        try:
            async with (
                asyncio.timeout(FIRST_LINE_S),
                self._http.stream(method, path, body=body, headers=headers, start_s=None) as stream,
            ):
                async for line in stream.lines:
                    return wire.read_line(stream.status, line)
        except (NoAnswer, TimeoutError) as error:
            raise NodeSilent(str(error) or "no first line in time") from error
        raise NodeSilent("the node answered without a word")

    async def _lines(self, path: str, query: Mapping[str, str]) -> AsyncGenerator[dict[str, Any], None]:
        """Every line of a stream that may stay silent for ever."""
        try:
            async with self._http.stream("GET", path, query=query, start_s=None) as stream:
                async for line in stream.lines:
                    yield wire.read_line(stream.status, line)
        except NoAnswer as error:
            raise NodeSilent(str(error)) from error
        except Said as said:
            raise said.as_refusal() from said


async def _pumping(pump: Any, queue: asyncio.Queue[Change | Exception]) -> None:
    """A stream that ends is news, too."""
    try:
        await pump
        await queue.put(NodeSilent("the node ended a stream"))
    except (NodeSilent, NodeRefused) as error:
        await queue.put(error)


def narrowed(macaroon: str, not_after: datetime) -> str:
    """The macaroon in hexadecimal with a caveat that ends it: a call that arrives later is refused by the
    node itself. Needs no call."""
    sealed = BinarySerializer().deserialize_raw(bytes.fromhex(macaroon))
    assert isinstance(sealed, Macaroon)
    moment = not_after.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    sealed.add_first_party_caveat(f"time-before {moment}")
    return bytes(BinarySerializer().serialize_raw(sealed)).hex()


def permissions_of(macaroon: str) -> frozenset[tuple[str, str]]:
    """Entity and action of all that a macaroon (hexadecimal) allows; entity ``uri`` with a method's name is that
    call. What it allows is sealed, so it cannot say less than it is worth. Raises ``NodeRefused``."""
    try:
        sealed = BinarySerializer().deserialize_raw(bytes.fromhex(macaroon))
        return wire.read_permissions(bytes(sealed.identifier_bytes))
    except (ValueError, MacaroonException) as error:
        raise NodeRefused("the macaroon cannot be read") from error


async def bake(node: Node) -> str:
    """A macaroon (hexadecimal) for exactly the calls that the bank makes, from one that may bake. Raises
    ``NodeSilent`` and ``NodeRefused``."""
    lnd = Lnd.of(node)
    try:
        permissions = [{"entity": "uri", "action": uri} for uri in CALLS]
        return str((await lnd._ask("POST", "/v1/macaroon", body={"permissions": permissions}))["macaroon"])
    except Said as said:
        raise said.as_refusal() from said
    finally:
        await lnd.close()


def _settled(line: Mapping[str, Any]) -> Change:
    return Change(wire.read_incoming(line), str(wire.settle_index(line)))


def _place(cursor: str | None) -> int:
    return int(cursor) if cursor is not None else 0


def _hash_of(text: str) -> bytes:
    return bolt11.decode(text).payment_hash


def _payee_of(text: str) -> bytes:
    return bolt11.decode(text).payee
