"""The one way to addresses that strangers name: LNURL services, webhook receivers, relays.

Such an address must not become a hand inside our network (server-side request forgery). A call goes to
``https`` only; the name is looked up once, every address found must be one of the public internet, and the
connection goes to the address that was checked, under the name's certificate. Redirects are followed only
where the caller allows some, each as a call of its own. Time and size have limits, answers are taken as they
are (no decompression), no connection is kept for another name, proxies of the environment are not used.

``loopback`` lets this machine's own addresses through, over plain ``http`` too: for the sandbox and for tests.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import httpx2

from hazina.kernel.db import outside_call
from hazina.kernel.http import Answered, NoAnswer, public_authorities

URL_CHARS_MAX = 2_048
BODY_BYTES_MAX = 64 * 1024
ADDRESSES_TRIED_MAX = 3
CONNECT_S = 5.0
AGENT = "Hazina"

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Awaitable[list[str]]]

# IANA's registries of special addresses, and one that a cloud serves its machines from.
_NOT_PUBLIC_4 = tuple(
    IPv4Network(one)
    for one in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
    )
)
_GLOBAL_6 = IPv6Network("2000::/3")
# Inside it: special purposes and Teredo, documentation (both), 6to4, which wraps IPv4 addresses.
_NOT_PUBLIC_6 = tuple(IPv6Network(one) for one in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
_NAMES_INSIDE = (".onion", ".local", ".localhost", ".internal", ".home.arpa", ".lan", ".corp", ".home")


class Barred(NoAnswer):
    """The address may not be called. Nothing was sent."""


def is_public(address: Address) -> bool:
    """Whether it belongs to the public internet, as far as addresses tell."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_4)
    return address in _GLOBAL_6 and not any(address in network for network in _NOT_PUBLIC_6)


