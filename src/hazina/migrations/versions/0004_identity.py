"""People, the codes sent to their phones, their sessions; and counts of how often something was tried."""

from alembic import op

revision, down_revision, branch_labels, depends_on = "0004", "0003", None, None


def upgrade() -> None:
    op.execute(
        """
        create table person (
            id uuid primary key,
            phone text not null unique,
            language text not null default '',
            created_at timestamptz not null);
        comment on column person.phone is 'E.164';

        create table phone_code (
            phone text primary key,
            id uuid not null,
            hash text not null,
            tries_left smallint not null check (tries_left >= 0),
            expires_at timestamptz not null);
        comment on table phone_code is 'The one live code of a number; a new request replaces it';
        create index phone_code_age on phone_code (expires_at);

        create table session (
            id uuid primary key,
            user_id uuid not null references person (id),
            token_hash bytea not null unique check (octet_length(token_hash) = 32),
            ip inet,
            agent text,
            created_at timestamptz not null,
            last_used_at timestamptz not null
        ) with (fillfactor = 80);
        create index session_of_user on session (user_id);

        create table rate_use (
            name text not null,
            key text not null,
            used int not null check (used >= 0),
            ends_at timestamptz not null,
            primary key (name, key)
        ) with (fillfactor = 80);
        create index rate_use_age on rate_use (ends_at);
        """
    )


def downgrade() -> None:
    op.execute("drop table rate_use; drop table session; drop table phone_code; drop table person")
