-- The only writer of the books: locks, loads, has the batch walked, writes.
--
-- Per transaction: id, kind, number of legs, price (0, '' and any time: none), meta (JSON or ''),
-- expected seq of the payer of the first leg (-1: any), skip (not to be posted; but a stored id still
-- answers as a replay). Per leg, all transactions one after the other: op, payer, payee, amount, hold.
-- No array has nulls: those would make every element access linear.
-- Answers a code and the number of the failing leg for each transaction. A refusal leaves no trace.
--
-- The owner's rights, because nobody else may write these tables. A generic plan, because planning
-- again on every call costs more than a small batch. No sequential scans, because a session lives for
-- weeks, and a plan made while the tables were small must serve when they are large.
create or replace function ledger.post(
    p_id uuid[], p_kind smallint[], p_legs smallint[],
    p_price_cents bigint[], p_price_source text[], p_price_at timestamptz[], p_meta text[],
    p_expect bigint[], p_skip boolean[],
    p_op smallint[], p_src bigint[], p_dst bigint[], p_amount bigint[], p_ref uuid[],
    out code int[], out leg int[]
) language plpgsql security definer
set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
#variable_conflict use_variable
declare
    none constant uuid := '00000000-0000-0000-0000-000000000000';
    no_floor constant bigint := -9223372036854775807;
    clock timestamptz;
    known uuid[];
    t_first int[]; t_last int[]; t_twin int[]; t_priced boolean[];
    l_src int[]; l_dst int[]; l_hold int[]; l_txn int[];
    a_id bigint[]; a_asset smallint[]; a_floor bigint[]; a_closed boolean[];
    a_balance bigint[]; a_held bigint[]; a_seq bigint[];
    h_id uuid[]; h_state smallint[]; h_src bigint[]; h_dst bigint[]; h_amount bigint[];
    h_taken bigint[]; h_opened int[]; h_closed int[];
    e_count int; e_leg int[]; e_account int[]; e_seq bigint[]; e_amount bigint[];
    e_balance bigint[]; e_held bigint[]; e_held_after bigint[];
