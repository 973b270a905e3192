"""What was asked of passkeys, wallets and signing keys: challenges, each good for one try."""

from alembic import op

revision, down_revision, branch_labels, depends_on = "0015", "0014", None, None


def upgrade() -> None:
    op.execute(
        """
        create table proof_challenge (
            id uuid primary key,
            kind text not null check (kind in ('passkey', 'lnurl', 'bitcoin', 'nostr')),
            purpose text not null check (purpose in ('enter', 'login', 'register', 'link', 'auth')),
            nonce_hash bytea not null unique check (octet_length(nonce_hash) = 32),
            browser_hash bytea check (octet_length(browser_hash) = 32),
            user_id uuid references person (id),
            about text not null check (length(about) <= 300),
            expires_at timestamptz not null,
            used_at timestamptz,
            subject text,
            collected_at timestamptz,
            check (subject is null or used_at is not null),
            check (collected_at is null or subject is not null)
        ) with (fillfactor = 80);
        comment on table proof_challenge is 'Good for one try, right or wrong; swept soon after it is over';
        comment on column proof_challenge.browser_hash is 'Who asked; nobody else gets what comes of it';
        comment on column proof_challenge.subject is 'LNURL-auth: the wallet that answered; the browser comes for it';
        create index proof_challenge_age on proof_challenge (expires_at);
        """
    )


def downgrade() -> None:
    op.execute("drop table proof_challenge")
