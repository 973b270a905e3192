"""Keys as proofs: what was asked is good for one try, for the browser that asked, for what it was asked for."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.contexts.identity.signers import BitcoinKey, NostrKey, Passkey, Wallet

from hazina.identity import FactorKind, Links, Policy
from hazina.identity.proofs import Asker, Proofs, Purpose, Shown, Site
from hazina.identity.proofs.errors import (
    AttemptOver,
    InvalidPurpose,
    KeyKnown,
    KeyOfAnother,
    KeyUnknown,
    NostrKind,
    NotProvedYet,
    PasskeyDoubtful,
    PasskeyForeign,
    PasskeyOrigin,
    PasskeyUnknown,
    SignatureMalformed,
    SignatureWrong,
    WalletAnswerInvalid,
    WalletSignatureWrong,
)
from hazina.kernel.audit import Audit
from hazina.kernel.bolt11 import Network
from hazina.kernel.clock import ManualClock
from hazina.kernel.crypto import Keys
from hazina.kernel.db import Database
from hazina.kernel.errors import NotAuthenticated, Refusal, TooManyRequests
from hazina.kernel.vault import Vault

SITE = Site("https://bank.example", "Hazina", Network.REGTEST)
HERE = Asker("browser one", ip="203.0.113.9", agent="test")
THERE = Asker("browser two", ip="198.51.100.7")


@pytest.fixture
def proofs(db: Database, clock: ManualClock) -> Proofs:
    vault = Vault(Keys.fresh())
    return Proofs(db, clock, Links(vault, Audit(vault), clock, Policy()), SITE)


def device(**changes: Any) -> Passkey:
    return Passkey(**{"host": SITE.host, "origin": SITE.origin, **changes})


async def join(proofs: Proofs, shown: Shown) -> UUID:
    """Make the person whose key this is."""
    proved = shown.proved
    async with proofs.db.transaction() as tx:
        made = await proofs.links.begin(tx, proved.kind, proved.subject, name=proved.name, data=proved.data)
    assert made is not None
    return made


async def somebody(proofs: Proofs, name: str) -> Asker:
    """A person who is logged in, with a factor that is none of these."""
    async with proofs.db.transaction() as tx:
        made = await proofs.links.begin(tx, FactorKind.DEVICE, name)
    assert made is not None
    return replace(HERE, user_id=made)


async def give(proofs: Proofs, person: Asker, kind: FactorKind, subject: str) -> None:
    assert person.user_id is not None
    async with proofs.db.transaction() as tx:
        await proofs.links.link(tx, person.user_id, kind, subject)


async def registered(proofs: Proofs, one: Passkey) -> UUID:
    options = await proofs.ask_new_passkey(HERE, Purpose.REGISTER, "amina")
    return await join(proofs, await proofs.show_new_passkey(HERE, one.create(options), "My phone"))


async def outcome(trying: Awaitable[Any]) -> type:
    try:
        return type(await trying)
    except Refusal as refusal:
        return type(refusal)


# -- passkeys -----------------------------------------------------------------------------------


async def test_a_passkey_registers_somebody_and_logs_them_in(proofs: Proofs) -> None:
    one = device()
    user_id = await registered(proofs, one)
    async with proofs.db.reading() as tx:
        (factor,) = await proofs.links.of(tx, user_id)
    assert (factor.kind, factor.name, factor.data["transports"]) == (
        FactorKind.PASSKEY,
        "My phone",
        ["hybrid", "internal"],
    )
    options = await proofs.ask_passkey(THERE, Purpose.LOGIN)
    assert options["allowCredentials"] == []
    shown = await proofs.show_passkey(THERE, one.get(options))
    assert (shown.purpose, shown.user_id, shown.proved.subject) == (Purpose.LOGIN, user_id, factor.subject)
    assert shown.proved.amr == ("swk", "user", "mfa") and not shown.proved.wary


async def test_a_device_bound_passkey_says_so(proofs: Proofs) -> None:
    one = device(synced=False)
    await registered(proofs, one)
    shown = await proofs.show_passkey(HERE, one.get(await proofs.ask_passkey(HERE, Purpose.LOGIN)))
    assert shown.proved.amr == ("hwk", "user", "mfa")


async def test_by_name_nobody_learns_who_has_a_passkey(proofs: Proofs) -> None:
    one = device()
    user_id = await registered(proofs, one)

    async def ids(named: str, known: UUID | None) -> list[dict[str, Any]]:
        asked = await proofs.ask_passkey(HERE, Purpose.LOGIN, named=named, known=known)
        return list(asked["allowCredentials"])

    known = await ids("amina", user_id)
    decoy, other = await ids("nobody", None), await ids("somebody", None)
    assert [sorted(found[0]) for found in (known, decoy)] == [["id", "transports", "type"]] * 2
    assert decoy == await ids("Nobody", None) != other, "asked again it is the same, or it would be known"
    without = await somebody(proofs, "without")
    assert await ids("nobody", without.user_id) == decoy


async def test_a_second_device_of_the_same_person(proofs: Proofs) -> None:
    one, two = device(), device()
    here = replace(HERE, user_id=await registered(proofs, one))
    options = await proofs.ask_new_passkey(here, Purpose.LINK, "amina")
    assert [found["id"] for found in options["excludeCredentials"]] == [one.create(options)["id"]]
    shown = await proofs.show_new_passkey(here, two.create(options), " Second \t phone ")
    assert (shown.purpose, shown.user_id, shown.proved.name) == (Purpose.LINK, here.user_id, "Second phone")
    assert two.handle == one.handle, "for the authenticator it is the same account"


async def test_aut_07_an_answer_is_good_once(proofs: Proofs) -> None:
    one = device()
    await registered(proofs, one)
    answer = one.get(await proofs.ask_passkey(HERE, Purpose.LOGIN))
    results = Counter(await asyncio.gather(*[outcome(proofs.show_passkey(HERE, answer)) for _ in range(8)]))
    assert results == {Shown: 1, AttemptOver: 7}
    created = device().create(await proofs.ask_new_passkey(HERE, Purpose.REGISTER, "x"))
    results = Counter(await asyncio.gather(*[outcome(proofs.show_new_passkey(HERE, created, "x")) for _ in range(8)]))
    assert results == {Shown: 1, AttemptOver: 7}


async def test_aut_07_a_wrong_answer_uses_the_challenge_up(proofs: Proofs) -> None:
    one = device()
    await registered(proofs, one)
    options = await proofs.ask_passkey(HERE, Purpose.LOGIN)
    with pytest.raises(PasskeyOrigin):
        await proofs.show_passkey(HERE, one.get(options, origin="https://evil.test"))
    with pytest.raises(AttemptOver):
        await proofs.show_passkey(HERE, one.get(options))


async def test_aut_07_whose_challenge_and_what_for(proofs: Proofs, clock: ManualClock) -> None:
    one = device()
    await registered(proofs, one)

    async def asked() -> dict[str, Any]:
        return one.get(await proofs.ask_passkey(HERE, Purpose.LOGIN))

    with pytest.raises(AttemptOver):  # another browser
        await proofs.show_passkey(THERE, await asked())
    late = await asked()
    clock.advance(timedelta(minutes=10))
    with pytest.raises(AttemptOver):
        await proofs.show_passkey(HERE, late)
    with pytest.raises(AttemptOver):  # never asked
        await proofs.show_passkey(HERE, one.get({"challenge": "AAAA"}))
    made_for_registering = await proofs.ask_new_passkey(HERE, Purpose.REGISTER, "x")
    with pytest.raises(AttemptOver):
        await proofs.show_passkey(HERE, one.get(made_for_registering))
    for purpose in (Purpose.ENTER, Purpose.LINK, Purpose.REGISTER):
        with pytest.raises(InvalidPurpose):
            await proofs.ask_passkey(HERE, purpose)
    for purpose in (Purpose.LINK, Purpose.AUTH):  # nobody is logged in
        with pytest.raises((NotAuthenticated, InvalidPurpose)):
            await proofs.ask_new_passkey(HERE, purpose, "x")


async def test_aut_07_a_credential_that_is_not_registered(proofs: Proofs) -> None:
    with pytest.raises(PasskeyUnknown):
        await proofs.show_passkey(HERE, device().get(await proofs.ask_passkey(HERE, Purpose.LOGIN)))


async def test_aut_07_a_credential_is_one_persons(proofs: Proofs) -> None:
    one = device()
    await registered(proofs, one)
    again = one.create(await proofs.ask_new_passkey(HERE, Purpose.REGISTER, "x"))
    with pytest.raises(KeyKnown):
        await proofs.show_new_passkey(HERE, again, "x")
    other = await somebody(proofs, "other")
    with pytest.raises(PasskeyForeign):
        await proofs.show_passkey(other, one.get(await proofs.ask_passkey(other, Purpose.AUTH, about="act")))


async def test_a_passkey_confirms_one_thing(proofs: Proofs) -> None:
    one = device()
    here = replace(HERE, user_id=await registered(proofs, one))
    options = await proofs.ask_passkey(here, Purpose.AUTH, about="act")
    assert [found["id"] for found in options["allowCredentials"]] == [one.get(options)["id"]]
    shown = await proofs.show_passkey(here, one.get(options))
    assert (shown.purpose, shown.about, shown.user_id) == (Purpose.AUTH, "act", here.user_id)
    with pytest.raises(AttemptOver):  # asked by one person, shown by another
        other = await somebody(proofs, "other")
        await proofs.show_passkey(other, one.get(await proofs.ask_passkey(here, Purpose.AUTH, about="act")))


async def test_aut_08_a_counter_that_falls(proofs: Proofs) -> None:
    one = device(synced=False, counter=5)
    user_id = await registered(proofs, one)
    here = replace(HERE, user_id=user_id)

    async def login() -> Shown:
        return await proofs.show_passkey(HERE, one.get(await proofs.ask_passkey(HERE, Purpose.LOGIN)))

    assert not (await login()).proved.wary
    one.counter = 2  # a copy
    assert (await login()).proved.wary
    async with proofs.db.transaction() as tx:
        verbs = [entry.verb for entry in await proofs.links.audit.mine(tx, user_id, None, 50)]
    assert verbs == ["passkey.counter_fell"]
    one.counter = 50
    assert (await login()).proved.wary, "who has grown again may be the copy"
    with pytest.raises(PasskeyDoubtful):
        await proofs.show_passkey(here, one.get(await proofs.ask_passkey(here, Purpose.AUTH, about="act")))


async def test_aut_08_a_counter_that_is_always_zero(proofs: Proofs) -> None:
    one = device()
    await registered(proofs, one)
    for _ in range(3):
        shown = await proofs.show_passkey(HERE, one.get(await proofs.ask_passkey(HERE, Purpose.LOGIN)))
        assert not shown.proved.wary


async def test_aut_08_two_at_once_with_one_counter(proofs: Proofs) -> None:
    one = device(synced=False)
    await registered(proofs, one)
    answers = []
    for _ in range(2):
        one.counter = 6
        answers.append(one.get(await proofs.ask_passkey(HERE, Purpose.LOGIN)))
    both = await asyncio.gather(*[proofs.show_passkey(HERE, answer) for answer in answers])
    assert sorted(shown.proved.wary for shown in both) == [False, True]


# -- LNURL-auth ---------------------------------------------------------------------------------


def query(url: str) -> str:
    return url.partition("?")[2]


async def test_aut_01_a_wallet_logs_in(proofs: Proofs) -> None:
    wallet = Wallet()
    asked = await proofs.ask_wallet(HERE, Purpose.ENTER)
    assert asked.url == f"https://bank.example/auth/lnurl/callback?tag=login&k1={asked.k1.hex()}"
    assert wallet.scan(asked.lnurl) == wallet.scan(asked.keyauth) == asked.url
    assert asked.handle not in asked.url
    assert await proofs.wallet_subject(HERE, asked.handle) is None
    with pytest.raises(NotProvedYet):
        await proofs.collect_wallet(HERE, asked.handle)
    await proofs.answer_wallet(query(wallet.answer(asked.lnurl)), "192.0.2.1")
    assert await proofs.wallet_subject(HERE, asked.handle) == wallet.public_key("bank.example")
    shown = await proofs.collect_wallet(HERE, asked.handle)
    assert shown.proved.subject == wallet.public_key("bank.example")
    assert shown.proved.wary and shown.purpose is Purpose.ENTER
    with pytest.raises(AttemptOver):
        await proofs.collect_wallet(HERE, asked.handle)


async def test_aut_01_one_session_of_one_k1(proofs: Proofs) -> None:
    asked = await proofs.ask_wallet(HERE, Purpose.ENTER)
    wallets = [Wallet() for _ in range(6)]
    calls = [proofs.answer_wallet(query(one.answer(asked.lnurl)), None) for one in wallets]
    assert Counter(await asyncio.gather(*map(outcome, calls))) == {type(None): 1, AttemptOver: 5}
    results = await asyncio.gather(*[outcome(proofs.collect_wallet(HERE, asked.handle)) for _ in range(6)])
    assert Counter(results) == {Shown: 1, AttemptOver: 5}


async def test_aut_01_k1_unknown_expired_used(proofs: Proofs, clock: ManualClock) -> None:
    wallet = Wallet()
    unknown = "https://bank.example/auth/lnurl/callback?tag=login&k1=" + "ab" * 32
    with pytest.raises(AttemptOver):
        await proofs.answer_wallet(query(wallet.answer(unknown.replace("https", "keyauth"))), None)
    asked = await proofs.ask_wallet(HERE, Purpose.ENTER)
    answer = query(wallet.answer(asked.lnurl))
    clock.advance(timedelta(seconds=300))
    with pytest.raises(AttemptOver):
        await proofs.answer_wallet(answer, None)
    with pytest.raises(AttemptOver):
        await proofs.wallet_subject(HERE, asked.handle)
    asked = await proofs.ask_wallet(HERE, Purpose.ENTER)
    await proofs.answer_wallet(query(wallet.answer(asked.lnurl)), None)
    with pytest.raises(AttemptOver):  # a copy of the link, with another key
        await proofs.answer_wallet(query(Wallet().answer(asked.lnurl)), None)
    clock.advance(timedelta(seconds=361))
    with pytest.raises(AttemptOver):  # proved, and nobody came
        await proofs.collect_wallet(HERE, asked.handle)


async def test_aut_01_a_wrong_signature_uses_k1_up_and_a_broken_one_does_not(proofs: Proofs) -> None:
    wallet = Wallet()
    asked = await proofs.ask_wallet(HERE, Purpose.ENTER)
    right = query(wallet.answer(asked.lnurl))
    with pytest.raises(WalletAnswerInvalid):
        await proofs.answer_wallet(right.partition("&key=")[0], None)
    other = Wallet().signed("bank.example", asked.k1.hex())["key"]
    with pytest.raises(WalletSignatureWrong):
        await proofs.answer_wallet(right.partition("&key=")[0] + "&key=" + other, None)
    with pytest.raises(AttemptOver):
        await proofs.answer_wallet(right, None)
    with pytest.raises(AttemptOver):
        await proofs.collect_wallet(HERE, asked.handle)


async def test_aut_02_only_the_browser_that_asked(proofs: Proofs) -> None:
    """Whoever sees the link, or has made the wallet's owner scan it, gets no session by it."""
    asked = await proofs.ask_wallet(HERE, Purpose.ENTER)
    await proofs.answer_wallet(query(Wallet().answer(asked.lnurl)), None)
    for other in (THERE, Asker(None)):
        for handle in (asked.handle, asked.k1.hex()):
            with pytest.raises(AttemptOver):
                await proofs.collect_wallet(other, handle)
            with pytest.raises(AttemptOver):
                await proofs.wallet_subject(other, handle)
    with pytest.raises(AttemptOver):
        await proofs.collect_wallet(HERE, asked.k1.hex())
    assert (await proofs.collect_wallet(HERE, asked.handle)).proved.wary, "so money needs a second proof sooner"
    with pytest.raises(InvalidPurpose):
        await proofs.ask_wallet(Asker(None), Purpose.ENTER)


