-- What holds against everybody, the owner and the program's own role included. Each check runs once a
-- statement, on the rows that it touched. Only someone who switches triggers off gets past; the
-- verifier finds that.

create function ledger.refuse() returns trigger language plpgsql as $$
begin
    raise exception 'ledger.%: % is refused, the books are only added to', tg_table_name, lower(tg_op)
        using errcode = 'insufficient_privilege';
end $$;

create trigger append_only before update or delete or truncate on ledger.txn
    for each statement execute function ledger.refuse();
create trigger append_only before update or delete or truncate on ledger.entry
    for each statement execute function ledger.refuse();
create trigger no_delete before delete or truncate on ledger.account
    for each statement execute function ledger.refuse();
create trigger no_delete before delete or truncate on ledger.hold
    for each statement execute function ledger.refuse();

create function ledger.sum_to_zero() returns trigger language plpgsql
set search_path = pg_catalog, pg_temp as $$
begin
    if exists (select from added group by txn_id, asset having sum(amount) <> 0) then
        raise exception 'entries of a transaction do not sum to zero' using errcode = 'check_violation';
    end if;
    return null;
end $$;

create trigger sum_to_zero after insert on ledger.entry
    referencing new table as added for each statement execute function ledger.sum_to_zero();

-- An account row says what its last entry says. One look-up a row by primary key, never a scan.
create function ledger.equal_last_entry() returns trigger language plpgsql
set search_path = pg_catalog, pg_temp set enable_seqscan = off as $$
begin
    if exists (
        select from changed c
         where coalesce((select e.seq = c.seq and e.balance_after = c.balance and e.held_after = c.held
                           from ledger.entry e where e.account_id = c.id order by e.seq desc limit 1),
                        c.seq = 0 and c.balance = 0 and c.held = 0) is not true) then
        raise exception 'an account differs from its last entry' using errcode = 'check_violation';
    end if;
    return null;
end $$;

create trigger equal_last_entry_new after insert on ledger.account
    referencing new table as changed for each statement execute function ledger.equal_last_entry();
create trigger equal_last_entry after update on ledger.account
    referencing new table as changed for each statement execute function ledger.equal_last_entry();

-- What an account is never changes; a closed one stays closed.
create function ledger.keep_account() returns trigger language plpgsql as $$
begin
    if new.id <> old.id or new.asset <> old.asset or new.floor is distinct from old.floor
       or old.closed and not new.closed then
        raise exception 'an account cannot be changed this way' using errcode = 'check_violation';
    end if;
    return new;
end $$;

create trigger keep_account before update of id, asset, floor, closed on ledger.account
    for each row execute function ledger.keep_account();

-- A hold ends once.
create function ledger.end_once() returns trigger language plpgsql as $$
begin
    if old.state <> 0 or row(new.id, new.src, new.dst, new.amount, new.opened_by)
                         is distinct from row(old.id, old.src, old.dst, old.amount, old.opened_by) then
        raise exception 'a hold ends once and is never changed' using errcode = 'check_violation';
    end if;
    return new;
end $$;

create trigger end_once before update on ledger.hold
    for each row execute function ledger.end_once();

-- Nobody calls these but whom the migration's grants name.
revoke all on all functions in schema ledger from public;
