"""How often one address may make us remember something."""

from __future__ import annotations

from ipaddress import ip_address

from starlette.requests import Request

from hazina.api.bank import Bank
from hazina.api.credentials import client_ip
from hazina.identity import ip_keys
from hazina.kernel import rates

AUTHORIZE = rates.Rate("oauth_authorize", 300, 600, 600)
REGISTER = rates.Rate("oauth_register", 10, 60, 60)
USER_CODE = rates.Rate("oauth_user_code", 20, 600, 600)
"""34 random bits are enough behind this."""


class TooMany(Exception):
    def __init__(self, wait_s: int) -> None:
        super().__init__()
        self.wait_s = wait_s


async def counted(bank: Bank, request: Request, rate: rates.Rate, key: str | None = None) -> None:
    """Count under ``key``, or the address it comes from. Raises TooMany."""
    ip = client_ip(request)
    if key is None:
        if ip is not None and ip_address(ip).is_loopback and not bank.identity.policy.count_loopback:
            return
        key = ip_keys(ip)[0]
    async with bank.db.transaction() as tx:
        wait = await rates.take(tx, [(rate, key)], bank.clock.now())
    if wait:
        raise TooMany(wait)