async def test_aut_02_the_action_is_in_the_link_and_binds(proofs: Proofs) -> None:
    wallet = Wallet()
    person = await somebody(proofs, "somebody")
    for purpose in (Purpose.REGISTER, Purpose.LINK):
        asked = await proofs.ask_wallet(person, purpose)
        answer = query(wallet.answer(asked.lnurl, action=purpose.value))
        with pytest.raises(WalletAnswerInvalid):
            await proofs.answer_wallet(answer.replace(f"action={purpose.value}", "action=login"), None)
        await proofs.answer_wallet(answer, None)
        shown = await proofs.collect_wallet(person, asked.handle, "My wallet")
        assert (shown.purpose, shown.proved.name) == (purpose, "My wallet")
    # linking is for the person who asked, and for nobody else in the same browser
    asked = await proofs.ask_wallet(person, Purpose.LINK)
    await proofs.answer_wallet(query(wallet.answer(asked.lnurl)), None)
    with pytest.raises(AttemptOver):
        await proofs.collect_wallet(await somebody(proofs, "other"), asked.handle)
    with pytest.raises(AttemptOver):
        await proofs.collect_wallet(HERE, asked.handle)


async def test_aut_02_the_wallet_is_told_what_its_key_is_here(proofs: Proofs) -> None:
    mine, foreign = Wallet(), Wallet()
    person, other = await somebody(proofs, "somebody"), await somebody(proofs, "other")
    await give(proofs, person, FactorKind.LNURL, mine.public_key("bank.example"))
    await give(proofs, other, FactorKind.LNURL, foreign.public_key("bank.example"))
    for purpose, wallet, refusal in (
        (Purpose.LOGIN, Wallet(), KeyUnknown),
        (Purpose.REGISTER, mine, KeyKnown),
        (Purpose.AUTH, foreign, KeyOfAnother),
        (Purpose.AUTH, Wallet(), KeyOfAnother),
    ):
        asked = await proofs.ask_wallet(person, purpose, about="act")
        with pytest.raises(refusal):
            await proofs.answer_wallet(query(wallet.answer(asked.lnurl)), None)
        with pytest.raises(AttemptOver):
            await proofs.collect_wallet(person, asked.handle)
    asked = await proofs.ask_wallet(person, Purpose.AUTH, about="act")
    await proofs.answer_wallet(query(mine.answer(asked.lnurl)), None)
    assert (await proofs.collect_wallet(person, asked.handle)).about == "act"


