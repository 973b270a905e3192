"""Documents as programs that know Blink send them, for what is served: they pass the limits, and every
field they ask for is there. Written from what those programs need (the field lists of our contract
notes, section 11)."""

from __future__ import annotations

from tests.api.conftest import World

TRANSACTION = """fragment Transaction on Transaction { __typename id status direction memo createdAt settlementAmount
    settlementFee settlementDisplayFee settlementCurrency settlementDisplayAmount settlementDisplayCurrency
    settlementPrice { __typename base offset currencyUnit formattedAmount }
    initiationVia { __typename ... on InitiationViaIntraLedger { counterPartyWalletId counterPartyUsername }
        ... on InitiationViaLn { paymentHash paymentRequest } ... on InitiationViaOnChain { address } }
    settlementVia { __typename ... on SettlementViaIntraLedger { counterPartyWalletId counterPartyUsername preImage }
        ... on SettlementViaLn { preImage }
        ... on SettlementViaOnChain { transactionHash arrivalInMempoolEstimatedAt } } }"""

PHONE_HOME = (
    """query homeAuthed { me { __typename id language username phone email { __typename address verified }
    defaultAccount { __typename id level defaultWalletId pendingIncomingTransactions { ...Transaction }
        transactions(first: 20) { __typename pageInfo { __typename hasNextPage hasPreviousPage startCursor endCursor }
            edges { __typename cursor node { ...Transaction } } }
        wallets { __typename id balance walletCurrency } } } }
"""
    + TRANSACTION
)
PHONE_REALTIME = """query realtimePrice { me { __typename id defaultAccount { __typename id realtimePrice { __typename
    btcSatPrice { __typename base offset } denominatorCurrency id timestamp
    usdCentPrice { __typename base offset } } } } }"""
PHONE_PUBLIC = """query homeUnauthed { __typename globals { __typename network } currencyList { __typename id flag name
    symbol fractionDigits } }"""
PHONE_LIMITS = """query accountLimits { me { __typename id defaultAccount { __typename id limits { __typename
    withdrawal { __typename totalLimit remainingLimit interval } internalSend { __typename totalLimit remainingLimit
    interval } convert { __typename totalLimit remainingLimit interval } } } } }"""
PHONE_FEES = """query paymentRequest { globals { __typename network feesInformation { __typename deposit { __typename
    minBankFee minBankFeeThreshold tiers { __typename amount maxAmount } } } } me { __typename id username
    defaultAccount { __typename id wallets { __typename id balance walletCurrency } } } }"""
CLI_GLOBALS = """query Globals { globals { nodesIds network buildInformation { commitHash helmRevision }
    lightningAddressDomain lightningAddressDomainAliases } }"""
CLI_ME = """query Me { me { id username phone defaultAccount { __typename id defaultWalletId displayCurrency
    wallets { __typename id balance walletCurrency } } } }"""
CLI_PRICE = """query P($c: DisplayCurrency!) { realtimePrice(currency: $c) { denominatorCurrency id timestamp
    btcSatPrice { base offset } usdCentPrice { base offset } } }"""
LNBITS_WALLETS = "query me { me { defaultAccount { wallets { id walletCurrency } } } }"
LNBITS_BALANCE = "query me { me { defaultAccount { wallets { walletCurrency balance } } } }"
LNBITS_INVOICE = """query q($walletId: WalletId!, $paymentHash: PaymentHash!) { me { defaultAccount {
    walletById(walletId: $walletId) { invoiceByPaymentHash(paymentHash: $paymentHash) {
    ... on LnInvoice { paymentStatus } } } } } }"""
LNBITS_PAYMENT = """query q($walletId: WalletId!, $transactionsByPaymentHash: PaymentHash!) { me { defaultAccount {
    walletById(walletId: $walletId) { walletCurrency ... on BTCWallet {
    transactionsByPaymentHash(paymentHash: $transactionsByPaymentHash) { settlementFee status direction
    settlementVia { ... on SettlementViaLn { preImage } } } } } } } }"""
LNBITS_PAY = """mutation pay($input: LnInvoicePaymentInput!) { lnInvoicePaymentSend(input: $input) { status
    errors { message path code } } }"""
BTCPAY_CHECK = """query check($walletId: WalletId!) { globals { network } me { defaultAccount {
    defaultWallet { id currency } walletById(walletId: $walletId) { walletCurrency } } } }"""
