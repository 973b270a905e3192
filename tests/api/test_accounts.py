"""Accounts: contacts, what is notified, the default wallet, the whole statement as CSV, leaving the bank."""

from __future__ import annotations

import asyncio
import base64
import csv
import io
import json
from typing import Any
from uuid import UUID

import pytest
from tests.api.conftest import Json, Person, World
from tests.api.test_factors import confirmed, with_totp

from hazina.accounts import tell_in_app
from hazina.api import statement_csv
from hazina.kernel.bolt11 import decode
from hazina.kernel.money import Msats
from hazina.payments import SendInternal

SEND = """mutation($input: IntraLedgerPaymentSendInput!) { intraLedgerPaymentSend(input: $input) {
    status errors { message code } } }"""
PAY = "mutation($input: LnInvoicePaymentInput!) { lnInvoicePaymentSend(input: $input) { status errors { message } } }"
NAME = """mutation($input: UserUpdateUsernameInput!) { userUpdateUsername(input: $input) {
    errors { message } user { username } } }"""
CONTACTS = """{ me { contacts { id handle username alias transactionsCount
    transactions { edges { node { settlementAmount direction } } } } } }"""
CREATE = """mutation($input: ContactCreateInput!) { contactCreate(input: $input) { errors { message code }
    contact { id handle displayName transactionsCount type createdAt } } }"""
RENAME = """mutation($input: UserContactUpdateAliasInput!) { userContactUpdateAlias(input: $input) {
    errors { message code } contact { alias handle } } }"""
SETTINGS = "{ me { defaultAccount { notificationSettings { push { enabled disabledCategories } } } } }"
DELETE = "mutation { accountDelete { success errors { message code } } }"


async def named(person: Person, name: str) -> str:
    """``name`` and something of their own, since the sandbox is shared."""
    whole = f"{name}_{person.phone[-6:]}"
    found = await person.ask(NAME, input={"username": whole})
    assert found["userUpdateUsername"]["errors"] == []
    return whole


async def give(payer: Person, payee: Person, sats: int, memo: str | None = None) -> None:
    order = {"walletId": payer.wallets["BTC"], "recipientWalletId": payee.wallets["BTC"], "amount": sats, "memo": memo}
    sent = (await payer.ask(SEND, input=order))["intraLedgerPaymentSend"]
    assert sent == {"status": "SUCCESS", "errors": []}


async def contacts(person: Person) -> list[Json]:
    found: list[Json] = (await person.ask(CONTACTS))["me"]["contacts"]
    return found


# -- contacts ------------------------------------------------------------------------------------


async def test_payments_inside_make_mutual_contacts(world: World) -> None:
    amina, baraka = await world.rich(5_000), await world.person()
    await give(amina, baraka, 1)
    assert await contacts(amina) == [] == await contacts(baraka), "neither has a name yet"
    name = await named(baraka, "baraka")
    await give(amina, baraka, 100)
    invoice = await baraka.invoice(60)
    paid = await amina.ask(PAY, input={"walletId": amina.wallets["BTC"], "paymentRequest": invoice["paymentRequest"]})
    assert paid["lnInvoicePaymentSend"]["status"] == "SUCCESS"
    (one,) = await contacts(amina)
    assert (one["id"], one["handle"], one["username"], one["alias"]) == (name, name, name, None)
    assert one["transactionsCount"] == 2
    assert [edge["node"]["settlementAmount"] for edge in one["transactions"]["edges"]] == [-60, -100]
    assert await contacts(baraka) == [], "the payer has no name"
    own = await named(amina, "amina")
    await give(amina, baraka, 50)
    assert [one["handle"] for one in await contacts(baraka)] == [own]
    caller = await world.bank.accounts.caller(amina.token, None)
    assert caller is not None
    for key in ("once", "once", "once", "again"):
        src, dst = UUID(amina.wallets["BTC"]), UUID(baraka.wallets["BTC"])
        await world.bank.payments.send_internal(caller, SendInternal(src, dst, Msats.from_sats(1), None, key))
    assert (await contacts(amina))[0]["transactionsCount"] == 5, "what is asked again is not counted again"
    found = await amina.ask(
        "query($name: Username!) { me { contactByUsername(username: $name) { handle transactionsCount } } }",
        name=name.upper(),
    )
    assert found["me"]["contactByUsername"] == {"handle": name, "transactionsCount": 5}
    answer = await amina.post('{ me { contactByUsername(username: "nobody_at_all") { handle } } }')
    assert answer.json()["errors"][0]["code"] == "NOT_FOUND"


