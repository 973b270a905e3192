"""The sections of the settings: what a provider, a rule or a page of the bank can be told."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def checked_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an address that begins with http:// or https://")
    return url.rstrip("/")


class LightningNode(Section):
    """What all kinds of Lightning nodes have in common."""

    name: str = "lnd-1"
    """The node's own name in our books, under ``[nodes]`` its key. Never change it for the same node."""
    base_url: str
    weight: int = Field(default=1, ge=1, le=1_000)
    """Its share of new payments and invoices, against the other nodes'."""
    resting: bool = False
    """Takes no new work; what it has begun goes on."""

    _url = field_validator("base_url")(checked_url)


class Lnd(LightningNode):
    """An LND node, by its REST API."""

    kind: Literal["lnd"] = "lnd"
    macaroon: SecretStr
    """Hexadecimal; ``macaroon_file`` may be LND's own binary file."""
    tls_cert: str | None = None
    """The node's certificate (PEM), when it is not signed by a public authority."""

    @field_validator("macaroon")
    @classmethod
    def _hex(cls, macaroon: SecretStr) -> SecretStr:
        try:
            bytes.fromhex(macaroon.get_secret_value())
        except ValueError:
            raise ValueError("must be hexadecimal") from None
        return macaroon


class Electrum(LightningNode):
    """An Electrum daemon with its Lightning wallet, by JSON-RPC."""

    kind: Literal["electrum"]
    user: str
    password: SecretStr
    wallet: str | None = None
    """Path of the wallet file as the daemon knows it; unset: its default wallet."""


class Bitcoind(Section):
    """A Bitcoin node with wallets: bitcoind 27 and newer, by JSON-RPC. Without it nothing moves on-chain."""

    url: str
    """Such as http://127.0.0.1:8332."""
    user: str | None = None
    password: SecretStr | None = None
    cookie: Path | None = None
    """Path of bitcoind's ``.cookie``, in place of user and password."""
    wallet: str = Field("hazina", pattern=r"^[A-Za-z0-9_-]{1,64}$")
    """The hot wallet's name on the node; made at the first start. Two banks on one node need two names."""
    zmq: tuple[str, ...] = ()
    """Addresses of its ``zmqpub…`` options, such as tcp://127.0.0.1:28332: news come a little sooner."""

    _url = field_validator("url")(checked_url)

    @model_validator(mode="after")
    def _opened(self) -> Bitcoind:
        if (self.cookie is None) == (self.user is None or self.password is None):
            raise ValueError("needs either user and password, or cookie")
        return self


DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9](?::[0-9]{1,5})?")
NODE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


class Twilio(Section):
    """Text messages, by Twilio's API."""

    base_url: str = "https://api.twilio.com"
    account_sid: str
    auth_token: SecretStr
    sender: str
    """The number or sender name that messages come from."""
    whatsapp_sender: str | None = None
    """A WhatsApp sender of the account; unset: codes wished by WhatsApp go by SMS."""
    whatsapp_template: str | None = None
    """Content template (HX…) whose first variable is the code: WhatsApp takes no free text from a business."""
    lookup_url: str | None = None
    """Such as https://lookups.twilio.com: numbers of the wrong kind of line get no code. Unset: none is looked up."""

    _url = field_validator("base_url")(checked_url)


class Smtp(Section):
    """The mail server that e-mails are handed to."""

    host: str
    port: int = Field(587, ge=1, le=65535)
    security: Literal["tls", "starttls", "none"] = "starttls"
    username: str | None = None
    password: SecretStr | None = None
    sender: str
    """Such as ``Hazina <bank@example.org>``."""


class GeeTest(Section):
    """Captcha before a code is sent: GeeTest version 3."""

    base_url: str = "https://api.geetest.com"
    status_url: str = "https://bypass.geetest.com"
    static_url: str = "https://static.geetest.com"
    """From where our log-in pages load the script that draws it."""
    id: str
    key: SecretStr

    _url = field_validator("base_url", "status_url", "static_url")(checked_url)


class Turnstile(Section):
    """Captcha before a code is sent: Cloudflare's Turnstile."""

    base_url: str = "https://challenges.cloudflare.com"
    site_key: str
    secret: SecretStr

    _url = field_validator("base_url")(checked_url)


class Telegram(Section):
    """Log-in by Telegram Passport, through a bot of the bank's own."""

    token: SecretStr
    private_key: SecretStr
    """RSA, PEM; ``private_key_file`` is the usual way."""


class Identity(Section):
    """How long people stay logged in, and what needs more than that."""

    session_days: int = Field(365, ge=1, le=3650)
    """A session that is not used for so long ends."""
    session_days_max: int = Field(1095, ge=1, le=3650)
    """However much it is used."""
    hold_hours: int = Field(24, ge=0, le=720)
    """After a way to log in was added or removed, only ``hold_usd`` in all may leave for so long; 0: no hold."""
    hold_usd: int = Field(50, ge=0)
    payment_over_usd: tuple[int, ...] = Field((-1, -1, 5_000, 20_000), min_length=4, max_length=4)
    """A payment of more needs a second proof; for accounts of level 0, 1, 2, 3; -1: none does."""
    wary_over_usd: int = Field(50, ge=-1)
    """The same, at every level, for sessions opened in a way that can be relayed or copied."""
    keys: tuple[bool, ...] = Field((True, True, True, True), min_length=4, max_length=4)
    """Making an API key needs one, by level."""
    factors: tuple[bool, ...] = Field((True, True, True, True), min_length=4, max_length=4)
    """Adding or removing a way to log in needs one, by level."""


