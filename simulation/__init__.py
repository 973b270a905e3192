"""The whole bank under a virtual clock, on a real PostgreSQL.

One seed decides everything: who does what and when, how long every call takes, what is killed, paused,
cut off or told twice. While a database statement runs, time stands still; between statements it jumps
to the next timer, so a day passes in a second. The same seed gives the same run.

    python -m simulation --seeds 100 [--seed FIRST] [--plant NAME]

``loop``       the event loop with virtual time; processes that can be paused
``database``   one statement at a time on real connections; lock waits; broken connections
``process``    a process of the bank: all contexts, wired as ``hazina.app`` does; kill -9, SIGSTOP
``node``       the Lightning node and the outside world behind it; they outlive every kill
``blockchain`` transactions, blocks, the mempool; ``purse`` and ``bitcoin`` the bank's wallet and node on it
``strangers``  who pays to the bank's addresses
``customers``  what people do; ``coins`` on-chain
``trouble``    what goes wrong
``oracle``     what must hold after every step, and after a quiet day; ``onchain`` of coins
``plants``     bugs to plant on purpose, to show that they are found
``run``        one seed, from the empty database to the verdict
"""
