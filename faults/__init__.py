"""Real faults on real processes.

PostgreSQL, the sandbox, two API processes and two workers run as in production, customers pay without
pause, and one fault after the other strikes: processes are killed or frozen at named steps, the database
is shut down, filled up, or storms, the node goes away, clocks jump. After each fault the suite lets the
bank heal, waits until all is quiet, and compares what everybody was told with the books and the books
with the node, to the millisatoshi. ``python -m faults`` runs it and writes ``docs/reliability.md``.
"""
