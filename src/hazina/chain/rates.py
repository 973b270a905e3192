"""Fee rates: asked of the node in the background, kept in the database, quoted from there."""

from __future__ import annotations

from hazina.chain import store
from hazina.chain.common import Parts
from hazina.chain.errors import OnchainUnavailable
from hazina.chain.model import OUTPUT_SCRIPT_BYTES_MAX, FeeQuote, FeeRate, Speed, chosen_rate, quoted
from hazina.kernel import addresses


async def refresh(parts: Parts) -> None:
    """Ask for every speed's rate. A slower speed never costs more than a faster one.

    :raises NodeSilent, NodeRefused: the stored ones stay, and are quoted until they are too old.
    """
    least = (await parts.bitcoin.info()).rate_min
    now, dearest = parts.clock.now(), parts.policy.rate_cap
    rates: list[FeeRate] = []
    for speed in sorted(Speed, key=lambda one: parts.policy.targets[one]):
        estimate = await parts.bitcoin.fee_rate(parts.policy.targets[speed])
        dearest = min(chosen_rate(estimate, least, parts.policy), dearest)
        rates.append(FeeRate(speed, dearest, estimate is not None, now))
    async with parts.db.transaction() as tx:
        await store.keep_rates(tx, rates)


async def rate(parts: Parts, speed: Speed) -> FeeRate:
    """:raises OnchainUnavailable: nobody has heard from the node for too long."""
    async with parts.db.reading() as tx:
        found = await store.rate(tx, speed)
    if found is None or parts.clock.now() - found.at > parts.policy.rate_age_max:
        raise OnchainUnavailable()
    return found


async def estimate(parts: Parts, speed: Speed, address: str | None) -> FeeQuote:
    """What a payout costs at most; without an address, one to the dearest kind."""
    found = await rate(parts, speed)
    script = OUTPUT_SCRIPT_BYTES_MAX if address is None else len(addresses.read(address, parts.network).script)
    return quoted(found, script)