async def test_every_payment_of_many_at_once_is_counted(world: World) -> None:
    amina, baraka = await world.rich(1_000), await world.rich(1_000)
    await named(amina, "amina")
    await named(baraka, "baraka")
    both = [give(payer, payee, 1) for payer, payee in ((amina, baraka), (baraka, amina)) * 12]
    await asyncio.gather(*both)
    for person in (amina, baraka):
        assert [one["transactionsCount"] for one in await contacts(person)] == [24]


async def test_contacts_are_written_down_and_renamed(world: World) -> None:
    amina, baraka = await world.person(), await world.person()
    name = await named(baraka, "baraka")
    order = {"handle": name.upper(), "displayName": "Baraka wa Soko", "type": "INTRALEDGER"}
    made = (await amina.ask(CREATE, input=order))["contactCreate"]
    assert made["errors"] == [] and made["contact"]["handle"] == name
    assert (made["contact"]["displayName"], made["contact"]["transactionsCount"]) == ("Baraka wa Soko", 1)
    again = (await amina.ask(CREATE, input={"handle": name, "type": "INTRALEDGER"}))["contactCreate"]["contact"]
    assert again["id"] == made["contact"]["id"] and UUID(again["id"]).version == 4
    assert (again["displayName"], again["transactionsCount"]) == ("Baraka wa Soko", 2)
    elsewhere = {"handle": "Jane@Example.org", "type": "LNADDRESS"}
    assert (await amina.ask(CREATE, input=elsewhere))["contactCreate"]["contact"]["handle"] == "jane@example.org"
    renamed = (await amina.ask(RENAME, input={"username": name, "alias": "Mzee Baraka"}))["userContactUpdateAlias"]
    assert renamed == {"errors": [], "contact": {"alias": "Mzee Baraka", "handle": name}}
    for refused, code in (
        ({"handle": "nobody_at_all", "type": "INTRALEDGER"}, "NOT_FOUND"),
        ({"handle": name, "type": "LNADDRESS"}, "INVALID_INPUT"),
        ({"handle": "jane@example.org", "type": "INTRALEDGER"}, "INVALID_INPUT"),
        ({"type": "INTRALEDGER"}, "INVALID_INPUT"),
        ({"handle": name, "type": "INTRALEDGER", "displayName": "B2"}, None),
    ):
        answer = (await amina.ask(CREATE, input=refused))["contactCreate"]
        assert [error["code"] for error in answer["errors"]] == [code], refused
    for letter in "abcdefghijklmnopqrst":
        await amina.ask(CREATE, input={"handle": f"{letter}@example.org", "type": "LNADDRESS"})
    answer = (await amina.post(CONTACTS)).json()
    assert len(answer["data"]["me"]["contacts"]) == 22
    assert [error["code"] for error in answer["errors"]] == ["INVALID_INPUT"] * 2, "histories of 20 at once"
    unknown = (await baraka.ask(RENAME, input={"username": name, "alias": "Nobody"}))["userContactUpdateAlias"]
    assert unknown["errors"][0]["code"] == "NOT_FOUND"


# -- settings ------------------------------------------------------------------------------------


async def test_what_is_notified(world: World) -> None:
    amina = await world.person()

    async def change(verb: str, **given: str) -> Json:
        kind = f"Account{verb}Input"
        text = f"""mutation($input: {kind}!) {{ account{verb}(input: $input) {{ errors {{ message code }}
            account {{ notificationSettings {{ push {{ enabled disabledCategories }} }} }} }} }}"""
        found: Json = (await amina.ask(text, input=given))[f"account{verb}"]
        return found

    fresh = (await amina.ask(SETTINGS))["me"]["defaultAccount"]["notificationSettings"]["push"]
    assert fresh == {"enabled": True, "disabledCategories": []}
    for category in ("Price", "Circles", "Price"):
        found = await change("DisableNotificationCategory", category=category, channel="PUSH")
    assert found["account"]["notificationSettings"]["push"]["disabledCategories"] == ["Circles", "Price"]
    found = await change("DisableNotificationChannel", channel="PUSH")
    assert found["account"]["notificationSettings"]["push"]["enabled"] is False
    await change("EnableNotificationCategory", category="Circles")
    found = await change("EnableNotificationChannel", channel="PUSH")
    push = {"enabled": True, "disabledCategories": ["Price"]}
    assert found == {"errors": [], "account": {"notificationSettings": {"push": push}}}
    bad = await change("DisableNotificationCategory", category="Everything")
    assert bad["errors"][0]["code"] is None and "NotificationCategory" in bad["errors"][0]["message"]