async def test_paths_that_carry_the_handle(proofs: Proofs) -> None:
    asked = await proofs.ask_wallet(HERE, Purpose.ENTER, callback="/api/lnurl-auth/callback/{handle}")
    assert asked.callback == f"https://bank.example/api/lnurl-auth/callback/{asked.handle}"
    assert await proofs.wallet_params(asked.handle) == asked.k1
    answer = query(Wallet().answer(asked.lnurl))
    with pytest.raises(WalletAnswerInvalid):
        await proofs.answer_wallet(answer, None, handle="another")
    await proofs.answer_wallet(answer, None, handle=asked.handle)
    with pytest.raises(AttemptOver):
        await proofs.wallet_params(asked.handle)


# -- Bitcoin ------------------------------------------------------------------------------------


async def test_a_bitcoin_key_logs_in(proofs: Proofs) -> None:
    key = BitcoinKey()
    for sign in (key.sign, key.sign_legacy):
        asked = await proofs.ask_bitcoin(HERE, Purpose.ENTER, key.address().upper())
        shown = await proofs.show_bitcoin(HERE, asked.nonce, sign(asked.text))
        assert (shown.proved.subject, shown.proved.kind) == (key.address(), FactorKind.BITCOIN)
        with pytest.raises(AttemptOver):
            await proofs.show_bitcoin(HERE, asked.nonce, sign(asked.text))