BTCPAY_INVOICES = """query i($walletId: WalletId!) { me { defaultAccount { walletById(walletId: $walletId) {
    invoices { edges { node { createdAt paymentHash paymentRequest paymentSecret paymentStatus
    ... on LnInvoice { satoshis } } } } } } } }"""
BTCPAY_HISTORY = """query t($walletId: WalletId!) { me { defaultAccount { walletById(walletId: $walletId) { id balance
    walletCurrency transactions { edges { node { createdAt direction id memo settlementAmount settlementCurrency status
    initiationVia { ... on InitiationViaLn { paymentHash paymentRequest } }
    settlementVia { ... on SettlementViaLn { preImage } ... on SettlementViaIntraLedger { preImage } } } } } } } } }"""
BTCPAY_PAY = """mutation pay($input: LnInvoicePaymentInput!) { lnInvoicePaymentSend(input: $input) {
    transaction { createdAt direction id initiationVia { ... on InitiationViaLn { paymentHash paymentRequest } } memo
    settlementAmount settlementCurrency settlementVia { ... on SettlementViaLn { preImage }
    ... on SettlementViaIntraLedger { preImage } } status } errors { message } status } }"""
DASHBOARD = """query me { me { createdAt id language phone totpEnabled username email { address verified }
    defaultAccount { id level displayCurrency defaultWalletId wallets { accountId balance id pendingIncomingBalance
    walletCurrency } } } }"""
PAY_PAGE = """query u($username: Username!, $currency: WalletCurrency!) {
    accountDefaultWallet(username: $username, walletCurrency: $currency) { __typename id walletCurrency } }"""


async def test_queries_of_other_programs(world: World) -> None:
    amina, juma = await world.rich(sats=1_000), await world.person()
    await amina.ask('mutation { userUpdateUsername(input: { username: "amina_clients" }) { errors { message } } }')
    invoice = await juma.invoice(100, "Chai")
    order = {"walletId": amina.wallets["BTC"], "paymentRequest": invoice["paymentRequest"], "memo": "Chai"}
    assert (await amina.ask(LNBITS_PAY, input=order))["lnInvoicePaymentSend"] == {"status": "SUCCESS", "errors": []}
    again = (await amina.ask(BTCPAY_PAY, input=order))["lnInvoicePaymentSend"]
    assert again["status"] == "ALREADY_PAID" and again["errors"] == [] and again["transaction"]["status"] == "SUCCESS"

    wallet = {"walletId": amina.wallets["BTC"]}
    for text in (PHONE_HOME, PHONE_REALTIME, PHONE_PUBLIC, PHONE_LIMITS, PHONE_FEES, CLI_GLOBALS, CLI_ME, DASHBOARD,
                 LNBITS_WALLETS, LNBITS_BALANCE):  # fmt: skip
        await amina.ask(text)
    await world.ask(CLI_PRICE, c="usd")
    found = await world.ask(PAY_PAGE, username="Amina_Clients", currency="BTC")
    assert found["accountDefaultWallet"]["id"] == amina.wallets["BTC"]
    for text in (BTCPAY_CHECK, BTCPAY_INVOICES, BTCPAY_HISTORY):
        await amina.ask(text, **wallet)

    history = (await amina.ask(BTCPAY_HISTORY, **wallet))["me"]["defaultAccount"]["walletById"]["transactions"]["edges"]
    assert [edge["node"]["settlementAmount"] for edge in history] == [-100, 1_000]
    paid = await amina.ask(LNBITS_PAYMENT, **wallet, transactionsByPaymentHash=invoice["paymentHash"])
    rows = paid["me"]["defaultAccount"]["walletById"]["transactionsByPaymentHash"]
    assert rows == [{"settlementFee": 0, "status": "SUCCESS", "direction": "SEND", "settlementVia": {}}]
    state = await juma.ask(LNBITS_INVOICE, walletId=juma.wallets["BTC"], paymentHash=invoice["paymentHash"])
    assert state["me"]["defaultAccount"]["walletById"]["invoiceByPaymentHash"] == {"paymentStatus": "PAID"}
    unknown = await juma.post(LNBITS_INVOICE, walletId=juma.wallets["BTC"], paymentHash="ab" * 32)
    assert unknown.json()["errors"]
