"""All the wiring. Read from top to bottom it is the architecture: adapters first, then the contexts
from the lowest layer up. Nothing else in the program builds what it uses."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, NamedTuple

import procrastinate
import structlog

from hazina import access, chain, dealer, payments, safety, webhooks
from hazina import identity as identities
from hazina.access import ApiKeys
from hazina.accounts import EFFECTS as ACCOUNT_EFFECTS
from hazina.accounts import Account, AccountClosing, Accounts, Contacts, Feedback, Notices
from hazina.adapters import exchange, fiat
from hazina.adapters.bitcoind import Bitcoind
from hazina.adapters.bitcoind_wallet import BitcoindWallets
from hazina.adapters.captcha import GeeTest, Turnstile
from hazina.adapters.chat import Chat
from hazina.adapters.electrum import Electrum
from hazina.adapters.exchange import Exchange, histories
from hazina.adapters.fiat import RateSource
from hazina.adapters.lnd import Lnd
from hazina.adapters.lnurl import Lnurl
from hazina.adapters.nostr import NostrRelays
from hazina.adapters.okx import Okx
from hazina.adapters.outward import Outward
from hazina.adapters.proxycheck import ProxyCheck
from hazina.adapters.smtp import Smtp
from hazina.adapters.twilio import Lookup, Twilio
from hazina.chain import Chain
from hazina.dealer import Policy as DealerPolicy
from hazina.dealer import Prices
from hazina.hedging import Hedge
from hazina.hedging import Policy as HedgePolicy
from hazina.identity import SANDBOX_POLICY, FactorKind, Identity, StepUpPolicy
from hazina.identity import Policy as IdentityPolicy
from hazina.identity.factors import Bot, Factors, Phones
from hazina.identity.proofs import Proofs, Site, provers
from hazina.kernel import audit, events, jobs
from hazina.kernel.background import every, lead
from hazina.kernel.bolt11 import Network
from hazina.kernel.clock import Clock, DatabaseClock
from hazina.kernel.crypto import Keys
from hazina.kernel.db import Database, Tx
from hazina.kernel.events import FACT, Hub
from hazina.kernel.keyfile import keys_in
from hazina.learn import Learn
from hazina.learn import Policy as LearnPolicy
from hazina.ledger import Books
from hazina.links import Links, Place, Places
from hazina.links import Parts as LinkParts
from hazina.merchants import Merchants
from hazina.oauth import SANDBOX_POLICY as OAUTH_SANDBOX_POLICY
from hazina.oauth import OAuth
from hazina.oauth import Policy as OAuthPolicy
from hazina.payments import Nodes, Parts, Payments, Seat
from hazina.payments import fees as payment_fees
from hazina.payments.ports import Lightning
from hazina.safety import Safety
from hazina.settings import Electrum as ElectrumSettings
from hazina.settings import ExemptAccount, Fees, Settings, Strategy, TieredFlat
from hazina.settings import Lnd as LndSettings
from hazina.support import Policy as SupportPolicy
from hazina.support import Support
from hazina.watch import Watch
from hazina.webhooks import Webhooks

log = structlog.get_logger("hazina.app")

NETWORKS = {
    "mainnet": Network.MAIN,
    "testnet": Network.TEST,
    "signet": Network.SIGNET,
    "regtest": Network.REGTEST,
}
PRICE_EVERY_S = 2.0
CURRENCIES_EVERY_S = 5.0
HISTORY_EVERY_S = 1_800.0
RECONCILE_EVERY_S = 1.0
HELD_EVERY_S = 1.0
SWEEP_EVERY_S = 30.0
DAY_S = 86_400
PROOFS_EVERY_S = 120.0
CHAIN_EVERY_S = 1.0
RATES_EVERY_S = 30.0
PAYOUTS_EVERY_S = 5.0
SWEEPS_EVERY_S = 60.0
NOTICES_EVERY_S = 2.0
AUDIT_EVERY_S = 1.0
CLOCK_EVERY_S = 60.0
ZAPS_EVERY_S = 2.0
USES_EVERY_S = 5.0
WEBHOOKS_EVERY_S = 0.5
FORGET_EVERY_S = 3_600.0
REWARDS_EVERY_S = 30.0
FACTS_KEPT = timedelta(days=3)
KEYS_KEPT = timedelta(days=7)

Closing = GeeTest | Turnstile | Lookup
Background = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Bank:
    """The whole bank, built. ``start`` before use, ``stop`` after."""

    settings: Settings
    db: Database
    clock: Clock
    hub: Hub
    books: Books
    nodes: Nodes
    sms: Twilio
    identity: Identity
    factors: Factors
    accounts: Accounts
    api_keys: ApiKeys
    oauth: OAuth
    proofs: Proofs
    prices: Prices
    chain: Chain | None
    """None: no Bitcoin node is set, and nothing moves on-chain."""
    payments: Payments
    links: Links
    webhooks: Webhooks
    safety: Safety
    watch: Watch
    queue: procrastinate.App
    closing: tuple[Callable[[], Awaitable[None]], ...]
    contacts: Contacts
    notices: Notices
    feedback: Feedback
    account_closing: AccountClosing
    merchants: Merchants
    hedge: Hedge
    learn: Learn
    support: Support

    async def start(self) -> None:
        """Connect. Raises psycopg.OperationalError when the database is away, BadKeys when it was written with
        other keys, NodeUnfit or NodesUnfit when the Bitcoin node or a Lightning node is not one
        for this bank."""
        await self.db.open()
        await self._set_clock()
        await self.identity.open_keys()
        await self.books.open()
        await self.nodes.start()
        if self.chain is not None:
            await self.chain.start()

    async def stop(self) -> None:
        """Finish what the books have begun, then let go of everything."""
        for part in (self.books.close, *self.closing, self.db.close):
            with contextlib.suppress(Exception):
                await part()

    async def _set_clock(self) -> None:
        if isinstance(self.clock, DatabaseClock):
            await self.clock.ask(self.db)

    async def _link_audit(self) -> None:
        async with self.db.transaction() as tx:
            await audit.link(tx)

    def listening(self) -> Mapping[str, Background]:
        """What runs in every process, beside the requests if it serves the API."""
        return {"facts": self.hub.run, "clock": lambda: every(CLOCK_EVERY_S, "clock", self._set_clock)}

    def working(self) -> Mapping[str, Background]:
        """What a worker does. Any number of workers may run."""

        def watching(node: Lightning) -> Background:
            return lambda: lead(self.db.url, f"watch:{node.name}", lambda: self.payments.watch(node))

        return {
            **{f"watch {node.name}": watching(node) for node in self.nodes.all()},
            **(_chain_work(self.db, self.chain) if self.chain is not None else {}),
            "prices": lambda: every(PRICE_EVERY_S, "prices", self.prices.refresh),
            "currencies": lambda: every(CURRENCIES_EVERY_S, "currencies", self.prices.rates.refresh),
            "history": lambda: every(HISTORY_EVERY_S, "history", self.prices.history.backfill),
            "held": lambda: every(HELD_EVERY_S, "held", self.payments.decide_held),
            **({"hedge": lambda: lead(self.db.url, "hedge", self.hedge.run)} if self.hedge.venue else {}),
            "invariants": lambda: lead(self.db.url, "watch:invariants", self.watch.run),
            "reconcile": lambda: every(RECONCILE_EVERY_S, "reconcile", self.payments.reconcile),
            "deposits": lambda: every(CHAIN_EVERY_S, "deposits", self.payments.follow_chain),
            "sweep": lambda: every(SWEEP_EVERY_S, "sweep", self.payments.sweep),
            "proofs": lambda: every(PROOFS_EVERY_S, "proofs", self.proofs.sweep),
            "notices": lambda: every(NOTICES_EVERY_S, "notices", self.identity.send_notices),
            "zaps": lambda: every(ZAPS_EVERY_S, "zaps", self.links.tell_zaps),
            "withdraw links": lambda: every(USES_EVERY_S, "withdraw links", self.links.settle_uses),
            "old links": lambda: every(FORGET_EVERY_S, "old links", self.links.sweep),
            "audit": lambda: every(AUDIT_EVERY_S, "audit", self._link_audit),
            "webhooks": lambda: every(WEBHOOKS_EVERY_S, "webhooks", self.webhooks.follow),
            "deliveries": self.webhooks.deliver,
            "rewards": lambda: every(REWARDS_EVERY_S, "rewards", self.learn.settle),
            "old deliveries": lambda: every(FORGET_EVERY_S, "old deliveries", self.webhooks.sweep),
            "jobs": lambda: jobs.work(self.queue, self.settings.worker_concurrency),
        }


def _chain_work(db: Database, chain: Chain) -> Mapping[str, Background]:
    return {
        "chain": lambda: lead(db.url, "watch:chain", chain.watch),
        "rates": lambda: every(RATES_EVERY_S, "rates", chain.refresh_rates),
        "payouts": lambda: every(PAYOUTS_EVERY_S, "payouts", chain.payouts.round),
        "sweeps": lambda: every(SWEEPS_EVERY_S, "sweeps", chain.treasury.sweep),
    }


def build(settings: Settings, *, clock: Clock | None = None, policy: payments.Policy | None = None) -> Bank:
    """The bank that ``settings`` describe; nothing is connected yet."""
    clock = clock or DatabaseClock()
    assert settings.database_url is not None and settings.lightning and settings.twilio is not None
    assert settings.smtp is not None
    db = Database(settings.database_url.get_secret_value(), settings.database_pool)

    network = NETWORKS[settings.network]
    lightning = [_node(one, clock) for one in settings.lightning]
    seats = [Seat(node, one.weight, one.resting) for node, one in zip(lightning, settings.lightning, strict=True)]
    nodes = Nodes.build(seats, clock, network)
    sms = Twilio.of(settings.twilio)
    feeds, rate_feeds = _price_feeds(settings)

    keys = Keys.parse(settings.keys.get_secret_value()) if settings.keys else keys_in(settings.data)
    hub = Hub(db)
    books = _books(db)
    mail = Smtp(settings.smtp, clock)
    identity = Identity(db, clock, sms, keys, _identity_policy(settings), mail)
    factors, guards = _factors(settings, identity, mail)
    accounts = Accounts(db, clock, identity)
    api_keys = ApiKeys(db, clock)
    proofs = Proofs(db, clock, identity.links, Site.at(settings.origin, "Hazina", NETWORKS[settings.network]))
    identity.stepup.provers.update(provers(proofs))
    oauth = OAuth(db, clock, identity.audit, settings.origin, keys, _oauth_policy(settings))
    prices = Prices(db, clock, feeds, _price_policy(settings), rate_feeds, histories(feeds))
    bitcoin = Bitcoind.of(settings.bitcoind) if settings.bitcoind else None
    onchain = _chain(bitcoin, db, clock, network)
    policy = policy or payments.Policy(fees=_fees(settings.fees))
    paying = Payments(Parts(db, clock, books, hub, accounts, prices, nodes, network, policy, chain=onchain))
    upper = _upper(settings, paying, keys, identity.audit)
    watching = Watch(db, clock, lightning, upper.hedge)
    queue = jobs.queue(db.url)
    if settings.sweep_merchants:
        jobs.schedule(queue, "hazina.merchants", "23 4 * * 1 0", upper.merchants.sweep)
    _schedule(queue, db, clock, identity, factors, oauth, prices, watching)
    outside = (*lightning, *guards, *feeds, *rate_feeds, *([bitcoin] if bitcoin else []), sms, oauth)
    closing = (*upper.closing, *(one.close for one in outside))
    return Bank(
        settings,
        db,
        clock,
        hub,
        books,
        nodes,
        sms,
        identity,
        factors,
        accounts,
        api_keys,
        oauth,
        proofs,
        prices,
        onchain,
        paying,
        upper.links,
        upper.webhooks,
        Safety(db, clock),
        watching,
        queue,
        closing,
        contacts=Contacts(db, clock),
        notices=Notices(db, clock, identity),
        feedback=Feedback(db, clock),
        account_closing=AccountClosing(db, clock, accounts, upper.leaving),
        merchants=upper.merchants,
        hedge=upper.hedge,
        learn=upper.learn,
        support=upper.support,
    )


def _books(db: Database) -> Books:
    """With every claim and effect, in the order of locks."""
    return Books(
        db,
        claims=(*access.CLAIMS, *identities.CLAIMS, *safety.CLAIMS, *dealer.CLAIMS, *payments.CLAIMS),
        effects=(*chain.EFFECTS, *payments.EFFECTS, *access.EFFECTS, *ACCOUNT_EFFECTS, FACT),
    )


class Upper(NamedTuple):
    """The contexts above payments, strangers to each other, and what of them is closed at the end."""

    links: Links
    webhooks: Webhooks
    hedge: Hedge
    merchants: Merchants
    learn: Learn
    support: Support
    closing: tuple[Callable[[], Awaitable[None]], ...]

    @property
    def leaving(self) -> list[Callable[[Tx, Account], Awaitable[None]]]:
        """What each does, in the same commit, when an account is closed."""
        return [self.links.account_closed, self.merchants.account_closed, self.webhooks.account_closed]


def _upper(settings: Settings, paying: Payments, keys: Keys, log: audit.Audit) -> Upper:
    parts = paying.parts
    db, clock, accounts, prices = parts.db, parts.clock, parts.accounts, parts.prices
    calling = Outward(loopback=settings.strangers_on_loopback, connections=webhooks.Policy().at_once_max)
    hooks = webhooks.of(db, clock, keys, paying, calling)  # connections of its own: nothing else waits for them
    strangers = Outward(loopback=settings.strangers_on_loopback)
    services, relays, places = Lnurl(strangers), NostrRelays(strangers), _places(settings)
    linking = Links(LinkParts(db, clock, accounts, paying, prices, services, relays, keys, places, parts.network))
    venue = Okx.of(settings.hedging, clock) if settings.hedging else None
    hedge = Hedge(db, clock, parts.books, prices, venue, parts.chain, _hedge_policy(settings))
    merchants = Merchants(db, clock, log)
    teaching, helping = _learn(settings, accounts, paying), _support(settings, accounts)
    asked = [one for one in (venue, strangers, teaching.ips, helping.assistant) if one is not None]
    return Upper(
        linking, hooks, hedge, merchants, teaching, helping, (hooks.stop, *(one.close for one in asked))
    )  # fmt: skip


def _learn(settings: Settings, accounts: Accounts, paying: Payments) -> Learn:
    said = settings.quiz
    policy = LearnPolicy(
        frozenset(said.phone_countries_denied), frozenset(said.ip_countries_denied), frozenset(said.networks_denied)
    )
    ips = ProxyCheck(said.proxycheck_url, said.proxycheck_key) if said.proxycheck_url else None
    return Learn(paying.parts.db, paying.parts.clock, accounts, paying, ips, policy)


def _support(settings: Settings, accounts: Accounts) -> Support:
    """Off where no assistant is set."""
    said = settings.support_chat
    policy = SupportPolicy(prompt=said.prompt) if said and said.prompt else SupportPolicy()
    return Support(accounts.db, accounts.clock, accounts, Chat(said) if said else None, policy)


def _hedge_policy(settings: Settings) -> HedgePolicy:
    if (said := settings.hedging) is None:
        return HedgePolicy()
    return HedgePolicy(onchain=said.onchain, reserve_sats=said.reserve_sats, hot_kept_sats=said.hot_kept_sats)


def _chain(bitcoin: Bitcoind | None, db: Database, clock: Clock, network: Network) -> Chain | None:
    """None where the bank has no Bitcoin node."""
    if bitcoin is None:
        return None
    return Chain(db, clock, bitcoin, BitcoindWallets(bitcoin.rpc, bitcoin.wallet), network)


def _places(settings: Settings) -> Places:
    """Where names are paid: the bank's own address first."""
    return Places((Place(settings.origin), *(Place(f"https://{domain}") for domain in settings.address_domains)))


