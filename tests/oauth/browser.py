"""A person at a browser without scripts: a cookie jar, pages with forms, redirects followed by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx2


@dataclass
class Form:
    """``hidden``: shown by a script only."""

    action: str
    hidden: bool = False
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(said["action"], "hidden" in said))
        elif tag == "input" and self.forms and said.get("name") and "disabled" not in said:
            if said.get("type") == "checkbox":
                if "checked" in said:
                    self.forms[-1].fields[said["name"]] = "on"
            else:
                self.forms[-1].fields[said["name"]] = said.get("value", "")
        elif tag == "button" and self.forms and said.get("name"):
            self.forms[-1].buttons.append((said["name"], said.get("value", "")))


def form_of(answer: httpx2.Response) -> Form:
    found = _Forms()
    found.feed(answer.text)
    shown = [form for form in found.forms if not form.hidden]
    assert len(shown) == 1, answer.text
    return shown[0]


def query_of(uri: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(uri).query, keep_blank_values=True))


@dataclass
class Browser:
    """``codes``: reads the newest code that came to a phone."""

    http: httpx2.AsyncClient
    codes: Any
    phone: str
    origin: str

    async def open(self, url: str) -> httpx2.Response:
        """The page behind ``url``, or the redirect that leads away from the bank."""
        return await self._follow(await self.http.get(url))

    async def send(self, form: Form, **fields: str) -> httpx2.Response:
        data = {name: value for name, value in {**form.fields, **fields}.items() if value is not None}
        headers = {"origin": self.origin, "sec-fetch-site": "same-origin"}
        return await self._follow(await self.http.post(form.action, data=data, headers=headers))

    async def _follow(self, answer: httpx2.Response) -> httpx2.Response:
        for _ in range(10):
            if not answer.is_redirect:
                return answer
            target = urljoin(str(answer.url), answer.headers["location"])
            if not target.startswith(f"{self.origin}/"):
                return answer
            answer = await self.http.get(target)
        raise AssertionError("redirected in a circle")

    async def log_in(self, page: httpx2.Response | None = None) -> httpx2.Response:
        """By phone, from the log-in page that is open."""
        page = page or await self.open("/login?next=/logout")
        asked = await self.send(form_of(page), phone=self.phone)
        assert asked.status_code == 200, asked.text
        return await self.send(form_of(asked), code=await self.codes(self.phone))

    async def authorize(self, url: str, **answer: str) -> str:
        """All the way: log in if asked, agree if asked. Where the app gets the browser back."""
        page = await self.open(url)
        if "/login" in page.url.path:
            page = await self.log_in(page)
        if not page.is_redirect:
            page = await self.send(form_of(page), **{"answer": "allow", **answer})
        assert page.is_redirect, page.text
        return str(page.headers["location"])