class MobileApp(Section):
    """Builds of an app of the bank's own: an older one than ``min`` is told to update before anything else."""

    min: int = Field(0, ge=0)
    current: int = Field(0, ge=0)


class Hedging(Section):
    """The account at OKX where the bank's dollars are hedged; `hazina hedge on` begins. Without it their risk is the
    bank's."""

    base_url: str = "https://www.okx.com"
    key: str
    secret: SecretStr
    passphrase: SecretStr
    simulated: bool = False
    """Keys of OKX's demo trading."""
    onchain: bool = True
    """Coins go between the hot wallet and OKX by themselves; false: people bring them."""
    reserve_sats: int = Field(default=100_000_000, ge=0, le=21 * 10**14)
    """What lies there beside the collateral, at most."""
    hot_kept_sats: int = Field(default=10_000_000, ge=0, le=21 * 10**14)
    """What the hot wallet keeps when coins go there."""

    _url = field_validator("base_url")(checked_url)


class PriceFeed(Section):
    """An exchange that says what a bitcoin costs: kraken, coinbase, bitstamp, bitfinex, okx."""

    name: str
    base_url: str | None = None
    """Unset: the provider's own."""

    @field_validator("base_url")
    @classmethod
    def _url(cls, url: str | None) -> str | None:
        return None if url is None else checked_url(url)


class RateFeed(PriceFeed):
    """A source of what a dollar is in other currencies: open-er-api, currency-api, yadio."""


class Dealer(Section):
    """How far from the middle bitcoin and dollars are exchanged: the base, and on top of it what an exchange at once
    costs, or one by a quote that stands for five minutes (invoices in dollars, fee probes)."""

    base_basis_points: int = Field(5, ge=0, le=500)
    immediate_basis_points: int = Field(5, ge=0, le=500)
    delayed_basis_points: int = Field(7, ge=0, le=500)


Sats = Annotated[int, Field(ge=0, le=21 * 10**14)]
BasisPoints = Annotated[int, Field(ge=0, le=10_000)]
Fraction = Annotated[Decimal, Field(ge=0)]


class Flat(Section):
    strategy: Literal["flat"]
    sats: Sats


class Percentage(Section):
    strategy: Literal["percentage"]
    basis_points: BasisPoints


class Tier(Section):
    up_to_sats: Sats | None = None
    """Unset: every amount above the tiers before it."""
    sats: Sats


class TieredFlat(Section):
    strategy: Literal["tiered_flat"]
    tiers: tuple[Tier, ...] = Field(min_length=1)


class ExemptAccount(Section):
    strategy: Literal["exempt_account"]
    roles: tuple[str, ...] = ()
    account_ids: tuple[UUID, ...] = ()
    validated_merchants: bool = False


class Imbalance(Section):
    strategy: Literal["imbalance"]
    threshold_sats: Sats = 10_000_000
    basis_points: BasisPoints = 20
    min_sats: Sats = 0


class PercentageAboveThreshold(Section):
    strategy: Literal["percentage_above_threshold"]
    basis_points: BasisPoints = 30
    threshold_cents: int = Field(10_000, ge=0)


class ExponentialDecay(Section):
    strategy: Literal["exponential_decay"]
    min_rate: Fraction
    max_rate: Fraction
    speed: Fraction
    target_rate: Fraction
    terminal_divisor: Fraction
    factor: Fraction
    offset: Fraction
    rate_cap: Fraction
    base_sats: Sats = 0
    start_sats: Sats = 4_000_000
    calm_sats_per_vbyte: int = Field(1, ge=1)
    dear_sats_per_vbyte: int = Field(100, ge=2)
    min_sats: Sats = 100


Strategy = Annotated[
    Flat | Percentage | TieredFlat | ExemptAccount | Imbalance | PercentageAboveThreshold | ExponentialDecay,
    Field(discriminator="strategy"),
]


class Fees(Section):
    """The bank's own fees: strategies by name, summed in their order. Unset: Blink's; an empty list: none."""

    lightning: tuple[Strategy, ...] | None = None
    deposit: tuple[Strategy, ...] | None = None
    withdrawal: tuple[Strategy, ...] | None = None


class SupportChat(Section):
    """The assistant of the support chat, behind an OpenAI-compatible API. Without this section the chat is off."""

    base_url: str
    """Up to and with the version, such as https://api.openai.com/v1."""
    model: str
    key: SecretStr | None = None
    prompt: str | None = Field(default=None, max_length=20_000)
    """What the assistant is told it is; unset: a few words about this bank."""
    old_token_limit: bool = False
    """Send ``max_tokens`` in place of ``max_completion_tokens``."""

    _url = field_validator("base_url")(checked_url)


class Quiz(Section):
    """Whom quizzes are not rewarded for. Countries are ISO codes such as KE, networks such as AS1234."""

    phone_countries_denied: tuple[str, ...] = ()
    ip_countries_denied: tuple[str, ...] = ()
    networks_denied: tuple[str, ...] = ()
    proxycheck_url: str | None = None
    """Such as https://proxycheck.io: addresses are looked up there, and those of VPNs, or that nothing is known of,
    are not rewarded. Unset: none is looked up."""
    proxycheck_key: SecretStr | None = None
