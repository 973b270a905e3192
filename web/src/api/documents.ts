// Every document that the wallet sends. tests/browser/test_documents.py holds them against the SDL.
import { doc, type ApiError } from "./client.ts";

export interface LineData {
  id: string; createdAt: number; direction: "SEND" | "RECEIVE"; status: "PENDING" | "SUCCESS" | "FAILURE"; memo: string | null;
  settlementAmount: number; settlementFee: number; settlementCurrency: "BTC" | "USD";
  settlementDisplayAmount: string; settlementDisplayCurrency: string;
  initiationVia: { __typename: string; counterPartyUsername?: string | null; paymentHash?: string; paymentRequest?: string; address?: string };
  settlementVia: { __typename: string; counterPartyUsername?: string | null; preImage?: string | null; transactionHash?: string | null; vout?: number | null; confirmations?: number | null; confirmationsNeeded?: number | null };
}
export interface PriceData { timestamp: number; btcSatPrice: { base: number; offset: number } }
export interface SessionData { id: string; createdAt: number; lastUsedAt: number; ip: string | null; agent: string | null; current: boolean }
interface Errors { errors: ApiError[] }
interface Page { pageInfo: { endCursor: string | null; hasNextPage: boolean }; edges: { node: LineData }[] | null }
export interface Sent extends Errors { status: "SUCCESS" | "PENDING" | "FAILURE" | "ALREADY_PAID" | null; transaction: LineData | null }
export interface Fee extends Errors { amount: number | null }
export type InvoiceStatus = "PENDING" | "PAID" | "EXPIRED";

const LINE = `fragment Line on Transaction {
  id createdAt direction status memo settlementAmount settlementFee settlementCurrency settlementDisplayAmount settlementDisplayCurrency
  initiationVia { __typename ... on InitiationViaIntraLedger { counterPartyUsername } ... on InitiationViaLn { paymentHash paymentRequest } ... on InitiationViaOnChain { address } }
  settlementVia { __typename ... on SettlementViaIntraLedger { counterPartyUsername preImage } ... on SettlementViaLn { preImage } ... on SettlementViaOnChain { transactionHash vout confirmations confirmationsNeeded } }
}`;
const PRICE = `fragment Rate on RealtimePrice { timestamp btcSatPrice { base offset } }`;

export type Speed = "FAST" | "MEDIUM" | "SLOW";
interface Tier { amount: string; maxAmount: string | null }

export const Globals = doc<{ globals: { network: string; lightningAddressDomain: string; feesInformation: { deposit: { tiers: Tier[] } } } | null; payoutSpeeds: { speed: Speed }[] }>(
  `query Globals { globals { network lightningAddressDomain feesInformation { deposit { tiers { amount maxAmount } } } } payoutSpeeds { speed } }`);

export const Home = doc<{ me: { id: string; phone: string | null; username: string | null; defaultAccount: { id: string; wallets: { id: string; balance: number; walletCurrency: "BTC" | "USD" }[]; pendingIncomingTransactions: LineData[]; transactions: Page | null } } | null }>(
  `query Home { me { id phone username defaultAccount { id wallets { id balance walletCurrency } pendingIncomingTransactions { ...Line } transactions(first: 20) { pageInfo { endCursor hasNextPage } edges { node { ...Line } } } } } }
${LINE}`);

export const Rate = doc<{ realtimePrice: PriceData }>(
  `query Rate { realtimePrice(currency: "USD") { ...Rate } }
${PRICE}`);

export const Lines = doc<{ me: { defaultAccount: { transactions: Page | null } } | null }, { first: number; after: string | null; walletIds: string[] | null }>(
  `query Lines($first: Int, $after: String, $walletIds: [WalletId]) { me { defaultAccount { transactions(first: $first, after: $after, walletIds: $walletIds) { pageInfo { endCursor hasNextPage } edges { node { ...Line } } } } } }
${LINE}`);

export const OneLine = doc<{ me: { defaultAccount: { walletById: { transactionById: LineData } } } | null }, { walletId: string; id: string }>(
  `query OneLine($walletId: WalletId!, $id: ID!) { me { defaultAccount { walletById(walletId: $walletId) { transactionById(transactionId: $id) { ...Line } } } } }
${LINE}`);

