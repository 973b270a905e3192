"""What rows of accounts do in the database, over a whole batch at once (see ``kernel.units``)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from hazina.kernel.units import EffectKind, Row

# Both ways, for whichever of the two has a name; several payments of one batch between the same two are one row.
CONTACT = EffectKind(
    "contact",
    """
    insert into contact (account_id, kind, handle, transactions_count, created_at)
    select p.mine, 'intraledger', a.username, count(*), min(p.at)
    from jsonb_to_recordset(%(rows)s::jsonb) as r(one uuid, other uuid, at timestamptz)
    cross join lateral (values (r.one, r.other, r.at), (r.other, r.one, r.at)) as p(mine, theirs, at)
    join account a on a.id = p.theirs and a.username is not null
    group by p.mine, a.username order by p.mine, a.username
    on conflict (account_id, kind, handle)
        do update set transactions_count = contact.transactions_count + excluded.transactions_count
    """,
)

CONTACT_ADDRESS = EffectKind(
    "contact_address",
    """
    insert into contact (account_id, kind, handle, transactions_count, created_at)
    select account, 'lnaddress', address, count(*), min(at)
    from jsonb_to_recordset(%(rows)s::jsonb) as r(account uuid, address text, at timestamptz)
    group by account, address order by account, address
    on conflict (account_id, kind, handle)
        do update set transactions_count = contact.transactions_count + excluded.transactions_count
    """,
)

EFFECTS = (CONTACT, CONTACT_ADDRESS)


def contact_row(one: UUID, other: UUID, at: datetime) -> Row:
    """Two accounts paid each other: each is the other's contact. A row of the unit that moved the money, so it is
    counted once exactly, with no cursor of its own to follow the payments by."""
    return Row("contact", {"one": str(one), "other": str(other), "at": at.isoformat()})


def contact_address_row(account_id: UUID, address: str, at: datetime) -> Row:
    """An account paid to somebody's Lightning Address elsewhere: one way, as nobody tells the other."""
    return Row("contact_address", {"account": str(account_id), "address": address, "at": at.isoformat()})
