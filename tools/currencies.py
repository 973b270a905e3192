"""Writes ``src/hazina/dealer/currencies.json``: what currencies are called, from Unicode's CLDR by way of Babel.

    python -m tools.currencies

A table in the program, because CLDR of every language would be 60 MB of memory for 150 lines. The number of digits
is that of ISO 4217, as Blink has it: CLDR's is what people write in shops.
"""

from __future__ import annotations

import json
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from babel.languages import get_official_languages
from babel.numbers import get_territory_currencies

FILE = Path(__file__).resolve().parent.parent / "src" / "hazina" / "dealer" / "currencies.json"
DIGITS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
}
"""ISO 4217, minor units other than 2."""
INVISIBLE = {ord(mark): None for mark in "\u200b\u200e\u200f\u00a0"}
EUROPE = "EU"


def table() -> list[dict[str, object]]:
    english = Locale("en")
    digits = {code: number for number, codes in DIGITS.items() for code in codes.split()}
    users: dict[str, list[str]] = {}
    for territory in get_global("territory_currencies"):
        for code in get_territory_currencies(territory, tender=True):
            users.setdefault(code, []).append(territory)
    return [
        {
            "code": code,
            "name": english.currencies[code],
            "symbol": _symbol(code, english),
            "flag": _flag(code, users[code]),
            "digits": digits.get(code, 2),
        }
        for code in sorted(users)
        if code in english.currencies
    ]


def _symbol(code: str, english: Locale) -> str:
    """The English one; else the one at home, if it has one; else the code."""
    there = code[:2]
    languages = sorted(get_official_languages(there), key=lambda language: language != "en")
    for locale in (english, *(_at_home(language, there) for language in languages)):
        symbol = locale.currency_symbols.get(code, code) if locale else code
        if (seen := symbol.translate(INVISIBLE).strip()) and seen != code:
            return seen
    return code


def _at_home(language: str, territory: str) -> Locale | None:
    try:
        return Locale.parse(f"{language}_{territory}")
    except (UnknownLocaleError, ValueError):
        return None


def _flag(code: str, users: list[str]) -> str:
    """That of the one country whose letters the code begins with; none for a currency of several."""
    there = EUROPE if code == "EUR" else code[:2]
    if there != EUROPE and there not in users:
        return ""
    return "".join(chr(0x1F1E6 + ord(letter) - ord("A")) for letter in there)


def text() -> str:
    lines = ",\n".join(json.dumps(one, ensure_ascii=False) for one in table())
    return f"[\n{lines}\n]\n"


if __name__ == "__main__":
    FILE.write_text(text())
