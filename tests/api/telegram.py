"""What Telegram sends to a bot when somebody shares a phone by Passport (core.telegram.org/passport)."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


@dataclass
class Passport:
    token: str = "4711:" + "x" * 35
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))

    @property
    def bot_id(self) -> str:
        return self.token.partition(":")[0]

    @property
    def webhook_hash(self) -> str:
        return hashlib.sha256(self.token.encode()).hexdigest()

    @property
    def pem(self) -> str:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    def update(self, phone: str, nonce: str) -> dict[str, Any]:
        plain = json.dumps({"secure_data": {}, "nonce": nonce}).encode()
        pad = 32 + (-len(plain)) % 16
        padded = bytes([pad]) + os.urandom(pad - 1) + plain
        hash_, secret = hashlib.sha256(padded).digest(), os.urandom(32)
        both = hashlib.sha512(secret + hash_).digest()
        encryptor = Cipher(algorithms.AES256(both[:32]), modes.CBC(both[32:48])).encryptor()
        sealed = self.key.public_key().encrypt(secret, padding.OAEP(padding.MGF1(SHA1()), SHA1(), None))
        data = encryptor.update(padded) + encryptor.finalize()
        credentials = {name: base64.b64encode(value).decode() for name, value in
                       (("data", data), ("hash", hash_), ("secret", sealed))}  # fmt: skip
        element = {"type": "phone_number", "phone_number": phone.lstrip("+"), "hash": "aGFzaA=="}
        passport = {"data": [element], "credentials": credentials}
        return {"update_id": 1, "message": {"message_id": 1, "passport_data": passport}}
