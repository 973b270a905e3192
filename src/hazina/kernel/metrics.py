"""What Prometheus may read. Labels have few values: never an id, a hash, a phone or an address."""

from __future__ import annotations

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

REQUESTS = Counter("hazina_http_requests_total", "Requests answered.", ["method", "route", "status"])
REQUEST_SECONDS = Histogram(
    "hazina_http_request_seconds",
    "From the first byte of a request to the end of its answer.",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
IN_FLIGHT = Gauge("hazina_http_requests_in_flight", "Requests being served now.")
UP = Gauge("hazina_part_up", "1 while a part that the bank needs answers, else 0.", ["part"])
INVARIANT_OK = Gauge("hazina_invariant_ok", "1 while it holds, 0 while it is broken, NaN while unknown.", ["name"])
INVARIANT_CHECKED = Gauge("hazina_invariant_checked_seconds", "When it was last known, in unix time.", ["name"])
RAIL_OPEN = Gauge("hazina_rail_open", "0 while no money leaves over it.", ["rail"])
OPEN_PAYMENTS = Gauge("hazina_payments_open", "Payments that have not ended.", ["kind"])
OPEN_AGE = Gauge("hazina_payments_open_age_seconds", "Age of the oldest of them; 0 when there is none.", ["kind"])
NODE_UP = Gauge("hazina_node_up", "1 while a Lightning node can be used, else 0.", ["node"])
NODE_TRUSTED = Gauge("hazina_node_trusted", "0 while a node does not know a payment that it made.", ["node"])
IN_FLIGHT_BY_AGE = Gauge(
    "hazina_lightning_in_flight", "Payments of a node that have not ended, older than so many seconds.",
    ["node", "older_than"],
)  # fmt: skip
STUCK = Gauge("hazina_lightning_stuck", "Payments of a node that are on their way for longer than they should be.",
              ["node"])  # fmt: skip
MONEY = Gauge(
    "hazina_money_minor_units",
    "What is owed to customers, and the balances of the bank's own accounts, in minor units of the asset.",
    ["asset", "of"],
)
PRICE_AGE = Gauge("hazina_price_age_seconds", "Since the price of bitcoin was read; NaN while there is none.")
PRICE_FEED_OK = Gauge("hazina_price_feed_ok", "1 while what a feed says of prices or rates is used.", ["source"])
PRICE_DROPPED = Counter("hazina_price_dropped_total", "Answers of feeds that were not used.", ["source", "reason"])
CHAIN_OK = Gauge("hazina_chain_ok", "1 while deposits are seen as they come, 0 while they will be late.")
CHAIN_HEIGHT = Gauge("hazina_chain_height", "The newest block that was taken in.")
CHAIN_BEHIND = Gauge("hazina_chain_behind_blocks", "Blocks that the node knows of and the bank has not taken in.")
CHAIN_SILENT = Gauge("hazina_chain_node_silent_seconds", "Since the Bitcoin node last answered.")
CHAIN_TIP_AGE = Gauge("hazina_chain_tip_age_seconds", "Since its chain last changed.")
DEPOSITS_PENDING = Gauge("hazina_chain_deposits_pending", "Payments to us that are seen and not credited.")
PAYOUTS_WAITING = Gauge("hazina_chain_payouts_waiting", "Payouts that are in no batch yet.", ["speed"])
PAYOUT_BATCHES = Gauge("hazina_chain_batches_open", "Transactions of ours that are not settled.")
HOT_WALLET_SHORT = Gauge(
    "hazina_chain_hot_wallet_short_sats", "What due payouts ask for beyond the hot wallet's coins.", ["speed"]
)
WEBHOOKS_WAITING = Gauge("hazina_webhooks_waiting", "Deliveries to customers' servers that have not arrived.")
WEBHOOKS_OLDEST = Gauge("hazina_webhooks_oldest_seconds", "Age of the oldest of them at an endpoint that is on.")
WEBHOOKS_OFF = Gauge("hazina_webhooks_off", "Endpoints that are switched off.")
DOLLARS_OWED = Gauge("hazina_dollars_owed_cents", "Dollars owed to customers that stand against bitcoin.")
HEDGE_ON = Gauge("hazina_hedge_on", "1 while the hedge is kept, 0 while the risk is the bank's.")
HEDGE_OK = Gauge(
    "hazina_hedge_ok", "0 while it is on and blind, out of its band for too long, or a deposit is lost; NaN while off."
)
HEDGE_SHORT = Gauge("hazina_hedge_short_cents", "Face value of the position at the exchange.")
HEDGE_LEVERAGE = Gauge("hazina_hedge_leverage", "Position over collateral; NaN without a position.")
HEDGE_COLLATERAL = Gauge("hazina_hedge_sats", "Satoshi at the exchange.", ["of"])
HEDGE_LIQUIDATION = Gauge("hazina_hedge_liquidation_cents", "Price at which the exchange would close the position.")
HEDGE_TRANSIT = Gauge("hazina_hedge_transit_msats", "Between hot wallet and exchange, by the books.")
HEDGE_LOOKED = Gauge("hazina_hedge_looked_seconds", "When all of it was last seen, in unix time.")

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4


def exposition() -> bytes:
    """All metrics of this process in Prometheus' text format."""
    return generate_latest(REGISTRY)
