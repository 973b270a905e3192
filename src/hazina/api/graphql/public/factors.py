"""Ways to log in, under Blink's names: e-mail, phone, authenticator app, device accounts that grow up."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ariadne import MutationType

from hazina.access import Caller, Scope
from hazina.api.graphql.context import Context, Me
from hazina.api.graphql.verbs import Payload, verb
from hazina.identity import FACTOR_ADD, FACTOR_REMOVE, FactorKind, FactorTaken
from hazina.kernel.db import Tx

mutation = MutationType()


class SweepFirst(FactorTaken):
    """The apps offer to leave this account and log in to the phone's. Not before it is empty."""

    code = "SWEEP_FIRST"
    blink = "PHONE_ACCOUNT_ALREADY_EXISTS_NEED_TO_SWEEP_FUNDS_ERROR"
    message = "This phone has an account already, and there is money in this one. Send it there first."


def _me(context: Context, caller: Caller) -> Payload:
    return {"me": Me(caller, context.bank.accounts)}


# -- e-mail --------------------------------------------------------------------------------------


@mutation.field("userEmailRegistrationInitiate")
@verb(Scope.WRITE)
async def ask_email(context: Context, caller: Caller, input: dict[str, Any]) -> Payload:
    id_ = await context.bank.factors.emails.ask_link(caller.user_id, input["email"], context.ip)
    return {"emailRegistrationId": str(id_), **_me(context, caller)}


@mutation.field("userEmailRegistrationValidate")
@verb(Scope.WRITE)
async def add_email(context: Context, caller: Caller, input: dict[str, Any]) -> Payload:
    emails, id_ = context.bank.factors.emails, UUID(input["emailRegistrationId"])
    proof = await emails.prove_link(caller.user_id, id_, input["code"], context.ip)

    async def link(tx: Tx) -> None:
        await emails.link(tx, proof, ip=context.ip, agent=context.agent)

    await context.bank.accounts.change_factors(
        caller, FACTOR_ADD, {"email": proof.address}, f"Log in by {proof.address}", link
    )
    return _me(context, caller)


@mutation.field("userEmailDelete")
@verb(Scope.WRITE)
async def remove_email(context: Context, caller: Caller) -> Payload:
    await context.bank.accounts.remove_factor(caller, FactorKind.EMAIL, ip=context.ip, agent=context.agent)
    return _me(context, caller)


# -- phone ---------------------------------------------------------------------------------------


@mutation.field("userPhoneRegistrationInitiate")
@verb(Scope.WRITE, success=False)
async def ask_phone(context: Context, caller: Caller, input: dict[str, Any]) -> Payload:
    await context.bank.identity.request_code(input["phone"], input.get("channel") or "SMS", context.ip)
    return {"success": True}


async def _add_phone(context: Context, caller: Caller, phone: str, code: str) -> None:
    proof = await context.bank.identity.prove(phone, code, context.ip, context.agent)

    async def link(tx: Tx) -> None:
        proved = await context.bank.identity.redeem(tx, proof)
        await context.bank.factors.phones.link(tx, caller.user_id, proved, ip=context.ip, agent=context.agent)

    await context.bank.accounts.change_factors(
        caller, FACTOR_ADD, {"phone": proof.phone}, f"Log in by {proof.phone}", link
    )


@mutation.field("userPhoneRegistrationValidate")
@verb(Scope.WRITE)
async def add_phone(context: Context, caller: Caller, input: dict[str, Any]) -> Payload:
    await _add_phone(context, caller, input["phone"], input["code"])
    return _me(context, caller)


@mutation.field("userPhoneDelete")
@verb(Scope.WRITE)
async def remove_phone(context: Context, caller: Caller) -> Payload:
    await context.bank.accounts.remove_factor(caller, FactorKind.PHONE, ip=context.ip, agent=context.agent)
    return _me(context, caller)


@mutation.field("userLoginUpgrade")
@verb(Scope.WRITE, success=False)
async def upgrade(context: Context, caller: Caller, input: dict[str, Any]) -> Payload:
    try:
        await _add_phone(context, caller, input["phone"], input["code"])
    except FactorTaken:
        if await context.bank.accounts.holds_money(caller):
            raise SweepFirst from None
        raise
    return {"success": True}


@mutation.field("userLoginUpgradeTelegram")
@verb(Scope.WRITE, success=False)
async def upgrade_by_telegram(context: Context, caller: Caller, input: dict[str, Any]) -> Payload:
    redeem = await context.bank.factors.telegram.prove(input["phone"], UUID(input["nonce"]))

    async def link(tx: Tx) -> None:
        proved = await redeem(tx)
        await context.bank.factors.phones.link(tx, caller.user_id, proved, ip=context.ip, agent=context.agent)

    await context.bank.accounts.change_factors(
        caller, FACTOR_ADD, {"phone": input["phone"]}, f"Log in by {input['phone']}", link
    )
    return {"success": True}


# -- authenticator app ---------------------------------------------------------------------------


@mutation.field("userTotpRegistrationInitiate")
@verb(Scope.WRITE)
async def ask_totp(context: Context, caller: Caller) -> Payload:
    asked = await context.bank.factors.totp.ask_link(caller.user_id)
    return {"totpRegistrationId": str(asked.id), "totpSecret": asked.secret}


@mutation.field("userTotpRegistrationValidate")
@verb(Scope.WRITE)
async def add_totp(context: Context, caller: Caller, input: dict[str, Any]) -> Payload:
    """Recovery codes are not of Blink's API: they are had afterwards, by ``POST /auth/totp/recovery-codes``."""
    totp = context.bank.factors.totp
    proved = await totp.prove_link(caller.user_id, UUID(input["totpRegistrationId"]), input["totpCode"])

    async def link(tx: Tx) -> None:
        await totp.link(tx, caller.user_id, proved, ip=context.ip, agent=context.agent)

    await context.bank.accounts.change_factors(
        caller, FACTOR_ADD, {"totp": str(caller.user_id)}, "Use an authenticator app", link
    )
    return _me(context, caller)


@mutation.field("userTotpDelete")
@verb(Scope.WRITE)
async def remove_totp(context: Context, caller: Caller) -> Payload:
    totp = context.bank.factors.totp

    async def unlink(tx: Tx) -> None:
        await totp.unlink(tx, caller.user_id, ip=context.ip, agent=context.agent)

    await context.bank.accounts.change_factors(
        caller, FACTOR_REMOVE, {"totp": str(caller.user_id)}, "Stop using the authenticator app", unlink
    )
    return _me(context, caller)


BINDABLES = (mutation,)
