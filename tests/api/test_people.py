"""Logging in, who I am, usernames, sessions, what holds for everybody."""

from __future__ import annotations

from typing import Any

from tests.api.conftest import World

LOGIN = """mutation($input: UserLoginInput!) { userLogin(input: $input) {
    authToken totpRequired errors { __typename message code path } } }"""


async def test_rest_log_in(world: World) -> None:
    captcha = await world.http.post("/auth/phone/captcha")
    assert set(captcha.json()["result"]) == {"id", "challengeCode", "newCaptcha", "failbackMode"}
    phone = f"+2547{next(world.numbers):08d}"
    asked = await world.http.post("/auth/phone/code", data={
        "phone": phone, "challengeCode": "c", "validationCode": "v", "secCode": "s", "channel": "sms"})  # fmt: skip
    assert (asked.status_code, asked.json()) == (200, {"success": True})
    code = await world.code_of(phone)
    entered = await world.http.post("/auth/phone/login", data={"phone": phone, "code": code})
    assert entered.status_code == 200
    body = entered.json()
    assert set(body) == {"authToken", "totpRequired", "id"} and body["totpRequired"] is False
    assert len(body["authToken"]) == 39
    me = await world.ask("{ me { id phone language totpEnabled email { address } username } }", body["authToken"])
    assert me["me"] == {"id": body["id"], "phone": phone, "language": "", "totpEnabled": False, "email": None,
                        "username": None}  # fmt: skip
    again = await world.http.post("/auth/phone/login", json={"phone": phone, "code": code})
    assert again.status_code == 401 and again.json()["code"] == "PHONE_CODE_ERROR"


async def test_graphql_log_in(world: World) -> None:
    made = await world.ask("""mutation { captchaCreateChallenge { errors { message }
        result { id challengeCode newCaptcha failbackMode } } }""")
    assert made["captchaCreateChallenge"]["errors"] == []
    phone = f"+2547{next(world.numbers):08d}"
    captcha = {"challengeCode": "c", "validationCode": "v", "secCode": "s"}
    ask = """mutation($input: CaptchaRequestAuthCodeInput!) {
        captchaRequestAuthCode(input: $input) { success errors { message code } } }"""
    asked = await world.ask(ask, input={**captcha, "phone": phone, "channel": "WHATSAPP"})
    assert asked["captchaRequestAuthCode"] == {"success": True, "errors": []}
    refused = await world.ask(ask, input={**captcha, "phone": phone, "channel": "TELEGRAM"})
    assert refused["captchaRequestAuthCode"]["success"] is False
    assert refused["captchaRequestAuthCode"]["errors"][0]["code"] == "INVALID_INPUT"
    entered = (await world.ask(LOGIN, input={"phone": phone, "code": await world.code_of(phone)}))["userLogin"]
    assert entered["errors"] == [] and entered["totpRequired"] is False and len(entered["authToken"]) == 39


async def test_a_wrong_code_six_times(world: World) -> None:
    phone = f"+2547{next(world.numbers):08d}"
    await world.http.post("/auth/phone/code", json={"phone": phone})
    right = await world.code_of(phone)
    wrong = f"{(int(right) + 1) % 1_000_000:06d}"
    for _ in range(6):
        entered = (await world.ask(LOGIN, input={"phone": phone, "code": wrong}))["userLogin"]
        assert entered["authToken"] is None
        assert [(e["__typename"], e["code"]) for e in entered["errors"]] == [
            ("GraphQLApplicationError", "PHONE_CODE_ERROR")
        ]
    entered = (await world.ask(LOGIN, input={"phone": phone, "code": right}))["userLogin"]
    assert entered["authToken"] is None and entered["errors"][0]["code"] == "PHONE_CODE_ERROR"
    for _ in range(2):
        await world.ask(LOGIN, input={"phone": phone, "code": wrong})
    rest = await world.http.post("/auth/phone/login", json={"phone": phone, "code": wrong})
    assert (rest.status_code, rest.json()["code"]) == (429, "TOO_MANY_REQUEST")
    assert int(rest.headers["retry-after"]) > 0


REFUSED: list[Any] = [
    ("code", {}, "INVALID_INPUT"),
    ("code", {"phone": 254700000001}, "INVALID_INPUT"),
    ("code", {"phone": "+1"}, "INVALID_INPUT"),
    ("code", {"phone": "+٢٥٤٧٠٠٠٠٠٠٠١"}, "INVALID_INPUT"),
    ("code", {"phone": "x" * 1_000_000}, "INVALID_INPUT"),
    ("code", {"phone": "+254700000001", "channel": "TELEGRAM"}, "INVALID_INPUT"),
    ("code", {"phone": "+254700000001", "channel": 7}, "INVALID_INPUT"),
    ("code", {"phone": "+254700000001\0"}, "INVALID_INPUT"),
    ("login", {"phone": "+254700000001"}, "INVALID_INPUT"),
    ("login", {"phone": "+254700000001", "code": "12345"}, "INVALID_INPUT"),
    ("login", {"phone": "+254700000001", "code": "١٢٣٤٥٦"}, "INVALID_INPUT"),
    ("login", {"phone": "+254700000001", "code": 123456}, "INVALID_INPUT"),
]


