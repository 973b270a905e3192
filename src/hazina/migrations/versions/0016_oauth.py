"""Clients, grants and tokens of the OAuth2 and OIDC provider.

What is shown once (secrets, codes, tokens) is kept as SHA-256. A grant is what a person agreed to for an app and
sees among their connected apps; a family is one log-in at that app, with every token that comes of it.
"""

from alembic import op

revision, down_revision, branch_labels, depends_on = "0016", "0015", None, None

CLIENTS = """
create table oauth_client (
    id text primary key check (length(id) between 1 and 100),
    owner_id uuid references person (id) on delete cascade,
    kind smallint not null check (kind in (1, 2, 3)),
    metadata jsonb not null,
    secret_hash bytea check (octet_length(secret_hash) = 32),
    access_hash bytea unique check (octet_length(access_hash) = 32),
    scope text[] not null,
    checked boolean not null default false,
    introspects boolean not null default false,
    created_at timestamptz not null,
    disabled_at timestamptz);
comment on column oauth_client.kind is '1: made by an operator, 2: by a customer, 3: registered itself (RFC 7591)';
comment on column oauth_client.metadata is 'RFC 7591 members, as checked';
comment on column oauth_client.access_hash is 'Of the registration access token (RFC 7592)';
comment on column oauth_client.introspects is 'A resource server: may ask about tokens of other apps';
create index oauth_client_of_owner on oauth_client (owner_id) where owner_id is not null;

create table oauth_initial (
    hash bytea primary key check (octet_length(hash) = 32),
    note text not null,
    uses_left int not null check (uses_left >= 0),
    expires_at timestamptz not null,
    created_at timestamptz not null);
comment on table oauth_initial is 'Initial access tokens: who may register an app by program';

create table oauth_assertion (
    client_id text not null references oauth_client (id) on delete cascade,
    jti text not null check (length(jti) between 1 and 200),
    expires_at timestamptz not null,
    primary key (client_id, jti));
comment on table oauth_assertion is 'private_key_jwt: each is taken once';
create index oauth_assertion_age on oauth_assertion (expires_at);
"""

GRANTS = """
create table oauth_grant (
    id uuid primary key,
    user_id uuid not null references person (id) on delete cascade,
    client_id text not null references oauth_client (id) on delete cascade,
    scope text[] not null,
    offered text[] not null,
    caps jsonb not null default '{}',
    created_at timestamptz not null,
    changed_at timestamptz not null,
    expires_at timestamptz,
    used_at timestamptz,
    revoked_at timestamptz);
comment on column oauth_grant.offered is 'What was asked when the person last decided: scope is what they gave of it';
comment on column oauth_grant.caps is 'Spending: seconds of a window to cents';
create unique index oauth_grant_live on oauth_grant (user_id, client_id) where revoked_at is null;
create index oauth_grant_of_client on oauth_grant (client_id);

create table oauth_subject (
    user_id uuid not null references person (id) on delete cascade,
    sector text not null,
    sub text not null unique,
    primary key (user_id, sector));
comment on table oauth_subject is 'Pairwise subjects: random, another one for each sector';

create table oauth_family (
    id uuid primary key,
    grant_id uuid not null references oauth_grant (id) on delete cascade,
    user_id uuid not null references person (id) on delete cascade,
    client_id text not null references oauth_client (id) on delete cascade,
    session_id uuid not null,
    sub text not null,
    scope text not null,
    nonce text,
    acr text not null,
    amr text[] not null,
    auth_time timestamptz not null,
    created_at timestamptz not null,
    revoked_at timestamptz);
comment on column oauth_family.sub is 'What this app calls the person';
comment on column oauth_family.session_id is 'The log-in at the bank that it was born in; that may be over';
create index oauth_family_of_grant on oauth_family (grant_id);
create index oauth_family_of_session on oauth_family (session_id);
create index oauth_family_of_client on oauth_family (client_id);
create index oauth_family_of_user on oauth_family (user_id);
create index oauth_family_age on oauth_family (created_at);

create table oauth_code (
    hash bytea primary key check (octet_length(hash) = 32),
    client_id text not null references oauth_client (id) on delete cascade,
    family_id uuid not null references oauth_family (id) on delete cascade,
    redirect_uri text not null,
    challenge text not null,
    expires_at timestamptz not null,
    used_at timestamptz);
create index oauth_code_age on oauth_code (expires_at);
create index oauth_code_of_family on oauth_code (family_id);

create table oauth_token (
    hash bytea primary key check (octet_length(hash) = 32),
    kind smallint not null check (kind in (1, 2)),
    client_id text not null references oauth_client (id) on delete cascade,
    family_id uuid references oauth_family (id) on delete cascade,
    scope text not null,
    issued_at timestamptz not null,
    expires_at timestamptz not null,
    used_at timestamptz,
    revoked_at timestamptz
) with (fillfactor = 90);
comment on column oauth_token.kind is '1: access, 2: refresh';
comment on column oauth_token.family_id is 'Null: the app''s own (client credentials)';
comment on column oauth_token.used_at is 'A refresh token that was traded; seen again, the family ends';
create index oauth_token_of_family on oauth_token (family_id);
create index oauth_token_of_client on oauth_token (client_id);
create index oauth_token_age on oauth_token (expires_at);
"""

WAITING = """
create table oauth_request (
    hash bytea primary key check (octet_length(hash) = 32),
    params jsonb not null,
    asked_at timestamptz not null,
    expires_at timestamptz not null);
comment on table oauth_request is 'Authorization requests that wait for a log-in or an answer';
create index oauth_request_age on oauth_request (expires_at);

create table oauth_device (
    hash bytea primary key check (octet_length(hash) = 32),
    user_code text not null unique,
    client_id text not null references oauth_client (id) on delete cascade,
    scope text not null,
    interval_s int not null,
    polled_at timestamptz,
    expires_at timestamptz not null,
    family_id uuid references oauth_family (id) on delete cascade,
    denied_at timestamptz,
    used_at timestamptz);
create index oauth_device_age on oauth_device (expires_at);

create table oauth_key (
    kid text primary key,
    alg text not null,
    public jsonb not null,
    sealed bytea not null,
    created_at timestamptz not null,
    active_at timestamptz not null);
comment on column oauth_key.active_at is 'Signs from then on; it is published as soon as it is here';
comment on column oauth_key.sealed is 'The private key under the bank''s own';
"""

# The spending cap of a grant and an account's own limit are claims of one kind: whoever is refused hears which.
LIMIT_TAKE_SAYS_WHICH = """
do $$ begin
    execute replace(pg_get_functiondef('limit_take(jsonb)'::regprocedure),
        $q$'window_s', v_tightest)$q$, $q$'window_s', v_tightest, 'subject', asked.subject)$q$);
end $$
"""
LIMIT_TAKE_BEFORE = """
do $$ begin
    execute replace(pg_get_functiondef('limit_take(jsonb)'::regprocedure),
        $q$'window_s', v_tightest, 'subject', asked.subject)$q$, $q$'window_s', v_tightest)$q$);
end $$
"""


def upgrade() -> None:
    for part in (CLIENTS, GRANTS, WAITING, LIMIT_TAKE_SAYS_WHICH):
        op.execute(part)


def downgrade() -> None:
    op.execute(LIMIT_TAKE_BEFORE)
    op.execute(
        """
        drop table oauth_key; drop table oauth_device; drop table oauth_request; drop table oauth_token;
        drop table oauth_code; drop table oauth_family; drop table oauth_subject; drop table oauth_grant;
        drop table oauth_assertion; drop table oauth_initial; drop table oauth_client
        """
    )