async def test_devices_and_language(world: World) -> None:
    amina, baraka = await world.person(), await world.person()
    add = """mutation($input: DeviceNotificationTokenCreateInput!) { deviceNotificationTokenCreate(input: $input) {
        success errors { message } } }"""

    async def devices(person: Person) -> list[str]:
        async with world.bank.db.transaction() as tx:
            return await world.bank.notices.devices(tx, UUID(person.user_id))

    for number in range(22):
        added = await amina.ask(add, input={"deviceToken": f"fcm:{number}"})
    assert added["deviceNotificationTokenCreate"] == {"success": True, "errors": []}
    assert await devices(amina) == [f"fcm:{number}" for number in range(21, 1, -1)], "the newest twenty"
    await baraka.ask(add, input={"deviceToken": "fcm:21"})
    assert (await devices(baraka), len(await devices(amina))) == (["fcm:21"], 19), "a device is one person's"
    for bad in ("", "x" * 4_097, "tab\there"):
        assert (await amina.ask(add, input={"deviceToken": bad}))["deviceNotificationTokenCreate"]["success"] is False
    out = "mutation($input: UserLogoutInput) { userLogout(input: $input) { success } }"
    await baraka.ask(out, input={"deviceToken": "fcm:21"})
    assert await devices(baraka) == []
    speak = """mutation($input: UserUpdateLanguageInput!) { userUpdateLanguage(input: $input) {
        errors { message } user { language } } }"""
    for said, kept in (("sw-KE", "sw-KE"), ("EN", "en"), ("DEFAULT", "")):
        found = (await amina.ask(speak, input={"language": said}))["userUpdateLanguage"]
        assert found == {"errors": [], "user": {"language": kept}}
    assert (await amina.ask(speak, input={"language": "klingon"}))["userUpdateLanguage"]["errors"]


async def test_notices_in_the_app(world: World) -> None:
    amina, baraka = await world.person(), await world.person()
    now, who = world.clock.now(), UUID(amina.user_id)
    async with world.bank.db.transaction() as tx:
        for number in range(3):
            await tell_in_app(tx, who, f"News {number}", "Read it.", now, deep_link="/map")
        await tell_in_app(
            tx, who, "Big", "Look.", now, url="https://bank.example/news", label="Open", bulletin=True, icon="BELL"
        )
    list_ = """query($first: Int!, $after: String) { me { statefulNotificationsWithoutBulletinEnabled(
        first: $first, after: $after) { pageInfo { hasNextPage endCursor } nodes { id title action {
        ... on OpenDeepLinkAction { deepLink label } } } edges { cursor node { title } } } } }"""
    page = (await amina.ask(list_, first=2))["me"]["statefulNotificationsWithoutBulletinEnabled"]
    assert [one["title"] for one in page["nodes"]] == ["News 2", "News 1"] and page["pageInfo"]["hasNextPage"] is True
    assert page["nodes"][0]["action"] == {"deepLink": "/map", "label": None}
    rest = await amina.ask(list_, first=2, after=page["pageInfo"]["endCursor"])
    rest = rest["me"]["statefulNotificationsWithoutBulletinEnabled"]
    assert [edge["node"]["title"] for edge in rest["edges"]] == ["News 0"] and rest["pageInfo"]["hasNextPage"] is False
    read = """mutation($input: StatefulNotificationAcknowledgeInput!) { statefulNotificationAcknowledge(input: $input) {
        notification { acknowledgedAt title } } }"""
    first = await amina.ask(read, input={"notificationId": page["nodes"][0]["id"]})
    again = await amina.ask(read, input={"notificationId": page["nodes"][0]["id"]})
    assert again == first and first["statefulNotificationAcknowledge"]["notification"]["acknowledgedAt"]
    home = """{ me { unacknowledgedStatefulNotificationsWithoutBulletinEnabledCount
        statefulNotifications(first: 10) { nodes { id } }
        unacknowledgedStatefulNotificationsWithBulletinEnabled(first: 1) { nodes { icon bulletinEnabled deepLink
            action { ... on OpenExternalLinkAction { url label } } } } } }"""
    found = (await amina.ask(home))["me"]
    assert found["unacknowledgedStatefulNotificationsWithoutBulletinEnabledCount"] == 2
    assert len(found["statefulNotifications"]["nodes"]) == 4
    assert found["unacknowledgedStatefulNotificationsWithBulletinEnabled"]["nodes"] == [
        {"icon": "BELL", "bulletinEnabled": True, "deepLink": None,
         "action": {"url": "https://bank.example/news", "label": "Open"}}]  # fmt: skip
    for theirs in (page["nodes"][1]["id"], "nothing"):
        answer = await baraka.post(read, input={"notificationId": theirs})
        assert answer.json()["errors"][0]["code"] == "NOT_FOUND"


