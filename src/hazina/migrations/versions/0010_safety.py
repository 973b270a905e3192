"""Closed rails, operators, and the log of both.

Guards: a closure is never deleted or rewritten; it ends once, asked for by one operator in an earlier commit
and lifted by another while the request lives. The log is only added to.
"""

from alembic import op

revision, down_revision, branch_labels, depends_on = "0010", "0008", None, None

TABLES = """
create table closure (
    id bigint generated always as identity primary key,
    rail text not null,
    since timestamptz not null,
    closed_by text not null,
    reason text not null,
    lift_asked_by text,
    lift_until timestamptz,
    lifted_by text,
    lifted_at timestamptz,
    check ((lift_asked_by is null) = (lift_until is null)),
    check ((lifted_by is null) = (lifted_at is null)),
    check (lifted_by is null or (lift_asked_by is not null and lifted_by <> lift_asked_by and lifted_at < lift_until))
);
create unique index closure_standing on closure (rail) where lifted_at is null;
comment on table closure is 'A rail, or the whole bank (rail bank), is closed while lifted_at is null';

create table operator (
    name text primary key,
    passphrase text not null,
    added_at timestamptz not null,
    removed_at timestamptz
);

create table safety_log (
    id bigint generated always as identity primary key,
    at timestamptz not null,
    rail text,
    what text not null,
    by text not null,
    said text not null default ''
);
"""

GUARDS = """
create function safety_refuse() returns trigger language plpgsql as $$
begin
    raise exception '%: % is refused', tg_table_name, lower(tg_op) using errcode = 'insufficient_privilege';
end $$;

create trigger append_only before update or delete or truncate on safety_log
    for each statement execute function safety_refuse();
create trigger no_delete before delete or truncate on closure
    for each statement execute function safety_refuse();
create trigger no_delete before delete or truncate on operator
    for each statement execute function safety_refuse();

create function closure_ends_once() returns trigger language plpgsql as $$
begin
    if old.lifted_at is not null
       or row(new.id, new.rail, new.since, new.closed_by, new.reason)
          is distinct from row(old.id, old.rail, old.since, old.closed_by, old.reason)
       or new.lifted_at is not null
          and row(new.lift_asked_by, new.lift_until) is distinct from row(old.lift_asked_by, old.lift_until) then
        raise exception 'a closure cannot be changed this way' using errcode = 'check_violation';
    end if;
    return new;
end $$;

create trigger ends_once before update on closure for each row execute function closure_ends_once();
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(GUARDS)


def downgrade() -> None:
    op.execute(
        """
        drop table closure;
        drop table operator;
        drop table safety_log;
        drop function closure_ends_once();
        drop function safety_refuse()
        """
    )
