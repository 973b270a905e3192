"""Rendering, headers, and forms."""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from hazina.api.bank import Bank
from hazina.api.pages.browser import Sessions, Visitor
from hazina.api.pages.captcha import Widget
from hazina.oauth import Malformed, fields_of

HERE = Path(__file__).parent
WORDS: dict[str, dict[str, str]] = json.loads((HERE / "words.json").read_text())
FILES = {
    "tokens.css": "text/css",
    "pages.css": "text/css",
    "pay.css": "text/css",
    "ways.js": "text/javascript",
    "captcha.js": "text/javascript",
    "pay.js": "text/javascript",
}
TEMPLATES = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined)
FORM_BYTES_MAX = 20_000
FORM_TYPE = "application/x-www-form-urlencoded"


class BadForm(Exception):
    """Sent by another site, or from a page that is too old. ``fields`` cannot be believed."""


class Pages:
    def __init__(self, bank: Bank) -> None:
        self.bank = bank
        self.sessions = Sessions(bank)

    def routes(self) -> list[Route]:
        return [Route(f"/pages/{name}", self._file(HERE / name, kind)) for name, kind in FILES.items()]

    def _file(self, file: Path, kind: str) -> Any:
        content = file.read_bytes()

        async def serve(_: Request) -> Response:
            return Response(content, media_type=kind, headers={"cache-control": "max-age=3600"})

        return serve

    # -- showing --------------------------------------------------------------------------------

    def show(
        self,
        request: Request,
        template: str,
        visitor: Visitor,
        *,
        status: int = 200,
        to: Sequence[str] = (),
        captcha: Widget | None = None,
        **values: Any,
    ) -> Response:
        """``to``: addresses that a form of this page may lead to by redirects: browsers ask the page for
        permission. ``captcha``: drawn on this page."""
        lang = language(request)
        other = "sw" if lang == "en" else "en"
        mark = request.cookies.get(self._mark_name) or secrets.token_urlsafe(24)
        values.setdefault("other", {"lang": other, "name": WORDS[other]["language"], "href": _in(request, other)})
        text = TEMPLATES.get_template(template).render(
            lang=lang,
            say=WORDS[lang],
            form=self._form_token(mark, visitor),
            logged_in=visitor.caller is not None,
            host=urlsplit(self.bank.settings.origin).netloc,
            sandbox=self.bank.settings.sandbox_url is not None,
            captcha=captcha,
            **values,
        )
        headers = {
            "content-security-policy": policy(to, captcha),
            "cache-control": "no-store",
            "vary": "accept-language, cookie",
        }
        response = HTMLResponse(text, status, headers=headers)
        if self._mark_name not in request.cookies:
            secure = self.sessions.secure
            response.set_cookie(self._mark_name, mark, path="/", secure=secure, httponly=True, samesite="lax")
        return response

    def stop(self, request: Request, visitor: Visitor, why: str, status: int = 400) -> Response:
        """An error page; ``why`` is the second part of its words' names."""
        return self.show(request, "stop.html", visitor, status=status, why=why, other={})  # nothing sent is shown

    def go(self, path: str) -> Response:
        """After a form: the next page, by GET. ``path`` is ours, or an app's that was checked."""
        return RedirectResponse(path, 303, headers={"cache-control": "no-store"})

    # -- forms ----------------------------------------------------------------------------------

    @property
    def _mark_name(self) -> str:
        return "__Host-hazina-form" if self.sessions.secure else "hazina-form"

    def _form_token(self, mark: str, visitor: Visitor) -> str:
        """Only who has this browser's cookies can make it, and it ends with the session that it was made in."""
        return hmac.new(mark.encode(), (visitor.token or "").encode(), sha256).hexdigest()

    async def form(self, request: Request, visitor: Visitor) -> dict[str, str]:
        """The fields of a form that one of our own pages sent. Raises BadForm; Malformed."""
        fields = await read_form(request)
        origin = request.headers.get("origin")
        if origin not in (None, "null", self.bank.settings.origin) and urlsplit(origin or "").netloc != _host(request):
            raise BadForm
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise BadForm
        mark = request.cookies.get(self._mark_name)
        wanted = self._form_token(mark, visitor) if mark else ""
        if not mark or not hmac.compare_digest(wanted.encode(), fields.pop("form", "").encode()):
            raise BadForm
        return fields


def policy(to: Sequence[str] = (), captcha: Widget | None = None) -> str:
    """No script but our own files, no frame, no form but to us and to whom a form of this page leads. A captcha adds
    its provider's hosts; its script makes others, which trusted types would not let it."""
    forms = " ".join(dict.fromkeys(("'self'", *(_source(uri) for uri in to))))
    says = {
        "default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "img-src": "'self' data:",
        "font-src": "'self'", "connect-src": "'self'", "base-uri": "'none'", "form-action": forms,
        "frame-ancestors": "'none'",
    }  # fmt: skip
    if captcha is None:
        says["require-trusted-types-for"] = "'script'"
    for directive, hosts in captcha.hosts.items() if captcha is not None else ():
        says[directive] = f"{says.get(directive, '')} {hosts}".strip()
    return "; ".join(f"{directive} {sources}" for directive, sources in says.items())


def _source(uri: str) -> str:
    """An address as a Content-Security-Policy names it."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else f"{parts.scheme}:"


def _host(request: Request) -> str | None:
    return request.headers.get("host")


def language(request: Request) -> str:
    """``?lang=`` or ``?ui_locales=``, else the first of the browser's that we have, else English."""
    query = request.query_params
    asked = f"{query.get('lang', '')} {query.get('ui_locales', '')}".split()
    wished = [part.split(";")[0].strip() for part in request.headers.get("accept-language", "").split(",")]
    return next((one[:2].lower() for one in (*asked, *wished) if one[:2].lower() in WORDS), "en")


def _in(request: Request, lang: str) -> str:
    """This page in another language."""
    query = [(name, value) for name, value in request.query_params.multi_items() if name != "lang"]
    return f"{request.url.path}?{urlencode([*query, ('lang', lang)])}"


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form, each once; an empty body has none. Raises Malformed."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > FORM_BYTES_MAX:
            raise Malformed("The request is too long.")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and kind != FORM_TYPE:
        raise Malformed(f"The body must be {FORM_TYPE}.")
    try:
        return fields_of(parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=100))
    except ValueError:
        raise Malformed("The body is not a valid form.") from None