async def test_rest_refusals(world: World) -> None:
    for path, body, code in REFUSED:
        answer = await world.http.post(f"/auth/phone/{path}", json=body)
        assert answer.status_code == 400
        assert answer.json()["code"] == code and isinstance(answer.json()["error"], str)
        assert answer.json()["requestId"] == answer.headers["x-request-id"]


NO_BODIES: list[Any] = [b"[]", b"3", b"{", b"\xff", b'{"phone": "\\ud800"}']


async def test_rest_bodies(world: World) -> None:
    for content in NO_BODIES:
        for kind in ("application/json", "text/plain"):
            answer = await world.http.post("/auth/phone/login", content=content, headers={"content-type": kind})
            assert answer.status_code == 400
        form = {"content-type": "application/x-www-form-urlencoded"}
        for broken in (b"phone=%FF", b"phone=%00&code=123456", b"&".join(b"a%d=1" % n for n in range(50))):
            answer = await world.http.post("/auth/phone/login", content=broken, headers=form)
            assert answer.status_code == 400


async def test_me(world: World) -> None:
    amina = await world.person()
    found = await amina.ask("""{ me { id createdAt defaultAccount { __typename id level displayCurrency defaultWalletId
        defaultWallet { id currency walletCurrency }
        wallets { __typename id accountId walletCurrency balance pendingIncomingBalance
            pendingIncomingTransactions { id } }
        pendingIncomingTransactions { id }
        limits { withdrawal { totalLimit remainingLimit interval } internalSend { totalLimit remainingLimit interval }
            convert { totalLimit remainingLimit interval } }
        transactions { edges { cursor } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } }
        realtimePrice { id timestamp denominatorCurrency denominatorCurrencyDetails { id symbol fractionDigits }
            btcSatPrice { base offset currencyUnit } usdCentPrice { base offset currencyUnit } }
        } } authorization { scopes } }""")
    account = found["me"]["defaultAccount"]
    assert account["__typename"] == "ConsumerAccount" and account["level"] == "ONE"
    btc, usd = account["wallets"]
    assert (btc["__typename"], btc["walletCurrency"]) == ("BTCWallet", "BTC")
    assert (usd["__typename"], usd["walletCurrency"]) == ("UsdWallet", "USD")
    assert btc["balance"] == usd["balance"] == btc["pendingIncomingBalance"] == 0
    assert btc["accountId"] == account["id"] and btc["pendingIncomingTransactions"] == []
    assert account["defaultWalletId"] == btc["id"]
    assert account["defaultWallet"] == {"id": btc["id"], "currency": "BTC", "walletCurrency": "BTC"}
    day = {"interval": 86_400}
    assert account["limits"] == {
        "withdrawal": [{"totalLimit": 100_000, "remainingLimit": 100_000, **day}],
        "internalSend": [{"totalLimit": 200_000, "remainingLimit": 200_000, **day}],
        "convert": [{"totalLimit": 5_000_000, "remainingLimit": 5_000_000, **day}],
    }
    assert account["transactions"] == {
        "edges": [],
        "pageInfo": {"hasNextPage": False, "hasPreviousPage": False, "startCursor": None, "endCursor": None},
    }
    price = account["realtimePrice"]
    assert price["btcSatPrice"]["offset"] == 12 and price["btcSatPrice"]["base"] > 0
    assert price["usdCentPrice"] == {"base": 1_000_000, "offset": 6, "currencyUnit": "MINOR"}
    assert price["denominatorCurrencyDetails"] == {"id": "USD", "symbol": "$", "fractionDigits": 2}
    assert found["authorization"]["scopes"] == ["READ", "RECEIVE", "WRITE"]
    assert isinstance(found["me"]["createdAt"], int)


