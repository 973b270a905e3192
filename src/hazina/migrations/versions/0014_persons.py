"""Personal data apart and sealed; every way to log in a row; sessions that say how they were opened; step-up;
the hold on money that leaves; notices; the audit log.

Phones lay in clear in ``person``. SQL has no keys, so they are put into ``phone_to_move``; the program seals
them into ``factor`` when it starts, before it serves anybody, and deletes them there. Stop processes of the
older revision first: they know no other place for phones.
"""

from alembic import op

revision, down_revision, branch_labels, depends_on = "0014", "0013", None, None

PERSONS = """
create table key_mark (name text primary key, mark bytea not null);
comment on table key_mark is 'By which the program sees that the keys it was given are those of this database';

create table person_key (
    person_id uuid primary key references person (id),
    kek_id text not null,
    wrapped bytea check (octet_length(wrapped) = 60));
comment on column person_key.wrapped is 'Null: destroyed, and with it what it sealed';
create index person_key_by_kek on person_key (kek_id) where wrapped is not null;

create table factor (
    id uuid primary key,
    user_id uuid not null references person (id),
    kind text not null check (kind in ('phone', 'email', 'totp', 'passkey', 'lnurl', 'bitcoin', 'nostr', 'device')),
    mark bytea not null check (octet_length(mark) = 32),
    sealed bytea not null,
    data jsonb not null default '{}',
    created_at timestamptz not null,
    last_used_at timestamptz,
    released_until timestamptz,
    unique (kind, mark)
) with (fillfactor = 80);
comment on column factor.mark is 'Keyed hash of the subject: for finding it, and for its being one person''s only';
comment on column factor.sealed is 'Subject, name and secret under the person''s key';
comment on column factor.released_until is 'Its owner agreed that whoever proves it may take it over';
create index factor_of_user on factor (user_id);
create unique index factor_one_each on factor (user_id, kind) where kind in ('phone', 'email', 'totp');

create table phone_to_move (person_id uuid primary key references person (id), phone text not null);
comment on table phone_to_move is 'Not sealed yet: emptied by the first start';
insert into phone_to_move (person_id, phone) select id, phone from person;
alter table person drop column phone;

delete from phone_code;
alter table phone_code drop column phone;
alter table phone_code add column mark bytea primary key check (octet_length(mark) = 32);
comment on column phone_code.mark is 'Keyed hash of the number';
delete from rate_use where name like 'code\\_%' or name like 'login\\_%' or name like 'failed\\_login%';
"""

SESSIONS = """
alter table session
    add column expires_at timestamptz,
    add column auth_time timestamptz,
    add column amr text[] not null default '{otp,sms}',
    add column totp_pending boolean not null default false,
    add column wary boolean not null default false,
    add column sealed bytea,
    drop column ip,
    drop column agent;
update session set expires_at = created_at + interval '3 years', auth_time = created_at;
alter table session alter column expires_at set not null, alter column auth_time set not null,
    alter column amr drop default;
comment on column session.sealed is 'From where, and by which program, under the person''s key';
comment on column session.wary is 'Opened in a way that can be relayed or copied: money needs a second proof sooner';
create index session_age on session (last_used_at);
create index session_end on session (expires_at);
"""

STEP_UP = """
create table step_up (
    id uuid primary key,
    user_id uuid not null references person (id),
    verb text not null,
    fingerprint text not null check (length(fingerprint) = 64),
    said text not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    state jsonb not null default '{}',
    tries_left smallint not null check (tries_left >= 0),
    method text,
    token_hash bytea unique check (octet_length(token_hash) = 32),
    used_by uuid);
comment on column step_up.said is 'What is proved, as shown to the customer';
comment on column step_up.state is 'What the method keeps meanwhile: hashes and challenges, never a secret';
comment on column step_up.used_by is 'The unit, or the act, that the proof was spent on';
create index step_up_of_user on step_up (user_id, created_at);
create index step_up_age on step_up (expires_at);
"""

HOLD = """
create table outgoing_hold (
    user_id uuid primary key references person (id),
    id uuid not null,
    since timestamptz not null,
    until timestamptz not null,
    cents bigint not null check (cents >= 0));
comment on table outgoing_hold is 'After a change of factors little may leave: cents in all until then';

create function outgoing_take(p_rows jsonb) returns table (n int, code int, detail jsonb)
language sql volatile as $$
    -- The window of 30 days is longer than any hold; the subject is the hold itself.
    with held as (
        select r.n, r.unit, 'hold:' || h.id as subject, h.until, h.cents, r.amount, r.at
        from jsonb_to_recordset(p_rows) as r(n int, unit uuid, user_id uuid, amount bigint, at timestamptz)
        join outgoing_hold h on h.user_id = r.user_id and h.until > r.at),
    asked as (
        select jsonb_agg(jsonb_build_object('n', n, 'unit', unit, 'subject', subject, 'amount', amount, 'at', at,
            'caps', array[cents], 'windows', array[2592000])) as rows
        from held having count(*) > 0),
    lost as (select t.n, t.detail from asked cross join lateral limit_take(asked.rows) t)
    select lost.n, 1, jsonb_build_object('remaining', lost.detail -> 'remaining', 'until', held.until)
    from lost join held using (n)
$$;
"""

