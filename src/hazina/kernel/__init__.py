"""Tools that know no business: money, ids, time, refusals, the database, events."""
