"""Keys as second proofs (``stepup.Prover``). The answer is what the device gave, as text."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from hazina.identity.errors import ChallengeUnknown
from hazina.identity.model import Challenge, FactorKind
from hazina.identity.proofs.errors import AttemptOver, NostrMalformed, PasskeyMalformed
from hazina.identity.proofs.model import Asker, Purpose, Shown
from hazina.identity.proofs.service import Proofs
from hazina.identity.stepup import Checked, Prover

Begun = tuple[dict[str, Any], dict[str, Any]]
ANSWER_MAX = 40_000
SAID_SHOWN = 60


def _asker(asked: Challenge) -> Asker:
    """Bound to the person and the step-up, which counts the tries."""
    return Asker(None, asked.user_id, counted=False)


def _checked(asked: Challenge, shown: Shown) -> Checked:
    """Raises AttemptOver for a proof of another step-up."""
    if shown.purpose is not Purpose.AUTH or shown.about != str(asked.id):
        raise AttemptOver
    return Checked(shown.proved.amr)


@dataclass(frozen=True, slots=True)
class ByPasskey:
    """The answer: AuthenticationResponseJSON."""

    proofs: Proofs

    async def begin(self, asked: Challenge, ip: str | None) -> Begun:
        options = await self.proofs.ask_passkey(_asker(asked), Purpose.AUTH, about=str(asked.id))
        return {"publicKey": options}, {}

    async def check(self, asked: Challenge, answer: str) -> Checked:
        found = _json(answer)
        if found is None:
            raise PasskeyMalformed
        return _checked(asked, await self.proofs.show_passkey(_asker(asked), found))


@dataclass(frozen=True, slots=True)
class ByWallet:
    """The answer: the ``id`` that was shown, once the wallet has answered."""

    proofs: Proofs

    async def begin(self, asked: Challenge, ip: str | None) -> Begun:
        made = await self.proofs.ask_wallet(_asker(asked), Purpose.AUTH, about=str(asked.id))
        return {"id": made.handle, "lnurl": made.lnurl, "keyauth": made.keyauth}, {}

    async def check(self, asked: Challenge, answer: str) -> Checked:
        return _checked(asked, await self.proofs.collect_wallet(_asker(asked), answer[:100]))


@dataclass(frozen=True, slots=True)
class ByBitcoin:
    """The answer: a signature of the text, which names what is confirmed."""

    proofs: Proofs

    async def begin(self, asked: Challenge, ip: str | None) -> Begun:
        async with self.proofs.db.reading() as tx:
            known = await self.proofs.links.of(tx, asked.user_id)
        addresses = [one.subject for one in known if one.kind is FactorKind.BITCOIN]
        if not addresses:
            raise ChallengeUnknown
        made = await self.proofs.ask_bitcoin(_asker(asked), Purpose.AUTH, addresses[-1], about=_said(asked))
        return {"address": made.address, "text": made.text}, {"nonce": made.nonce}

    async def check(self, asked: Challenge, answer: str) -> Checked:
        nonce = asked.state.get("nonce")
        if not isinstance(nonce, str):
            raise AttemptOver
        shown = await self.proofs.show_bitcoin(_asker(asked), nonce, answer)
        if shown.about != _said(asked):
            raise AttemptOver
        return Checked(shown.proved.amr)


@dataclass(frozen=True, slots=True)
class ByNostr:
    """The answer: the signed event, whose content says what is confirmed."""

    proofs: Proofs

    async def begin(self, asked: Challenge, ip: str | None) -> Begun:
        made = await self.proofs.ask_nostr(_asker(asked), Purpose.AUTH, about=str(asked.id))
        return {"event": {**made.event, "content": _said(asked)}}, {}

    async def check(self, asked: Challenge, answer: str) -> Checked:
        found = _json(answer)
        if not isinstance(found, dict) or found.get("content") != _said(asked):
            raise NostrMalformed
        return _checked(asked, await self.proofs.show_nostr(_asker(asked), found))


def provers(proofs: Proofs) -> dict[FactorKind, Prover]:
    return {
        FactorKind.PASSKEY: ByPasskey(proofs),
        FactorKind.LNURL: ByWallet(proofs),
        FactorKind.BITCOIN: ByBitcoin(proofs),
        FactorKind.NOSTR: ByNostr(proofs),
    }


def _said(asked: Challenge) -> str:
    """What is confirmed, in plain ASCII and short (signing devices show no other), with the step-up's own number:
    two of the same words differ."""
    return f"{asked.said[:SAID_SHOWN].encode('ascii', 'replace').decode()} (#{asked.id.hex[-8:]})"


def _json(text: str) -> Any:
    """None for what is no JSON."""
    try:
        return json.loads(text) if len(text) <= ANSWER_MAX else None
    except (ValueError, RecursionError):
        return None
