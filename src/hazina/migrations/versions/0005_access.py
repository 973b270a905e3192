"""Reserved volume under limits, and requests already seen.

The two functions decide claims one after the other (``access.effects``). Each statement in them takes
a new snapshot, so what is read after a lock was waited for is what the other side committed.
"""

from alembic import op

revision, down_revision, branch_labels, depends_on = "0005", "0004", None, None

TABLES = """
create table limit_subject (subject text primary key);
comment on table limit_subject is 'One row to lock for each thing that is limited';

create table limit_use (
    unit uuid not null,
    subject text not null,
    amount bigint not null check (amount >= 0),
    at timestamptz not null,
    until timestamptz not null,
    given_back boolean not null default false,
    made_in xid8 not null default pg_current_xact_id(),
    n int not null,
    primary key (unit, subject)
) with (fillfactor = 90);
comment on column limit_use.until is 'When it leaves the window; swept afterwards';
comment on column limit_use.n is 'Place in the batch: with made_in, the claim that wrote the row';
create index limit_use_window on limit_use (subject, at) include (amount) where not given_back;
create index limit_use_age on limit_use (until);

create table idempotency (
    account_id uuid not null,
    operation text not null,
    key text not null check (length(key) between 1 and 100),
    fingerprint text not null,
    unit uuid not null,
    at timestamptz not null,
    primary key (account_id, operation, key));
create index idempotency_age on idempotency (at);
"""

LIMIT_TAKE = """
create function limit_take(p_rows jsonb) returns table (n int, code int, detail jsonb)
language plpgsql volatile as $$
#variable_conflict use_column
declare
    asked record;
    v_subject text;
    v_window int;
    v_spent bigint;
begin
    -- A new subject waits only for other new subjects, an old one only for old ones: no circle.
    insert into limit_subject (subject)
    select distinct r.subject from jsonb_to_recordset(p_rows) as r(subject text)
    order by 1 on conflict do nothing;
    perform 1 from limit_subject s
    where s.subject in (select r.subject from jsonb_to_recordset(p_rows) as r(subject text))
    order by s.subject for update;

    for asked in
        select * from jsonb_to_recordset(p_rows)
            as r(n int, unit uuid, subject text, window_s int, cap bigint, amount bigint, at timestamptz)
        order by r.subject, r.window_s, r.n
    loop
        if v_subject is distinct from asked.subject or v_window is distinct from asked.window_s then
            v_subject := asked.subject;
            v_window := asked.window_s;
            select coalesce(sum(u.amount), 0) into v_spent from limit_use u
            where u.subject = asked.subject and not u.given_back
                and u.at > asked.at - make_interval(secs => asked.window_s);
        end if;
        -- The unit was here before: its volume is reserved, or was given back for good.
        continue when exists (
            select 1 from limit_use u where u.unit = asked.unit and u.subject = asked.subject);
        if v_spent + asked.amount > asked.cap then
            n := asked.n;
            code := 1;
            detail := jsonb_build_object('remaining', greatest(asked.cap - v_spent, 0));
            return next;
        else
            insert into limit_use (unit, subject, amount, at, until, n)
            values (asked.unit, asked.subject, asked.amount, asked.at,
                    asked.at + make_interval(secs => asked.window_s), asked.n);
            v_spent := v_spent + asked.amount;
        end if;
    end loop;
end $$;
"""

IDEMPOTENCY_TAKE = """
create function idempotency_take(p_rows jsonb) returns table (n int, code int, detail jsonb)
language plpgsql volatile as $$
#variable_conflict use_column
declare
    asked record;
    v_unit uuid;
    v_fingerprint text;
begin
    for asked in
        select * from jsonb_to_recordset(p_rows)
            as r(n int, unit uuid, account_id uuid, operation text, key text, fingerprint text, at timestamptz)
        order by r.account_id, r.operation, r.key, r.n
    loop
        v_unit := null;
        loop
            insert into idempotency (account_id, operation, key, fingerprint, unit, at)
            values (asked.account_id, asked.operation, asked.key, asked.fingerprint, asked.unit, asked.at)
            on conflict do nothing;
            exit when found;
            select i.unit, i.fingerprint into v_unit, v_fingerprint from idempotency i
            where i.account_id = asked.account_id and i.operation = asked.operation and i.key = asked.key;
            exit when found;  -- else it was swept in between: try again
        end loop;
        if v_unit is not null then
            n := asked.n;
            code := case when v_fingerprint = asked.fingerprint then 1 else 2 end;
            detail := jsonb_build_object('unit', v_unit);
            return next;
        end if;
    end loop;
end $$;
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(LIMIT_TAKE)
    op.execute(IDEMPOTENCY_TAKE)


def downgrade() -> None:
    op.execute(
        """
        drop function idempotency_take(jsonb);
        drop function limit_take(jsonb);
        drop table idempotency;
        drop table limit_use;
        drop table limit_subject
        """
    )