def _identity_policy(settings: Settings) -> IdentityPolicy:
    said = settings.identity
    return replace(
        SANDBOX_POLICY if settings.sandbox_url else IdentityPolicy(),
        session_idle_s=said.session_days * DAY_S,
        session_max_s=said.session_days_max * DAY_S,
        hold_s=said.hold_hours * 3_600,
        hold_cents=said.hold_usd * 100,
        step_up=StepUpPolicy(
            payment_over_cents=tuple(None if usd < 0 else usd * 100 for usd in said.payment_over_usd),
            wary_over_cents=None if said.wary_over_usd < 0 else said.wary_over_usd * 100,
            keys=said.keys,
            factors=said.factors,
        ),
    )


def _price_feeds(settings: Settings) -> tuple[tuple[Exchange, ...], tuple[RateSource, ...]]:
    """What the settings name; else all that we can read."""
    prices, rates = settings.price_feeds, settings.rate_feeds
    return (
        tuple(map(exchange.feed, exchange.FORMATS))
        if prices is None
        else tuple(exchange.feed(one.name, one.base_url) for one in prices),
        tuple(map(fiat.rate_feed, fiat.FORMATS))
        if rates is None
        else tuple(fiat.rate_feed(one.name, one.base_url) for one in rates),
    )


def _price_policy(settings: Settings) -> DealerPolicy:
    """A sandbox is asked all the time: what is done to its feeds shows at once."""
    said = settings.dealer
    pace = {"rate_every_s": 5, "rate_retry_s": 5} if settings.sandbox_url else {"feed_every_s": 5}
    return DealerPolicy(
        base_bp=said.base_basis_points, immediate_bp=said.immediate_basis_points, delayed_bp=said.delayed_basis_points,
        **pace,
    )  # fmt: skip


