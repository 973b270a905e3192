"""Twilio's ``Messages`` resource: takes text messages and keeps them in an inbox. Numbers that Twilio's
own test credentials treat specially are refused the same way."""

from __future__ import annotations

import base64
import binascii
import json
import re
import secrets
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from hazina.sandbox.problems import read_body
from hazina.sandbox.world import World

ACCOUNT_SID = "AC" + "5a" * 16
AUTH_TOKEN = "sandbox"  # noqa: S105 - opens nothing but this sandbox
BODY_CHARACTERS_MAX = 1_600
SEGMENT_CHARACTERS = 160

MAGIC = {
    "+15005550001": (21211, "The 'To' number +15005550001 is not a valid phone number."),
    "+15005550002": (21612, "The 'To' phone number: +15005550002, is not currently reachable using the 'From' number."),
    "+15005550003": (21408, "Permission to send an SMS has not been enabled for the region of the 'To' number"),
    "+15005550004": (21610, "Attempt to send to unsubscribed recipient"),
    "+15005550009": (21614, "To number: +15005550009, is not a mobile number"),
}  # fmt: skip


async def messages(world: World, request: Request, sid: str) -> Response:
    if not _authenticated(request, sid):
        return _error(401, 20003, "Authenticate")
    form = {
        name: values[-1] for name, values in parse_qs((await read_body(request)).decode("utf-8", "replace")).items()
    }
    recipient, body = form.get("To", ""), form.get("Body") or _template(form)
    by_whatsapp = recipient.startswith("whatsapp:")
    recipient = recipient.removeprefix("whatsapp:")
    sender = form.get("From") or form.get("MessagingServiceSid", "")
    if not recipient:
        return _error(400, 21604, "A 'To' phone number is required.")
    if not sender:
        return _error(400, 21603, "A 'From' phone number is required.")
    if not body:
        return _error(400, 21602, "Message body is required.")
    if by_whatsapp != form.get("From", "").startswith("whatsapp:"):
        return _error(400, 63007, "Twilio could not find a Channel with the specified From address")
    if by_whatsapp and "ContentSid" not in form:
        return _error(400, 63016, "Failed to send freeform message because you are outside the allowed window.")
    if len(body) > BODY_CHARACTERS_MAX:
        return _error(400, 21617, f"The concatenated message body exceeds the {BODY_CHARACTERS_MAX} character limit")
    if recipient in MAGIC:
        return _error(400, *MAGIC[recipient])
    if not re.fullmatch(r"\+[1-9][0-9]{6,14}", recipient, re.ASCII):
        return _error(400, 21211, f"The 'To' number {recipient} is not a valid phone number.")
    message_sid, now = "SM" + secrets.token_hex(16), datetime.now(UTC)
    world.store.run(
        "INSERT INTO sms (sid, recipient, sender, body, at) VALUES (?, ?, ?, ?, ?)",
        message_sid, recipient, sender, body, now.isoformat(timespec="milliseconds"),
    )  # fmt: skip
    return JSONResponse(_message(sid, message_sid, recipient, sender, body, now), 201)


def _template(form: dict[str, str]) -> str:
    """Every template of the sandbox's says the same."""
    try:
        values = json.loads(form.get("ContentVariables", "{}"))
        return f"{values['1']} is your verification code." if form.get("ContentSid", "").startswith("HX") else ""
    except (ValueError, KeyError, TypeError):
        return ""


async def lookup(world: World, request: Request, phone: str) -> Response:
    """A number that ends in 7777 is of the internet, one in 8888 a landline, all else mobile."""
    if not _authenticated(request, ACCOUNT_SID):
        return _error(401, 20003, "Authenticate")
    valid = re.fullmatch(r"\+[1-9][0-9]{6,14}", phone, re.ASCII) is not None
    kind = "nonFixedVoip" if phone.endswith("7777") else "landline" if phone.endswith("8888") else "mobile"
    carrier = {"carrier_name": "Sandbox", "mobile_country_code": "639", "mobile_network_code": "02", "type": kind,
               "error_code": None}  # fmt: skip
    wanted = request.query_params.get("Fields") == "line_type_intelligence"
    return JSONResponse(
        {
            "calling_country_code": None, "country_code": None, "phone_number": phone, "national_format": phone,
            "valid": valid, "validation_errors": [] if valid else ["NOT_A_NUMBER"],
            "line_type_intelligence": carrier if wanted and valid else None,
        }
    )  # fmt: skip


def _authenticated(request: Request, sid: str) -> bool:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    try:
        pair = base64.b64decode(token, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return False
    return scheme.lower() == "basic" and sid == ACCOUNT_SID and pair == f"{ACCOUNT_SID}:{AUTH_TOKEN}"


def _message(account: str, sid: str, recipient: str, sender: str, body: str, now: datetime) -> dict[str, Any]:
    path = f"/2010-04-01/Accounts/{account}/Messages/{sid}"
    return {
        "account_sid": account,
        "api_version": "2010-04-01",
        "body": body,
        "date_created": format_datetime(now),
        "date_sent": None,
        "date_updated": format_datetime(now),
        "direction": "outbound-api",
        "error_code": None,
        "error_message": None,
        "from": sender,
        "messaging_service_sid": sender if sender.startswith("MG") else None,
        "num_media": "0",
        "num_segments": str(-(-len(body) // SEGMENT_CHARACTERS)),
        "price": None,
        "price_unit": "USD",
        "sid": sid,
        "status": "queued",
        "subresource_uris": {"media": f"{path}/Media.json"},
        "to": recipient,
        "uri": f"{path}.json",
    }


def _error(status: int, code: int, message: str) -> Response:
    more = f"https://www.twilio.com/docs/errors/{code}"
    return JSONResponse({"code": code, "message": message, "more_info": more, "status": status}, status)
