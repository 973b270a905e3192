"""Quizzes, and claiming their rewards."""

from __future__ import annotations

from typing import Any

from ariadne import MutationType, ObjectType

from hazina.access import Caller, Scope
from hazina.api.graphql.context import Context, Info, Me, context_of
from hazina.api.graphql.verbs import Payload, verb
from hazina.learn import Quiz

mutation, account, quiz = MutationType(), ObjectType("ConsumerAccount"), ObjectType("Quiz")


@account.field("quiz")
async def quizzes(me: Me, info: Info) -> list[Quiz]:
    return await context_of(info).bank.learn.quizzes(me.caller.account_id)


@mutation.field("quizClaim")
@verb(Scope.WRITE, quizzes=[])
async def claim(context: Context, caller: Caller, input: dict[str, Any]) -> Payload:
    rewarded = not input.get("skipRewards")
    return {"quizzes": await context.bank.learn.claim(caller, input["id"], rewarded=rewarded)}


@mutation.field("quizCompleted")
@verb(Scope.WRITE)
async def completed(context: Context, caller: Caller, input: dict[str, Any]) -> Payload:
    found = await context.bank.learn.claim(caller, input["id"])
    return {"quiz": next(one for one in found if one.id == input["id"])}


quiz.set_field("amount", lambda one, _: one.sats)
quiz.set_field("notBefore", lambda one, _: one.not_before)

BINDABLES = (mutation, account, quiz)