export const LinesByHash = doc<{ me: { defaultAccount: { walletById: { transactionsByPaymentHash: LineData[] } } } | null }, { walletId: string; hash: string }>(
  `query LinesByHash($walletId: WalletId!, $hash: PaymentHash!) { me { defaultAccount { walletById(walletId: $walletId) { transactionsByPaymentHash(paymentHash: $hash) { ...Line } } } } }
${LINE}`);

export const Sessions = doc<{ me: { sessions: SessionData[] } | null }>(
  `query Sessions { me { sessions { id createdAt lastUsedAt ip agent current } } }`);

export const SessionRevoke = doc<{ sessionRevoke: Errors & { success: boolean | null } }, { id: string }>(
  `mutation SessionRevoke($id: ID!) { sessionRevoke(input: { id: $id }) { errors { message code } success } }`);

export const LogOut = doc<{ userLogout: Errors & { success: boolean | null } }>(
  `mutation LogOut { userLogout { errors { message code } success } }`);

export const NameFree = doc<{ usernameAvailable: boolean | null }, { username: string }>(
  `query NameFree($username: Username!) { usernameAvailable(username: $username) }`);

export const TakeName = doc<{ userUpdateUsername: Errors & { user: { id: string; username: string | null } | null } }, { username: string }>(
  `mutation TakeName($username: Username!) { userUpdateUsername(input: { username: $username }) { errors { message code } user { id username } } }`);

export const WalletOf = doc<{ accountDefaultWallet: { id: string; currency: "BTC" | "USD" } }, { username: string; currency: "BTC" | "USD" }>(
  `query WalletOf($username: Username!, $currency: WalletCurrency) { accountDefaultWallet(username: $username, walletCurrency: $currency) { id currency } }`);

interface Made extends Errors { invoice: { paymentRequest: string; paymentHash: string } | null }

export const NewInvoice = doc<{ lnInvoiceCreate: Made }, { walletId: string; amount: number; memo: string | null; expiresIn: number }>(
  `mutation NewInvoice($walletId: WalletId!, $amount: SatAmount!, $memo: Memo, $expiresIn: Minutes) { lnInvoiceCreate(input: { walletId: $walletId, amount: $amount, memo: $memo, expiresIn: $expiresIn }) { errors { message code } invoice { paymentRequest paymentHash } } }`);

export const NewOpenInvoice = doc<{ lnNoAmountInvoiceCreate: Made }, { walletId: string; memo: string | null; expiresIn: number }>(
  `mutation NewOpenInvoice($walletId: WalletId!, $memo: Memo, $expiresIn: Minutes) { lnNoAmountInvoiceCreate(input: { walletId: $walletId, memo: $memo, expiresIn: $expiresIn }) { errors { message code } invoice { paymentRequest paymentHash } } }`);

export const FeeOf = doc<{ fee: Fee }, { walletId: string; request: string }>(
  `mutation FeeOf($walletId: WalletId!, $request: LnPaymentRequest!) { fee: lnInvoiceFeeProbe(input: { walletId: $walletId, paymentRequest: $request }) { errors { message code } amount } }`);

export const FeeOfOpen = doc<{ fee: Fee }, { walletId: string; request: string; amount: number }>(
  `mutation FeeOfOpen($walletId: WalletId!, $request: LnPaymentRequest!, $amount: SatAmount!) { fee: lnNoAmountInvoiceFeeProbe(input: { walletId: $walletId, paymentRequest: $request, amount: $amount }) { errors { message code } amount } }`);

const SENT = `errors { message code } status transaction { ...Line }`;

export const PayInvoice = doc<{ sent: Sent }, { walletId: string; request: string; memo: string | null }>(
  `mutation PayInvoice($walletId: WalletId!, $request: LnPaymentRequest!, $memo: Memo) { sent: lnInvoicePaymentSend(input: { walletId: $walletId, paymentRequest: $request, memo: $memo }) { ${SENT} } }
${LINE}`);

