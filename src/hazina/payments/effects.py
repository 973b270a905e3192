"""What payments' claims and rows do in the database, over a whole batch at once.

``take`` returns a row for every loser (see ``kernel.units``). Rows are locked in order of key, here
and everywhere, so that two batches never wait for each other in a circle. Inside one batch the first
claim of a key wins, the others lose.
"""

from __future__ import annotations

from hazina.kernel.units import ClaimKind, EffectKind

LOST = 1

PAYMENT_STATE = ClaimKind(
    "payment_state",
    take="""
    with asked as (
        select *, row_number() over (partition by id order by n) as turn
        from jsonb_to_recordset(%(rows)s::jsonb)
            as r(n int, id uuid, "from" smallint, "to" smallint, fenced boolean, lease timestamptz)),
    locked as (
        select p.id, p.state, p.lease_until from payment p
        where p.id in (select id from asked) order by p.id for update),
    won as (
        update payment p set state = a."to", look_at = case when a."to" >= 2 then null else p.look_at end
        from asked a join locked l using (id)
        where p.id = a.id and a.turn = 1 and l.state = a."from"
            and (a.fenced is not true or l.lease_until is not distinct from a.lease) returning a.n)
    select a.n, 1, jsonb_build_object('state', l.state)
    from asked a left join locked l using (id) where a.n not in (select n from won)
    """,
    undo="""
    update payment p set state = r."from", look_at = coalesce(p.look_at, p.created_at)
    from jsonb_to_recordset(%(rows)s::jsonb) as r(id uuid, "from" smallint) where p.id = r.id
    """,
)

INVOICE_STATE = ClaimKind(
    "invoice_state",
    take="""
    with asked as (
        select n, decode(hash, 'hex') as hash, "from", "to", row_number() over (partition by hash order by n) as turn
        from jsonb_to_recordset(%(rows)s::jsonb) as r(n int, hash text, "from" smallint, "to" smallint)),
    locked as (
        select i.payment_hash as hash, i.state from invoice i
        where i.payment_hash in (select hash from asked) order by i.payment_hash for update),
    won as (
        update invoice i set state = a."to", paid_at = case when a."to" = 2 then now() end
        from asked a join locked l using (hash)
        where i.payment_hash = a.hash and a.turn = 1 and l.state = a."from" returning a.n)
    select a.n, 1, jsonb_build_object('state', l.state)
    from asked a left join locked l using (hash) where a.n not in (select n from won)
    """,
    undo="""
    update invoice i set state = r."from", paid_at = null
    from jsonb_to_recordset(%(rows)s::jsonb) as r(hash text, "from" smallint)
    where i.payment_hash = decode(r.hash, 'hex')
    """,
)

# A hash is free when it was never seen, or when its last payment failed.
PAYMENT_HASH = ClaimKind(
    "payment_hash",
    take="""
    with asked as (
        select n, decode(hash, 'hex') as hash, payment, row_number() over (partition by hash order by n) as turn
        from jsonb_to_recordset(%(rows)s::jsonb) as r(n int, hash text, payment uuid)),
    won as (
        insert into payment_hash (payment_hash, payment_id)
        select hash, payment from asked where turn = 1 order by hash
        on conflict (payment_hash) do update set payment_id = excluded.payment_id
        where payment_hash.payment_id is null
        returning payment_hash, payment_id)
    select a.n, 1, jsonb_build_object('payment', h.payment_id)
    from asked a left join payment_hash h on h.payment_hash = a.hash
    where not exists (select 1 from won w where w.payment_hash = a.hash and w.payment_id = a.payment)
    """,
    undo="""
    update payment_hash h set payment_id = null
    from jsonb_to_recordset(%(rows)s::jsonb) as r(payment uuid) where h.payment_id = r.payment
    """,
)

CLAIMS = (PAYMENT_HASH, INVOICE_STATE, PAYMENT_STATE)

