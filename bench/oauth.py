"""What the provider costs: making a token, showing one to our own API, asking about one. Beside the same query by a
session's token, in the same run.

    python -m bench oauth [--seconds 2] [--rounds 3]
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from urllib.parse import urlencode

import psycopg
import uvloop
from rich.console import Console
from rich.table import Table

from bench.api import PORT, bank, enter
from bench.load import Ask, Form, Measured, run
from hazina.kernel.embedded import OWNER_ROLE, Cluster

CONNECTIONS = (1, 16)
ME = "{ me { id } }"


def an_app(folder: Path) -> str:
    """An app with a secret: its Authorization header."""
    command = [sys.executable, "-m", "hazina.cli", "apps", "add", "Bench", "--scope", "read", "--data", str(folder)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603
    found = dict(line.split()[:2] for line in said.splitlines())
    pair = f"{found['client_id']}:{found['client_secret']}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def for_a_customer(folder: Path) -> None:
    """The one app is one customer's own, and may act for them."""
    with psycopg.connect(Cluster(folder / "postgres").start().url(OWNER_ROLE), autocommit=True) as connection:
        connection.execute("update oauth_client set owner_id = (select user_id from account limit 1)")
        connection.execute(
            """insert into oauth_grant (id, user_id, client_id, scope, offered, created_at, changed_at)
            select gen_random_uuid(), owner_id, id, '{read}', '{read}', now(), now() from oauth_client"""
        )


def a_token(basic: str) -> str:
    body = urlencode({"grant_type": "client_credentials"}).encode()
    headers = {"authorization": basic, "content-type": "application/x-www-form-urlencoded"}
    asked = urllib.request.Request(f"http://127.0.0.1:{PORT}/oauth/token", body, headers)
    with urllib.request.urlopen(asked, timeout=30) as said:  # noqa: S310
        return str(json.load(said)["access_token"])


def measure(seconds: float, rounds: int) -> dict[str, float]:
    with bank() as (folder, _):
        customer, basic = enter(0), an_app(folder)
        for_a_customer(folder)
        token = a_token(basic)
        asks: dict[str, Ask] = {
            "me": lambda _: (customer.token, {"query": ME}),
            "verify": lambda _: (token, {"query": ME}),
            "token": lambda _: (basic, Form("/oauth/token", {"grant_type": "client_credentials"})),
            "introspect": lambda _: (basic, Form("/oauth/introspect", {"token": token})),
        }
        found = {(name, n): Measured() for name in asks for n in CONNECTIONS}
        for each in asks.values():
            uvloop.run(run("127.0.0.1", PORT, 4, 0.5, each, Measured()))
        for _ in range(rounds):
            for (name, n), into in found.items():
                uvloop.run(run("127.0.0.1", PORT, n, seconds, asks[name], into))
    return report(found)


def report(found: dict[tuple[str, int], Measured]) -> dict[str, float]:
    table = Table(title="The provider, median of rounds", box=None)
    for heading in ("request", "connections", "per second", "p50 ms", "p99 ms", "over a query by session", "refused"):
        table.add_column(heading, justify="left" if heading == "request" else "right")
    ratios = {"introspect16_p99_ms": round(found["introspect", 16].percentile(99), 1)}
    for (name, n), one in found.items():
        over = one.rate / found["me", n].rate
        row = (f"{one.rate:,.0f}", f"{one.percentile(50):.1f}", f"{one.percentile(99):.1f}", f"{over:.2f}")
        table.add_row(name, str(n), *row, str(len(one.wrong)))
        if name != "me":
            ratios[f"{name}{n}_over_me{n}"] = round(over, 3)
    Console(width=110).print(table)
    return ratios
