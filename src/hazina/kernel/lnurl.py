"""LNURL's text forms: bech32 of an address (LUD-01), schemes of their own (LUD-17), names (LUD-16).

Reading gives an ``https`` address, or an ``http`` one where the text says so (an onion, or this machine beside a
sandbox); whether it may be called is for ``adapters.outward``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from bech32 import CHARSET, bech32_create_checksum, bech32_verify_checksum, convertbits

TEXT_MAX = 4_096
_SCHEMES = ("lnurlp", "lnurlw", "lnurlc", "keyauth", "lnurl")
_ADDRESS = re.compile(
    r"([a-z0-9._+-]{1,64})@([a-z0-9.-]{1,253}(?::[0-9]{1,5})?|\[[0-9a-f:]{2,39}\](?::[0-9]{1,5})?)", re.ASCII
)
_HERE = ("localhost", "127.0.0.1", "[::1]")


class NoLnurl(Exception):
    """The text is no LNURL, and no Lightning Address."""


@dataclass(frozen=True, slots=True)
class LightningAddress:
    """``name@domain``, lower case; the domain with its port if one was written."""

    name: str
    domain: str

    @property
    def url(self) -> str:
        """LUD-16. This machine is asked by plain http, as nothing vouches for its name."""
        scheme = "http" if self.domain.rpartition(":")[0] in _HERE or self.domain in _HERE else "https"
        return f"{scheme}://{self.domain}/.well-known/lnurlp/{self.name.replace('+', '%2B')}"

    def __str__(self) -> str:
        return f"{self.name}@{self.domain}"


def encode(url: str) -> str:
    """LUD-01, in upper case: QR codes hold that form in fewer squares."""
    words = convertbits(url.encode(), 8, 5)
    assert words is not None
    checked = words + bech32_create_checksum("lnurl", words)
    return ("lnurl1" + "".join(CHARSET[word] for word in checked)).upper()


def decode(text: str) -> str:
    """The address inside a bech32 text. No limit of 90 characters. Raises NoLnurl."""
    lower = text.lower()
    if lower != text and text.upper() != text:
        raise NoLnurl("mixed case")
    prefix, _, data = lower.rpartition("1")
    if prefix != "lnurl" or len(data) < 6 or any(char not in CHARSET for char in data):
        raise NoLnurl("not bech32")
    words = [CHARSET.index(char) for char in data]
    if not bech32_verify_checksum(prefix, words):
        raise NoLnurl("wrong checksum")
    octets = convertbits(words[:-6], 5, 8, False)
    try:
        return bytes(octets or ()).decode("ascii")
    except ValueError:
        raise NoLnurl("not text") from None


def read_address(text: str) -> LightningAddress:
    """Raises NoLnurl. The ₿ that some write before a name is no part of it."""
    found = _ADDRESS.fullmatch(text.strip().removeprefix("₿").lower()) if len(text) <= 400 else None
    if found is None or found[2].startswith((".", "-")) or found[2].endswith(".") or ".." in found[2]:
        raise NoLnurl("not a Lightning Address")
    return LightningAddress(found[1], found[2])


def read(text: str) -> str:
    """The address that any of the forms stands for: bech32, ``lightning:`` before it, the scheme of a tag, a web
    address that carries one (``?lightning=``), a Lightning Address, a plain web address. Raises NoLnurl."""
    text = text.strip()
    if not text or len(text) > TEXT_MAX:
        raise NoLnurl("empty, or too long")
    text = re.sub(r"^lightning:(//)?", "", text, flags=re.IGNORECASE)
    if text[:6].lower() == "lnurl1":
        return _web(decode(text))
    scheme, colon, rest = text.partition(":")
    if colon and scheme.lower() in _SCHEMES:
        rest = rest.removeprefix("//")
        if rest[:6].lower() == "lnurl1":
            return _web(decode(rest))
        host = re.split(r"[/?#]", rest, maxsplit=1)[0]
        onion = host.partition(":")[0].lower().endswith(".onion")
        here = host.lower() in _HERE or host.lower().rpartition(":")[0] in _HERE
        return _web(f"{'http' if onion or here else 'https'}://{rest}")
    if scheme.lower() in ("http", "https") and rest.startswith("//"):
        carried = {name.lower(): value for name, value in parse_qsl(urlsplit(text).query, max_num_fields=50)}
        inside = carried.get("lightning", "")
        return _web(decode(inside)) if inside[:6].lower() == "lnurl1" else _web(text)
    return read_address(text).url


def _web(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme.lower() in ("http", "https") and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable:
        raise NoLnurl("it leads to no web address")
    return url
