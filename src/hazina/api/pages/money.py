"""Amounts as people read and type them. Integers of minor units; no float."""

from __future__ import annotations

import re

from hazina.dealer import Currency

NARROW = "\u202f"
"""Between groups of satoshi: no comma and no point can be taken for a decimal one."""
MAJOR_DIGITS_MAX = 10
_TYPED = re.compile(r"([0-9]*)(?:([.,])([0-9]*))?", re.ASCII)
SATS = Currency("SAT", "satoshi", "sats", "", 0)


def sats_text(sats: int) -> str:
    return f"{sats:,}".replace(",", NARROW) + " sats"


def minor_text(minor: int, currency: Currency) -> str:
    """With its code, not a symbol: the code is the same in every country."""
    if currency.code == SATS.code:
        return sats_text(minor)
    whole, part = divmod(minor, 10**currency.digits)
    return f"{currency.code} {whole:,}" + (f".{part:0{currency.digits}d}" if currency.digits else "")


def typed_text(minor: int, currency: Currency) -> str:
    """As it would be typed."""
    whole, part = divmod(minor, 10**currency.digits)
    return f"{whole}.{part:0{currency.digits}d}" if part else str(whole)


def read_typed(text: str, currency: Currency) -> int | None:
    """Minor units of what somebody typed; None: it is no amount. Spaces and groups of three are let through; a single
    point or comma with fewer digits behind it is the decimal one."""
    plain = re.sub(r"[\s\u202f\u00a0']", "", text)
    if re.fullmatch(r"[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?", plain, re.ASCII):
        plain = plain.replace(",", "")
    found = _TYPED.fullmatch(plain)
    if found is None or not (found[1] or found[3]) or len(found[1]) > MAJOR_DIGITS_MAX:
        return None
    part = found[3] or ""
    if len(part) > currency.digits:
        return None
    scale: int = 10**currency.digits
    return int(found[1] or "0") * scale + int(part.ljust(currency.digits, "0") or "0")


def press(typed: str, key: str, currency: Currency) -> str:
    """What the amount is after one key of the keypad."""
    if key == "back":
        return typed[:-1]
    if key == "dot":
        return typed if "." in typed or not currency.digits else (typed or "0") + "."
    if len(key) != 1 or not (key.isascii() and key.isdigit()):
        return typed
    whole, dot, part = typed.partition(".")
    if dot:
        return typed + key if len(part) < currency.digits else typed
    return (whole.lstrip("0") + key)[:MAJOR_DIGITS_MAX] if whole or key != "0" else "0"