async def test_usernames(world: World) -> None:
    amina, juma = await world.person(), await world.person()
    take = """mutation($u: Username!) { userUpdateUsername(input: { username: $u }) {
        errors { message code } user { id username } } }"""
    free = "query($u: Username!) { usernameAvailable(username: $u) }"
    name = f"amina_{next(world.numbers)}"
    assert (await world.ask(free, u=name))["usernameAvailable"] is True
    taken = (await amina.ask(take, u=name.upper()))["userUpdateUsername"]
    assert taken == {"errors": [], "user": {"id": amina.user_id, "username": name}}
    assert (await world.ask(free, u=name))["usernameAvailable"] is False
    assert (await world.ask(free, u="+254700000001"))["usernameAvailable"] is False
    for person, wish, code in (
        (juma, name, "USERNAME_ERROR"),
        (amina, "another_name", "USERNAME_ERROR"),
        (juma, "x", None),
        (juma, "support", "USERNAME_ERROR"),
        (juma, "+254700000001", "INVALID_INPUT"),
    ):
        refused = (await person.ask(take, u=wish))["userUpdateUsername"]
        assert refused["user"] is None and [e["code"] for e in refused["errors"]] == [code], wish

    wallet = """query($u: Username!, $c: WalletCurrency) {
        accountDefaultWallet(username: $u, walletCurrency: $c) { id currency } }"""
    found = await world.ask(wallet, u=name, c="USD")
    assert found["accountDefaultWallet"] == {"id": amina.wallets["USD"], "currency": "USD"}
    found = await world.ask(wallet, u=amina.phone)
    assert found["accountDefaultWallet"]["id"] == amina.wallets["BTC"]
    found = await world.ask("query($u: Username!) { userDefaultWalletId(username: $u) }", u=name)
    assert found["userDefaultWalletId"] == amina.wallets["BTC"]
    missing = await world.post(wallet, u="nobody_here")
    assert missing.json()["errors"][0]["code"] == "NOT_FOUND"


async def test_sessions_are_listed_and_revoked(world: World) -> None:
    amina = await world.person()
    await world.http.post("/auth/phone/code", json={"phone": amina.phone})
    second = await world.http.post("/auth/phone/login", headers={"user-agent": "A phone"}, json={
        "phone": amina.phone, "code": await world.code_of(amina.phone)})  # fmt: skip
    other = second.json()["authToken"]
    listed = (await amina.ask("{ me { sessions { id createdAt lastUsedAt ip agent current } } }"))["me"]["sessions"]
    assert [one["current"] for one in listed].count(True) == 1 and len(listed) == 2
    named = next(one for one in listed if one["agent"] == "A phone")
    assert named["ip"] == "127.0.0.1" and named["current"] is False

    revoke = "mutation($id: ID!) { sessionRevoke(input: { id: $id }) { success errors { message code } } }"
    juma = await world.person()
    for person, id_ in ((juma, named["id"]), (amina, "nonsense")):
        refused = (await person.ask(revoke, id=id_))["sessionRevoke"]
        assert refused["success"] is False and refused["errors"][0]["code"] == "NOT_FOUND"
    assert (await world.post("{ me { id } }", other)).status_code == 200
    assert (await amina.ask(revoke, id=named["id"]))["sessionRevoke"] == {"success": True, "errors": []}
    assert (await world.post("{ me { id } }", other)).status_code == 401


LOG_OUTS: list[Any] = ["", '(input: { deviceToken: "d" })', "(input: null)"]


async def test_log_out(world: World) -> None:
    for arguments in LOG_OUTS:
        amina = await world.person()
        out = await amina.ask(f"mutation {{ userLogout{arguments} {{ success errors {{ message }} }} }}")
        assert out["userLogout"] == {"success": True, "errors": []}
        assert (await amina.post("{ me { id } }")).status_code == 401


async def test_globals(world: World) -> None:
    found = await world.ask("""{ globals { nodesIds network buildInformation { commitHash helmRevision }
        lightningAddressDomain lightningAddressDomainAliases blockInfo { blockHeight }
        feesInformation { deposit { minBankFee minBankFeeThreshold ratio tiers { amount maxAmount } } }
        supportedCountries { id supportedAuthChannels }
        accountLimitsByLevel { level interval withdrawal internalSend convert } }
        currencyList { id flag name symbol fractionDigits }
        realtimePrice { denominatorCurrency btcSatPrice { base } } }""")
    known = found["globals"]
    assert known["network"] == "regtest" and len(known["nodesIds"]) == 1 and len(known["nodesIds"][0]) == 66
    assert {"id": "KE", "supportedAuthChannels": ["SMS"]} in known["supportedCountries"]
    assert {"level": "ONE", "interval": 86_400, "withdrawal": 100_000, "internalSend": 200_000,
            "convert": 5_000_000} in known["accountLimitsByLevel"]  # fmt: skip
    assert found["realtimePrice"]["denominatorCurrency"] == "USD"
    refused = await world.post('{ realtimePrice(currency: "XYZ") { id } }')
    assert refused.json()["errors"][0]["code"] == "INVALID_INPUT"
