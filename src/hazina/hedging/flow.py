"""The lives of what is asked of the exchange, as tables: state and event → next state. Recovery after a crash is a row
like any other. ``docs/hedge-lives.md`` is drawn from here.

Each is born ASKED: its client id is stored before the exchange is called. Nothing but the exchange's own word about
that id (or, for a deposit, the chain's) ends it; silence never does.
"""

from __future__ import annotations

from enum import Enum

from hazina.hedging.model import Kind, State


class Event(Enum):
    ASK = "ask again"  # the exchange never heard of it; the same client id
    SEE = "see"  # the exchange has it; of a deposit: it was broadcast
    SUCCEED = "succeed"
    FAIL = "fail"  # refused, cancelled, or it surely never arrived
    LOSE = "lose"  # the exchange should have seen it long ago


Life = dict[tuple[State, Event], State]

ORDER: Life = {
    (State.ASKED, Event.SEE): State.UNDER_WAY,
    (State.ASKED, Event.SUCCEED): State.DONE,  # filled, or a part of it
    (State.UNDER_WAY, Event.SUCCEED): State.DONE,
    (State.ASKED, Event.FAIL): State.FAILED,  # never asked again: the next round decides anew
    (State.UNDER_WAY, Event.FAIL): State.FAILED,
}
TRANSFER: Life = {
    (State.ASKED, Event.ASK): State.ASKED,
    (State.ASKED, Event.SEE): State.UNDER_WAY,
    (State.ASKED, Event.SUCCEED): State.DONE,
    (State.UNDER_WAY, Event.SUCCEED): State.DONE,
    (State.ASKED, Event.FAIL): State.FAILED,
    (State.UNDER_WAY, Event.FAIL): State.FAILED,
}
DEPOSIT: Life = {
    (State.ASKED, Event.SEE): State.UNDER_WAY,
    (State.ASKED, Event.FAIL): State.FAILED,  # the payout was cancelled
    (State.UNDER_WAY, Event.SUCCEED): State.DONE,
    (State.UNDER_WAY, Event.FAIL): State.FAILED,  # its coins were double-spent for good
    (State.UNDER_WAY, Event.LOSE): State.LOST,
    (State.LOST, Event.SUCCEED): State.DONE,
    (State.LOST, Event.FAIL): State.FAILED,
}
LIVES: dict[Kind, Life] = {
    Kind.ORDER: ORDER,
    Kind.TRANSFER: TRANSFER,
    Kind.DEPOSIT: DEPOSIT,
    Kind.WITHDRAWAL: TRANSFER,
}


def after(kind: Kind, state: State, event: Event) -> State | None:
    """The next state, or None where the event has no meaning (then nothing is done)."""
    return LIVES[kind].get((state, event))


def drawing() -> str:
    """The tables as a page of Markdown with one diagram a kind."""
    parts = ["# Lives of what is asked of the exchange", "", "Drawn from `hedging/flow.py`; do not edit.", ""]
    for kind, life in LIVES.items():
        parts += [f"## {kind.name}", "", "```mermaid", "stateDiagram-v2", f"  [*] --> {State.ASKED.name}"]
        parts += [f"  {state.name} --> {to.name}: {event.value}" for (state, event), to in life.items()]
        ends = sorted(set(life.values()) - {state for state, _ in life})
        parts += [f"  {state.name} --> [*]" for state in ends] + ["```", ""]
    return "\n".join(parts)