async def test_the_default_wallet(world: World) -> None:
    amina, baraka = await world.person(), await world.person()
    name = await named(amina, "amina")
    choose = """mutation($input: AccountUpdateDefaultWalletIdInput!) { accountUpdateDefaultWalletId(input: $input) {
        errors { message code } account { defaultWalletId defaultWallet { id currency } } } }"""
    chosen = await amina.ask(choose, input={"walletId": amina.wallets["USD"]})
    assert chosen["accountUpdateDefaultWalletId"]["account"] == {
        "defaultWalletId": amina.wallets["USD"],
        "defaultWallet": {"id": amina.wallets["USD"], "currency": "USD"},
    }
    found = await world.ask("query($n: Username!) { accountDefaultWallet(username: $n) { id } }", n=name)
    assert found["accountDefaultWallet"]["id"] == amina.wallets["USD"]
    refused = (await baraka.ask(choose, input={"walletId": amina.wallets["USD"]}))["accountUpdateDefaultWalletId"]
    assert refused["account"] is None and "InvalidWalletId" in refused["errors"][0]["message"]


# -- the statement as CSV ------------------------------------------------------------------------


async def rows_of(person: Person, **asked: Any) -> list[dict[str, str]]:
    found = await person.ask(
        "query($ids: [WalletId!]!) { me { defaultAccount { csvTransactions(walletIds: $ids) } } }",
        ids=asked.get("ids", []),
    )
    text = base64.b64decode(found["me"]["defaultAccount"]["csvTransactions"]).decode()
    return list(csv.DictReader(io.StringIO(text)))


async def test_idr_04_trap_27_the_whole_statement_as_csv(world: World) -> None:
    amina, baraka = await world.rich(9_000, 500), await world.person()
    evil = '=HYPERLINK("http://evil.example","x"), "two"\nlines'
    await give(amina, baraka, 700, memo=evil)
    for memo in ("@sum", "+1", "-1", "\tx", 'plain, "quoted"'):
        await give(amina, baraka, 60, memo=memo)
    rows = await rows_of(amina, ids=[amina.wallets["BTC"]])  # Blink ignores which wallets are asked for: trap 27
    assert tuple(rows[0]) == statement_csv.COLUMNS and len(rows[0]) == 24
    assert {row["walletId"] for row in rows} == set(amina.wallets.values())
    totals = {currency: sum(int(row["credit"]) - int(row["debit"]) for row in rows if row["currency"] == currency)
              for currency in ("BTC", "USD")}  # fmt: skip
    assert totals == await amina.balances()
    memos = [row["memoFromPayer"] for row in rows if row["type"] == "on_us" and row["currency"] == "BTC"]
    assert memos == ['plain, "quoted"', "'\tx", "'-1", "'+1", "'@sum", f"'{evil}"]
    received = await rows_of(baraka)
    assert [row["memoFromPayer"] for row in received] == memos, "what strangers write is tame for its reader too"
    assert {row["type"] for row in rows} == {"invoice", "on_us"}
    caller = await world.bank.accounts.caller(amina.token, None)
    assert caller is not None
    newest = [line async for page in world.bank.payments.statement(caller, 3) for line in page]
    assert [str(line.id) for line in newest] == [row["id"] for row in rows[:3]], "no more than are asked for"
    first = rows[-1]
    assert first["displayCurrency"] == "USD" and float(first["usd"]) == int(first["displayAmount"]) / 100 > 0
    assert {row["pubkey"] for row in rows} == {""}
    own, outside = await baraka.invoice(10), (await world.outside("lightning/invoices", {"amountMsat": 5_000}))
    for request in (own["paymentRequest"], outside["paymentRequest"]):
        paid = await amina.ask(PAY, input={"walletId": amina.wallets["BTC"], "paymentRequest": request})
        assert paid["lnInvoicePaymentSend"]["status"] in ("SUCCESS", "PENDING")
        row = (await rows_of(amina))[0]
        assert (row["paymentHash"], row["pubkey"]) == (decode(request).payment_hash.hex(), decode(request).payee.hex())


