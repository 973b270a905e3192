"""The bank is killed (kill -9) at steps of a Lightning payment over real nodes: the same story, step by step, as
with the sandbox's own node."""

from __future__ import annotations

from tests.processes.test_kills import (
    test_killed_after_the_hold_before_the_node_hears_of_it,
    test_killed_after_the_nodes_success_before_the_settle,
    test_killed_between_the_credit_and_the_cursor,
    test_killed_with_the_htlc_in_flight,
    test_paid_from_outside_while_the_bank_is_down,
    test_the_payee_refuses_while_the_bank_is_dead,
)

__all__ = [
    "test_killed_after_the_hold_before_the_node_hears_of_it",
    "test_killed_after_the_nodes_success_before_the_settle",
    "test_killed_between_the_credit_and_the_cursor",
    "test_killed_with_the_htlc_in_flight",
    "test_paid_from_outside_while_the_bank_is_down",
    "test_the_payee_refuses_while_the_bank_is_dead",
]
