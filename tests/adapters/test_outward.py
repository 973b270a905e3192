"""The client for strangers' addresses: where it goes, where it does not, and how much it takes."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from hazina.adapters.outward import Barred, Outward, Resolve, _look_up, is_loopback, is_public
from hazina.kernel.db import Database, TransactionOpen
from hazina.kernel.http import NoAnswer

OK = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}"


@dataclass
class Listening:
    port: int
    heads: list[bytes] = field(default_factory=list)

    def url(self, path: str = "/x", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"


@contextlib.asynccontextmanager
async def server(
    *pieces: bytes, pause_s: float = 0.0, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[Listening]:
    """Sends the pieces to every request, then closes."""
    here = Listening(0)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            here.heads.append(await reader.readuntil(b"\r\n\r\n"))
            for piece in pieces:
                writer.write(piece.replace(b"PORT", str(here.port).encode()))
                await writer.drain()
                await asyncio.sleep(pause_s)
        writer.close()

    listening = await asyncio.start_server(answer, host, 0, ssl=tls)
    here.port = listening.sockets[0].getsockname()[1]
    try:
        yield here
    finally:
        listening.close()


@contextlib.asynccontextmanager
async def client(
    *,
    loopback: bool = True,
    timeout_s: float = 10,
    ca_pem: str | None = None,
    resolve: Resolve = _look_up,
) -> AsyncIterator[Outward]:
    made = Outward(loopback=loopback, timeout_s=timeout_s, ca_pem=ca_pem, resolve=resolve)
    try:
        yield made
    finally:
        await made.close()


def names(*answers: list[str]) -> Resolve:
    """A name service that answers these in turn, and counts."""
    left = list(answers)

    async def resolve(host: str, port: int) -> list[str]:
        return left.pop(0)

    return resolve


NOT_PUBLIC = """0.0.0.0 10.1.2.3 100.64.0.1 100.100.100.200 127.0.0.1 127.9.9.9 168.63.129.16 169.254.169.254
172.16.0.1 172.31.255.255 192.0.0.1 192.0.2.1 192.168.1.1 198.18.0.1 198.51.100.1 203.0.113.9 224.0.0.1 240.0.0.1
255.255.255.255 :: ::1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::127.0.0.1 64:ff9b::7f00:1 64:ff9b:1::1 100::1 2001::1
2001:db8::1 2002:7f00:1:: 3fff::1 fc00::1 fd00:ec2::254 fe80::1 fec0::1 ff02::1 5f00::1"""
PUBLIC = "1.1.1.1 8.8.8.8 172.32.0.1 100.128.0.1 223.255.255.255 2606:4700::1111"


@pytest.mark.parametrize("address", NOT_PUBLIC.split())
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "223.255.255.255", "2606:4700::1111"]
)
def test_addresses_that_are(address: str) -> None:
    assert is_public(ip_address(address))
    assert not is_loopback(ip_address(address))


BAD = """http://example.com/ ftp://example.com/ file:///etc/passwd https:///x https://u:p@example.com/ gopher://x.com/
https://127.0.0.1/ https://[::1]/ https://[::ffff:10.0.0.1]/ https://10.0.0.1:8443/ https://169.254.169.254/latest
https://[fe80::1%25eth0]/ https://localhost/ https://db/ https://LOCALHOST./ https://x.onion/ https://x.onion./
http://x.onion/ https://printer.local/ https://a.internal/ https://metadata.google.internal/ https://0/
https://2130706433/ https://0x7f000001/ https://exa\u006dple.com\\@127.0.0.1/ https://ex\u00e4mple.com/
//example.com /x x https:example.com javascript:alert(1) http://127.0.0.1/ http://localhost/"""


async def test_lnu_08_what_is_barred_before_any_look_up() -> None:
    async with client(loopback=False, resolve=names()) as out:
        for url in (*BAD.split(), "https://a b.com/", "https://a.com/\n", "https://a.com/" + "x" * 2048):
            with pytest.raises(Barred):
                out.check(url)
            with pytest.raises(Barred):
                await out.call("GET", url)


async def test_lnu_08_names_that_lead_inside() -> None:
    """Odd spellings of addresses are names; the system may read them as addresses, and that is what counts."""
    async with client(loopback=False, resolve=names(*[["127.0.0.1"]] * 10)) as out:
        for host in ("0x7f.1", "127.1", "0177.0.0.1", "127.0.0.1.", "rebind.example"):
            with pytest.raises(Barred):
                await out.call("GET", f"https://{host}/")
            with pytest.raises(Barred):
                await out.dial(host, 443)


async def test_one_bad_address_spoils_all() -> None:
    async with client(loopback=False, resolve=names(["8.8.8.8", "10.0.0.1"])) as out:
        with pytest.raises(Barred):
            await out.call("GET", "https://shop.example/")


async def test_http_reaches_this_machine_only() -> None:
    """With loopback let through, plain http to a public address stays barred, whatever localhost is said to be."""
    async with client(resolve=names(["8.8.8.8"])) as out:
        with pytest.raises(Barred):
            await out.call("GET", "http://localhost:1/")
        with pytest.raises(Barred):
            await out.call("GET", "http://shop.example/")


