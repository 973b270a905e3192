"""What must never be read anywhere: codes, tokens, phones; not in replies, not in the log, not in the database."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import psycopg
import pytest
from tests.api.conftest import World
from tests.api.test_step_up import MUCH, pay, rest, two

from hazina.identity import FactorKind
from hazina.kernel import log


def rows_of_all_tables(url: str) -> str:
    with psycopg.connect(url) as connection:
        names = connection.execute(
            "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname in ('public', 'ledger')"
        ).fetchall()
        found = [connection.execute(f"select t::text from {name} t".encode()).fetchall() for (name,) in names]
    return "\n".join(text for rows in found for (text,) in rows)


async def test_api_09_secrets_are_in_no_reply_no_log_and_no_row(
    world: World, program_url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    replies: list[str] = []

    async def post(path: str, body: Any, **headers: str) -> Any:
        answer = await world.http.post(path, json=body, headers=headers)
        replies.append(answer.text)
        return answer

    amina, juma = await two(world)
    codes = []
    await post("/auth/phone/code", {"phone": amina.phone})
    codes.append(await world.code_of(amina.phone))
    wrong = f"{(int(codes[0]) + 7) % 1_000_000:06d}"
    await post("/auth/phone/login", {"phone": amina.phone, "code": wrong})
    token = (await post("/auth/phone/login", {"phone": amina.phone, "code": codes[0]})).json()["authToken"]
    replies.pop()  # the one reply in which it belongs
    await post("/auth/phone/login", {"phone": amina.phone, "code": codes[0]})
    await post("/auth/phone/login", {"phone": amina.phone, "code": [codes[0]]})
    await post("/graphql", {"query": "{ me { id } }"}, authorization=f"Bearer {token[:-1]}0")
    await post("/graphql", {"query": "{ nonsense }"}, authorization=f"Bearer {token}")
    await post(
        "/graphql", {"query": '{ accountDefaultWallet(username: "no") { id } }'}, authorization=f"Bearer {token}"
    )

    asked = (await pay(amina, juma, MUCH))["extensions"]["stepUp"]
    replies.append((await rest(amina, "begin", challenge=asked["challenge"], method="phone")).text)
    codes.append(await world.code_of(amina.phone))
    replies.append((await rest(amina, "prove", challenge=asked["challenge"], method="phone", answer=wrong)).text)
    proved = await rest(amina, "prove", challenge=asked["challenge"], method="phone", answer=codes[1])
    step_up = proved.json()["token"]
    replies.append(str(await pay(amina, juma, MUCH, step_up)))
    async with world.bank.db.transaction() as tx:
        await world.bank.identity.links.link(tx, UUID(amina.user_id), FactorKind.TOTP, amina.user_id, secret="JBSWY3DP")
    await world.bank.identity.send_notices()

    history = str(await world.bank.identity.history(UUID(amina.user_id)))
    assert "step_up.answered" in history
    out, err = capfd.readouterr()
    assert "request" in out + err, "the log was read"
    places = {
        "reply": "\n".join(replies), "log": out + err, "row": rows_of_all_tables(program_url), "audit": history,
    }  # fmt: skip
    for place, text in places.items():
        for secret in (token, step_up, "JBSWY3DP", amina.token):
            assert secret not in text and secret.removeprefix("hzn_st_") not in text, (place, secret)
        for code in codes:
            assert not re.search(rf"(?<![\w.-]){code}(?![\w-])", text), (place, code)
        assert amina.phone[1:] not in text, place
    assert not re.search(r"psycopg|Traceback|SELECT|select ", "\n".join(replies))


def test_api_09_a_secret_that_is_logged_by_name_is_hidden() -> None:
    for name in ("token", "code", "secret", "phone", "step_up", "email", "answer", "keys", "macaroon"):
        hidden = log._hide_secrets(None, "", {"event": "x", name: "hunter2"})
        assert hidden[name] == "********", name
