"""The status page: what works, what was checked when, what is closed and why; in both languages."""

from __future__ import annotations

import re

import psycopg
import pytest
from prometheus_client import generate_latest
from tests.api.conftest import World

from hazina.api.status import WORDS
from hazina.ops import figures
from hazina.safety import Rail
from hazina.watch import INVARIANTS


def test_both_languages_say_the_same_things() -> None:
    assert set(WORDS["en"]) == set(WORDS["sw"])
    assert {one.name for one in INVARIANTS} < set(WORDS["en"])
    assert all(WORDS["en"][name] != WORDS["sw"][name] for name in WORDS["en"])


async def test_a_good_day(world: World) -> None:
    await world.bank.watch.look()
    answer = await world.http.get("/status")
    assert answer.status_code == 200 and 'lang="en"' in answer.text
    assert "Everything works." in answer.text
    assert "<script" not in answer.text and "style=" not in answer.text
    said = (await world.http.get("/status.json")).json()
    assert said["ok"] and said["closed"] == []
    on = dict.fromkeys(("send", "receive", "inside", "price"), "working")
    assert said["services"] == {**on, "hedge": "uncovered"}  # the hedge is off, and it is said whose the risk is
    assert "No: the bank bears the risk" in answer.text
    states = {one["name"]: one["state"] for one in said["invariants"]}
    assert states == {one.name: "absent" if one.absent else "holds" for one in INVARIANTS}
    assert all(one["checkedAt"] for one in said["invariants"] if one["state"] == "holds")
    assert (await world.http.get("/status.css")).headers["content-type"].startswith("text/css")


async def test_before_anybody_looked_nothing_is_claimed(world: World) -> None:
    said = (await world.http.get("/status.json")).json()
    assert not said["ok"]
    assert {one["state"] for one in said["invariants"]} == {"unknown", "absent"}
    assert "Not looked at yet" in (await world.http.get("/status")).text


async def test_what_is_closed_is_said_in_plain_words(world: World, owner_url: str) -> None:
    with psycopg.connect(owner_url) as connection:
        connection.execute("set local session_replication_role = replica")
        connection.execute("update ledger.account set balance = balance + 5 where id = 2")
    await world.bank.watch.look()
    english = (await world.http.get("/status")).text
    assert "Sending out of the bank is paused" in english and "our books do not agree" in english
    assert "Your money is safe" in english
    assert "account-row" not in english, "what was found is for operators"
    swahili = (await world.http.get("/status", headers={"accept-language": "sw-KE,en;q=0.5"})).text
    assert 'lang="sw"' in swahili and "Pesa yako iko salama" in swahili
    assert 'lang="en"' in (await world.http.get("/status?lang=en", headers={"accept-language": "sw"})).text
    said = (await world.http.get("/status.json")).json()
    assert not said["ok"] and said["services"]["send"] == "paused"
    assert [(one["rail"], bool(one["reason"])) for one in said["closed"]] == [("bank", True)]


async def test_an_operators_words_are_shown_as_text(world: World) -> None:
    await world.bank.safety.close(Rail.LIGHTNING, by="amina", reason="<b>The node moves.</b>")
    text = (await world.http.get("/status")).text
    assert "&lt;b&gt;The node moves." in text and "<b>The node" not in text


@pytest.mark.parametrize("rail", Rail)
async def test_each_rail_that_is_closed_has_its_words(world: World, rail: Rail) -> None:
    await world.bank.safety.close(rail, by="I13" if rail is Rail.ONCHAIN else "I1", reason="automatic")
    for lang in ("en", "sw"):
        text = (await world.http.get(f"/status?lang={lang}")).text
        assert WORDS[lang][f"rail_{rail.value}"] in text and WORDS[lang][f"reason_{rail.value}"] in text
    said = (await world.http.get("/status.json")).json()
    assert said["services"]["send"] == ("working" if rail is Rail.ONCHAIN else "paused")


async def test_figures(world: World) -> None:
    await world.bank.watch.look()
    await world.bank.safety.close(Rail.LIGHTNING, by="amina", reason="x")
    await figures.read(world.bank)
    found = dict(re.findall(r"^(hazina_\S+) (\S+)$", generate_latest().decode(), re.MULTILINE))
    assert found['hazina_invariant_ok{name="I1"}'] == "1.0"
    assert float(found['hazina_invariant_checked_seconds{name="I5"}']) > 1.7e9
    assert found['hazina_rail_open{rail="lightning"}'] == "0.0"
    assert found['hazina_rail_open{rail="bank"}'] == "1.0"
    assert found['hazina_payments_open{kind="ln_out_sent"}'] == "0.0"
    assert {
        'hazina_money_minor_units{asset="BTC",of="customers"}',
        'hazina_money_minor_units{asset="USD",of="issued"}',
    } <= set(found)
    assert 'hazina_invariant_ok{name="I10"}' not in found
