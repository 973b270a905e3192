"""Where the bank's coins are, and what operators do about cold storage."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from hazina import app
from hazina.chain import Draft, Treasury
from hazina.chain.ports import NodeRefused, NodeSilent
from hazina.kernel.errors import Refusal
from hazina.kernel.money import Msats
from hazina.ops import Trouble, serve
from hazina.ops.stopping import Say
from hazina.payments.ports import NodeRefused as LightningRefused
from hazina.payments.ports import NodeSilent as LightningSilent
from hazina.settings import Settings

T = TypeVar("T")
FILE_MAX = 2_000_000
NO_NODE = "No Bitcoin node is set: there are no coins to keep. Add a [bitcoind] section to the settings."


def show(settings: Settings, say: Say) -> None:
    """Hot, cold, queued, in flight, Lightning; open drafts."""

    async def look(bank: app.Bank, treasury: Treasury) -> tuple[list[str], list[str]]:
        state = await treasury.state()
        lines = [_line("hot", state.hot.ready, _coming(state.hot.coming, ""))]
        if state.cold is not None and state.cold_wallet is not None:
            name = f"wallet {state.cold_wallet.name}"
            lines.append(_line("cold", state.cold.ready, f"{name}{_coming(state.cold.coming, ', ')}"))
        else:
            lines.append("cold           no cold wallet is confirmed: `hazina treasury cold propose`")
        for queue in state.queues:
            lines.append(_line(f"queued {queue.speed.value.lower()}", queue.sats, _count(queue.payouts, "payout")))
        for batch, sats in state.in_flight:
            what = f"{batch.purpose.name.lower()}, fee {batch.newest.fee:,}, {batch.newest.txid}"
            trouble = f"; TROUBLE: {batch.trouble}" if batch.trouble else ""
            lines.append(_line("in flight", sats, what + trouble))
        lines += await _lightning(bank)
        return lines, [_draft(one) for one in state.drafts]

    lines, drafts = _with_bank(settings, look)
    for line in lines:
        say(line)
    if drafts:
        say("\nDrafts that wait for signatures:")
    for line in drafts:
        say(f"  {line}")


async def _lightning(bank: app.Bank) -> list[str]:
    lines = []
    for node in bank.nodes.all():
        try:
            balance = await node.balance()
            own = balance.own if balance.own is not None else balance.can_send
            held = f"can send {balance.can_send.sats_floor:,}, can receive {balance.can_receive.sats_floor:,}"
            lines.append(_line("lightning", Msats(own.n).sats_floor, f"{node.name}, {held}"))
        except (LightningSilent, LightningRefused) as error:
            lines.append(f"lightning      {node.name} does not say: {error}")
    return lines


def sweep(settings: Settings, say: Say) -> None:
    batch = _run(settings, lambda treasury: treasury.sweep())
    if batch is None:
        say("Nothing to sweep: under the threshold, one is on its way, or no cold wallet is confirmed.")
    else:
        say(f"Swept to cold, batch {batch}. `hazina treasury show` follows it.")


def propose(settings: Settings, name: str, file: Path, operator: str, secret: str, say: Say) -> None:
    """:raises Trouble: refused, with the reason."""
    cold = _run(settings, lambda treasury: treasury.propose(name, _text(file), operator, secret))
    say(f"Proposed: {cold.name}. Its first receiving address is\n  {cold.first_address}")
    say("Compare it with the signers' devices. Then another operator confirms it.")


def confirm(settings: Settings, name: str, operator: str, secret: str, say: Say) -> None:
    cold = _run(settings, lambda treasury: treasury.confirm(name, operator, secret))
    say(f"Confirmed: coins are swept to {cold.name} from now on.")


def wallets(settings: Settings, say: Say) -> None:
    found = _run(settings, lambda treasury: treasury.colds())
    for one in found:
        state = "retired" if one.retired_at else f"confirmed by {one.confirmed_by}" if one.confirmed_by else "PROPOSED"
        say(f"{one.name:20} {state}, proposed by {one.proposed_by} on {one.proposed_at:%Y-%m-%d}, {one.first_address}")
    if not found:
        say("There is no cold wallet.")


def draft(settings: Settings, sats: int, out: Path | None, operator: str, secret: str, say: Say) -> None:
    made = _run(settings, lambda treasury: treasury.draft(sats, operator, secret))
    say(_draft(made))
    _hand_out(made, out, say)


def export(settings: Settings, draft_id: UUID, out: Path | None, say: Say) -> None:
    found = _run(settings, lambda treasury: treasury.drafts())
    wanted = next((one for one in found if one.id == draft_id), None)
    if wanted is None:
        raise Trouble("There is no open draft of this id. `hazina treasury psbt list` shows them.")
    _hand_out(wanted, out, say)


def release(settings: Settings, draft_id: UUID, file: Path, operator: str, secret: str, say: Say) -> None:
    psbt = _psbt(file)
    batch = _run(settings, lambda treasury: treasury.release(draft_id, psbt, operator, secret))
    say(f"Released, batch {batch}. `hazina treasury show` follows it.")


def drop(settings: Settings, draft_id: UUID, operator: str, secret: str, say: Say) -> None:
    _run(settings, lambda treasury: treasury.drop(draft_id, operator, secret))
    say("Dropped; its coins are free. Destroy signatures that were made for it.")


def drafts(settings: Settings, say: Say) -> None:
    found = _run(settings, lambda treasury: treasury.drafts(all_of_them=True))
    for one in found:
        say(_draft(one))
    if not found:
        say("There is no draft.")


def _draft(one: Draft) -> str:
    ended = f", {one.state.name.lower()} by {one.ended_by}" if one.ended_by else ""
    return (
        f"{one.id}  {one.sats:,} sat to {one.address}, fee {one.fee:,}, by {one.drafted_by} on "
        f"{one.drafted_at:%Y-%m-%d %H:%M}{ended}"
    )


def _hand_out(one: Draft, out: Path | None, say: Say) -> None:
    if out is None:
        say(one.psbt)
        return
    try:
        with out.open("xb") as file:
            file.write(base64.b64decode(one.psbt))
    except OSError as error:
        raise Trouble(f"Cannot write {out}: {error.strerror}.") from None
    say(f"Written to {out} (BIP 174, binary). Have it signed, then another operator releases it.")


def _line(name: str, sats: int, more: str = "") -> str:
    return f"{name:15}{sats:>18,} sat  {more}".rstrip()


def _coming(sats: int, before: str) -> str:
    return f"{before}{sats:,} more without a block" if sats else ""


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'s' if n != 1 else ''}"


def _bytes(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            found = opened.read(FILE_MAX + 1)
    except OSError as error:
        raise Trouble(f"Cannot read {file}: {error.strerror}.") from None
    if len(found) > FILE_MAX:
        raise Trouble(f"{file} is longer than {FILE_MAX:,} bytes.")
    return found


def _text(file: Path) -> str:
    try:
        return _bytes(file).decode("ascii")
    except UnicodeDecodeError:
        raise Trouble(f"{file} is not plain text.") from None


def _psbt(file: Path) -> str:
    """Base64, or the binary form that devices write."""
    found = _bytes(file)
    return base64.b64encode(found).decode("ascii") if found.startswith(b"psbt\xff") else _text(file)


def _run(settings: Settings, verb: Callable[[Treasury], Awaitable[T]]) -> T:
    async def with_it(_: app.Bank, treasury: Treasury) -> T:
        return await verb(treasury)

    return _with_bank(settings, with_it)


def _with_bank(settings: Settings, verb: Callable[[app.Bank, Treasury], Awaitable[T]]) -> T:
    async def main(bank: app.Bank) -> T:
        if bank.chain is None:
            raise Trouble(NO_NODE)
        await bank.start()
        try:
            return await verb(bank, bank.chain.treasury)
        except Refusal as refusal:
            raise Trouble(str(refusal)) from None
        except (NodeSilent, NodeRefused) as error:
            raise Trouble(f"The Bitcoin node: {error}. Nothing was done.") from None
        finally:
            await bank.stop()

    with serve.beside_others(settings) as (found, place):
        return asyncio.run(main(serve.built(found, place)))
