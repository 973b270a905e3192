-- The rules of posting, and nothing but the rules: goes through a batch of transactions leg by leg,
-- in order, on account rows and holds that `post` has locked and loaded. Touches no table.
--
-- A transaction happens as a whole or not at all; a later one may use what an earlier one brought.
-- Accounts and holds are named by their place in the arrays that stand for them; null: unknown.
--
-- Codes: 0 posted; 1 exists; 2 exists with another body; 3 skipped; 4 the payer's account has moved;
--   10 funds; 11 no such account; 12 account closed; 13 assets differ; 14 bad amount; 15 same account;
--   16 no price; 20 no such hold; 21 hold already posted; 22 hold already voided; 23 hold id taken;
--   24 more than was held; 25 the hold has other accounts; 30 bad shape
create or replace function ledger.walk(
    -- transactions: first leg, last leg, kind, earlier one with the same id (0: none), payer's expected
    -- seq (-1: any), whether a price is stored with it
    t_first int[], t_last int[], t_kind smallint[], t_twin int[], t_expect bigint[], t_priced boolean[],
    -- legs
    l_op smallint[], l_src int[], l_dst int[], l_amount bigint[], l_ref uuid[], l_hold int[],
    -- accounts: what does not change
    a_id bigint[], a_asset smallint[], a_floor bigint[], a_closed boolean[],
    -- codes: what is decided already (0: walk it)
    inout t_code int[], out t_failed int[],
    -- accounts and holds: as loaded, then as they are after the batch
    inout a_balance bigint[], inout a_held bigint[], inout a_seq bigint[],
    inout h_state smallint[], inout h_src bigint[], inout h_dst bigint[], inout h_amount bigint[],
    out h_taken bigint[], out h_opened int[], out h_closed int[],       -- by which transaction; 0: none
    -- entries to write, the first `e_count` of each array
    out e_count int, out e_leg int[], out e_account int[], out e_seq bigint[], out e_amount bigint[],
    out e_balance bigint[], out e_held bigint[], out e_held_after bigint[]
) language plpgsql immutable as $$
declare
    amount_max constant bigint := 1000000000000000000;
    bitcoin constant smallint := 1;
    i int; j int; k int;
    first int; last int;
    twin int;
    c int;                  -- the code of this leg
    s int; d int; h int;    -- payer, payee, hold
    o smallint;
    x bigint;
    moved bigint;           -- from payer to payee
    reserved bigint;        -- change of what is held of the payer's
    mark int;               -- entries before this transaction
begin
    e_count := 0;
    e_leg := array_fill(0, array[2 * cardinality(l_op)]);
    e_account := e_leg;
    e_seq := array_fill(0::bigint, array[2 * cardinality(l_op)]);
    e_amount := e_seq; e_balance := e_seq; e_held := e_seq; e_held_after := e_seq;
    t_failed := array_fill(0, array[cardinality(t_code)]);
    h_taken := array_fill(0::bigint, array[cardinality(h_state)]);
    h_opened := array_fill(0, array[cardinality(h_state)]);
    h_closed := h_opened;

    for i in 1..cardinality(t_code) loop
        first := t_first[i]; last := t_last[i];

        -- The same id earlier in this batch, and posted: a replay.
        twin := t_twin[i];
        while twin > 0 and t_code[twin] <> 0 loop twin := t_twin[twin]; end loop;
        if twin > 0 and t_code[i] in (0, 3) then
            t_code[i] := case when t_kind[twin] = t_kind[i]
                and l_op[t_first[twin]:t_last[twin]] = l_op[first:last]
                and l_src[t_first[twin]:t_last[twin]] = l_src[first:last]
                and l_dst[t_first[twin]:t_last[twin]] = l_dst[first:last]
                and l_amount[t_first[twin]:t_last[twin]] = l_amount[first:last]
                and l_ref[t_first[twin]:t_last[twin]] = l_ref[first:last]
                then 1 else 2 end;
        end if;
        continue when t_code[i] <> 0;

        if t_expect[i] >= 0 and l_src[first] is not null and a_seq[l_src[first]] <> t_expect[i] then
            t_code[i] := 4;
            continue;
        end if;

        mark := e_count;
        for j in first..last loop
            s := l_src[j]; d := l_dst[j]; o := l_op[j]; x := l_amount[j]; h := l_hold[j];
            c := 0; moved := 0; reserved := 0;

            if s is null or d is null then c := 11;
            elsif s = d then c := 15;
            elsif a_asset[s] <> a_asset[d] then c := 13;
            elsif x < 0 or x > amount_max or (x = 0) <> (o = 4) then c := 14;
            elsif a_asset[s] = bitcoin and not t_priced[i] then c := 16;
            elsif o = 1 then                                            -- transfer
                if a_closed[s] or a_closed[d] then c := 12;
                elsif a_balance[s] - a_held[s] - x < a_floor[s] then c := 10;
                end if;
                moved := x;
            elsif o not between 2 and 4 or h is null then c := 30;
            elsif o = 2 then                                            -- hold
                if a_closed[s] or a_closed[d] then c := 12;
                elsif h_state[h] <> -1 then c := 23;
                elsif a_balance[s] - a_held[s] - x < a_floor[s] then c := 10;
                end if;
                reserved := x;
            else                                                        -- post or void a hold
                if h_state[h] = -1 then c := 20;
                elsif h_state[h] > 0 then c := 20 + h_state[h];
                elsif h_src[h] <> a_id[s] or h_dst[h] <> a_id[d] then c := 25;
                elsif x > h_amount[h] then c := 24;
                end if;
                moved := x;
                reserved := -h_amount[h];                               -- the rest is released
            end if;

            if c <> 0 then
                -- Take back what the legs before this one did. An entry says what it changed.
                t_code[i] := c; t_failed[i] := j - first + 1;
                while e_count > mark loop
                    k := e_account[e_count];
                    a_balance[k] := a_balance[k] - e_amount[e_count];
                    a_held[k] := a_held[k] - e_held[e_count];
                    a_seq[k] := a_seq[k] - 1;
                    e_count := e_count - 1;
                end loop;
                for k in reverse j - 1..first loop
                    h := l_hold[k];
                    if l_op[k] = 2 then h_state[h] := -1; h_opened[h] := 0;
                    elsif l_op[k] > 2 then h_state[h] := 0; h_closed[h] := 0; h_taken[h] := 0;
                    end if;
                end loop;
                exit;
            end if;

            a_balance[s] := a_balance[s] - moved;
            a_held[s] := a_held[s] + reserved;
            a_seq[s] := a_seq[s] + 1;
            e_count := e_count + 1;
            e_leg[e_count] := j; e_account[e_count] := s; e_seq[e_count] := a_seq[s];
            e_amount[e_count] := -moved; e_balance[e_count] := a_balance[s];
            e_held[e_count] := reserved; e_held_after[e_count] := a_held[s];
            if moved > 0 then
                a_balance[d] := a_balance[d] + moved;
                a_seq[d] := a_seq[d] + 1;
                e_count := e_count + 1;
                e_leg[e_count] := j; e_account[e_count] := d; e_seq[e_count] := a_seq[d];
                e_amount[e_count] := moved; e_balance[e_count] := a_balance[d];
                e_held[e_count] := 0; e_held_after[e_count] := a_held[d];
            end if;
            if o = 2 then
                h_state[h] := 0; h_src[h] := a_id[s]; h_dst[h] := a_id[d]; h_amount[h] := x; h_opened[h] := i;
            elsif o > 2 then
                h_state[h] := o - 2; h_taken[h] := x; h_closed[h] := i;
            end if;
        end loop;
    end loop;
end $$;