async def test_aut_06_a_signature_says_nothing_elsewhere(proofs: Proofs, clock: ManualClock) -> None:
    key = BitcoinKey()
    person, other = await somebody(proofs, "somebody"), await somebody(proofs, "other")
    elsewhere = replace(proofs, site=replace(SITE, origin="https://other.example"))
    given = await proofs.ask_bitcoin(HERE, Purpose.ENTER, key.address())
    signature = key.sign(given.text)

    async def refused(where: Proofs, asker: Asker, purpose: Purpose) -> None:
        asked = await where.ask_bitcoin(asker, purpose, key.address())
        with pytest.raises(SignatureWrong):
            await where.show_bitcoin(asker, asked.nonce, signature)

    await refused(elsewhere, HERE, Purpose.ENTER)  # another site
    await refused(proofs, HERE, Purpose.ENTER)  # another nonce
    await refused(proofs, person, Purpose.LINK)  # another purpose
    mine = await proofs.ask_bitcoin(person, Purpose.LINK, key.address())
    signature = key.sign(mine.text)
    await refused(proofs, other, Purpose.LINK)  # another account
    with pytest.raises(AttemptOver):  # its own nonce, by somebody else
        await proofs.show_bitcoin(other, mine.nonce, signature)
    late = await proofs.ask_bitcoin(HERE, Purpose.ENTER, key.address())
    clock.advance(timedelta(minutes=10))
    with pytest.raises(AttemptOver):
        await proofs.show_bitcoin(HERE, late.nonce, key.sign(late.text))


