"""On-chain under Blink's names, over HTTP and a socket, on a real bitcoind."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr
from tests.api.conftest import Json, Live, Person, World, opened
from tests.real.bitcoind import running_bitcoind

from hazina.chain.watcher import Watcher
from hazina.kernel.db import Database
from hazina.sandbox.real.bitcoind import Bitcoind
from hazina.settings import Bitcoind as BitcoindSettings
from hazina.settings import Settings

LINE = """id direction status settlementAmount settlementFee settlementCurrency memo
    initiationVia { __typename ... on InitiationViaOnChain { address } }
    settlementVia { __typename ... on SettlementViaOnChain { transactionHash vout arrivalInMempoolEstimatedAt
        confirmations confirmationsNeeded } }"""
WALLET = (
    "query($w: WalletId!, $a: OnChainAddress!) { me { defaultAccount { walletById(walletId: $w) { balance"
    " pendingIncomingBalance pendingIncomingTransactions { LINE }"
    " pendingIncomingTransactionsByAddress(address: $a) { id }"
    " transactionsByAddress(address: $a, first: 10) { edges { node { LINE } } } }"
    " pendingIncomingTransactions { id } } } }"
).replace("LINE", LINE)
CURRENT = """mutation($w: WalletId!) { onChainAddressCurrent(input: { walletId: $w }) {
    address errors { message code } } }"""
CREATE = """mutation($w: WalletId!) { onChainAddressCreate(input: { walletId: $w }) {
    address errors { message code } } }"""
FEE = """query($w: WalletId!, $a: OnChainAddress!, $n: SatAmount!) {
    fast: onChainTxFee(walletId: $w, address: $a, amount: $n) { amount }
    slow: onChainTxFee(walletId: $w, address: $a, amount: $n, speed: SLOW) { amount } }"""
SEND = """mutation($i: OnChainPaymentSendInput!) { sent: onChainPaymentSend(input: $i) {
    status errors { message code } transaction { LINE } } }""".replace("LINE", LINE)
SEND_ALL = """mutation($i: OnChainPaymentSendAllInput!) { sent: onChainPaymentSendAll(input: $i) {
    status errors { message code } transaction { LINE } } }""".replace("LINE", LINE)
UPDATES = """subscription { myUpdates { errors { message } update { __typename
    ... on OnChainUpdate { txNotificationType amount txHash walletId usdPerSat displayCurrencyPerSat
        transaction { id status settlementAmount } }
    ... on IntraLedgerUpdate { txNotificationType transaction { initiationVia { __typename } } } } } }"""
FEE_USD = """query($w: WalletId!, $a: OnChainAddress!, $cents: CentAmount!, $sats: SatAmount!) {
    cents: onChainUsdTxFee(walletId: $w, address: $a, amount: $cents) { amount }
    slow: onChainUsdTxFee(walletId: $w, address: $a, amount: $cents, speed: SLOW) { amount }
    sats: onChainUsdTxFeeAsBtcDenominated(walletId: $w, address: $a, amount: $sats) { amount } }"""
SEND_USD = """mutation($i: OnChainUsdPaymentSendInput!) { sent: onChainUsdPaymentSend(input: $i) {
    status errors { message code } transaction { LINE } } }""".replace("LINE", LINE)
SEND_USD_SATS = """mutation($i: OnChainUsdPaymentSendAsBtcDenominatedInput!) {
    sent: onChainUsdPaymentSendAsBtcDenominated(input: $i) {
    status errors { message code } transaction { LINE } } }""".replace("LINE", LINE)
GLOBALS = """{ payoutSpeeds { speed displayName description }
    globals { blockInfo { blockHeight blockHash }
        feesInformation { deposit { minBankFee minBankFeeThreshold ratio tiers { amount maxAmount } } } } }"""


@pytest.fixture(scope="module")
async def node() -> AsyncIterator[Bitcoind]:
    async with running_bitcoind() as running:
        await running.rpc("createwallet", "outside")
        yield running


@dataclass
class Chained:
    """The bank with a node; the test is what runs beside the requests."""

    world: World
    node: Bitcoind
    watcher: Watcher

    async def look(self) -> None:
        await self.watcher.look()
        await self.world.bank.payments.follow_chain()

    async def mine(self, blocks: int) -> None:
        await self.node.mine(blocks)
        await self.look()

    async def priced(self) -> int:
        """US cents for one bitcoin, young enough to deal at."""
        await self.world.bank.prices.refresh()
        return (await self.world.bank.prices.fresh()).cents_per_btc

    async def address(self, person: Person, currency: str = "BTC") -> str:
        made = (await person.ask(CURRENT, w=person.wallets[currency]))["onChainAddressCurrent"]
        assert made["errors"] == []
        return str(made["address"])

    async def wallet(self, person: Person, address: str, currency: str = "BTC") -> Json:
        found = await person.ask(WALLET, w=person.wallets[currency], a=address)
        account = found["me"]["defaultAccount"]
        wallet: Json = account["walletById"]
        assert [one["id"] for one in account["pendingIncomingTransactions"]] == [
            one["id"] for one in wallet["pendingIncomingTransactions"]
        ]
        return wallet

    async def deposit(self, person: Person, sats: int) -> str:
        address = await self.address(person)
        await self.node.send(address, sats)
        await self.seen(person, address)
        await self.mine(6)
        return address

    async def seen(self, person: Person, address: str, currency: str = "BTC") -> None:
        async def there() -> bool:
            await self.look()
            return bool((await self.wallet(person, address, currency))["pendingIncomingTransactions"])

        await self.world.until(there)

    async def outside(self) -> str:
        return str(await self.node.rpc("getnewaddress", wallet="outside"))


@pytest.fixture
async def chained(
    db: Database, program_url: str, sandbox_settings: Settings, numbers: Iterator[int], node: Bitcoind
) -> AsyncIterator[Chained]:
    await node.mine(1)
    where = BitcoindSettings(
        url=node.url, user=node.user, password=SecretStr(node.password), wallet=f"hazina-{uuid4().hex[:12]}"
    )
    async with opened(program_url, sandbox_settings, numbers, bitcoind=where) as world:
        chain = world.bank.chain
        assert chain is not None
        await chain.refresh_rates()
        made = Chained(world, node, Watcher(chain.parts))
        await made.look()
        yield made


@asynccontextmanager
async def hearing(world: World, person: Person) -> AsyncIterator[Live]:
    async with world.live({"Authorization": f"Bearer {person.token}"}) as live:
        await live.subscribe(UPDATES)
        yield live


async def update(live: Live) -> Json:
    """The next that is no price."""
    while True:
        message = await live.hear()
        found: Json = message["payload"]["data"]["myUpdates"]["update"]
        if found["__typename"] not in ("Price", "RealtimePrice"):
            return found


async def test_trap_18_a_deposit_from_address_to_balance(chained: Chained) -> None:
    amina = await chained.world.person()
    address = await chained.address(amina)
    assert await chained.address(amina) == address, "current until it is paid"
    async with hearing(chained.world, amina) as live:
        txid = await chained.node.send(address, 60_000)
        await chained.seen(amina, address)
        wallet = await chained.wallet(amina, address)
        (waiting,) = wallet["pendingIncomingTransactions"]
        assert (wallet["balance"], wallet["pendingIncomingBalance"]) == (0, 57_500)
        assert (waiting["status"], waiting["settlementAmount"], waiting["settlementFee"]) == ("PENDING", 57_500, 2_500)
        assert waiting["initiationVia"] == {"__typename": "InitiationViaOnChain", "address": address}
        via = waiting["settlementVia"]
        assert (via["transactionHash"], via["confirmations"], via["confirmationsNeeded"]) == (txid, 0, 2)
        assert [one["id"] for one in wallet["pendingIncomingTransactionsByAddress"]] == [waiting["id"]]
        assert wallet["transactionsByAddress"]["edges"] == []
        told = await update(live)
        assert (told["__typename"], told["txNotificationType"]) == ("OnChainUpdate", "OnchainReceiptPending")
        assert (told["amount"], told["txHash"], told["walletId"]) == (57_500, txid, amina.wallets["BTC"])

        await chained.mine(2)
        wallet = await chained.wallet(amina, address)
        assert (wallet["balance"], wallet["pendingIncomingTransactions"]) == (57_500, [])
        (line,) = [one["node"] for one in wallet["transactionsByAddress"]["edges"]]
        assert (line["direction"], line["status"]) == ("RECEIVE", "SUCCESS")
        assert line["settlementVia"]["confirmations"] is None
        assert line["id"] != waiting["id"], "trap 18"
        told = await update(live)
        assert (told["txNotificationType"], told["transaction"]["id"]) == ("OnchainReceipt", line["id"])
    assert await chained.address(amina) != address, "a fresh one after a receipt"


async def test_trap_02_a_withdrawal_says_success_while_it_is_pending(chained: Chained) -> None:
    """Traps 1 and 2."""
    amina, to = await chained.world.person(), await chained.outside()
    await chained.deposit(amina, 1_000_001)
    btc = amina.wallets["BTC"]
    fees = await amina.ask(FEE, w=btc, a=to, n=200_000)
    assert fees["fast"]["amount"] >= fees["slow"]["amount"] > 5_000
    wish = {"walletId": btc, "address": to, "amount": 200_000, "memo": "Maziwa", "speed": "FAST"}
    async with hearing(chained.world, amina) as live:
        sent = (await amina.ask(SEND, i=wish))["sent"]
        assert (sent["status"], sent["errors"]) == ("SUCCESS", [])
        line = sent["transaction"]
        assert (line["status"], line["settlementFee"]) == ("PENDING", fees["fast"]["amount"])
        assert line["settlementAmount"] == -200_000 - fees["fast"]["amount"]
        assert line["settlementVia"]["transactionHash"] is None
        assert (await amina.balances())["BTC"] == 1_000_001 + line["settlementAmount"]
        chain = chained.world.bank.chain
        assert chain is not None
        chained.world.clock.shift += timedelta(minutes=2)
        await chain.payouts.round()
        await chained.world.bank.payments.follow_chain()
        (node_txid,) = await chained.node.mempool()
        await chained.mine(2)
        await chain.payouts.round()
        await chained.world.bank.payments.follow_chain()
        told = await update(live)
        assert (told["txNotificationType"], told["txHash"]) == ("OnchainPayment", node_txid)
        assert told["transaction"] == {
            "id": line["id"], "status": "SUCCESS", "settlementAmount": line["settlementAmount"],
        }  # fmt: skip


async def test_a_dollar_wallet_on_chain(chained: Chained) -> None:
    """Paid in bitcoin and credited in dollars; and out again, in cents, in satoshi and all of it."""
    amina, to, price = await chained.world.person(), await chained.outside(), await chained.priced()
    address, usd = await chained.address(amina, "USD"), amina.wallets["USD"]
    async with hearing(chained.world, amina) as live:
        await chained.node.send(address, 602_500)
        await chained.seen(amina, address, "USD")
        (waiting,) = (await chained.wallet(amina, address, "USD"))["pendingIncomingTransactions"]
        assert (waiting["settlementCurrency"], waiting["settlementFee"]) == ("USD", round(2_500 * price / 10**8))
        told = await update(live)
        assert told["transaction"]["settlementAmount"] == waiting["settlementAmount"] and told["usdPerSat"] > 0
        assert abs(told["amount"] - 600_000) < 2_000, "satoshi, by its name"
        await chained.priced()
        await chained.mine(2)
        cents = 600_000 * price * 9_990 // 10**12
        assert await amina.balances() == {"BTC": 0, "USD": cents}
        told = await update(live)
        assert (told["txNotificationType"], told["walletId"]) == ("OnchainReceipt", usd)
        assert told["transaction"]["settlementAmount"] == cents and abs(told["amount"] - 600_000 * 0.999) < 1_000
    await chained.priced()
    fees = await amina.ask(FEE_USD, w=usd, a=to, cents=10_000, sats=50_000)
    assert 5_000 * price // 10**8 < fees["slow"]["amount"] <= fees["cents"]["amount"] == fees["sats"]["amount"]
    for document, amount, gave in (
        (SEND_USD, 10_000, 10_000),
        (SEND_USD_SATS, 50_000, -(-50_000 * price * 10_010 // 10**12)),
    ):
        wish = {"walletId": usd, "address": to, "amount": amount}
        sent = (await amina.ask(document, i=wish))["sent"]
        assert (sent["status"], sent["errors"]) == ("SUCCESS", [])
        line = sent["transaction"]
        assert (line["status"], line["settlementCurrency"]) == ("PENDING", "USD")
        assert line["settlementFee"] == fees["cents"]["amount"]
        assert line["settlementAmount"] == -gave - line["settlementFee"]
        wrong = (await amina.ask(document, i={**wish, "walletId": amina.wallets["BTC"]}))["sent"]
        assert (wrong["status"], [one["code"] for one in wrong["errors"]]) == ("FAILURE", ["INVALID_INPUT"])
    rest = (await amina.ask(SEND_ALL, i={"walletId": usd, "address": to}))["sent"]
    assert (rest["status"], (await amina.balances())["USD"]) == ("SUCCESS", 0)
    assert (await amina.post(FEE, w=usd, a=to, n=20_000)).json()["errors"][0]["code"] == "INVALID_INPUT"


async def test_all_of_it_to_a_fellow_customer_is_told_as_one_from_inside(chained: Chained) -> None:
    amina, juma = await chained.world.person(), await chained.world.person()
    await chained.deposit(amina, 50_000)
    address = await chained.address(juma)
    assert (await amina.ask(FEE, w=amina.wallets["BTC"], a=address, n=1))["fast"]["amount"] == 0
    async with hearing(chained.world, juma) as live:
        sent = (await amina.ask(SEND_ALL, i={"walletId": amina.wallets["BTC"], "address": address}))["sent"]
        assert (sent["status"], sent["errors"], sent["transaction"]["settlementFee"]) == ("SUCCESS", [], 0)
        assert sent["transaction"]["settlementVia"]["__typename"] == "SettlementViaIntraLedger"
        told = await update(live)
        assert told["__typename"] == "IntraLedgerUpdate"
        assert told["transaction"]["initiationVia"]["__typename"] == "InitiationViaOnChain"
    assert ((await amina.balances())["BTC"], (await juma.balances())["BTC"]) == (0, 47_500)


async def test_what_is_offered_and_what_it_costs(chained: Chained) -> None:
    height = await chained.node.rpc("getblockcount")
    block = {"blockHeight": height, "blockHash": await chained.node.rpc("getblockhash", height)}

    async def at_its_tip() -> bool:
        return bool((await chained.world.ask(GLOBALS))["globals"]["blockInfo"] == block)

    await chained.world.until(at_its_tip)
    found = await chained.world.ask(GLOBALS)
    assert [one["speed"] for one in found["payoutSpeeds"]] == ["FAST", "MEDIUM", "SLOW"]
    assert [one["displayName"] for one in found["payoutSpeeds"]] == ["Priority", "Standard", "Flexible"]
    assert found["globals"]["feesInformation"]["deposit"] == {
        "minBankFee": "2500", "minBankFeeThreshold": "1000000", "ratio": "0",
        "tiers": [{"amount": "2500", "maxAmount": "1000000"}, {"amount": "0", "maxAmount": None}],
    }  # fmt: skip


async def test_refusals_stand_in_the_payload(chained: Chained) -> None:
    amina, to = await chained.world.person(), await chained.outside()
    btc, usd = amina.wallets["BTC"], amina.wallets["USD"]
    cases: list[tuple[Json, str | None]] = [
        ({"walletId": btc, "address": to, "amount": 4_999}, "INVALID_INPUT"),  # dust
        ({"walletId": btc, "address": to, "amount": 6_000}, "INSUFFICIENT_BALANCE"),
        ({"walletId": usd, "address": to, "amount": 6_000}, "INVALID_INPUT"),  # that is for bitcoin wallets
        ({"walletId": btc, "address": await chained.address(amina), "amount": 6_000}, "CANT_PAY_SELF"),
        ({"walletId": btc, "address": "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "amount": 6_000}, "INVALID_INPUT"),
        ({"walletId": btc, "address": "not an address", "amount": 6_000}, None),  # the scalar itself
        ({"walletId": btc, "address": to, "amount": 0}, "INVALID_INPUT"),
    ]
    for wish, code in cases:
        sent = (await amina.ask(SEND, i=wish))["sent"]
        assert (sent["status"], sent["transaction"]) == ("FAILURE", None), wish
        assert [one["code"] for one in sent["errors"]] == [code], wish
    juma = await chained.world.person()
    made = (await juma.ask(CURRENT, w=btc))["onChainAddressCurrent"]
    assert made["address"] is None and "no such wallet" in made["errors"][0]["message"].lower()


async def test_twenty_addresses_an_hour(chained: Chained) -> None:
    amina = await chained.world.person()
    made = [(await amina.ask(CREATE, w=amina.wallets["BTC"]))["onChainAddressCreate"] for _ in range(21)]
    assert len({one["address"] for one in made[:20]}) == 20
    assert made[20]["address"] is None and made[20]["errors"][0]["code"] == "TOO_MANY_REQUEST"


async def test_without_a_node_everything_is_refused_by_one_code(world: World) -> None:
    amina = await world.person()
    to = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
    found = await world.ask(GLOBALS)
    assert (found["payoutSpeeds"], found["globals"]["feesInformation"]["deposit"]["tiers"]) == ([], [])
    assert found["globals"]["blockInfo"] is None
    refused: list[Any] = [
        (await amina.ask(CURRENT, w=amina.wallets["BTC"]))["onChainAddressCurrent"],
        (await amina.ask(CREATE, w=amina.wallets["BTC"]))["onChainAddressCreate"],
        (await amina.ask(SEND, i={"walletId": amina.wallets["BTC"], "address": to, "amount": 6_000}))["sent"],
        (await amina.ask(SEND_ALL, i={"walletId": amina.wallets["BTC"], "address": to}))["sent"],
    ]
    assert [one["errors"][0]["code"] for one in refused] == ["LND_OFFLINE"] * 4
    answer = (await amina.post(FEE, w=amina.wallets["BTC"], a=to, n=6_000)).json()
    assert answer["errors"][0]["code"] == "LND_OFFLINE"
