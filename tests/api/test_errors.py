"""What a client sees of an error, and what it never sees."""

from __future__ import annotations

import psycopg
from graphql import GraphQLError
from tests.api.conftest import World

from hazina.api.graphql.errors import refused, shown
from hazina.kernel import log
from hazina.kernel.errors import InvalidInput, Kind, Refusal


class Held(Refusal):
    code = "HELD"
    kind = Kind.BUSY
    message = "Somebody else is at it."


class Nameless(Refusal):
    code = "NAMELESS"
    kind = Kind.MISSING
    blink = ""
    message = "There is no such thing."


def test_refusals_keep_their_code_and_sentence() -> None:
    with log.request() as id_:
        error = shown(GraphQLError("x", original_error=InvalidInput("Too small.")))
    assert error["message"] == "Too small." and error["code"] == "INVALID_INPUT"
    assert error["extensions"] == {"code": "INVALID_INPUT", "requestId": str(id_)}


def test_trap_10_busy_is_told_in_the_words_that_others_look_for() -> None:
    assert "ResourceAttemptsRedlockServiceError" in refused(Held())["message"]


def test_some_payload_errors_have_no_code() -> None:
    assert refused(Nameless())["code"] is None
    assert shown(GraphQLError("x", original_error=Nameless()))["code"] == "NOT_FOUND"


def test_nothing_of_our_inside_is_told(unexpected: list[str]) -> None:
    secret = "select password from vault"
    error = shown(GraphQLError(secret, original_error=ValueError(secret)))
    assert error["code"] == "UNEXPECTED_CLIENT_ERROR" and secret not in str(error)
    wrapped = GraphQLError(secret, original_error=GraphQLError(secret, original_error=KeyError(secret)))
    assert secret not in str(shown(wrapped))
    away = shown(GraphQLError(secret, original_error=psycopg.OperationalError(secret)))
    assert away["code"] == "DB_ERROR" and secret not in str(away)
    assert len(unexpected) == 2, "the log has it"
    unexpected.clear()


def test_long_messages_are_cut() -> None:
    assert len(shown(GraphQLError("x" * 10_000))["message"]) == 500


async def test_a_bank_without_its_database_says_so(world: World) -> None:
    await world.bank.db.close()
    answer = await world.post("{ me { id } }", token="hzn_st_" + "a" * 32)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (503, "DB_ERROR")
    assert answer.headers["retry-after"] == "2"
    answer = await world.post('{ usernameAvailable(username: "amina") }')
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (200, "DB_ERROR")
    answer = await world.http.post("/auth/phone/code", json={"phone": "+254700000001"})
    assert (answer.status_code, answer.json()["code"]) == (503, "DB_ERROR")
    assert answer.headers["retry-after"] == "2"
