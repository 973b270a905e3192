// What the first screen sends; the others have theirs beside this file. tests/browser/test_rules.py holds all of them
// against the SDL.
import { doc, type ApiError } from "./client.ts";

export interface LineData {
  id: string; createdAt: number; direction: "SEND" | "RECEIVE"; status: "PENDING" | "SUCCESS" | "FAILURE"; memo: string | null;
  settlementAmount: number; settlementFee: number; settlementCurrency: "BTC" | "USD";
  settlementDisplayAmount: string; settlementDisplayCurrency: string;
  initiationVia: { __typename: string; counterPartyUsername?: string | null; paymentHash?: string; paymentRequest?: string; address?: string };
  settlementVia: { __typename: string; counterPartyUsername?: string | null; counterPartyWalletId?: string | null; preImage?: string | null; transactionHash?: string | null; vout?: number | null; confirmations?: number | null; confirmationsNeeded?: number | null };
}
interface Ratio { base: number; offset: number }
export interface PriceData { timestamp: number; btcSatPrice: Ratio; usdCentPrice: Ratio; denominatorCurrencyDetails: { id: string; fractionDigits: number } }
export interface Errors { errors: ApiError[] }
interface Page { pageInfo: { endCursor: string | null; hasNextPage: boolean }; edges: { node: LineData }[] | null }

export const LINE = `fragment Line on Transaction {
  id createdAt direction status memo settlementAmount settlementFee settlementCurrency settlementDisplayAmount settlementDisplayCurrency
  initiationVia { __typename ... on InitiationViaIntraLedger { counterPartyUsername } ... on InitiationViaLn { paymentHash paymentRequest } ... on InitiationViaOnChain { address } }
  settlementVia { __typename ... on SettlementViaIntraLedger { counterPartyUsername counterPartyWalletId preImage } ... on SettlementViaLn { preImage } ... on SettlementViaOnChain { transactionHash vout confirmations confirmationsNeeded } }
}`;
const PRICE = `fragment Rate on RealtimePrice { timestamp btcSatPrice { base offset } usdCentPrice { base offset } denominatorCurrencyDetails { id fractionDigits } }`;

export type Speed = "FAST" | "MEDIUM" | "SLOW";
interface Tier { amount: string; maxAmount: string | null }

export const Globals = doc<{ globals: { network: string; lightningAddressDomain: string; feesInformation: { deposit: { tiers: Tier[] } } } | null; payoutSpeeds: { speed: Speed }[] }>(
  `query Globals { globals { network lightningAddressDomain feesInformation { deposit { tiers { amount maxAmount } } } } payoutSpeeds { speed } }`);

export const Home = doc<{ me: { id: string; phone: string | null; username: string | null; defaultAccount: { id: string; displayCurrency: string; wallets: { id: string; balance: number; walletCurrency: "BTC" | "USD" }[]; pendingIncomingTransactions: LineData[]; transactions: Page | null } } | null }>(
  `query Home { me { id phone username defaultAccount { id displayCurrency wallets { id balance walletCurrency } pendingIncomingTransactions { ...Line } transactions(first: 20) { pageInfo { endCursor hasNextPage } edges { node { ...Line } } } } } }
${LINE}`);

export const Rate = doc<{ realtimePrice: PriceData }, { currency: string }>(
  `query Rate($currency: DisplayCurrency!) { realtimePrice(currency: $currency) { ...Rate } }
${PRICE}`);

export const Lines = doc<{ me: { defaultAccount: { transactions: Page | null } } | null }, { first: number; after: string | null; walletIds: string[] | null }>(
  `query Lines($first: Int, $after: String, $walletIds: [WalletId]) { me { defaultAccount { transactions(first: $first, after: $after, walletIds: $walletIds) { pageInfo { endCursor hasNextPage } edges { node { ...Line } } } } } }
${LINE}`);

export const LogOut = doc<{ userLogout: Errors & { success: boolean | null } }>(
  `mutation LogOut { userLogout { errors { message code } success } }`);

export const Updates = doc<{ myUpdates: Errors & { update: ({ __typename: string; transaction?: LineData } & Partial<PriceData>) | null } }>(
  `subscription Updates { myUpdates { errors { message code } update { __typename ... on RealtimePrice { ...Rate } ... on LnUpdate { transaction { ...Line } } ... on IntraLedgerUpdate { transaction { ...Line } } ... on OnChainUpdate { transaction { ...Line } } } } }
${PRICE}
${LINE}`);
