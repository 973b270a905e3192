"""The OAuth2 and OpenID Connect provider: registered apps, grants, tokens, signing keys.

Other programs log people in here, and drive the bank for them within what they agreed to. Owns the tables
``oauth_*``. The protocol is Authlib's, tightened (``server``, ``grants``, ``endpoints``, ``clients``); it is
synchronous, so its requests run in threads with connections of their own (``threads``, ``rows``). The bank itself
asks of an access token only whom it lets act (``bearer``): one look at its hash.
"""

from hazina.oauth.authorize import Ask, Decision, LogIn, Redirect, Step, Stop, with_params
from hazina.oauth.discovery import resource
from hazina.oauth.errors import AppUnknown, ConnectionUnknown, InvalidApp, InvalidCap, TooManyApps
from hazina.oauth.model import (
    ACRS,
    SANDBOX_POLICY,
    SCOPES,
    SPENDING,
    AppKind,
    Asked,
    Bearer,
    Client,
    Grant,
    Login,
    Malformed,
    Policy,
    Reply,
    fields_of,
    shown_user_code,
    spending_subject,
    typed_user_code,
)
from hazina.oauth.provider import Ended, Leaving
from hazina.oauth.service import Made, OAuth
from hazina.oauth.store import Connection, Shown

__all__ = [
    "ACRS",
    "SANDBOX_POLICY",
    "SCOPES",
    "SPENDING",
    "AppKind",
    "AppUnknown",
    "Ask",
    "Asked",
    "Bearer",
    "Client",
    "Connection",
    "ConnectionUnknown",
    "Decision",
    "Ended",
    "Grant",
    "InvalidApp",
    "InvalidCap",
    "Leaving",
    "LogIn",
    "Login",
    "Made",
    "Malformed",
    "OAuth",
    "Policy",
    "Redirect",
    "Reply",
    "Shown",
    "Step",
    "Stop",
    "TooManyApps",
    "fields_of",
    "resource",
    "shown_user_code",
    "spending_subject",
    "typed_user_code",
    "with_params",
]