async def test_aut_06_one_use(proofs: Proofs) -> None:
    key = BitcoinKey()
    asked = await proofs.ask_bitcoin(HERE, Purpose.ENTER, key.address())
    signature = key.sign(asked.text)
    with pytest.raises(SignatureMalformed):
        await proofs.show_bitcoin(HERE, asked.nonce, "no signature at all")
    results = [outcome(proofs.show_bitcoin(HERE, asked.nonce, signature)) for _ in range(8)]
    assert Counter(await asyncio.gather(*results)) == {Shown: 1, AttemptOver: 7}
    asked = await proofs.ask_bitcoin(HERE, Purpose.ENTER, key.address())
    with pytest.raises(SignatureWrong):
        await proofs.show_bitcoin(HERE, asked.nonce, BitcoinKey().sign(asked.text))
    with pytest.raises(AttemptOver):
        await proofs.show_bitcoin(HERE, asked.nonce, key.sign(asked.text))


# -- Nostr --------------------------------------------------------------------------------------


async def test_a_nostr_key_logs_in_by_the_browsers_extension(proofs: Proofs) -> None:
    key = NostrKey()
    asked = await proofs.ask_nostr(HERE, Purpose.ENTER)
    event = key.sign(asked.event)
    with pytest.raises(NostrKind):
        await proofs.show_nostr(HERE, key.sign({**asked.event, "kind": 1}))
    results = [outcome(proofs.show_nostr(HERE, event)) for _ in range(8)]
    assert Counter(await asyncio.gather(*results)) == {Shown: 1, AttemptOver: 7}
    asked = await proofs.ask_nostr(HERE, Purpose.ENTER)
    with pytest.raises(AttemptOver):
        await proofs.show_nostr(THERE, key.sign(asked.event))
    shown = await proofs.show_nostr(HERE, key.sign((await proofs.ask_nostr(HERE, Purpose.ENTER)).event))
    assert (shown.proved.kind, shown.proved.subject) == (FactorKind.NOSTR, key.pubkey)