begin
    if cardinality(p_id) = 0 then
        code := '{}'; leg := '{}';
        return;
    end if;

    -- 1. Lock every account of the batch, in order of id: two batches cannot wait for each other. The
    --    ORDER BY must stay inside the locking subquery.
    select array_agg(q.id), array_agg(q.asset), array_agg(coalesce(q.floor, no_floor)), array_agg(q.closed),
           array_agg(q.balance), array_agg(q.held), array_agg(q.seq)
      into a_id, a_asset, a_floor, a_closed, a_balance, a_held, a_seq
      from (select * from ledger.account t where t.id = any (p_src || p_dst) order by t.id for update) q;
    clock := clock_timestamp();

    -- 2. Where each transaction's legs stand, and where each leg's accounts stand.
    select array_agg(q.z - q.n + 1), array_agg(q.z), array_agg(q.price > 0),
           array_agg(case when q.n between 1 and 20 then case when q.skip then 3 else 0 end else 30 end)
      into t_first, t_last, t_priced, code
      from (select u.n, u.price, u.skip, (sum(u.n) over (order by u.o))::int as z
              from unnest(p_legs, p_price_cents, p_skip) with ordinality as u(n, price, skip, o) order by u.o) q;
    select array_agg(q.s), array_agg(q.d) into l_src, l_dst
      from (select s.o::int as s, d.o::int as d
              from unnest(p_src, p_dst) with ordinality as l(s, d, o)
              left join unnest(a_id) with ordinality as s(id, o) on s.id = l.s
              left join unnest(a_id) with ordinality as d(id, o) on d.id = l.d
             order by l.o) q;

    -- 3. Replays: ids that are stored (looked up after the locks), and ids twice in the batch. Both rare.
    select array_agg(t.id) into known from ledger.txn t where t.id = any (p_id);
    if known is not null then
        select array_agg(case when t.id is null or u.code = 30 then u.code
                    when t.kind = u.kind and t.op = p_op[u.a:u.z] and t.src = p_src[u.a:u.z]
                     and t.dst = p_dst[u.a:u.z] and t.amount = p_amount[u.a:u.z] and t.ref = p_ref[u.a:u.z]
                    then 1 else 2 end order by u.o) into code
          from unnest(p_id, p_kind, t_first, t_last, code) with ordinality as u(id, kind, a, z, code, o)
          left join ledger.txn t on t.id = u.id;
    end if;
    t_twin := array_fill(0, array[cardinality(p_id)]);
    if (select count(*) <> count(distinct u) from unnest(p_id) u) then
        select array_agg(q.twin order by q.o) into t_twin
          from (select u.o, coalesce(lag(u.o) over (partition by u.id order by u.o), 0)::int as twin
                  from unnest(p_id) with ordinality as u(id, o)) q;
    end if;

    -- 4. Holds that the batch names. The lock on the payer's account protects them.
    h_id := '{}'; h_state := '{}'; h_src := '{}'; h_dst := '{}'; h_amount := '{}'; l_hold := '{}';
    if p_op <> array_fill(1::smallint, array[cardinality(p_op)]) then
        select coalesce(array_agg(q.ref), '{}'), coalesce(array_agg(coalesce(t.state, -1::smallint)), '{}'),
               coalesce(array_agg(coalesce(t.src, 0)), '{}'), coalesce(array_agg(coalesce(t.dst, 0)), '{}'),
               coalesce(array_agg(coalesce(t.amount, 0)), '{}')
          into h_id, h_state, h_src, h_dst, h_amount
          from (select distinct u as ref from unnest(p_ref) u where u <> none) q
          left join ledger.hold t on t.id = q.ref;
        select array_agg(h.o::int order by l.o) into l_hold
          from unnest(p_ref) with ordinality as l(ref, o)
          left join unnest(h_id) with ordinality as h(id, o) on h.id = l.ref;
    end if;

    -- 5. Walk.
    select w.t_code, w.t_failed, w.a_balance, w.a_held, w.a_seq, w.h_state, w.h_src, w.h_dst, w.h_amount,
           w.h_taken, w.h_opened, w.h_closed, w.e_count, w.e_leg, w.e_account, w.e_seq, w.e_amount,
           w.e_balance, w.e_held, w.e_held_after
      into code, leg, a_balance, a_held, a_seq, h_state, h_src, h_dst, h_amount,
           h_taken, h_opened, h_closed, e_count, e_leg, e_account, e_seq, e_amount,
           e_balance, e_held, e_held_after
      from ledger.walk(t_first, t_last, p_kind, t_twin, p_expect, t_priced,
           p_op, l_src, l_dst, p_amount, p_ref, l_hold, a_id, a_asset, a_floor, a_closed,
           code, a_balance, a_held, a_seq, h_state, h_src, h_dst, h_amount) w;
    if e_count = 0 then
        return;
    end if;

    -- 6. Write: transactions and entries first, so that each account row can be held to its last entry.
    insert into ledger.txn (id, kind, op, src, dst, amount, ref, price_cents, price_source, price_at, meta, at)
    select u.id, u.kind, p_op[u.a:u.z], p_src[u.a:u.z], p_dst[u.a:u.z], p_amount[u.a:u.z], p_ref[u.a:u.z],
           nullif(u.cents, 0), case when u.cents > 0 then u.source end, case when u.cents > 0 then u.price_at end,
           nullif(u.meta, '')::jsonb, clock
      from unnest(p_id, p_kind, t_first, t_last, p_price_cents, p_price_source, p_price_at, p_meta, code)
           as u(id, kind, a, z, cents, source, price_at, meta, code)
     where u.code = 0;

    select array_agg(u.o::int order by u.o, g) into l_txn
      from unnest(p_legs) with ordinality as u(n, o), generate_series(1, u.n) g;
    insert into ledger.entry
           (account_id, seq, amount, balance_after, held, held_after, at, txn_id, leg, asset)
    select a_id[e.account], e.seq, e.amount, e.balance, e.held, e.held_after, clock,
           p_id[l_txn[e.leg]], e.leg - t_first[l_txn[e.leg]] + 1, a_asset[e.account]
      from unnest(e_leg, e_account, e_seq, e_amount, e_balance, e_held, e_held_after) with ordinality
           as e(leg, account, seq, amount, balance, held, held_after, o)
     where e.o <= e_count;

    if cardinality(h_id) > 0 then
        insert into ledger.hold (id, src, dst, amount, state, taken, opened_by, closed_by)
        select u.id, u.src, u.dst, u.amount, u.state, u.taken, p_id[u.opened],
               case when u.closed > 0 then p_id[u.closed] end
          from unnest(h_id, h_src, h_dst, h_amount, h_state, h_taken, h_opened, h_closed)
               as u(id, src, dst, amount, state, taken, opened, closed)
         where u.opened > 0;
        update ledger.hold t set state = u.state, taken = u.taken, closed_by = p_id[u.closed]
          from unnest(h_id, h_state, h_taken, h_opened, h_closed) as u(id, state, taken, opened, closed)
         where t.id = u.id and u.opened = 0 and u.closed > 0;
    end if;

    update ledger.account t set balance = u.balance, held = u.held, seq = u.seq
      from unnest(a_id, a_balance, a_held, a_seq) as u(id, balance, held, seq)
     where t.id = u.id and t.seq <> u.seq;
end $$;
