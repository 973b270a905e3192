"""Links of Bitcoin wallets: BIP-321, which took BIP-21's place. Reading and making.

``bitcoin:[address]?amount=<bitcoin>&label=&message=&lightning=<invoice>&lno=<offer>``. Names of parameters and the
scheme have no case; a parameter that is required (``req-``) and not known here makes the whole link unusable; one
that is not known and not required is left alone; the amount, the label and the message stand once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import parse_qsl, quote, unquote

from hazina.kernel.money import SAT_PER_BTC, Msats

LINK_MAX = 8_000
_AMOUNT = re.compile(r"([0-9]{0,8})(?:\.([0-9]{1,8}))?", re.ASCII)
_ONCE = ("amount", "label", "message", "pop", "req-pop")
_WAYS = ("lightning", "lno", "sp", "pay", "bc", "tb", "bcrt")


class BadLink(Exception):
    """The link cannot be followed. The text says why, for people."""


@dataclass(frozen=True, slots=True)
class Link:
    """``address`` may be empty where another way to pay is named. ``ways``: those that we know, each with its first
    value (``lightning``: an invoice or an LNURL)."""

    address: str
    amount: Msats | None = None
    label: str | None = None
    message: str | None = None
    ways: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def lightning(self) -> str | None:
        return self.ways.get("lightning")

    @property
    def memo(self) -> str | None:
        """What the link says the payment is for."""
        return self.message or self.label


def is_link(text: str) -> bool:
    return text.strip()[:8].lower() == "bitcoin:"


def read(text: str) -> Link:
    """Raises BadLink."""
    text = text.strip()
    if not is_link(text) or len(text) > LINK_MAX:
        raise BadLink("This is no link of a Bitcoin wallet.")
    address, _, query = text[8:].removeprefix("//").partition("?")
    try:  # a plus sign is itself here, and no space as in forms
        pairs = parse_qsl(query.replace("+", "%2B"), keep_blank_values=True, max_num_fields=50, errors="strict")
    except ValueError:
        raise BadLink("The link's parameters cannot be read.") from None
    found: dict[str, str] = {}
    for name, value in ((one.lower(), value) for one, value in pairs):
        if name in _ONCE and name in found:
            raise BadLink(f"The link has {name} more than once.")
        if name.startswith("req-"):  # a proof of payment (req-pop) we cannot give either
            raise BadLink(f"This link asks for something that is not known here: {name[:40]}.")
        found.setdefault(name, value)
    ways = {name: found[name] for name in _WAYS if found.get(name)}
    address = unquote(address)
    if not address and not ways:
        raise BadLink("The link names nothing that can be paid.")
    amount = read_amount(found["amount"]) if "amount" in found else None
    return Link(address, amount, found.get("label"), found.get("message"), MappingProxyType(ways))


def read_amount(text: str) -> Msats:
    """A decimal number of bitcoin, with a dot. Raises BadLink."""
    match = _AMOUNT.fullmatch(text)
    if match is None or not text:
        raise BadLink("The amount of this link is not a number of bitcoin.")
    return Msats.from_sats(int(match[1] or "0") * SAT_PER_BTC + int((match[2] or "").ljust(8, "0")))


def write_amount(amount: Msats) -> str:
    """The shortest decimal number of bitcoin. Whole satoshi only."""
    assert amount.n >= 0 and amount.n % 1_000 == 0, "an amount on a link is whole satoshi"
    whole, part = divmod(amount.sats_floor, SAT_PER_BTC)
    return f"{whole}.{part:08d}".rstrip("0").rstrip(".")


def write(link: Link, *, upper: bool = False) -> str:
    """The link. ``upper``: in capitals as far as that changes nothing, for QR codes of fewer squares: only where the
    address and the ways have no case (bech32)."""
    pairs = [("amount", write_amount(link.amount))] if link.amount is not None else []
    pairs += [(name, text) for name, text in (("label", link.label), ("message", link.message)) if text]
    pairs += list(link.ways.items())
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in pairs)
    text = f"bitcoin:{quote(link.address, safe='')}" + (f"?{query}" if query else "")
    if upper:
        assert not (link.label or link.message), "words have a case"
        text = text.upper()
    return text