async def test_a_nostr_header_is_good_once(proofs: Proofs, clock: ManualClock) -> None:
    path = "/auth/nostr/login"
    value = NostrKey().header(SITE.origin + path, "POST", clock.now()).removeprefix("Nostr ")
    calls = [outcome(proofs.show_nostr_header(HERE, value, path, "POST", b"")) for _ in range(8)]
    assert Counter(await asyncio.gather(*calls)) == {Shown: 1, AttemptOver: 7}
    assert await outcome(proofs.show_nostr_header(THERE, value, path, "POST", b"")) is AttemptOver
    await proofs.sweep()
    assert await outcome(proofs.show_nostr_header(HERE, value, path, "POST", b"")) is AttemptOver


# -- limits -------------------------------------------------------------------------------------


async def test_tries_are_counted_by_address_and_64(proofs: Proofs) -> None:
    """API-06: one customer holds a whole /64."""
    for n in range(60):
        with pytest.raises(AttemptOver):
            await proofs.show_bitcoin(Asker("b", ip=f"2001:db8::{n:x}"), "00", BitcoinKey().sign("x"))
    with pytest.raises(TooManyRequests) as refused:
        await proofs.show_bitcoin(Asker("b", ip="2001:db8::ffff"), "00", BitcoinKey().sign("x"))
    assert refused.value.facts["retry_after_s"] == 600
    with pytest.raises(AttemptOver):
        await proofs.show_bitcoin(Asker("b", ip="2001:db8:0:1::1"), "00", BitcoinKey().sign("x"))


async def test_asking_is_counted_too(proofs: Proofs) -> None:
    for _ in range(120):
        await proofs.ask_nostr(HERE, Purpose.ENTER)
    for ask in (proofs.ask_nostr(HERE, Purpose.ENTER), proofs.ask_wallet(HERE, Purpose.ENTER)):
        with pytest.raises(TooManyRequests):
            await ask
    await proofs.ask_nostr(THERE, Purpose.ENTER)


async def test_what_is_over_is_dropped(proofs: Proofs, clock: ManualClock) -> None:
    await proofs.ask_nostr(HERE, Purpose.ENTER)
    clock.advance(timedelta(minutes=9))
    assert await proofs.sweep() == 0
    clock.advance(timedelta(minutes=2))
    assert await proofs.sweep() == 1