NOTICES = """
create table notice (
    id uuid primary key,
    user_id uuid not null references person (id),
    kind text not null,
    sealed bytea not null,
    created_at timestamptz not null,
    due_at timestamptz not null,
    tries smallint not null default 0);
comment on table notice is 'Waiting to be sent; sealed: to whom and what';
create index notice_due on notice (due_at);
create index notice_of_user on notice (user_id);
"""

AUDIT = """
create table audit (
    id uuid primary key,
    xid xid8 not null default pg_current_xact_id(),
    at timestamptz not null,
    actor text not null,
    user_id uuid,
    verb text not null,
    object text not null,
    result text not null,
    sealed bytea);
comment on table audit is 'Who did what, when, to what, with what result';
comment on column audit.sealed is 'From where, and details, under the person''s key';
create index audit_of_user on audit (user_id, id) where user_id is not null;
create index audit_order on audit (xid, id);

create table audit_link (
    seq bigint primary key check (seq > 0),
    audit_id uuid not null unique references audit (id),
    xid xid8 not null,
    hash bytea not null check (octet_length(hash) = 32));
comment on table audit_link is 'hash = SHA-256 of the hash before it and of the row';

create function audit_refuse() returns trigger language plpgsql as $$
begin
    raise exception 'the audit log is only ever added to' using errcode = 'insufficient_privilege';
end $$;
create trigger audit_append_only before update or delete or truncate on audit
    for each statement execute function audit_refuse();
create trigger audit_link_append_only before update or delete or truncate on audit_link
    for each statement execute function audit_refuse();

create function audit_hash(p_before bytea, a audit) returns bytea language sql immutable as $$
    select sha256(coalesce(p_before, ''::bytea) || convert_to(jsonb_build_array(
        a.id, extract(epoch from a.at), a.actor, a.user_id, a.verb, a.object, a.result, encode(a.sealed, 'hex'))::text,
        'UTF8'))
$$;

create function audit_link_next(p_batch int) returns bigint language plpgsql volatile as $$
declare
    v_last audit_link;
    v_row audit;
    v_added bigint := 0;
begin
    select * into v_last from audit_link order by seq desc limit 1;
    for v_row in
        select * from audit a
        where (a.xid, a.id) > (coalesce(v_last.xid, '0'::xid8),
                               coalesce(v_last.audit_id, '00000000-0000-0000-0000-000000000000'))
            and a.xid < pg_snapshot_xmin(pg_current_snapshot())
        order by a.xid, a.id limit p_batch
    loop
        v_last.seq := coalesce(v_last.seq, 0) + 1;
        v_last.hash := audit_hash(v_last.hash, v_row);
        insert into audit_link (seq, audit_id, xid, hash) values (v_last.seq, v_row.id, v_row.xid, v_last.hash);
        v_added := v_added + 1;
    end loop;
    return v_added;
end $$;
"""

BACK = """
drop function audit_link_next(int); drop table audit_link; drop function audit_hash(bytea, audit); drop table audit;
drop function audit_refuse();
drop table notice; drop function outgoing_take(jsonb); drop table outgoing_hold; drop table step_up;
drop index session_age; drop index session_end;
alter table session add column ip inet, add column agent text, drop column sealed, drop column expires_at,
    drop column auth_time, drop column amr, drop column totp_pending,
    drop column wary;
delete from phone_code;
alter table phone_code drop column mark;
alter table phone_code add column phone text primary key;
alter table person add column phone text;
update person p set phone = m.phone from phone_to_move m where m.person_id = p.id;
alter table person alter column phone set not null, add unique (phone);
drop table phone_to_move; drop table factor; drop table person_key; drop table key_mark
"""

SEALED = """
do $$ begin
    if exists (select from factor) then
        raise exception 'phones are sealed: there is no way back to a revision that keeps them in clear';
    end if;
end $$
"""


def upgrade() -> None:
    for part in (PERSONS, SESSIONS, STEP_UP, HOLD, NOTICES, AUDIT):
        op.execute(part)


def downgrade() -> None:
    op.execute(SEALED)
    op.execute(BACK)