# -- leaving -------------------------------------------------------------------------------------


async def log_in(world: World, phone: str) -> Person:
    assert (await world.http.post("/auth/phone/code", json={"phone": phone})).json() == {"success": True}
    body = {"phone": phone, "code": await world.code_of(phone)}
    entered = (await world.http.post("/auth/phone/login", json=body)).json()
    person = Person(world, phone, entered["authToken"], entered["id"])
    found = await person.ask("{ me { defaultAccount { wallets { id walletCurrency } } } }")
    person.wallets = {one["walletCurrency"]: one["id"] for one in found["me"]["defaultAccount"]["wallets"]}
    return person


async def test_leaving_the_bank(world: World) -> None:
    amina, baraka = await world.rich(1_000), await world.person()
    name = await named(amina, "amina")
    await give(amina, baraka, 100)
    feedback = 'mutation { feedbackSubmit(input: {feedback: "Asante"}) { success errors { message } } }'
    assert (await amina.ask(feedback))["feedbackSubmit"] == {"success": True, "errors": []}
    key = (await amina.ask("""mutation { apiKeyCreate(input: {name: "k"}) { apiKeySecret } }"""))["apiKeyCreate"]
    by_key = {"X-API-KEY": key["apiKeySecret"]}
    refused = (await world.post(DELETE, headers=by_key)).json()
    assert refused["data"]["accountDelete"]["errors"][0]["code"] == "NOT_AUTHORIZED", "only its owner, logged in"
    assert (await amina.ask(DELETE))["accountDelete"] == {"success": True, "errors": []}
    assert (await amina.post("{ me { id } }")).status_code == 401
    assert (await world.post("{ me { id } }", headers=by_key)).status_code == 401
    answer = await world.post("query($n: Username!) { accountDefaultWallet(username: $n) { id } }", n=name)
    assert answer.json()["errors"][0]["code"] == "NOT_FOUND"
    free = await world.ask("query($n: Username!) { usernameAvailable(username: $n) }", n=name)
    assert free == {"usernameAvailable": False}, "nobody else is ever paid under it"
    sent = await baraka.ask(SEND, input={"walletId": baraka.wallets["BTC"], "amount": 10,
                                         "recipientWalletId": amina.wallets["BTC"]})  # fmt: skip
    assert sent["intraLedgerPaymentSend"]["status"] == "FAILURE"
    assert await world.bank.feedback.newest(10) == []
    (line,) = (await contacts(baraka))[0]["transactions"]["edges"]
    assert line["node"]["settlementAmount"] == 100, "the books remember"
    again = await log_in(world, amina.phone)
    assert again.user_id != amina.user_id and await again.balances() == {"BTC": 0, "USD": 0}


async def test_a_phone_deletes_two_accounts_and_no_more(world: World) -> None:
    amina = await world.person()
    for _ in range(2):
        assert (await amina.ask(DELETE))["accountDelete"]["success"] is True
        amina = await log_in(world, amina.phone)
    refused = (await amina.ask(DELETE))["accountDelete"]
    assert refused["success"] is False and refused["errors"][0]["code"] == "OPERATION_RESTRICTED"
    assert (await amina.ask("{ me { id } }"))["me"]["id"] == amina.user_id


async def test_who_has_an_authenticator_app_confirms_that_they_leave(world: World) -> None:
    amina = await world.person()
    await with_totp(amina)
    refused = (await amina.post(DELETE)).json()
    assert refused["data"]["accountDelete"]["errors"][0]["code"] == "STEP_UP_REQUIRED"
    proof = {"X-Step-Up": await confirmed(amina, refused["extensions"]["stepUp"]["challenge"], "phone")}
    gone = (await amina.post(DELETE, headers=proof)).json()
    assert gone["data"]["accountDelete"] == {"success": True, "errors": []}


async def test_a_locked_account_looks_and_changes_nothing(world: World) -> None:
    amina = await world.rich(100)
    async with world.bank.db.transaction() as tx:
        await tx.execute("update account set status = 'locked' where user_id = %(id)s", {"id": amina.user_id})
    seen = await amina.ask("{ authorization { scopes } me { contacts { id } defaultAccount { wallets { balance } } } }")
    assert seen["authorization"] == {"scopes": ["READ"]} and await amina.balances() == {"BTC": 100, "USD": 0}
    for text in (DELETE, "mutation { migrationStart { errors { code } } }",
                 'mutation { userUpdateLanguage(input: {language: "sw"}) { errors { code } } }'):  # fmt: skip
        answer = (await amina.post(text)).json()
        assert answer["errors"][0]["code"] == "NOT_AUTHORIZED", answer
    assert (await world.person()).user_id != amina.user_id