def _oauth_policy(settings: Settings) -> OAuthPolicy:
    """Beside a sandbox, apps may register themselves: nothing is real there."""
    if settings.open_registration is None:
        return OAUTH_SANDBOX_POLICY if settings.sandbox_url else OAuthPolicy()
    return OAuthPolicy(open_registration=settings.open_registration)


def _factors(settings: Settings, identity: Identity, mail: Smtp) -> tuple[Factors, list[Closing]]:
    """Ways to log in, and what stands before a code to a phone."""
    assert settings.twilio is not None
    geetest = GeeTest(settings.geetest) if settings.geetest else None
    turnstile = Turnstile(settings.turnstile) if settings.turnstile else None
    lookup = None
    if url := settings.twilio.lookup_url:
        lookup = Lookup(url, settings.twilio.account_sid, settings.twilio.auth_token.get_secret_value())
    phones = Phones(identity, geetest, turnstile, lines=lookup)
    bot = None
    if settings.telegram is not None:
        bot = Bot.of(settings.telegram.token.get_secret_value(), settings.telegram.private_key.get_secret_value())
    factors = Factors.of(identity, mail, phones, bot)
    identity.stepup.provers[FactorKind.TOTP] = factors.totp
    return factors, [one for one in (geetest, turnstile, lookup) if one is not None]


