"""An access token at the bank's own API: as far as its scopes, cap and person reach, and not a moment longer."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import httpx2
import pytest
from tests.api.conftest import Person
from tests.oauth.browser import Browser
from tests.oauth.conftest import App, Town

from hazina.access import Window
from hazina.kernel.money import Cents
from hazina.oauth import AppUnknown, ConnectionUnknown, InvalidApp, InvalidCap, TooManyApps

Json = dict[str, Any]
ME = "{ me { id defaultAccount { wallets { id walletCurrency balance } } } }"
PAY = """mutation($input: IntraLedgerUsdPaymentSendInput!) { intraLedgerUsdPaymentSend(input: $input) {
    errors { code message } status } }"""
INVOICE = """mutation($input: LnInvoiceCreateInput!) { lnInvoiceCreate(input: $input) {
    errors { code message } invoice { paymentHash } } }"""
BANK = "openid offline_access read receive write"


async def ask(town: Town, token: str, query: str, header: str = "oauth2-token", **variables: Any) -> httpx2.Response:
    value = token if header == "oauth2-token" else f"Bearer {token}"
    body = {"query": query, "variables": variables}
    return await town.http.post("/graphql", json=body, headers={header: value})


async def customer(town: Town, who: Browser, cents: int = 0) -> Person:
    """The person at the browser, with dollars."""
    await who.log_in()
    [token] = [cookie.value for cookie in who.http.cookies.jar if cookie.name == "hazina"]
    person = Person(town.world, who.phone, str(token), "")
    found = await person.ask(ME)
    person.user_id = found["me"]["id"]
    person.wallets = {one["walletCurrency"]: one["id"] for one in found["me"]["defaultAccount"]["wallets"]}
    if cents:
        await town.world.bank.payments.issue_dollars(UUID(person.wallets["USD"]), Cents(cents), None)
    return person


async def pay(town: Town, token: str, payer: Person, payee: Person, cents: int) -> Json:
    wish = {"walletId": payer.wallets["USD"], "recipientWalletId": payee.wallets["USD"], "amount": cents}
    answer = (await ask(town, token, PAY, input=wish)).json()
    found: Json = answer["data"]["intraLedgerUsdPaymentSend"]
    return found


async def spending(town: Town, cap: str, cents: int = 100_00) -> tuple[App, Person, Person, str]:
    """An app with spending up to ``cap``, its person, a payee, and the token."""
    app, amina, juma = await town.app(BANK), await town.browser(), await town.browser()
    payer, payee = await customer(town, amina, cents), await customer(town, juma)
    tokens = await app.tokens(amina, BANK, give_write="on", cap=cap)
    assert "write" in tokens["scope"]
    return app, payer, payee, tokens["access_token"]


@pytest.mark.parametrize("header", ["oauth2-token", "authorization"])
async def test_by_either_header(town: Town, header: str) -> None:
    app, amina = await town.app(BANK), await town.browser()
    person = await customer(town, amina)
    tokens = await app.tokens(amina, "openid read")
    found = (await ask(town, tokens["access_token"], ME, header)).json()
    assert found["data"]["me"]["id"] == person.user_id
    for wrong in ("x", tokens["id_token"]):
        assert (await ask(town, wrong, ME, header)).status_code == 401


async def test_each_scope_goes_so_far(town: Town) -> None:
    app, amina, juma = await town.app(BANK), await town.browser(), await town.browser()
    person, payee = await customer(town, amina, 1_000), await customer(town, juma)
    wish = {"walletId": person.wallets["BTC"], "amount": 1000}

    async def may(token: str) -> tuple[bool, bool, bool]:
        read = (await ask(town, token, ME)).json()
        receive = (await ask(town, token, INVOICE, input=wish)).json()
        order = {"walletId": person.wallets["USD"], "recipientWalletId": payee.wallets["USD"], "amount": 1}
        write = (await ask(town, token, PAY, input=order)).json()
        return tuple("errors" not in one for one in (read, receive, write))  # type: ignore[return-value]

    async def token(scope: str, **answer: str) -> str:
        tokens = await app.tokens(amina, scope, {"prompt": "consent"}, **answer)
        return str(tokens["access_token"])

    assert await may(await token("openid")) == (False, False, False)
    assert await may(await token("openid read")) == (True, False, False)
    assert await may(await token("openid receive")) == (False, True, False)
    assert await may(await token("openid write", give_write="on", cap="5")) == (False, True, True)


async def test_spending_is_off_unless_it_is_ticked(town: Town) -> None:
    app, amina = await town.app(BANK), await town.browser()
    await customer(town, amina)
    tokens = await app.tokens(amina, BANK)
    assert tokens["scope"] == "openid offline_access read receive"


async def test_a_cap_holds_to_the_cent_and_in_parallel(town: Town) -> None:
    _, payer, payee, token = await spending(town, "10.00")
    assert (await pay(town, token, payer, payee, 600))["status"] == "SUCCESS"
    over = await pay(town, token, payer, payee, 401)
    assert over["errors"][0]["code"] == "TRANSACTION_RESTRICTED" and "USD 4.00 remain" in over["errors"][0]["message"]
    answers = await asyncio.gather(*(pay(town, token, payer, payee, 100) for _ in range(10)))
    assert sorted(one["status"] for one in answers) == ["FAILURE"] * 6 + ["SUCCESS"] * 4
    assert (await payee.balances())["USD"] == 1_000
    own = await payer.post(PAY, input={
        "walletId": payer.wallets["USD"], "recipientWalletId": payee.wallets["USD"], "amount": 500})  # fmt: skip
    assert own.json()["data"]["intraLedgerUsdPaymentSend"]["status"] == "SUCCESS", "the cap is the app's alone"


async def test_what_failed_is_given_back(town: Town) -> None:
    app, payer, payee, token = await spending(town, "10.00", cents=500)
    assert (await pay(town, token, payer, payee, 900))["errors"][0]["code"] == "INSUFFICIENT_BALANCE"
    assert (await pay(town, token, payer, payee, 500))["status"] == "SUCCESS"
    [one] = await town.oauth.connections(UUID(payer.user_id))
    assert one.client.id == app.id and one.grant.caps == {Window.DAY: 1_000}


async def test_a_cap_outlives_a_new_log_in_and_can_be_changed(town: Town) -> None:
    app, amina, juma = await town.app(BANK), await town.browser(), await town.browser()
    payer, payee = await customer(town, amina, 10_000), await customer(town, juma)
    first = await app.tokens(amina, BANK, give_write="on", cap="10")
    assert (await pay(town, first["access_token"], payer, payee, 1_000))["status"] == "SUCCESS"
    again = await app.tokens(amina, BANK, {"prompt": "consent"}, give_write="on", cap="10")
    assert (await pay(town, again["access_token"], payer, payee, 1))["status"] == "FAILURE", "what was spent counts"
    [one] = await town.oauth.connections(UUID(payer.user_id))
    await town.oauth.cap(UUID(payer.user_id), one.grant.id, {Window.DAY: 1_500, Window.WEEK: 1_200})
    assert (await pay(town, again["access_token"], payer, payee, 200))["status"] == "SUCCESS"
    assert (await pay(town, again["access_token"], payer, payee, 1))["status"] == "FAILURE", "the week's"
    with pytest.raises(InvalidCap):
        await town.oauth.cap(UUID(payer.user_id), one.grant.id, {Window.DAY: 0})
    with pytest.raises(ConnectionUnknown):
        await town.oauth.cap(UUID(payee.user_id), one.grant.id, {Window.DAY: 5})


async def test_less_agreed_later_takes_it_from_older_tokens(town: Town) -> None:
    app, payer, payee, token = await spending(town, "10.00")
    amina = await town.browser()
    amina.phone = payer.phone
    await app.tokens(amina, BANK, {"prompt": "consent"}, **{"give_write": None})  # type: ignore[arg-type]
    assert "not authorized" in str((await ask(town, token, PAY, input={
        "walletId": payer.wallets["USD"], "recipientWalletId": payee.wallets["USD"], "amount": 1})).json())  # fmt: skip
    assert "write" not in (await app.post("/oauth/introspect", token=token)).json()["scope"]


async def test_revoked_is_dead_at_once(town: Town) -> None:
    app, payer, payee, token = await spending(town, "10.00")
    [one] = await town.oauth.connections(UUID(payer.user_id))
    with pytest.raises(ConnectionUnknown):
        await town.oauth.disconnect(UUID(payee.user_id), one.grant.id)
    await town.oauth.disconnect(UUID(payer.user_id), one.grant.id)
    assert (await ask(town, token, ME)).status_code == 401 and not await app.active(token)
    assert await town.oauth.connections(UUID(payer.user_id)) == []


@pytest.mark.parametrize(
    "end",
    [
        "update account set status = 'closed'",
        "update oauth_client set disabled_at = now()",
        "update oauth_grant set expires_at = now() - interval '1 second'",
        "update oauth_family set revoked_at = now()",
    ],
)
async def test_whatever_ends_it_ends_it_at_once(town: Town, end: str) -> None:
    _, _, _, token = await spending(town, "10.00")
    assert (await ask(town, token, ME)).status_code == 200
    async with town.world.bank.db.transaction() as tx:
        await tx.execute(end)
    assert (await ask(town, token, ME)).status_code == 401


async def test_a_locked_account_is_read_only_for_its_apps_too(town: Town) -> None:
    _, payer, payee, token = await spending(town, "10.00")
    async with town.world.bank.db.transaction() as tx:
        await tx.execute("update account set status = 'locked'")
    assert (await ask(town, token, ME)).status_code == 200
    order = {"walletId": payer.wallets["USD"], "recipientWalletId": payee.wallets["USD"], "amount": 1}
    assert "not authorized" in str((await ask(town, token, PAY, input=order)).json())


async def test_an_app_learns_nothing_of_sessions_and_changes_no_way_in(town: Town) -> None:
    _, payer, _, token = await spending(town, "10.00")
    seen = (await ask(town, token, "{ me { sessions { id ip } } }")).json()
    assert "Only the customer" in str(seen)
    [own] = (await payer.ask("{ me { sessions { id } } }"))["me"]["sessions"][:1]
    end = "mutation($input: SessionRevokeInput!) { sessionRevoke(input: $input) { success errors { message } } }"
    assert "Only the customer" in str((await ask(town, token, end, input={"id": own["id"]})).json())
    mail = """mutation($input: UserEmailRegistrationInitiateInput!) { userEmailRegistrationInitiate(input: $input) {
        emailRegistrationId errors { message } } }"""
    asked = (await ask(town, token, mail, input={"email": "thief@example.com"})).json()
    found = asked["data"]["userEmailRegistrationInitiate"]["emailRegistrationId"]
    if found is not None:  # a code goes out; what it would change needs a session
        done = """mutation($input: UserEmailRegistrationValidateInput!) { userEmailRegistrationValidate(input: $input) {
            errors { message } } }"""
        wish = {"emailRegistrationId": found, "code": "000000"}
        assert (await ask(town, token, done, input=wish)).json()["data"]["userEmailRegistrationValidate"]["errors"]
    key = """mutation($input: ApiKeyCreateInput!) { apiKeyCreate(input: $input) { apiKeySecret } }"""
    assert "errors" in (await ask(town, token, key, input={"name": "way around", "scopes": ["WRITE"]})).json()


async def test_another_customers_wallet_is_as_if_absent(town: Town) -> None:
    _, payer, payee, token = await spending(town, "10.00")
    answer = await pay(town, token, payee, payer, 1)
    assert answer["status"] == "FAILURE" and answer["errors"]


# -- apps of customers --------------------------------------------------------------------------


async def test_my_apps_are_mine(town: Town) -> None:
    amina, juma = await town.browser(), await town.browser()
    mine, theirs = [UUID((await customer(town, who)).user_id) for who in (amina, juma)]
    made = await town.oauth.make_app(mine, {"client_name": "Duka", "redirect_uris": ["https://duka.example/back"]})
    assert made.secret and [one.id for one in await town.oauth.apps(mine)] == [made.client.id]
    assert await town.oauth.apps(theirs) == [] and not made.client.checked
    described = {"client_name": "Duka 2", "redirect_uris": ["https://duka.example/back"]}
    for act in (
        town.oauth.change_app(theirs, made.client.id, described),
        town.oauth.new_app_secret(theirs, made.client.id),
        town.oauth.remove_app(theirs, made.client.id),
    ):
        with pytest.raises(AppUnknown):
            await act
    await town.oauth.mark_app(made.client.id, checked=True)
    changed = await town.oauth.change_app(mine, made.client.id, described)
    assert changed.client.name == "Duka 2" and changed.secret is None and not changed.client.checked
    fresh = await town.oauth.new_app_secret(mine, made.client.id)
    assert fresh.secret not in (None, made.secret)
    with pytest.raises(InvalidApp):
        await town.oauth.make_app(mine, {"client_name": "Bad", "redirect_uris": ["javascript:x"]})
    for number in range(19):
        await town.oauth.make_app(mine, {"client_name": f"{number}", "redirect_uris": ["https://duka.example/back"]})
    with pytest.raises(TooManyApps):
        await town.oauth.make_app(mine, described)
    await town.oauth.remove_app(mine, made.client.id)
    assert len(await town.oauth.apps(mine)) == 19


async def test_an_app_of_ones_own_acts_by_itself_as_far_as_allowed(town: Town) -> None:
    amina, juma = await town.browser(), await town.browser()
    person, payee = await customer(town, amina, 10_000), await customer(town, juma)
    mine = UUID(person.user_id)
    how = {"client_name": "Backend", "grant_types": ["client_credentials"], "scope": "read write"}
    made = await town.oauth.make_app(mine, how)
    app = App(town, made.client.id, made.secret)
    token = (await app.post("/oauth/token", grant_type="client_credentials")).json()["access_token"]
    assert await app.active(token) and (await ask(town, token, ME)).status_code == 401, "nobody allowed it yet"
    with pytest.raises(InvalidApp):
        await town.oauth.act_for_me(mine, made.client.id, ["receive"], {})
    with pytest.raises(AppUnknown):
        await town.oauth.act_for_me(UUID(payee.user_id), made.client.id, ["read"], {})
    await town.oauth.act_for_me(mine, made.client.id, ["read", "write"], {Window.DAY: 300})
    assert (await ask(town, token, ME)).json()["data"]["me"]["id"] == person.user_id
    assert (await pay(town, token, person, payee, 300))["status"] == "SUCCESS"
    assert (await pay(town, token, person, payee, 1))["status"] == "FAILURE"
    [one] = await town.oauth.connections(mine)
    await town.oauth.disconnect(mine, one.grant.id)
    assert (await ask(town, token, ME)).status_code == 401
