// What the pages send by which money moves and is looked at in detail.
import { doc } from "./client.ts";
import { LINE, type Errors, type LineData, type Speed } from "./documents.ts";

export interface Sent extends Errors { status: "SUCCESS" | "PENDING" | "FAILURE" | "ALREADY_PAID" | null; transaction: LineData | null }
export interface Fee extends Errors { amount: number | null }
export type InvoiceStatus = "PENDING" | "PAID" | "EXPIRED";

export const OneLine = doc<{ me: { defaultAccount: { walletById: { transactionById: LineData } } } | null }, { walletId: string; id: string }>(
  `query OneLine($walletId: WalletId!, $id: ID!) { me { defaultAccount { walletById(walletId: $walletId) { transactionById(transactionId: $id) { ...Line } } } } }
${LINE}`);

export interface ToldData { tag: string; message: string | null; description: string | null; url: string | null }

export const Told = doc<{ me: { defaultAccount: { walletById: { transactionById: { successAction: ToldData | null } } } } | null }, { walletId: string; id: string }>(
  `query Told($walletId: WalletId!, $id: ID!) { me { defaultAccount { walletById(walletId: $walletId) { transactionById(transactionId: $id) { successAction { tag message description url } } } } } }`);

export const LinesByHash = doc<{ me: { defaultAccount: { walletById: { transactionsByPaymentHash: LineData[] } } } | null }, { walletId: string; hash: string }>(
  `query LinesByHash($walletId: WalletId!, $hash: PaymentHash!) { me { defaultAccount { walletById(walletId: $walletId) { transactionsByPaymentHash(paymentHash: $hash) { ...Line } } } } }
${LINE}`);

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

export const ExchangeQuote = doc<{ quote: Errors & { quote: { id: string; gets: number; expiresAt: number } | null } }, { walletId: string; amount: number }>(
  `mutation ExchangeQuote($walletId: WalletId!, $amount: SafeInt!) { quote: exchangeQuoteCreate(input: { walletId: $walletId, amount: $amount }) { errors { message code } quote { id gets expiresAt } } }`);

export const Exchange = doc<{ sent: Sent }, { quoteId: string }>(
  `mutation Exchange($quoteId: ID!) { sent: exchange(input: { quoteId: $quoteId }) { ${SENT} } }
${LINE}`);

// -- out of the dollar wallet, and into it ---------------------------------------------------------

export const NewDollarInvoice = doc<{ lnUsdInvoiceCreate: Made }, { walletId: string; amount: number; memo: string | null; expiresIn: number }>(
  `mutation NewDollarInvoice($walletId: WalletId!, $amount: CentAmount!, $memo: Memo, $expiresIn: Minutes) { lnUsdInvoiceCreate(input: { walletId: $walletId, amount: $amount, memo: $memo, expiresIn: $expiresIn }) { errors { message code } invoice { paymentRequest paymentHash } } }`);

/** In cents, whatever the type is called. */
export const DollarFeeOf = doc<{ fee: Fee }, { walletId: string; request: string }>(
  `mutation DollarFeeOf($walletId: WalletId!, $request: LnPaymentRequest!) { fee: lnUsdInvoiceFeeProbe(input: { walletId: $walletId, paymentRequest: $request }) { errors { message code } amount } }`);

export const DollarFeeOfOpen = doc<{ fee: Fee }, { walletId: string; request: string; amount: number }>(
  `mutation DollarFeeOfOpen($walletId: WalletId!, $request: LnPaymentRequest!, $amount: CentAmount!) { fee: lnNoAmountUsdInvoiceFeeProbe(input: { walletId: $walletId, paymentRequest: $request, amount: $amount }) { errors { message code } amount } }`);

export const PayOpenInvoiceDollars = doc<{ sent: Sent }, { walletId: string; request: string; amount: number; memo: string | null }>(
  `mutation PayOpenInvoiceDollars($walletId: WalletId!, $request: LnPaymentRequest!, $amount: CentAmount!, $memo: Memo) { sent: lnNoAmountUsdInvoicePaymentSend(input: { walletId: $walletId, paymentRequest: $request, amount: $amount, memo: $memo }) { ${SENT} } }
${LINE}`);

export const DollarChainFees = doc<Fees, { walletId: string; address: string; amount: number }>(
  `query DollarChainFees($walletId: WalletId!, $address: OnChainAddress!, $amount: CentAmount!) { fast: onChainUsdTxFee(walletId: $walletId, address: $address, amount: $amount, speed: FAST) { amount } medium: onChainUsdTxFee(walletId: $walletId, address: $address, amount: $amount, speed: MEDIUM) { amount } slow: onChainUsdTxFee(walletId: $walletId, address: $address, amount: $amount, speed: SLOW) { amount } }`);

export const DollarChainFeesOfSats = doc<Fees, { walletId: string; address: string; amount: number }>(
  `query DollarChainFeesOfSats($walletId: WalletId!, $address: OnChainAddress!, $amount: SatAmount!) { fast: onChainUsdTxFeeAsBtcDenominated(walletId: $walletId, address: $address, amount: $amount, speed: FAST) { amount } medium: onChainUsdTxFeeAsBtcDenominated(walletId: $walletId, address: $address, amount: $amount, speed: MEDIUM) { amount } slow: onChainUsdTxFeeAsBtcDenominated(walletId: $walletId, address: $address, amount: $amount, speed: SLOW) { amount } }`);

export const PayAddressDollars = doc<{ sent: Sent }, ToAddress & { amount: number }>(
  `mutation PayAddressDollars($walletId: WalletId!, $address: OnChainAddress!, $amount: CentAmount!, $speed: PayoutSpeed!, $memo: Memo) { sent: onChainUsdPaymentSend(input: { walletId: $walletId, address: $address, amount: $amount, speed: $speed, memo: $memo }) { ${SENT} } }
${LINE}`);

export const PayAddressSatsOfDollars = doc<{ sent: Sent }, ToAddress & { amount: number }>(
  `mutation PayAddressSatsOfDollars($walletId: WalletId!, $address: OnChainAddress!, $amount: SatAmount!, $speed: PayoutSpeed!, $memo: Memo) { sent: onChainUsdPaymentSendAsBtcDenominated(input: { walletId: $walletId, address: $address, amount: $amount, speed: $speed, memo: $memo }) { ${SENT} } }
${LINE}`);

// -- addresses and links of other services ----------------------------------------------------------

export const PayLightningAddress = doc<{ sent: Sent }, { walletId: string; to: string; amount: number }>(
  `mutation PayLightningAddress($walletId: WalletId!, $to: String!, $amount: SatAmount!) { sent: lnAddressPaymentSend(input: { walletId: $walletId, lnAddress: $to, amount: $amount }) { ${SENT} } }
${LINE}`);

export const PayLnurl = doc<{ sent: Sent }, { walletId: string; to: string; amount: number }>(
  `mutation PayLnurl($walletId: WalletId!, $to: String!, $amount: SatAmount!) { sent: lnurlPaymentSend(input: { walletId: $walletId, lnurl: $to, amount: $amount }) { ${SENT} } }
${LINE}`);
