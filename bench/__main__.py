"""``./dev bench [PART]``: measure, print tables, and one JSON object of ratios as the last line."""

from __future__ import annotations

import argparse
import json

from bench import api, deposits, documents, ledger, node, oauth, payment, payouts, people, reads, subscribers


def main() -> None:
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    measured = ("api", "documents", "subscribers", "ledger", "deposits", "payouts", "node", "people", "oauth")
    parts = ("all", *measured, "install")
    parser.add_argument("what", nargs="?", choices=parts, default="all")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a round of one variant")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--entries", type=int, default=1_000_000, help="of the wallet with the long history")
    parser.add_argument("--slow-disk", action="store_true", help="a millisecond more for every fsync (ledger)")
    chosen = parser.parse_args()
    found: dict[str, float] = {}
    if chosen.what in ("all", "ledger"):
        with ledger.own_database(slow=chosen.slow_disk) as (url, owner_url):
            found |= ledger.run(url, chosen.seconds, chosen.rounds)
            found |= payment.run(url, owner_url, chosen.seconds, chosen.rounds)
            found |= reads.run(url, owner_url, chosen.entries)
    if chosen.what in ("all", "people"):
        with ledger.own_database(slow=chosen.slow_disk) as (url, owner_url):
            found |= people.run(url, owner_url, chosen.seconds, chosen.rounds)
    if chosen.what in ("all", "payouts"):
        with ledger.own_database() as (url, _):
            found |= payouts.run(url)
    if chosen.what in ("all", "deposits"):
        with ledger.own_database() as (url, _):
            found |= deposits.run(url)
    if chosen.what in ("all", "api", "documents"):
        found |= documents.measure(chosen.seconds, chosen.rounds)
    if chosen.what in ("all", "api"):
        found |= api.measure(chosen.seconds, chosen.rounds)
    if chosen.what in ("all", "api", "subscribers"):
        found |= subscribers.measure()
    if chosen.what in ("all", "oauth"):
        found |= oauth.measure(chosen.seconds, chosen.rounds)
    if chosen.what in ("all", "node"):
        found |= node.measure(chosen.rounds)
    if chosen.what in ("all", "install"):
        found |= api.installed()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
