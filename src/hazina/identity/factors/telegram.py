"""Phones proved by Telegram Passport (core.telegram.org/passport): the app asks Telegram, Telegram tells our bot."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from hazina.identity.errors import InvalidPhone
from hazina.identity.factors import store
from hazina.identity.factors.errors import TelegramOff, TelegramOver, TelegramWaiting
from hazina.identity.factors.model import ip_rate
from hazina.identity.model import HOUR_S, FactorKind, Proved, parse_phone
from hazina.identity.service import Identity
from hazina.kernel import rates
from hazina.kernel.db import Tx
from hazina.kernel.errors import TooManyRequests
from hazina.kernel.ids import UUID, public_id

LIFE_S = 10 * 60
ASK_PER_PHONE = rates.Rate("telegram_per_phone", 5, HOUR_S, 4 * HOUR_S)
ASK_PER_IP = rates.Rate("telegram_per_ip", 25, 300, HOUR_S)
AMR = ("otp", "telegram")


class BadUpdate(Exception):
    """What came is not Telegram's word for this bot. Says nothing of its content."""


@dataclass(frozen=True, slots=True)
class Bot:
    id: str
    token: str
    key: rsa.RSAPrivateKey

    @classmethod
    def of(cls, token: str, private_key_pem: str) -> Bot:
        """Raises ValueError."""
        key = load_pem_private_key(private_key_pem.encode(), None)
        id_, colon, _ = token.partition(":")
        if not isinstance(key, rsa.RSAPrivateKey) or not colon or not id_.isdigit():
            raise ValueError("a bot has a token such as 123:abc, and an RSA key")
        return cls(id_, token, key)

    @property
    def public_pem(self) -> str:
        return self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    @property
    def webhook_hash(self) -> str:
        """What Telegram repeats in the address of the webhook: nobody else knows the token."""
        return hashlib.sha256(self.token.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Telegram:
    identity: Identity
    bot: Bot | None

    async def ask(self, phone: str, ip: str | None) -> dict[str, Any]:
        """What the app hands to Telegram. Raises TelegramOff, InvalidPhone, TooManyRequests."""
        bot, number, nonce = self._bot(), parse_phone(phone), public_id()
        policy, now = self.identity.policy, self.identity.clock.now()
        mark = self._mark(number)
        counted = [(ASK_PER_PHONE, mark.hex()), *ip_rate(ASK_PER_IP, ip, policy)]
        async with self.identity.db.transaction() as tx:
            wait = await rates.take(tx, counted, now)
            if not wait:
                await store.put_telegram(tx, nonce, mark, now + timedelta(seconds=LIFE_S))
        if wait:
            raise TooManyRequests(retry_after_s=wait)
        scope = {"data": ["phone_number"], "v": 1}
        return {"bot_id": bot.id, "scope": scope, "public_key": bot.public_pem, "nonce": str(nonce)}

    async def heard(self, update: Any, shown_hash: str) -> bool:
        """An update of the bot. False: nothing of ours is in it, or too late. Raises TelegramOff, BadUpdate."""
        bot = self._bot()
        if not secrets.compare_digest(shown_hash.encode(), bot.webhook_hash.encode()):
            raise BadUpdate
        found = read_update(bot, update)
        if found is None:
            return False
        phone, nonce = found
        async with self.identity.db.transaction() as tx:
            return await store.prove_telegram(tx, nonce, self._mark(phone), self.identity.clock.now())

    async def prove(self, phone: str, nonce: UUID) -> Callable[[Tx], Awaitable[Proved]]:
        """A step that uses the wish up: for ``Accounts.enter``. Raises TelegramOff, InvalidPhone,
        TelegramWaiting, TelegramOver."""
        self._bot()
        number, now = parse_phone(phone), self.identity.clock.now()
        async with self.identity.db.reading() as tx:
            proved = await store.telegram(tx, nonce, self._mark(number), now)
        if proved is None:
            raise TelegramOver
        if not proved:
            raise TelegramWaiting

        async def redeem(tx: Tx) -> Proved:
            if not await store.use_telegram(tx, nonce):
                raise TelegramOver
            return Proved(FactorKind.PHONE, number, AMR)

        return redeem

    def _bot(self) -> Bot:
        if self.bot is None:
            raise TelegramOff
        return self.bot

    def _mark(self, phone: str) -> bytes:
        return self.identity.links.mark(FactorKind.PHONE, phone)


def read_update(bot: Bot, update: Any) -> tuple[str, UUID] | None:
    """The phone and the nonce of an update; None: it is of something else. Raises BadUpdate for what is damaged
    or not sealed for this bot."""
    message = update.get("message") if isinstance(update, dict) else None
    passport = message.get("passport_data") if isinstance(message, dict) else None
    if not isinstance(passport, dict):
        return None
    try:
        credentials = passport["credentials"]
        phones = [one["phone_number"] for one in passport["data"] if one["type"] == "phone_number"]
        opened = _open(
            bot, *(base64.b64decode(credentials[name], validate=True) for name in ("data", "hash", "secret"))
        )
        nonce = json.loads(opened)["nonce"]
        phone = parse_phone("+" + str(phones[0]).lstrip("+"))
        return phone, UUID(nonce)
    except (KeyError, TypeError, ValueError, IndexError, binascii.Error, RecursionError, InvalidPhone) as error:
        raise BadUpdate from error


def _open(bot: Bot, data: bytes, hash_: bytes, secret: bytes) -> bytes:
    """Telegram's sealing of credentials; SHA-1 in OAEP and CBC are its choice. Raises ValueError."""
    opened = bot.key.decrypt(secret, padding.OAEP(padding.MGF1(SHA1()), SHA1(), None))  # noqa: S303
    both = hashlib.sha512(opened + hash_).digest()
    decryptor = Cipher(algorithms.AES256(both[:32]), modes.CBC(both[32:48])).decryptor()
    plain = decryptor.update(data) + decryptor.finalize()
    if not plain or not secrets.compare_digest(hashlib.sha256(plain).digest(), hash_):
        raise ValueError("the hash is another")
    return plain[plain[0] :]
