// Apollo's client, as the phone apps made for Blink use it: questions and acts over HTTP by their hashes (the text is
// sent when the bank does not know it), news over a socket of the graphql-ws library. The documents ask for what those
// apps ask for (the field lists of our contract notes); Apollo adds `__typename` to everything.
import apollo from '@apollo/client/core/core.cjs'
import subscriptions from '@apollo/client/link/subscriptions/subscriptions.cjs'
import persisted from '@apollo/client/link/persisted-queries/persisted-queries.cjs'
import utilities from '@apollo/client/utilities/utilities.cjs'
import { createHash, randomUUID } from 'node:crypto'
import { createClient } from 'graphql-ws'
import WebSocket from 'ws'
import { check, run } from './person.mjs'

const { ApolloClient, HttpLink, InMemoryCache, gql, split } = apollo

function phone(port, token) {
  const headers = token ? { authorization: `Bearer ${token}` } : { authorization: '' }
  const sha256 = (text) => createHash('sha256').update(text).digest('hex')
  const byHash = persisted.createPersistedQueryLink({ sha256 })
  const http = byHash.concat(new HttpLink({ uri: `http://127.0.0.1:${port}/graphql`, headers }))
  const socket = createClient({
    url: `ws://127.0.0.1:${port}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: token ? { Authorization: `Bearer ${token}` } : {},
  })
  const told = new subscriptions.GraphQLWsLink(socket)
  const follows = ({ query }) => utilities.getMainDefinition(query).operation === 'subscription'
  const client = new ApolloClient({
    link: split(follows, told, http),
    cache: new InMemoryCache({ possibleTypes: { Account: ['ConsumerAccount'], Wallet: ['BTCWallet', 'UsdWallet'] } }),
    defaultOptions: { query: { fetchPolicy: 'network-only' } },
  })
  return {
    close: () => (client.stop(), socket.dispose()),
    ask: async (text, variables) => (await client.query({ query: gql(text), variables })).data,
    act: async (text, input, headers) => {
      const context = headers ? { headers: { authorization: `Bearer ${token}`, ...headers } } : undefined
      const { data } = await client.mutate({ mutation: gql(text), variables: { input }, context })
      const [payload] = Object.values(data)
      check(payload.errors.length === 0, `${text.slice(0, 60)}: ${JSON.stringify(payload.errors)}`)
      return payload
    },
    follow: (text) => client.subscribe({ query: gql(text) }),
  }
}

const TRANSACTION = `fragment Transaction on Transaction { id status direction memo createdAt settlementAmount settlementFee
  settlementDisplayFee settlementCurrency settlementDisplayAmount settlementDisplayCurrency
  settlementPrice { base offset currencyUnit formattedAmount }
  initiationVia { ... on InitiationViaIntraLedger { counterPartyWalletId counterPartyUsername }
    ... on InitiationViaLn { paymentHash paymentRequest } ... on InitiationViaOnChain { address } }
  settlementVia { ... on SettlementViaIntraLedger { counterPartyWalletId counterPartyUsername preImage }
    ... on SettlementViaLn { preImage } ... on SettlementViaOnChain { transactionHash arrivalInMempoolEstimatedAt } } }`
const HOME = `query home { me { id language username phone email { address verified }
  defaultAccount { id level defaultWalletId pendingIncomingTransactions { ...Transaction }
    transactions(first: 20) { pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      edges { cursor node { ...Transaction } } } wallets { id balance walletCurrency } } }
  globals { network } currencyList { id flag name symbol fractionDigits }
  mobileVersions { platform currentSupported minSupported } } ${TRANSACTION}`
const PRICES = `query prices($currency: DisplayCurrency!) { realtimePrice(currency: $currency) { ...Rate }
  me { id defaultAccount { id realtimePrice { ...Rate } } }
  btcPriceList(range: ONE_DAY) { timestamp price { base offset currencyUnit } } }
  fragment Rate on RealtimePrice { btcSatPrice { base offset } denominatorCurrency id timestamp
    usdCentPrice { base offset } }`
const SETTINGS = `query settings { me { id totpEnabled defaultAccount { id displayCurrency
    limits { withdrawal { totalLimit remainingLimit interval } internalSend { totalLimit remainingLimit interval }
      convert { totalLimit remainingLimit interval } }
    notificationSettings { push { enabled disabledCategories } }
    ... on ConsumerAccount { quiz { id amount completed notBefore } } }
    contacts { id handle alias transactionsCount } }
  globals { supportedCountries { id supportedAuthChannels } lightningAddressDomain
    accountLimitsByLevel { level interval withdrawal internalSend convert }
    feesInformation { deposit { minBankFee minBankFeeThreshold tiers { amount maxAmount } } } }
  businessMapMarkers { username mapInfo { title coordinates { latitude longitude } } } }`
const WIND_DOWN = `query windDown { regionCheck { countryCode custodialCreationAllowed restricted }
  windDown { status receiveDisabledAt gateArmsAt finalDeadline timezone }
  custodialRestrictions { dollarBalance transfer } migration { status transferPaymentHash } }`
const HISTORY = `query history($wallet: WalletId!, $wallets: [WalletId], $all: [WalletId!]!, $id: ID!) {
  me { id defaultAccount { id csvTransactions(walletIds: $all)
    walletById(walletId: $wallet) { id transactionById(transactionId: $id) { ...Transaction } }
    transactions(first: 5, walletIds: $wallets) { edges { cursor node { ...Transaction } } } } } } ${TRANSACTION}`
const INVOICE = 'errors { message } invoice { createdAt paymentHash paymentRequest paymentStatus externalId satoshis }'
const OPEN = INVOICE.replace(' satoshis', '')
const SENT = `errors { message } status transaction { createdAt settlementVia { ... on SettlementViaLn { preImage }
  ... on SettlementViaIntraLedger { preImage } } }`
const make = (field, type, fields) => `mutation ${field}($input: ${type}!) { ${field}(input: $input) { ${fields} } }`
const CENTS = make('lnUsdInvoiceCreate', 'LnUsdInvoiceCreateInput', INVOICE)
const SATS = make('lnInvoiceCreate', 'LnInvoiceCreateInput', INVOICE)
const ANY = make('lnNoAmountInvoiceCreate', 'LnNoAmountInvoiceCreateInput', OPEN)
const PAY = make('lnInvoicePaymentSend', 'LnInvoicePaymentInput', SENT)
const PAY_OPEN = make('lnNoAmountInvoicePaymentSend', 'LnNoAmountInvoicePaymentInput', SENT)
const PAY_CENTS = make('lnNoAmountUsdInvoicePaymentSend', 'LnNoAmountUsdInvoicePaymentInput', SENT)
const PROBE = make('lnInvoiceFeeProbe', 'LnInvoiceFeeProbeInput', 'errors { message } amount')
const PROBE_CENTS = make('lnUsdInvoiceFeeProbe', 'LnUsdInvoiceFeeProbeInput', 'errors { message } amount')
const INSIDE = make('intraLedgerPaymentSend', 'IntraLedgerPaymentSendInput', SENT)
const INSIDE_CENTS = make('intraLedgerUsdPaymentSend', 'IntraLedgerUsdPaymentSendInput', SENT)
const ACCOUNT = 'errors { message } account { id displayCurrency defaultWalletId }'
const CURRENCY = make('accountUpdateDisplayCurrency', 'AccountUpdateDisplayCurrencyInput', ACCOUNT)
const WALLET = make('accountUpdateDefaultWalletId', 'AccountUpdateDefaultWalletIdInput', ACCOUNT)
const LANGUAGE = make('userUpdateLanguage', 'UserUpdateLanguageInput', 'errors { message } user { id language }')
const QUIET = make(
  'accountDisableNotificationCategory',
  'AccountDisableNotificationCategoryInput',
  'errors { message } account { id notificationSettings { push { enabled disabledCategories } } }',
)
const DEVICE = make('deviceNotificationTokenCreate', 'DeviceNotificationTokenCreateInput', 'errors { message } success')
const UPDATES = `subscription myUpdates { myUpdates { errors { message } update { ... on LnUpdate { paymentHash status }
  ... on IntraLedgerUpdate { txNotificationType transaction { id settlementAmount } }
  ... on RealtimePrice { timestamp } } } }`

/** Resolves when `holds` is true of one of the updates that come. */
function hearing(client, holds) {
  return new Promise((resolve, reject) => {
    const following = client.follow(UPDATES).subscribe({
      next: ({ data }) => {
        if (!holds(data.myUpdates.update ?? {})) return
        following.unsubscribe()
        resolve(true)
      },
      error: reject,
    })
  })
}

async function refusedAgain(client, order, headers) {
  try {
    await client.act(INSIDE, order, headers)
  } catch (error) {
    const said = `${error.message} ${JSON.stringify(error.networkError?.result ?? '')}`
    return /409: Conflict|idempotency key already exist/.test(said)
  }
  return false
}

run({
  async day({ port, amina, juma, outside }) {
    const [one, two, stranger] = [phone(port, amina.token), phone(port, juma.token), phone(port)]
    check((await one.ask(HOME)).me.defaultAccount.wallets.length === 2, 'two wallets')
    const rates = await one.ask(PRICES, { currency: 'KES' })
    check(rates.realtimePrice.denominatorCurrency === 'KES' && rates.btcPriceList.length > 0, 'prices')
    check((await one.ask(SETTINGS)).globals.supportedCountries.length > 100, 'settings')
    await one.ask(WIND_DOWN)
    check((await stranger.ask('query q { globals { network } }')).globals.network, 'an empty header is a stranger')

    const sats = (await one.act(SATS, { walletId: amina.BTC, amount: 1000, memo: 'Chai' })).invoice
    const cents = (await one.act(CENTS, { walletId: amina.USD, amount: 50 })).invoice
    const any = (await one.act(ANY, { walletId: amina.BTC })).invoice
    check(sats.satoshis === 1000 && sats.paymentStatus === 'PENDING', 'an invoice')
    const heard = hearing(one, (update) => update.paymentHash === sats.paymentHash && update.status === 'PAID')
    const probe = await two.act(PROBE, { walletId: juma.BTC, paymentRequest: sats.paymentRequest })
    check(probe.amount === 0, 'inside the bank nothing is charged')
    const paid = await two.act(PAY, { walletId: juma.BTC, paymentRequest: sats.paymentRequest })
    check(paid.status === 'SUCCESS' && (await heard), 'paid, and told')
    await two.act(PAY, { walletId: juma.BTC, paymentRequest: cents.paymentRequest })
    await two.act(PAY_OPEN, { walletId: juma.BTC, paymentRequest: any.paymentRequest, amount: 300 })

    const fee = (await one.act(PROBE_CENTS, { walletId: amina.USD, paymentRequest: outside.fixed })).amount
    check(fee >= 0 && fee < 10, 'cents')
    check((await one.act(PAY, { walletId: amina.USD, paymentRequest: outside.fixed })).status === 'SUCCESS', 'outside')
    await one.act(PAY_CENTS, { walletId: amina.USD, paymentRequest: outside.open, amount: 20 })

    const key = { 'X-Idempotency-Key': randomUUID() }
    const order = { walletId: amina.BTC, recipientWalletId: juma.BTC, amount: 77 }
    await one.act(INSIDE, order, key)
    check(await refusedAgain(one, order, key), 'the same key again is a conflict')
    await one.act(INSIDE_CENTS, { walletId: amina.USD, recipientWalletId: amina.BTC, amount: 5 })

    await one.act(CURRENCY, { currency: 'KES' })
    await one.act(WALLET, { walletId: amina.USD })
    await one.act(LANGUAGE, { language: 'sw' })
    await one.act(QUIET, { channel: 'PUSH', category: 'Payments' })
    await one.act(DEVICE, { deviceToken: 'a device' })
    const home = (await one.ask(HOME)).me
    check(home.language === 'sw' && home.defaultAccount.defaultWalletId === amina.USD, 'as was set')
    const lines = home.defaultAccount.transactions.edges
    const all = [amina.BTC, amina.USD]
    const last = lines[0].node
    const history = await one.ask(HISTORY, { wallet: amina[last.settlementCurrency], wallets: all, all, id: last.id })
    check(history.me.defaultAccount.walletById.transactionById.id === last.id, 'one of them')
    for (const client of [one, two, stranger]) client.close()
    return { lines: lines.length }
  },
})
