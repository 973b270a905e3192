"""The life of a payment as a table: state and event → next state. Recovery after a crash is a row like
any other. ``docs/payment-lives.md`` is drawn from here.

An intraledger payment and a receipt are born PAID: they are one commit and have no life. So is the reversal of a
deposit, which is a payment of its own: a statement's rows always add up to the balance.
"""

from __future__ import annotations

from enum import Enum

from hazina.payments.model import Kind, State


class Event(Enum):
    SEND = "send"  # the lease is taken and the node is about to be asked; on-chain: it was broadcast
    SUCCEED = "succeed"  # the node (or our own books) says: paid
    FAIL = "fail"  # surely nothing left, and nothing can


Life = dict[tuple[State, Event], State]

LN_OUT: Life = {
    (State.HELD, Event.SEND): State.SENT,
    (State.SENT, Event.SEND): State.SENT,  # the lease is over and the node never heard of it
    (State.SENT, Event.SUCCEED): State.PAID,
    (State.SENT, Event.FAIL): State.FAILED,
    (State.HELD, Event.FAIL): State.FAILED,  # expired before it was ever sent
}
LN_INSIDE: Life = {
    (State.HELD, Event.SUCCEED): State.PAID,
    (State.HELD, Event.FAIL): State.FAILED,
}
ONCHAIN_OUT: Life = {
    (State.HELD, Event.SEND): State.SENT,
    (State.SENT, Event.SUCCEED): State.PAID,
    (State.HELD, Event.FAIL): State.FAILED,  # cancelled before it was signed
    (State.SENT, Event.FAIL): State.FAILED,  # its coins were double-spent for good; cancelled before it was signed anew
}
LIVES: dict[Kind, Life] = {
    Kind.LN_OUT: LN_OUT,
    Kind.LN_INSIDE: LN_INSIDE,
    Kind.INTRALEDGER: {},
    Kind.LN_IN: {},
    Kind.ONCHAIN_INSIDE: {},
    Kind.ONCHAIN_OUT: ONCHAIN_OUT,
    Kind.ONCHAIN_IN: {},
    Kind.ONCHAIN_REVERSED: {},
    Kind.REFUND: {},
}
BORN: dict[Kind, State] = {
    Kind.LN_OUT: State.HELD,
    Kind.LN_INSIDE: State.HELD,
    Kind.INTRALEDGER: State.PAID,
    Kind.LN_IN: State.PAID,
    Kind.ONCHAIN_INSIDE: State.PAID,
    Kind.ONCHAIN_OUT: State.HELD,
    Kind.ONCHAIN_IN: State.PAID,
    Kind.ONCHAIN_REVERSED: State.PAID,
    Kind.REFUND: State.PAID,
}


def after(kind: Kind, state: State, event: Event) -> State | None:
    """The next state, or None where the event has no meaning (then nothing is done)."""
    return LIVES[kind].get((state, event))


def drawing() -> str:
    """The tables as a page of Markdown with one diagram a kind."""
    parts = ["# Lives of payments", "", "Drawn from `payments/flow.py`; do not edit.", ""]
    for kind, life in LIVES.items():
        parts += [f"## {kind.name}", "", "```mermaid", "stateDiagram-v2", f"  [*] --> {BORN[kind].name}"]
        parts += [f"  {state.name} --> {to.name}: {event.value}" for (state, event), to in life.items()]
        ends = sorted({BORN[kind], *life.values()} - {state for state, _ in life})
        parts += [f"  {state.name} --> [*]" for state in ends] + ["```", ""]
    return "\n".join(parts)
