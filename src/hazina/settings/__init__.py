"""Settings: one TOML file and the environment, read once, checked whole before anything starts.

Every setting is a key of the file (``<data>/hazina.toml``, or the file that HAZINA_CONFIG names) and
a variable: ``port`` is HAZINA_PORT, ``auth_token`` under ``[twilio]`` is HAZINA_TWILIO__AUTH_TOKEN.
The environment wins. A name with ``_file`` behind it takes the value from that file: secrets stay
out of both. An unknown name or a value that cannot be is an error that says where it stands.

Rules of the business (limits, fees, waiting times) are not here: each context has its own policy.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator

from hazina.settings.sections import (
    DOMAIN,
    NODE_NAME,
    Bitcoind,
    Dealer,
    Electrum,
    ExemptAccount,
    Fees,
    GeeTest,
    Hedging,
    Identity,
    Lnd,
    MobileApp,
    PriceFeed,
    Quiz,
    RateFeed,
    Section,
    Smtp,
    Strategy,
    SupportChat,
    Telegram,
    TieredFlat,
    Turnstile,
    Twilio,
    checked_url,
)

__all__ = [
    "BadSettings",
    "Bitcoind",
    "Dealer",
    "Electrum",
    "ExemptAccount",
    "Fees",
    "GeeTest",
    "Hedging",
    "Identity",
    "Lnd",
    "Loaded",
    "MobileApp",
    "PriceFeed",
    "Quiz",
    "RateFeed",
    "Settings",
    "Smtp",
    "Strategy",
    "SupportChat",
    "Telegram",
    "TieredFlat",
    "Turnstile",
    "Twilio",
    "load",
    "redacted",
]

PREFIX = "HAZINA_"
PLAIN_NAMES = {"DATABASE_URL": "database_url"}  # what everybody calls it already
# Read elsewhere:
NOT_SETTINGS = {"HAZINA_CONFIG", "HAZINA_PYTHON", "HAZINA_CHROMIUM", "HAZINA_TEST_POSTGRES"}
NOT_SETTINGS |= {
    "HAZINA_BITCOIND",
    "HAZINA_ELECTRUM",
    "HAZINA_LNBITS",
    "HAZINA_LND_BINARY",
}  # programs that are there already
FILE_SUFFIX = "_file"
DATA_DEFAULT = ".hazina"


class BadSettings(Exception):
    """One line for each thing that is wrong, each with its place."""


class Settings(Section):
    data: Path = Path(DATA_DEFAULT)
    """Folder of everything that the bank keeps on this machine."""
    host: str = "127.0.0.1"
    port: int = Field(4455, ge=0, le=65535)
    network: Literal["mainnet", "testnet", "signet", "regtest"] = "regtest"

    public_url: str | None = None
    """The one address by which customers and apps reach the bank, such as ``https://bank.example``: the issuer of
    tokens, and what stands in links and QR codes, whatever a request calls us. Unset: localhost and the port."""

    trusted_proxies: tuple[str, ...] = ()
    """Networks of our own proxies, such as ``10.1.0.0/16``: what they say of where a request came from counts.
    This machine is always one."""

    keys: SecretStr | None = None
    """Keys of what is personal, the text of a keys file; use ``keys_file``. Unset: ``<data>/keys``, made at the
    first start."""
    open_registration: bool | None = None
    """Apps may register themselves for "Log in with Hazina" without an initial access token, for identity scopes
    only. Unset: beside a sandbox."""

    database_url: SecretStr | None = None
    """PostgreSQL 15 or newer, as the program's own role; unset: the embedded one."""
    owner_url: SecretStr | None = None
    """The same database as the role that owns the tables: migrations only. Unset: ``database_url``."""
    database_pool: int = Field(10, ge=2, le=200)
    unsafe_database: bool = False
    """Take a database that may forget commits in a power cut (``fsync`` off and the like). For tests."""

    sandbox: bool = True
    """``up`` runs the sandbox, and providers that are not set below point to it. Only on regtest."""
    sandbox_url: str | None = None
    """A sandbox that already runs."""
    real_nodes: Literal["electrum", "lnd"] | None = None
    """The sandbox runs real nodes, a bitcoind and a Lightning network, in place of those it plays."""
    lnd: Lnd | None = None
    """One node; several stand under ``nodes`` by their names."""
    nodes: dict[str, Annotated[Lnd | Electrum, Field(discriminator="kind")]] = Field(default_factory=dict)
    bitcoind: Bitcoind | None = None
    twilio: Twilio | None = None
    smtp: Smtp | None = None
    geetest: GeeTest | None = None
    turnstile: Turnstile | None = None
    telegram: Telegram | None = None
    hedging: Hedging | None = None
    price_feeds: tuple[PriceFeed, ...] | None = None
    """Unset: all that there are, or the sandbox's."""
    rate_feeds: tuple[RateFeed, ...] | None = None
    """The same."""
    identity: Identity = Identity.model_validate({})
    dealer: Dealer = Dealer.model_validate({})
    fees: Fees = Fees.model_validate({})
    support_chat: SupportChat | None = None
    quiz: Quiz = Quiz.model_validate({})
    mobile: dict[Literal["android", "ios"], MobileApp] = Field(default_factory=dict)
    """Apps of the bank's own in the stores, by platform."""
    sweep_merchants: bool = False
    """Take merchants off the map that had no transaction for half a year."""
    commit: str | None = None
    """Of the source that this program was built from, as it is told to anyone who asks."""

    address_domains: tuple[str, ...] = ()
    """Further domains whose Lightning Addresses are this bank's, such as ``pay.example``: each must lead here over
    https under its own name. The bank's own address is always one."""
    outward_loopback: bool | None = None
    """Addresses that strangers give (LNURL services, webhook receivers) may be on this machine, over plain http
    too: for development, never where strangers come. Unset: beside a sandbox."""

    worker_concurrency: int = Field(10, ge=1, le=100)
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "text"] = "json"

    @field_validator("sandbox_url")
    @classmethod
    def _sandbox_url(cls, url: str | None) -> str | None:
        return None if url is None else checked_url(url)

    @field_validator("public_url")
    @classmethod
    def _public_url(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(checked_url(url))
        if parts.scheme != "https" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
            raise ValueError("must begin with https:// unless it is this machine")
        if parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc:
            raise ValueError("must be a plain address: no path, no query")
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def origin(self) -> str:
        """``public_url``, or what stands in for it on this machine."""
        return self.public_url or f"http://localhost:{self.port}"

    @field_validator("address_domains")
    @classmethod
    def _domains(cls, named: tuple[str, ...]) -> tuple[str, ...]:
        if not all(DOMAIN.fullmatch(one.lower()) for one in named):
            raise ValueError("must be names such as pay.example, without https://")
        return tuple(one.lower() for one in named)

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, named: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(str(ip_network(one)) for one in named)
        except ValueError:
            raise ValueError("must be networks such as 10.1.0.0/16") from None

    @field_validator("database_url", "owner_url")
    @classmethod
    def _postgres(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("must begin with postgresql://")
        return url

    @model_validator(mode="after")
    def _named(self) -> Self:
        for name in self.nodes:
            if not NODE_NAME.fullmatch(name):
                raise ValueError(f"nodes.{name}: a node's name has small letters, digits, - and _, at most 40")
        if self.lnd is not None and self.lnd.name in self.nodes:
            raise ValueError(f"nodes.{self.lnd.name}: [lnd] has the same name")
        return self

    @property
    def lightning(self) -> tuple[Lnd | Electrum, ...]:
        """Every Lightning node, each with its name."""
        named = (node.model_copy(update={"name": name}) for name, node in sorted(self.nodes.items()))
        return (*([self.lnd] if self.lnd else []), *named)

    @property
    def strangers_on_loopback(self) -> bool:
        """``outward_loopback``, or what stands in for it."""
        return bool(self.sandbox_url) if self.outward_loopback is None else self.outward_loopback

    @property
    def wants_sandbox(self) -> bool:
        return self.sandbox and self.network == "regtest"


@dataclass(frozen=True, slots=True)
class Loaded:
    settings: Settings
    places: dict[tuple[str, ...], str] = field(default_factory=dict)
    """Where each value that is not a default was found."""


def load(environ: Mapping[str, str] | None = None, **given: Any) -> Loaded:
    """Read file and environment. ``given`` are the command line's own values; they win, None is not given.

    :raises BadSettings:
    """
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    places: dict[tuple[str, ...], str] = {}
    wrong: list[str] = []
    data = given.get("data") or environ.get("HAZINA_DATA") or DATA_DEFAULT
    file = Path(environ.get("HAZINA_CONFIG") or Path(data) / "hazina.toml")
    for path, value, place in (*_from_file(file, required="HAZINA_CONFIG" in environ), *_from_environ(environ)):
        _put(values, places, wrong, path, value, place)
    for name, value in given.items():
        if value is not None:
            _put(values, places, wrong, (name,), value, f"--{name.replace('_', '-')}")
    if wrong:
        raise BadSettings("\n".join(wrong))
    try:
        return Loaded(Settings.model_validate(values), places)
    except ValidationError as error:
        raise BadSettings("\n".join(_explain(error, places))) from None


Found = tuple[tuple[str, ...], Any, str]


def _from_file(file: Path, *, required: bool) -> Iterator[Found]:
    try:
        text = file.read_text()
        tree = tomllib.loads(text)
    except (FileNotFoundError, NotADirectoryError):
        if required:
            raise BadSettings(f"{file}: there is no such file (HAZINA_CONFIG names it).") from None
        return
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadSettings(f"{file}: {error}") from None
    lines = _lines(text)
    for key, value in tree.items():
        for path, leaf in _leaves((key,), value):
            yield path, leaf, f"{file}:{lines.get(path, lines.get(path[:1], 1))}"


def _leaves(path: tuple[str, ...], value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    if not isinstance(value, dict):
        yield path, value
        return
    for key, inner in value.items():
        yield from _leaves((*path, key), inner)


def _lines(text: str) -> dict[tuple[str, ...], int]:
    """The line of every key, for messages (the parser does not tell)."""
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if head := re.match(r"\s*\[\[?([\w.\- ]+)\]\]?", line):
            table = tuple(part.strip() for part in head[1].split("."))
            lines.setdefault(table, number)
        elif key := re.match(r"\s*([\w.\-]+)\s*=", line):
            lines.setdefault((*table, *key[1].split(".")), number)
    return lines


def _from_environ(environ: Mapping[str, str]) -> Iterator[Found]:
    for name, value in sorted(environ.items()):
        plain = next((k for k in PLAIN_NAMES if name in (k, k + FILE_SUFFIX.upper())), None)
        if plain:
            yield (PLAIN_NAMES[plain] + name[len(plain) :].lower(),), value, name
        elif name.startswith(PREFIX) and name not in NOT_SETTINGS:
            path = tuple(name[len(PREFIX) :].lower().split("__"))
            yield path, _literal(value), name


def _literal(value: str) -> Any:
    """A list or table in a variable is JSON; the rest are words, which the model turns into numbers."""
    if value.startswith(("[", "{")):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _put(
    values: dict[str, Any],
    places: dict[tuple[str, ...], str],
    wrong: list[str],
    path: tuple[str, ...],
    value: Any,
    place: str,
) -> None:
    *above, last = path
    if last.endswith(FILE_SUFFIX) and isinstance(value, str):
        try:
            value = _content(Path(value).read_bytes())
        except OSError as error:
            wrong.append(f"{place}: cannot read {value}: {error.strerror}.")
            return
        last = last.removesuffix(FILE_SUFFIX)
    for part in above:
        inner = values.setdefault(part, {})
        if not isinstance(inner, dict):
            wrong.append(f"{place}: {part} is not a section.")
            return
        values = inner
    values[last] = value
    places[(*above, last)] = place


def _content(raw: bytes) -> str:
    """A secret's file: text without the last newline; a binary one (LND's macaroon) as hexadecimal."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return raw.hex()
    return text.strip() if all(c.isprintable() or c.isspace() for c in text) else raw.hex()


def _explain(error: ValidationError, places: Mapping[tuple[str, ...], str]) -> Iterator[str]:
    for problem in error.errors(include_url=False, include_input=False):
        path = tuple(str(part) for part in problem["loc"])
        near = next((places[path[:n]] for n in range(len(path), 0, -1) if path[:n] in places), None)
        near = near or next((place for key, place in places.items() if key[:1] == path[:1]), "settings")
        said = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            said = "there is no such setting"
        elif problem["type"] == "missing":
            said = "is missing"
        yield f"{near}: {'.'.join(path)}: {said}."


def redacted(loaded: Loaded) -> Iterator[tuple[str, str, str]]:
    """Every setting as (name, value without secrets, where it comes from)."""
    for path, value in _leaves((), loaded.settings.model_dump()):
        shown = "(not set)" if value is None else str(value)
        if isinstance(value, SecretStr):
            shown = _without_password(value.get_secret_value()) if path[-1].endswith("_url") else "********"
        place = next((loaded.places[path[:n]] for n in range(len(path), 0, -1) if path[:n] in loaded.places), "default")
        yield ".".join(path), shown, place


def _without_password(url: str) -> str:
    url = re.sub(r"(//[^:/@]*):[^@]*@", r"\1:********@", url)
    return re.sub(r"(password=)[^&]*", r"\1********", url)
