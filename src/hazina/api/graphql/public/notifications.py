"""What a customer wants to be notified of, and what waits for them inside the app."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ariadne import EnumType, InterfaceType, MutationType, ObjectType, UnionType

from hazina.access import Caller, Scope
from hazina.accounts import Notice, NoticeUnknown, PushSettings
from hazina.api.graphql.connections import connection, page_of
from hazina.api.graphql.context import Context, Info, Me, context_of
from hazina.api.graphql.verbs import Payload, checked, question, verb

mutation, user, account = MutationType(), ObjectType("User"), InterfaceType("Account")
notice, action = ObjectType("StatefulNotification"), UnionType("NotificationAction")
account.set_type_resolver(lambda *_: "ConsumerAccount")
action.set_type_resolver(lambda found, *_: found["__typename"])


# -- settings ------------------------------------------------------------------------------------


@account.field("notificationSettings")
async def settings(me: Me, info: Info) -> dict[str, Any]:
    return _shown(await context_of(info).bank.notices.settings(me.caller.user_id))


def _shown(found: PushSettings) -> dict[str, Any]:
    off = sorted(category.value for category in found.disabled)
    return {"push": {"enabled": found.enabled, "disabledCategories": off}}


def _changed(context: Context, caller: Caller) -> Payload:
    return {"account": Me(caller, context.bank.accounts)}


@mutation.field("accountEnableNotificationChannel")
@verb(Scope.WRITE)
async def enable_channel(context: Context, caller: Caller, input: dict[str, Any]) -> Payload:
    await context.bank.notices.set_push(caller, True)
    return _changed(context, caller)


@mutation.field("accountDisableNotificationChannel")
@verb(Scope.WRITE)
async def disable_channel(context: Context, caller: Caller, input: dict[str, Any]) -> Payload:
    await context.bank.notices.set_push(caller, False)
    return _changed(context, caller)


@mutation.field("accountEnableNotificationCategory")
@verb(Scope.WRITE)
async def enable_category(context: Context, caller: Caller, input: dict[str, Any]) -> Payload:
    await context.bank.notices.set_category(caller, input["category"], True)
    return _changed(context, caller)


@mutation.field("accountDisableNotificationCategory")
@verb(Scope.WRITE)
async def disable_category(context: Context, caller: Caller, input: dict[str, Any]) -> Payload:
    await context.bank.notices.set_category(caller, input["category"], False)
    return _changed(context, caller)


@mutation.field("deviceNotificationTokenCreate")
@verb(Scope.WRITE, success=False)
async def add_device(context: Context, caller: Caller, input: dict[str, Any]) -> Payload:
    await context.bank.notices.add_device(caller, input["deviceToken"])
    return {"success": True}


# -- inside the app ------------------------------------------------------------------------------


async def _page(me: Me, context: Context, page: dict[str, Any], **which: bool) -> dict[str, Any]:
    found = await context.bank.notices.page(me.caller, page_of(**page), **which)
    return {**connection(found, lambda one: str(one.id)), "nodes": list(found.items)}


@user.field("statefulNotifications")
@question
async def every(me: Me, context: Context, **page: Any) -> dict[str, Any]:
    return await _page(me, context, page)


@user.field("statefulNotificationsWithoutBulletinEnabled")
@question
async def without_bulletins(me: Me, context: Context, **page: Any) -> dict[str, Any]:
    return await _page(me, context, page, bulletin=False)


@user.field("unacknowledgedStatefulNotificationsWithBulletinEnabled")
@question
async def bulletins(me: Me, context: Context, **page: Any) -> dict[str, Any]:
    return await _page(me, context, page, bulletin=True, unread=True)


@user.field("unacknowledgedStatefulNotificationsWithoutBulletinEnabledCount")
async def unread(me: Me, info: Info) -> int:
    return await context_of(info).bank.notices.unread(me.caller)


@mutation.field("statefulNotificationAcknowledge")
async def acknowledge(_: Any, info: Info, input: dict[str, Any]) -> dict[str, Notice]:
    """Blink's payload has no place for errors: they stand at the top."""
    checked(input)
    context = context_of(info)
    caller = context.require(Scope.WRITE)
    try:
        notice_id = UUID(input["notificationId"])
    except ValueError:
        raise NoticeUnknown from None
    return {"notification": await context.bank.notices.acknowledge(caller, notice_id)}


@notice.field("action")
def _action(one: Notice, _: Info) -> dict[str, Any] | None:
    if one.deep_link is not None:
        return {"__typename": "OpenDeepLinkAction", "deepLink": one.deep_link, "label": one.label}
    if one.url is not None:
        return {"__typename": "OpenExternalLinkAction", "url": one.url, "label": one.label}
    return None


notice.set_field("id", lambda one, _: str(one.id))
notice.set_field("deepLink", lambda one, _: one.deep_link)
notice.set_field("createdAt", lambda one, _: one.created_at)
notice.set_field("acknowledgedAt", lambda one, _: one.acknowledged_at)
notice.set_field("bulletinEnabled", lambda one, _: one.bulletin)

BINDABLES = (mutation, user, account, notice, action, EnumType("NotificationChannel", {"PUSH": "PUSH"}))
