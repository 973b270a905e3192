-- Opening and closing accounts: the other two things that the program may do to the books.

create or replace function ledger.open_account(p_asset smallint, p_floor bigint) returns bigint
language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    insert into ledger.account (id, asset, floor)
    values (nextval('ledger.account_id'), p_asset, p_floor)
    returning id;
end;

-- False when there is no such account.
create or replace function ledger.close_account(p_account bigint) returns boolean
language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    with changed as (update ledger.account set closed = true where id = p_account returning 1)
    select exists (select from changed);
end;
