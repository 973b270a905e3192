"""Quizzes and their rewards; the support chat."""

from alembic import op

revision, down_revision, branch_labels, depends_on = "0030", "0029", None, None

QUIZ = """
create table quiz_funder (
    one boolean primary key default true check (one),
    account_id uuid not null,
    set_at timestamptz not null
);
comment on table quiz_funder is 'Whose bitcoin wallet pays the rewards';

create table quiz_claim (
    account_id uuid not null,
    quiz_id text not null,
    state smallint not null,
    funder_id uuid,
    to_wallet_id uuid,
    at timestamptz not null,
    primary key (account_id, quiz_id),
    check ((state = 0) = (funder_id is null))
) with (fillfactor = 80);
comment on column quiz_claim.state is '0 without reward, 1 being paid, 2 paid, 3 unknown for too long';
comment on column quiz_claim.funder_id is 'The account that pays it';
create index quiz_claim_open on quiz_claim (at) where state = 1;
"""

SUPPORT = """
create table support_thread (
    user_id uuid primary key references person (id),
    busy_until timestamptz
);
comment on column support_thread.busy_until is 'Somebody waits for an answer until then';

create table support_message (
    id uuid primary key,
    user_id uuid not null references support_thread (user_id),
    assistant boolean not null,
    hidden boolean not null,
    sealed bytea not null,
    at timestamptz not null
);
comment on column support_message.sealed is 'Under the person''s key';
create index support_message_of on support_message (user_id, id);
"""


def upgrade() -> None:
    op.execute(QUIZ)
    op.execute(SUPPORT)


def downgrade() -> None:
    op.execute("drop table support_message; drop table support_thread; drop table quiz_claim; drop table quiz_funder")