async def test_an_answer_and_what_is_sent() -> None:
    async with server(OK) as here, client() as out:
        answer = await out.call("GET", here.url("/pay?amount=1&k=2"), query={"amount": "5"}, headers={"x-a": "b"})
        assert (answer.status, answer.json()) == (200, {})
        head = here.heads[0].decode().lower()
        assert head.startswith("get /pay?k=2&amount=5 ") or head.startswith("get /pay?amount=5&k=2 ")
        assert f"host: 127.0.0.1:{here.port}\r\n" in head
        assert "x-a: b" in head and "accept-encoding: identity" in head and "cookie" not in head
        posted = await out.call("POST", here.url(), content=b"abc", headers={"content-type": "application/json"})
        assert posted.status == 200 and b"content-length: 3" in here.heads[1].lower()


async def test_the_look_up_happens_once_and_binds(tmp_path: Path) -> None:
    """DNS rebinding: the second answer of the name service is never asked for. The name goes into SNI and Host."""
    tls, ca, seen = certified(tmp_path, "shop.example")
    async with server(OK, tls=tls) as here:
        async with client(ca_pem=ca, resolve=names(["127.0.0.1"])) as out:
            assert (await out.call("GET", f"https://shop.example:{here.port}/")).status == 200
        assert seen == ["shop.example"]
        assert f"host: shop.example:{here.port}".encode() in here.heads[0].lower()
        async with client(ca_pem=ca, resolve=names(["127.0.0.1"])) as out:
            with pytest.raises(NoAnswer):  # another name's certificate
                await out.call("GET", f"https://other.example:{here.port}/")
        async with client(resolve=names(["127.0.0.1"])) as out:
            with pytest.raises(NoAnswer):  # nobody vouches for it
                await out.call("GET", f"https://shop.example:{here.port}/")
        assert len(here.heads) == 1


def redirect(to: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()


async def test_redirects() -> None:
    async with server(OK) as last, server(redirect(last.url("/y"))) as first, client() as out:
        assert (await out.call("GET", first.url())).status == 302
        assert not last.heads
        assert (await out.call("GET", first.url(), redirects=1)).status == 200
        assert last.heads[0].startswith(b"GET /y ")
    async with server(redirect("/again")) as here, client() as out:
        with pytest.raises(NoAnswer, match="many"):
            await out.call("GET", here.url(), redirects=3)
        assert len(here.heads) == 4


async def test_a_redirect_is_checked_like_any_address() -> None:
    async with client() as out:
        for to in ("http://10.0.0.1/", "https://169.254.169.254/", "file:///x", "https://x.onion/", "http://a.b/"):
            async with server(redirect(to)) as here:
                with pytest.raises(Barred):
                    await out.call("GET", here.url(), redirects=3)


async def test_limits() -> None:
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
    async with server(head, *[b"x"] * 1_200, pause_s=0.05) as here, client(timeout_s=0.3) as out:
        started = time.perf_counter()
        with pytest.raises(NoAnswer, match="time"):
            await out.call("GET", here.url())
        assert time.perf_counter() - started < 30
    async with server(head, b"x" * 100_000) as here, client() as out:
        with pytest.raises(NoAnswer, match="longer"):
            await out.call("GET", here.url())
        assert len((await out.call("GET", here.url(), bytes_max=200_000)).body) == 100_000
    zipped = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n" + b"\x1f\x8b"
    async with server(zipped) as here, client() as out:
        with pytest.raises(NoAnswer, match="compressed"):
            await out.call("GET", here.url())
    async with server(b"hello\r\n\r\n") as here, client() as out:
        with pytest.raises(NoAnswer):
            await out.call("GET", here.url())


async def test_the_next_address_serves_when_one_is_away() -> None:
    async with server(OK) as here, client(resolve=names(["127.0.0.9", "127.0.0.1"])) as out:
        assert (await out.call("GET", f"http://localhost:{here.port}/")).status == 200
    async with client() as out:
        with pytest.raises(NoAnswer, match="not reached"):
            await out.call("GET", "http://127.0.0.1:1/")
        with pytest.raises(NoAnswer, match="not reached"):
            await out.dial("127.0.0.1", 1)


async def test_a_dialled_connection() -> None:
    async with server(b"hello") as here, client() as out:
        made = await out.dial("localhost", here.port)
        reader, writer = await asyncio.open_connection(sock=made)
        writer.write(b"\r\n\r\n")
        assert await reader.read() == b"hello"
        writer.close()


async def test_nothing_goes_out_in_a_transaction(db: Database) -> None:
    async with client() as out, db.transaction():
        with pytest.raises(TransactionOpen):
            await out.call("GET", "https://shop.example/")
        with pytest.raises(TransactionOpen):
            await out.dial("shop.example", 443)


def certified(folder: Path, name: str) -> tuple[ssl.SSLContext, str, list[str | None]]:
    """A server's TLS with a certificate for the name, its authority's, and the names that callers asked for."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    both = folder / "server.pem"
    plain = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    both.write_bytes(plain + pem)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(both)
    seen: list[str | None] = []

    def asked(_: ssl.SSLObject, host: str | None, __: ssl.SSLContext) -> None:
        seen.append(host)

    tls.sni_callback = asked
    return tls, pem.decode(), seen
