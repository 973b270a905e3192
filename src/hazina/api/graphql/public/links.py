"""Paying to others' addresses and LNURLs."""

from __future__ import annotations

from typing import Any

from ariadne import MutationType

from hazina.access import Caller, Scope
from hazina.api.graphql.context import Context
from hazina.api.graphql.public.payments import payload_of
from hazina.api.graphql.verbs import Payload, verb
from hazina.links import PayTo

mutation = MutationType()


@mutation.field("lnAddressPaymentSend")
@verb(Scope.WRITE, status="FAILURE")
async def pay_address(context: Context, caller: Caller, input: dict[str, Any]) -> Payload:
    return await _pay(context, caller, input, input["lnAddress"])


@mutation.field("lnurlPaymentSend")
@verb(Scope.WRITE, status="FAILURE")
async def pay_lnurl(context: Context, caller: Caller, input: dict[str, Any]) -> Payload:
    return await _pay(context, caller, input, input["lnurl"])


async def _pay(context: Context, caller: Caller, order: dict[str, Any], to: str) -> Payload:
    wanted = PayTo(order["walletId"], to, order["amount"], context.key)
    return payload_of(await context.bank.links.pay(caller, wanted))


BINDABLES = (mutation,)