# -- invitations ---------------------------------------------------------------------------------


async def test_trap_21_money_to_a_phone_that_nobody_has_yet(world: World) -> None:
    amina = await world.rich(500)
    phone = f"+2547{next(world.numbers):08d}"
    ask = "query($n: Username!) { accountDefaultWallet(username: $n, walletCurrency: BTC) { id } }"
    wallet = (await world.ask(ask, n=phone))["accountDefaultWallet"]["id"]
    assert (await world.ask(ask, n=phone.removeprefix("+")))["accountDefaultWallet"]["id"] == wallet
    order = {"walletId": amina.wallets["BTC"], "recipientWalletId": wallet, "amount": 200}
    assert (await amina.ask(SEND, input=order))["intraLedgerPaymentSend"]["status"] == "SUCCESS"
    owner = await log_in(world, phone)
    assert owner.wallets["BTC"] == wallet and await owner.balances() == {"BTC": 200, "USD": 0}
    await give(owner, amina, 50)
    answer = await world.post("query($n: Username!) { userDefaultWalletId(username: $n) }", n="+254711000999")
    assert answer.json()["errors"][0]["code"] == "NOT_FOUND", "the older question invites nobody"


async def test_invitations_are_counted_by_address(world: World) -> None:
    ask = "query($n: Username!) { accountDefaultWallet(username: $n) { id } }"
    outside = {"x-real-ip": "203.0.113.7"}
    codes = []
    for _ in range(11):
        answer = (await world.post(ask, headers=outside, n=f"+2547{next(world.numbers):08d}")).json()
        codes.append(answer["errors"][0]["code"] if "errors" in answer else None)
    assert codes == [None] * 10 + ["TOO_MANY_REQUEST"], json.dumps(codes)


# -- not affected --------------------------------------------------------------------------------


async def test_nobody_has_to_move_elsewhere(world: World) -> None:
    amina = await world.person()
    found = await amina.ask("""{ custodialRestrictions { dollarBalance transfer } windDown { status }
        migration { status } regionCheck { countryCode custodialCreationAllowed restricted }
        mobileVersions { platform currentSupported minSupported }
        globals { blockInfo { blockHeight } lightningAddressDomain lightningAddressDomainAliases
        buildInformation { commitHash helmRevision } supportedCountries { id supportedAuthChannels } } }""")
    assert found["custodialRestrictions"] == {"dollarBalance": False, "transfer": False}
    assert found["windDown"] is None and found["migration"] is None
    assert found["regionCheck"] == {"countryCode": None, "custodialCreationAllowed": True, "restricted": False}
    assert found["mobileVersions"] == [
        {"platform": name, "currentSupported": 0, "minSupported": 0} for name in ("android", "ios")]  # fmt: skip
    assert found["globals"]["lightningAddressDomain"] == f"localhost:{world.bank.settings.port}"
    assert {"id": "KE", "supportedAuthChannels": ["SMS"]} in found["globals"]["supportedCountries"]
    for text in (
        "mutation { migrationStart { errors { code } migration { status } } }",
        """mutation { migrationLnAddressTransfer(input: {proofSignature: "a", proofTimestamp: 1, sparkPubkey: "b"}) {
            errors { code } results { identifier } } }""",
        """mutation { migrationCommit(input: {backupAttested: true, disclosureVersion: "1", proofSignature: "a",
            proofTimestamp: 1, sparkInvoice: "lnbc1", sparkPubkey: "b"}) { errors { code } migration { status } } }""",
    ):
        (payload,) = (await amina.ask(text)).values()
        assert payload["errors"] == [{"code": "OPERATION_RESTRICTED"}]
    for question in ("custodialRestrictions { transfer }", "windDown { status }", "migration { status }"):
        answer = await world.post(f"{{ {question} }}")
        assert answer.json()["errors"][0]["code"] == "NOT_AUTHORIZED"


@pytest.mark.parametrize("text", [" ", "x" * 1_025])
async def test_feedback_that_says_nothing_or_too_much(world: World, text: str) -> None:
    amina = await world.person()
    said = "mutation($input: FeedbackSubmitInput!) { feedbackSubmit(input: $input) { success errors { message } } }"
    assert (await amina.ask(said, input={"feedback": text}))["feedbackSubmit"]["success"] is False
