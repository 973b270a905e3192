"""Claims and rows for these tests: a cap that is reserved, a state that changes once, a note."""

from __future__ import annotations

from uuid import UUID

from tests.ledger.model import PRICE

from hazina.kernel.ids import new_id
from hazina.kernel.money import Msats
from hazina.kernel.units import Claim, ClaimKind, EffectKind, Row
from hazina.ledger import BANK, Leg, Txn, Unit, transfer

TABLES = """
create schema if not exists kinds;
create table kinds.cap (subject text primary key, most bigint not null, used bigint not null default 0);
create table kinds.reserved (
    unit uuid, subject text, amount bigint not null, made_in xid8 not null default pg_current_xact_id(),
    primary key (unit, subject));
create table kinds.thing (id uuid primary key, state int not null, by uuid);
create table kinds.note (unit uuid not null, text text not null check (text <> 'poison'));

create function kinds.take_cap(claims jsonb) returns table (n int, code int, detail jsonb) language plpgsql as $$
declare c record; room bigint;
begin
    perform from kinds.cap where subject in (select r->>'subject' from jsonb_array_elements(claims) r)
      order by subject for update;
    for c in select * from jsonb_to_recordset(claims) as r(n int, unit uuid, subject text, amount bigint)
              order by n loop
        continue when exists (select from kinds.reserved r where r.unit = c.unit and r.subject = c.subject);
        select most - used into room from kinds.cap where subject = c.subject;
        if c.amount > room then
            n := c.n; code := 1; detail := jsonb_build_object('room', room);
            return next;
        else
            update kinds.cap set used = used + c.amount where subject = c.subject;
            insert into kinds.reserved values (c.unit, c.subject, c.amount);
        end if;
    end loop;
end $$;
"""

CAP = ClaimKind(
    "cap",
    take="select * from kinds.take_cap(%(rows)s::jsonb)",
    undo="""
    with gone as (
        delete from kinds.reserved v using jsonb_to_recordset(%(rows)s::jsonb) as r(unit uuid, subject text)
        where v.unit = r.unit and v.subject = r.subject and v.made_in = pg_current_xact_id()
        returning v.subject, v.amount)
    update kinds.cap c set used = used - g.amount
    from (select subject, sum(amount) as amount from gone group by subject) g where c.subject = g.subject
    """,
)

CHANGE = ClaimKind(
    "change",
    take="""
    with asked as (
        select *, row_number() over (partition by id order by n) as turn
        from jsonb_to_recordset(%(rows)s::jsonb) as r(n int, unit uuid, id uuid)),
    locked as (select id, state, by from kinds.thing where id in (select id from asked) order by id for update),
    won as (
        update kinds.thing t set state = 1, by = a.unit from asked a join locked l using (id)
        where t.id = a.id and a.turn = 1 and l.state = 0 returning a.n)
    select a.n, 7, jsonb_build_object('by', l.by) from asked a left join locked l using (id)
    where a.n not in (select n from won)
    """,
    undo="""
    update kinds.thing t set state = 0, by = null
    from jsonb_to_recordset(%(rows)s::jsonb) as r(unit uuid, id uuid) where t.id = r.id and t.by = r.unit
    """,
)

NOTE = EffectKind(
    "note",
    "insert into kinds.note select unit, text from jsonb_to_recordset(%(rows)s::jsonb) as r(unit uuid, text text)",
)


def cap(subject: str, amount: int) -> Claim:
    return Claim("cap", {"subject": subject, "amount": amount})


def change(thing: UUID) -> Claim:
    return Claim("change", {"id": thing})


def unit(*legs: Leg, claims: tuple[Claim, ...] = (), note: str = "", id_: UUID | None = None) -> Unit:
    """A unit with a bitcoin transaction of these legs (or none), one note, and these claims."""
    own = id_ or new_id()
    return Unit(
        own,
        Txn(own, 1, legs, PRICE) if legs else None,
        claims,
        (Row("note", {"unit": own, "text": note or "done"}),),
    )


def pay(src: int, dst: int, msats: int, *claims: Claim, note: str = "") -> Unit:
    return unit(transfer(src, dst, Msats(msats)), claims=claims, note=note)


def fund(account: int, msats: int) -> Unit:
    return pay(BANK.LIGHTNING_BTC, account, msats)
