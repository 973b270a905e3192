"""The Bitcoin chain as the bank uses it: addresses, deposits seen and settled, payout queues and batches,
hot and cold wallets. It knows no customer and posts no entry: payments follows its events.
"""