def is_loopback(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback


async def _look_up(host: str, port: int) -> list[str]:
    """The addresses of a name, as the system knows them."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(one[4][0]) for one in found]


class Outward:
    """Calls addresses of strangers. ``connections`` bounds the calls that run at once; more wait, within their
    own time. ``ca_pem``: an authority to trust beside the public ones. ``resolve`` stands in for the system's
    name service."""

    def __init__(
        self,
        *,
        loopback: bool = False,
        timeout_s: float = 10.0,
        connections: int = 50,
        ca_pem: str | None = None,
        resolve: Resolve = _look_up,
    ) -> None:
        self.loopback, self.timeout_s = loopback, timeout_s
        self.tls = public_authorities()
        if ca_pem is not None:
            self.tls = ssl.create_default_context()
            self.tls.load_verify_locations(cadata=ca_pem)
        self._resolve = resolve
        self._slots = asyncio.Semaphore(connections)
        # A connection is never kept: it goes by address here, and another name may live at the same one.
        limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=0)
        self._wire = httpx2.AsyncHTTPTransport(verify=self.tls, trust_env=False, limits=limits)

    async def close(self) -> None:
        await self._wire.aclose()

    def check(self, url: str) -> None:
        """What can be said of an address before it is looked up: for forms that store one. Raises Barred."""
        self._parsed(url)

    async def call(
        self,
        method: str,
        url: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        timeout_s: float | None = None,
        bytes_max: int = BODY_BYTES_MAX,
        cut: bool = False,
        redirects: int = 0,
    ) -> Answered:
        """One request, one answer, whatever its status. ``query`` is added to the address's own, in place of
        what has the same name there. ``redirects``: how many to follow, for GET only. ``cut``: of a longer body the
        first ``bytes_max`` bytes are taken, and the rest is not waited for.

        :raises Barred: the address, or one that it leads to, may not be called.
        :raises NoAnswer: nothing that can be read came back; nobody knows whether the other side acted.
        """
        outside_call("outward.call")
        assert not redirects or method == "GET"
        target = self._parsed(url)
        if query:
            target = target.copy_merge_params(dict(query))
        fields = {"user-agent": AGENT, "accept": "application/json", **(headers or {}), "accept-encoding": "identity"}
        try:
            async with asyncio.timeout(timeout_s or self.timeout_s), self._slots:
                for _ in range(redirects + 1):
                    answer, onward = await self._once(method, target, fields, content, bytes_max, cut)
                    if onward is None or not redirects:
                        return answer
                    target = self._parsed(onward)
                raise NoAnswer(f"{target.host}: too many redirects")
        except TimeoutError as error:
            raise NoAnswer(f"{target.host}: no answer in time") from error

    async def dial(self, host: str, port: int) -> socket.socket:
        """A connection to a checked address of the host, for protocols other than HTTP; TLS under the host's name
        is the caller's. Raises Barred, and NoAnswer when nobody takes it."""
        outside_call("outward.dial")
        loop = asyncio.get_running_loop()
        for address in (await self._checked(host, port))[:ADDRESSES_TRIED_MAX]:
            family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
            made = socket.socket(family, socket.SOCK_STREAM)
            made.setblocking(False)
            try:
                async with asyncio.timeout(CONNECT_S):
                    await loop.sock_connect(made, (str(address), port))
                return made
            except OSError:  # TimeoutError is one
                made.close()
            except BaseException:
                made.close()
                raise
        raise NoAnswer(f"{host}: not reached")

    def _parsed(self, url: str) -> httpx2.URL:
        if len(url) > URL_CHARS_MAX or not url.isascii() or any(ord(char) <= 32 or char in "\\\x7f" for char in url):
            raise Barred("the address is too long, or has characters that an address cannot have")
        try:
            parsed = httpx2.URL(url)
        except httpx2.InvalidURL:
            raise Barred("this is no address") from None
        if parsed.userinfo or not parsed.host:
            raise Barred("the address names no host, or a user")
        if parsed.scheme != "https" and not (self._plain(parsed) and parsed.scheme == "http"):
            raise Barred("the address must begin with https://")
        self._name(parsed.host)
        return parsed.copy_with(fragment=None)

    def _plain(self, url: httpx2.URL) -> bool:
        literal = _literal(url.host)
        return self.loopback and (url.host == "localhost" or (literal is not None and is_loopback(literal)))

    def _name(self, host: str) -> None:
        """Raises Barred for names that only our own network knows, and for written addresses that are not public."""
        literal = _literal(host)
        if literal is not None:
            self._may_go(literal)
        elif host.lower().rstrip(".").endswith(_NAMES_INSIDE) or ("." not in host.rstrip(".") and not self.loopback):
            raise Barred(f"{host} is no name of the public internet")

    def _may_go(self, address: Address) -> None:
        if not (is_public(address) or (self.loopback and is_loopback(address))):
            raise Barred("the address is not one of the public internet")

    async def _checked(self, host: str, port: int) -> list[Address]:
        """The host's addresses, every one fit; a single bad one spoils all."""
        self._name(host)
        try:
            found = await self._resolve(host, port)
            addresses = [ip_address(one.partition("%")[0]) for one in found]
        except (OSError, UnicodeError, ValueError) as error:
            raise NoAnswer(f"{host}: its name is not found") from error
        for address in addresses:
            self._may_go(address)
        if not addresses:
            raise NoAnswer(f"{host}: its name is not found")
        return list(dict.fromkeys(addresses))

    async def _once(
        self, method: str, url: httpx2.URL, headers: Mapping[str, str], content: bytes | None, bytes_max: int, cut: bool
    ) -> tuple[Answered, str | None]:
        """The answer, and where it sends us."""
        port = url.port or (443 if url.scheme == "https" else 80)
        failed: Exception | None = None
        for address in (await self._checked(url.host, port))[:ADDRESSES_TRIED_MAX]:
            if url.scheme == "http" and not is_loopback(address):
                raise Barred("the address must begin with https://")
            request = httpx2.Request(
                method,
                url.copy_with(host=str(address)),
                headers={**headers, "host": url.netloc.decode()},
                content=content,
                extensions={"sni_hostname": url.host, "timeout": {"connect": CONNECT_S}},
            )
            try:
                response = await self._wire.handle_async_request(request)
                try:
                    body = await _read(response, bytes_max, cut)
                    return Answered(response.status_code, body, _wished_wait(response)), _onward(url, response)
                finally:
                    await response.aclose()
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                failed = error  # nothing was sent: the next address may serve
            except (httpx2.HTTPError, httpx2.StreamError, OSError) as error:
                raise NoAnswer(f"{url.host}: {type(error).__name__}") from error
        raise NoAnswer(f"{url.host}: not reached") from failed


def _literal(host: str) -> Address | None:
    """An address as it is written in an address line, or None for a name. Other ways to write one (decimal,
    hexadecimal, with fewer dots) are names here, and what they resolve to is checked."""
    try:
        return ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None


def _onward(url: httpx2.URL, response: httpx2.Response) -> str | None:
    if response.status_code not in (301, 302, 303, 307, 308) or "location" not in response.headers:
        return None
    try:
        return str(url.join(response.headers["location"]))
    except httpx2.InvalidURL:
        raise Barred("the redirect is no address") from None


def _wished_wait(response: httpx2.Response) -> int | None:
    """``Retry-After`` in seconds; its other form, a date, is not read."""
    wished = response.headers.get("retry-after", "").strip()
    return int(wished) if wished.isascii() and wished.isdigit() and len(wished) <= 9 else None


async def _read(response: httpx2.Response, bytes_max: int, cut: bool) -> bytes:
    if not cut and response.headers.get("content-encoding", "identity").lower() != "identity":
        raise NoAnswer("the answer is compressed, though we asked for it plain")
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece
        if len(body) > bytes_max:
            if cut:
                return bytes(body[:bytes_max])
            raise NoAnswer(f"the answer is longer than {bytes_max:,} bytes")
    return bytes(body)