export const PayOpenInvoice = doc<{ sent: Sent }, { walletId: string; request: string; amount: number; memo: string | null }>(
  `mutation PayOpenInvoice($walletId: WalletId!, $request: LnPaymentRequest!, $amount: SatAmount!, $memo: Memo) { sent: lnNoAmountInvoicePaymentSend(input: { walletId: $walletId, paymentRequest: $request, amount: $amount, memo: $memo }) { ${SENT} } }
${LINE}`);

interface ToWallet { walletId: string; to: string; amount: number; memo: string | null }

export const PayUser = doc<{ sent: Sent }, ToWallet>(
  `mutation PayUser($walletId: WalletId!, $to: WalletId!, $amount: SatAmount!, $memo: Memo) { sent: intraLedgerPaymentSend(input: { walletId: $walletId, recipientWalletId: $to, amount: $amount, memo: $memo }) { ${SENT} } }
${LINE}`);

export const PayUserDollars = doc<{ sent: Sent }, ToWallet>(
  `mutation PayUserDollars($walletId: WalletId!, $to: WalletId!, $amount: CentAmount!, $memo: Memo) { sent: intraLedgerUsdPaymentSend(input: { walletId: $walletId, recipientWalletId: $to, amount: $amount, memo: $memo }) { ${SENT} } }
${LINE}`);

export const Address = doc<{ onChainAddressCurrent: Errors & { address: string | null } }, { walletId: string }>(
  `mutation Address($walletId: WalletId!) { onChainAddressCurrent(input: { walletId: $walletId }) { errors { message code } address } }`);

type Fees = Record<"fast" | "medium" | "slow", { amount: number }>;
export const ChainFees = doc<Fees, { walletId: string; address: string; amount: number }>(
  `query ChainFees($walletId: WalletId!, $address: OnChainAddress!, $amount: SatAmount!) { fast: onChainTxFee(walletId: $walletId, address: $address, amount: $amount, speed: FAST) { amount } medium: onChainTxFee(walletId: $walletId, address: $address, amount: $amount, speed: MEDIUM) { amount } slow: onChainTxFee(walletId: $walletId, address: $address, amount: $amount, speed: SLOW) { amount } }`);

interface ToAddress { walletId: string; address: string; speed: Speed; memo: string | null }

export const PayAddress = doc<{ sent: Sent }, ToAddress & { amount: number }>(
  `mutation PayAddress($walletId: WalletId!, $address: OnChainAddress!, $amount: SatAmount!, $speed: PayoutSpeed!, $memo: Memo) { sent: onChainPaymentSend(input: { walletId: $walletId, address: $address, amount: $amount, speed: $speed, memo: $memo }) { ${SENT} } }
${LINE}`);

export const PayAddressAll = doc<{ sent: Sent }, ToAddress>(
  `mutation PayAddressAll($walletId: WalletId!, $address: OnChainAddress!, $speed: PayoutSpeed!, $memo: Memo) { sent: onChainPaymentSendAll(input: { walletId: $walletId, address: $address, speed: $speed, memo: $memo }) { ${SENT} } }
${LINE}`);

export const InvoiceState = doc<{ lnInvoicePaymentStatusByPaymentRequest: { status: InvoiceStatus | null } }, { request: string }>(
  `query InvoiceState($request: LnPaymentRequest!) { lnInvoicePaymentStatusByPaymentRequest(input: { paymentRequest: $request }) { status } }`);

export const InvoiceChanges = doc<{ lnInvoicePaymentStatusByPaymentRequest: Errors & { status: InvoiceStatus | null } }, { request: string }>(
  `subscription InvoiceChanges($request: LnPaymentRequest!) { lnInvoicePaymentStatusByPaymentRequest(input: { paymentRequest: $request }) { errors { message code } status } }`);

export const Updates = doc<{ myUpdates: Errors & { update: { __typename: string; timestamp?: number; btcSatPrice?: { base: number; offset: number }; transaction?: LineData } | null } }>(
  `subscription Updates { myUpdates { errors { message code } update { __typename ... on RealtimePrice { ...Rate } ... on LnUpdate { transaction { ...Line } } ... on IntraLedgerUpdate { transaction { ...Line } } ... on OnChainUpdate { transaction { ...Line } } } } }
${PRICE}
${LINE}`);
