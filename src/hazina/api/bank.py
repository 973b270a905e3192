"""What the API needs of the bank. ``hazina.app`` builds it; this layer may not import that one."""

from __future__ import annotations

from typing import Protocol

from hazina.access import ApiKeys
from hazina.accounts import Accounts
from hazina.chain import Chain
from hazina.dealer import Prices
from hazina.identity import Identity
from hazina.identity.factors import Factors
from hazina.identity.proofs import Proofs
from hazina.kernel.clock import Clock
from hazina.kernel.db import Database
from hazina.kernel.events import Hub
from hazina.ledger import Books
from hazina.oauth import OAuth
from hazina.payments import Nodes, Payments
from hazina.settings import Settings
from hazina.watch import Watch
from hazina.webhooks import Webhooks


class Bank(Protocol):
    @property
    def settings(self) -> Settings: ...
    @property
    def db(self) -> Database: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def hub(self) -> Hub: ...
    @property
    def books(self) -> Books: ...
    @property
    def identity(self) -> Identity: ...
    @property
    def factors(self) -> Factors: ...
    @property
    def accounts(self) -> Accounts: ...
    @property
    def api_keys(self) -> ApiKeys: ...
    @property
    def oauth(self) -> OAuth: ...
    @property
    def proofs(self) -> Proofs: ...
    @property
    def prices(self) -> Prices: ...
    @property
    def nodes(self) -> Nodes: ...
    @property
    def chain(self) -> Chain | None: ...
    @property
    def payments(self) -> Payments: ...
    @property
    def webhooks(self) -> Webhooks: ...
    @property
    def watch(self) -> Watch: ...
