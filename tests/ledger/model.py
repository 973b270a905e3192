"""The ledger's rules once more, as plainly as Python allows, and a generator of hard batches.

The database must give the same code, and the same number of the failing leg, for every transaction.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from random import Random
from typing import Any, cast
from uuid import UUID

from hazina.kernel.money import AMOUNT_MAX, Asset, Price
from hazina.ledger import Code, Leg, Op, Txn

PRICE = Price(10_000_000, "model", datetime(2026, 1, 1, tzinfo=UTC))
NOBODY = UUID(int=0)

FIRST, LAST = 101, 124
"""The accounts of the proof. Odd numbers hold bitcoin, even ones dollars."""
FLOORS: dict[int, int | None] = {121: None, 122: None, 120: -100, 124: -500}
"""Those that are not zero."""
CLOSED = 123
OPENING = 1_000


@dataclass(slots=True)
class Account:
    asset: Asset
    floor: int | None
    balance: int = 0
    held: int = 0
    seq: int = 0
    closed: bool = False

    def affords(self, amount: int) -> bool:
        return self.floor is None or self.balance - self.held - amount >= self.floor


@dataclass(slots=True)
class Hold:
    src: int
    dst: int
    amount: int
    state: int = 0


def accounts() -> dict[int, Account]:
    return {n: Account(Asset.BTC if n % 2 else Asset.USD, FLOORS.get(n, 0)) for n in range(FIRST, LAST + 1)}


class Model:
    def __init__(self) -> None:
        self.accounts = accounts()
        self.posted: dict[UUID, Txn] = {}
        self.holds: dict[UUID, Hold] = {}

    def state(self) -> dict[int, tuple[int, int, int]]:
        return {n: (a.balance, a.held, a.seq) for n, a in self.accounts.items()}

    def post(self, txn: Txn, skip: bool = False) -> tuple[int, int]:
        if not 1 <= len(txn.legs) <= 20:
            return Code.BAD_SHAPE, 0
        if (before := self.posted.get(txn.id)) is not None:
            return (Code.EXISTS if same_body(before, txn) else Code.OTHER_BODY), 0
        if skip:
            return Code.SKIPPED, 0
        payer = self.accounts.get(txn.legs[0].src)
        if txn.payer_seq is not None and payer is not None and payer.seq != txn.payer_seq:
            return Code.MOVED, 0
        kept = copy.deepcopy((self.accounts, self.holds))
        for number, leg in enumerate(txn.legs, 1):
            if code := self._leg(leg, txn.price is not None):
                self.accounts, self.holds = kept
                return code, number
        self.posted[txn.id] = txn
        return Code.POSTED, 0

    def _leg(self, leg: Leg, priced: bool) -> Code:
        src, dst = self.accounts.get(leg.src), self.accounts.get(leg.dst)
        if src is None or dst is None:
            return Code.NO_ACCOUNT
        if leg.src == leg.dst:
            return Code.SAME_ACCOUNT
        if src.asset != dst.asset:
            return Code.ASSETS
        if not 0 <= leg.amount <= AMOUNT_MAX or (leg.amount == 0) != (leg.op == Op.VOID):
            return Code.BAD_AMOUNT
        if src.asset == Asset.BTC and not priced:
            return Code.NO_PRICE
        if leg.op == Op.TRANSFER:
            return self._transfer(src, dst, leg)
        if leg.op not in set(Op) or leg.ref is None or leg.ref == NOBODY:
            return Code.BAD_SHAPE
        return self._hold(src, dst, leg, leg.ref) if leg.op == Op.HOLD else self._end(src, dst, leg, leg.ref)

    def _transfer(self, src: Account, dst: Account, leg: Leg) -> Code:
        if src.closed or dst.closed:
            return Code.CLOSED
        if not src.affords(leg.amount):
            return Code.FUNDS
        self._move(src, dst, leg.amount, 0)
        return Code.POSTED

    def _hold(self, src: Account, dst: Account, leg: Leg, ref: UUID) -> Code:
        if src.closed or dst.closed:
            return Code.CLOSED
        if ref in self.holds:
            return Code.HOLD_TAKEN
        if not src.affords(leg.amount):
            return Code.FUNDS
        self._move(src, dst, 0, leg.amount)
        self.holds[ref] = Hold(leg.src, leg.dst, leg.amount)
        return Code.POSTED

    def _end(self, src: Account, dst: Account, leg: Leg, ref: UUID) -> Code:
        if ref not in self.holds:
            return Code.NO_HOLD
        held = self.holds[ref]
        if held.state:
            return Code.ALREADY_POSTED if held.state == 1 else Code.ALREADY_VOIDED
        if (held.src, held.dst) != (leg.src, leg.dst):
            return Code.HOLD_ACCOUNTS
        if leg.amount > held.amount:
            return Code.OVER_HOLD
        self._move(src, dst, leg.amount, -held.amount)
        held.state = 1 if leg.op == Op.POST else 2
        return Code.POSTED

    @staticmethod
    def _move(src: Account, dst: Account, amount: int, reserved: int) -> None:
        src.balance -= amount
        src.held += reserved
        src.seq += 1
        if amount:
            dst.balance += amount
            dst.seq += 1


def same_body(one: Txn, other: Txn) -> bool:
    return (one.kind, [_body(leg) for leg in one.legs]) == (other.kind, [_body(leg) for leg in other.legs])


def _body(leg: Leg) -> tuple[int, int, int, int, UUID]:
    return leg.op, leg.src, leg.dst, leg.amount, leg.ref or NOBODY


class Generator:
    """Transactions that meet each other: the same ids, the same holds, too little money, nonsense."""

    def __init__(self, random: Random, seqs: dict[int, tuple[int, int, int]] | None = None) -> None:
        self.random = random
        self.seqs = seqs or {}
        self.old: deque[Txn] = deque(maxlen=60)
        self.holds: deque[Leg] = deque(maxlen=40)

    def uuid(self) -> UUID:
        return UUID(int=self.random.getrandbits(128))

    def batch(self, sizes: Sequence[int]) -> tuple[list[Txn], list[bool]]:
        txns = [self.txn() for _ in range(self.random.choice(sizes))]
        if len(txns) > 1 and self.random.random() < 0.3:  # twice in one batch
            txns[self.random.randrange(len(txns))] = self._replay(txns[0])
        return txns, [self.random.random() < 0.03 for _ in txns]

    def txn(self) -> Txn:
        random = self.random
        if self.old and random.random() < 0.12:
            return self._replay(random.choice(self.old))
        mine: list[Leg] = []
        n = random.choices((1, 2, 3, 5, 20, 21, 0), (40, 25, 20, 10, 3, 0.5, 0.5))[0]
        legs = tuple(self._leg(mine) for _ in range(n))
        price = PRICE if random.random() < 0.97 else None
        meta = {"note": "x"} if random.random() < 0.5 else {}
        txn = Txn(self.uuid(), random.randint(1, 4), legs, price, meta, self._seq(legs))
        self.old.append(txn)
        self.holds.extend(mine)
        return txn

    def _seq(self, legs: Sequence[Leg]) -> int | None:
        if not legs or self.random.random() > 0.06:
            return None
        known = self.seqs.get(legs[0].src, (0, 0, 0))[2]
        return max(0, known + self.random.choice((0, 0, 0, 1, -1)))

    def _replay(self, txn: Txn) -> Txn:
        """The same again, now and then with one thing changed that must be noticed."""
        random = self.random
        if not txn.legs or random.random() > 0.4:
            return txn
        first, rest = txn.legs[0], txn.legs[1:]
        changes: list[dict[str, Any]] = [
            {"amount": first.amount + 1},
            {"ref": UUID(int=7)},
            {"src": first.dst, "dst": first.src},
            {"op": Op(3 - first.op) if first.op < 3 else first.op},
            {},
        ]
        which = random.randrange(6)
        if which == 5:
            return replace(txn, kind=txn.kind + 1)
        return replace(txn, legs=(replace(first, **changes[which]), *rest))

    def _leg(self, mine: list[Leg]) -> Leg:
        random = self.random
        op = random.choices((1, 2, 3, 4, 9), (60, 15, 12, 8, 0.5))[0]
        if random.random() < 0.9:
            src = random.randint(FIRST, LAST)
            dst = random.choice([n for n in range(FIRST, LAST + 1) if n % 2 == src % 2])
        else:
            src, dst = random.randint(FIRST - 1, LAST + 1), random.randint(FIRST - 1, LAST + 1)
        amounts = (random.randint(1, 300), random.randint(200, 1500), 0, -5, AMOUNT_MAX + 1)
        amount = random.choices(amounts, (80, 15, 2, 1, 1))[0]
        ref: UUID | None = None
        if op == Op.HOLD:
            ref = self.uuid() if random.random() < 0.9 or not self.holds else random.choice(self.holds).ref
            mine.append(Leg(Op.HOLD, src, dst, amount, ref))
        elif op in (Op.POST, Op.VOID):
            src, dst, amount, ref = self._end(op, src, dst, amount, mine)
        return Leg(cast(Op, op), src, dst, amount, ref)

    def _end(self, op: int, src: int, dst: int, amount: int, mine: list[Leg]) -> tuple[int, int, int, UUID | None]:
        random = self.random
        held = [*self.holds, *mine]
        if not held or random.random() > 0.95:
            ref = self.uuid() if random.random() < 0.8 else None
            return src, dst, 0 if op == Op.VOID else amount, ref
        hold = random.choice(held)
        if random.random() < 0.95:
            src, dst = hold.src, hold.dst
        if op == Op.VOID and random.random() < 0.97:
            return src, dst, 0, hold.ref
        return src, dst, random.choice((hold.amount, max(1, hold.amount // 2), hold.amount + 1, 1)), hold.ref
