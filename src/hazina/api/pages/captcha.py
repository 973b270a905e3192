"""The captcha on the log-in page, where the operator has switched one on: its provider's own script draws it.

Only such a page may load anything from elsewhere, and only from the hosts of that provider.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from hazina.identity.factors import CaptchaAnswer
from hazina.settings import Settings

FIELDS = ("captcha_challenge", "captcha_validate", "captcha_seccode", "cf-turnstile-response")
"""Of the form, in the order of ``CaptchaAnswer``. The last is Turnstile's own; the others are filled by captcha.js."""


@dataclass(frozen=True, slots=True)
class Widget:
    """``kind``: turnstile or geetest. ``key``: what the provider knows our site by. ``hosts``: for the page's
    Content-Security-Policy, by directive."""

    kind: str
    script: str
    key: str
    hosts: Mapping[str, str]


def widget_of(settings: Settings) -> Widget | None:
    """Turnstile, else GeeTest, else none: in the order in which answers are looked at."""
    if (turnstile := settings.turnstile) is not None:
        host = _origin(turnstile.base_url)
        script = f"{turnstile.base_url}/turnstile/v0/api.js"
        return Widget("turnstile", script, turnstile.site_key, {"script-src": host, "frame-src": host})
    if (geetest := settings.geetest) is not None:
        static, script = _origin(geetest.static_url), f"{geetest.static_url}/static/tools/gt.js"
        both = " ".join(dict.fromkeys((static, _origin(geetest.base_url))))
        hosts = {"script-src": both, "style-src": static, "img-src": both, "connect-src": both}
        return Widget("geetest", script, geetest.id, hosts)
    return None


def answer_in(fields: Mapping[str, str]) -> CaptchaAnswer:
    return CaptchaAnswer(*(fields.get(name, "") for name in FIELDS))


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