PAYMENT = EffectKind(
    "payment",
    """
    insert into payment (id, kind, state, asset, amount, fee_max, src, dst, account_id, wallet_id, to_account_id,
        to_wallet_id, payment_hash, payment_request, node, memo, price_cents, price_source, price_at, created_at,
        expires_at, look_at, bank_fee, to_asset, to_amount, route_max, address)
    select id, kind, state, asset, amount, fee_max, src, dst, account_id, wallet_id, to_account_id,
        to_wallet_id, decode(payment_hash, 'hex'), payment_request, node, memo, price_cents, price_source, price_at,
        created_at, expires_at, look_at, coalesce(bank_fee, 0), to_asset, to_amount, route_max, address
    from jsonb_to_recordset(%(rows)s::jsonb) as r(id uuid, kind smallint, state smallint, asset smallint, amount bigint,
        fee_max bigint, src bigint, dst bigint, account_id uuid, wallet_id uuid, to_account_id uuid, to_wallet_id uuid,
        payment_hash text, payment_request text, node text, memo text, price_cents bigint, price_source text,
        price_at timestamptz, created_at timestamptz, expires_at timestamptz, look_at timestamptz,
        bank_fee bigint, to_asset smallint, to_amount bigint, route_max bigint, address text)
    """,
)

# What a dollar is in the customer's currency is that of the moment when the line is written.
LINE = EffectKind(
    "line",
    """
    insert into line (id, payment_id, account_id, wallet_id, asset, direction, amount, fee, status, initiation,
        settlement, counterparty_wallet_id, counterparty_username, payment_hash, payment_request, preimage, memo,
        external_id, price_cents, price_source, price_at, display_currency, created_at, address, txid, vout,
        display_rate, payee)
    select id, payment_id, account_id, wallet_id, asset, direction, amount, fee, status, initiation,
        settlement, counterparty_wallet_id, counterparty_username, decode(payment_hash, 'hex'), payment_request,
        decode(preimage, 'hex'), memo, external_id, price_cents, price_source, price_at, display_currency, created_at,
        address, decode(txid, 'hex'), vout, display_rate(display_currency), decode(payee, 'hex')
    from jsonb_to_recordset(%(rows)s::jsonb) as r(id uuid, payment_id uuid, account_id uuid, wallet_id uuid,
        asset smallint, direction smallint, amount bigint, fee bigint, status smallint, initiation smallint,
        settlement smallint, counterparty_wallet_id uuid, counterparty_username text, payment_hash text,
        payment_request text, preimage text, memo text, external_id text, price_cents bigint, price_source text,
        price_at timestamptz, display_currency text, created_at timestamptz, address text, txid text, vout int,
        payee text)
    """,
)

PAYMENT_CLOSE = EffectKind(
    "payment_close",
    """
    update payment p set fee = r.fee, preimage = decode(r.preimage, 'hex'), reason = r.reason, concluded_at = r.at,
        lease_until = null, look_at = null
    from jsonb_to_recordset(%(rows)s::jsonb) as r(id uuid, fee bigint, preimage text, reason text, at timestamptz)
    where p.id = r.id
    """,
)

LINE_CLOSE = EffectKind(
    "line_close",
    """
    update line l set status = r.status, amount = r.amount, fee = r.fee, preimage = decode(r.preimage, 'hex')
    from jsonb_to_recordset(%(rows)s::jsonb)
        as r(payment uuid, status smallint, amount bigint, fee bigint, preimage text)
    where l.payment_id = r.payment and l.direction = 1
    """,
)

INVOICE_PAID = EffectKind(
    "invoice_paid",
    """
    update invoice i set paid_msat = r.msat, paid_at = r.at
    from jsonb_to_recordset(%(rows)s::jsonb) as r(hash text, msat bigint, at timestamptz)
    where i.payment_hash = decode(r.hash, 'hex')
    """,
)

INVOICE_REOPEN = EffectKind(
    "invoice_reopen",
    """
    update invoice i set state = 0 from jsonb_to_recordset(%(rows)s::jsonb) as r(hash text)
    where i.payment_hash = decode(r.hash, 'hex') and i.state = 1
    """,
)

HASH_FREE = EffectKind(
    "hash_free",
    """
    update payment_hash h set payment_id = null
    from jsonb_to_recordset(%(rows)s::jsonb) as r(payment uuid) where h.payment_id = r.payment
    """,
)

WITHDRAWAL = EffectKind(
    "withdrawal",
    """
    insert into withdrawal (payment_id, address, speed, miner_sats, share_sats)
    select payment_id, address, speed, miner_sats, miner_sats
    from jsonb_to_recordset(%(rows)s::jsonb) as r(payment_id uuid, address text, speed text, miner_sats bigint)
    """,
)

EFFECTS = (PAYMENT, WITHDRAWAL, LINE, PAYMENT_CLOSE, LINE_CLOSE, INVOICE_PAID, INVOICE_REOPEN, HASH_FREE)