def _node(settings: LndSettings | ElectrumSettings, clock: Clock) -> Lnd | Electrum:
    return Electrum.of(settings, clock) if isinstance(settings, ElectrumSettings) else Lnd.of(settings, clock)


STRATEGIES: dict[str, Callable[..., payment_fees.Strategy]] = {
    "flat": payment_fees.Flat,
    "percentage": payment_fees.Percentage,
    "imbalance": payment_fees.Imbalance,
    "percentage_above_threshold": payment_fees.PercentageAboveThreshold,
    "exponential_decay": payment_fees.ExponentialDecay,
}


def _fees(wished: Fees) -> payment_fees.Schedule:
    """Blink's, but for what the operator has set."""
    onchain, sends = payment_fees.Network.ONCHAIN, payment_fees.Way.SEND
    lists = {
        (payment_fees.Network.LIGHTNING, sends): wished.lightning,
        (onchain, payment_fees.Way.RECEIVE): wished.deposit,
        (onchain, sends): wished.withdrawal,
    }
    own = {where: tuple(_strategy(one) for one in listed) for where, listed in lists.items() if listed is not None}
    return {**payment_fees.DEFAULT, **own}


def _strategy(one: Strategy) -> payment_fees.Strategy:
    if isinstance(one, TieredFlat):
        return payment_fees.TieredFlat(tuple(payment_fees.Tier(tier.up_to_sats, tier.sats) for tier in one.tiers))
    if isinstance(one, ExemptAccount):
        return payment_fees.ExemptAccount(frozenset(one.roles), frozenset(one.account_ids), one.validated_merchants)
    values = one.model_dump(exclude={"strategy"})
    return STRATEGIES[one.strategy](**values)


def _schedule(
    queue: procrastinate.App,
    db: Database,
    clock: Clock,
    identity: Identity,
    factors: Factors,
    oauth: OAuth,
    prices: Prices,
    watching: Watch,
) -> None:
    """What runs by the clock, once among all workers."""

    async def tidy() -> None:
        now = clock.now()
        async with db.transaction() as tx:
            await events.forget_facts(tx, now - FACTS_KEPT)
            await access.sweep(tx, now - KEYS_KEPT)
            await factors.sweep(tx, now)
        await identity.sweep()
        await oauth.sweep()
        await prices.sweep()

    jobs.schedule(queue, "hazina.tidy", "17 3 * * * 0", tidy)
    jobs.schedule(queue, "hazina.prove", "41 2 * * * 0", watching.night)


async def running(bank: Bank) -> contextlib.AsyncExitStack:
    """Start the bank with all its background parts in this task's loop: for tests and scripts. Closing the
    stack stops it."""
    stack = contextlib.AsyncExitStack()
    await bank.start()
    stack.push_async_callback(bank.stop)
    tasks = [asyncio.create_task(run(), name=name) for name, run in {**bank.listening(), **bank.working()}.items()]

    async def end() -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    stack.push_async_callback(end)
    return stack
