"""A subject may be capped in several windows at once: one reservation that fits all of them, or none.

A claim with ``window_s`` and ``cap``, as older processes send it, has one window.
"""

from alembic import op

revision, down_revision, branch_labels, depends_on = "0012", "0011", None, None

LIMIT_TAKE = """
create or replace function limit_take(p_rows jsonb) returns table (n int, code int, detail jsonb)
language plpgsql volatile as $$
#variable_conflict use_column
declare
    asked record;
    v_subject text;
    v_windows int[];   -- windows of this subject that were added up, and what was spent in each
    v_spent bigint[];
    v_place int;
    v_sum bigint;
    v_left bigint;
    v_least bigint;
    v_tightest int;
begin
    -- A new subject waits only for other new subjects, an old one only for old ones: no circle.
    insert into limit_subject (subject)
    select distinct r.subject from jsonb_to_recordset(p_rows) as r(subject text)
    order by 1 on conflict do nothing;
    perform 1 from limit_subject s
    where s.subject in (select r.subject from jsonb_to_recordset(p_rows) as r(subject text))
    order by s.subject for update;

    for asked in
        select r.n, r.unit, r.subject, r.amount, r.at, coalesce(r.windows, array[r.window_s]) as windows,
               coalesce(r.caps, array[r.cap]) as caps
        from jsonb_to_recordset(p_rows)
            as r(n int, unit uuid, subject text, windows int[], caps bigint[], window_s int, cap bigint, amount bigint,
                 at timestamptz)
        order by r.subject, r.n
    loop
        if v_subject is distinct from asked.subject then
            v_subject := asked.subject;
            v_windows := '{}';
            v_spent := '{}';
        end if;
        -- The unit was here before: its volume is reserved, or was given back for good.
        continue when exists (
            select 1 from limit_use u where u.unit = asked.unit and u.subject = asked.subject);
        v_least := null;
        for i in 1..cardinality(asked.windows) loop
            v_place := array_position(v_windows, asked.windows[i]);
            if v_place is null then
                select coalesce(sum(u.amount), 0) into v_sum from limit_use u
                where u.subject = asked.subject and not u.given_back
                    and u.at > asked.at - make_interval(secs => asked.windows[i]);
                v_windows := v_windows || asked.windows[i];
                v_spent := v_spent || v_sum;
                v_place := cardinality(v_windows);
            end if;
            v_left := greatest(asked.caps[i] - v_spent[v_place], 0);
            if v_least is null or v_left < v_least then
                v_least := v_left;
                v_tightest := asked.windows[i];
            end if;
        end loop;
        if asked.amount > v_least then
            n := asked.n;
            code := 1;
            detail := jsonb_build_object('remaining', v_least, 'window_s', v_tightest);
            return next;
        else
            insert into limit_use (unit, subject, amount, at, until, n)
            values (asked.unit, asked.subject, asked.amount, asked.at,
                    asked.at + make_interval(secs => (select max(w) from unnest(asked.windows) w)), asked.n);
            for i in 1..cardinality(v_windows) loop
                v_spent[i] := v_spent[i] + asked.amount;
            end loop;
        end if;
    end loop;
end $$;
"""

# A claim with several windows cannot be decided by the older one.
LIMIT_TAKE_BEFORE = """
create or replace function limit_take(p_rows jsonb) returns table (n int, code int, detail jsonb)
language plpgsql volatile as $$
#variable_conflict use_column
declare
    asked record;
    v_subject text;
    v_window int;
    v_spent bigint;
begin
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


def upgrade() -> None:
    op.execute(LIMIT_TAKE)


def downgrade() -> None:
    op.execute(LIMIT_TAKE_BEFORE)
