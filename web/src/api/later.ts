// What the pages of "Me" send.
import { doc } from "./client.ts";
import type { Errors } from "./documents.ts";

export interface SessionData { id: string; createdAt: number; lastUsedAt: number; ip: string | null; agent: string | null; current: boolean }

export const Sessions = doc<{ me: { sessions: SessionData[] } | null }>(
  `query Sessions { me { sessions { id createdAt lastUsedAt ip agent current } } }`);

export const SessionRevoke = doc<{ sessionRevoke: Errors & { success: boolean | null } }, { id: string }>(
  `mutation SessionRevoke($id: ID!) { sessionRevoke(input: { id: $id }) { errors { message code } success } }`);

export const NameFree = doc<{ usernameAvailable: boolean | null }, { username: string }>(
  `query NameFree($username: Username!) { usernameAvailable(username: $username) }`);

export const TakeName = doc<{ userUpdateUsername: Errors & { user: { id: string; username: string | null } | null } }, { username: string }>(
  `mutation TakeName($username: Username!) { userUpdateUsername(input: { username: $username }) { errors { message code } user { id username } } }`);

export type Scope = "READ" | "RECEIVE" | "WRITE";
export type Span = "DAILY" | "WEEKLY" | "MONTHLY" | "ANNUAL";
type Spans = "daily" | "weekly" | "monthly" | "annual";
export interface KeyData {
  id: string; name: string; scopes: Scope[]; createdAt: number; lastUsedAt: number | null; expiresAt: number | null; revoked: boolean; expired: boolean;
  limits: Record<`${Spans}LimitSats`, number | null> & Record<`${Spans}SpentSats`, number>;
}

const KEY = `id name scopes createdAt lastUsedAt expiresAt revoked expired limits { dailyLimitSats weeklyLimitSats monthlyLimitSats annualLimitSats dailySpentSats weeklySpentSats monthlySpentSats annualSpentSats }`;

export const ApiKeys = doc<{ me: { apiKeys: KeyData[] } | null }>(
  `query ApiKeys { me { apiKeys { ${KEY} } } }`);

export const ApiKeyCreate = doc<{ apiKeyCreate: { apiKey: KeyData; apiKeySecret: string } }, { name: string; scopes: Scope[]; days: number | null }>(
  `mutation ApiKeyCreate($name: String!, $scopes: [Scope!]!, $days: Int) { apiKeyCreate(input: { name: $name, scopes: $scopes, expireInDays: $days }) { apiKeySecret apiKey { ${KEY} } } }`);

export const ApiKeyRevoke = doc<{ apiKeyRevoke: { apiKey: KeyData } }, { id: string }>(
  `mutation ApiKeyRevoke($id: ID!) { apiKeyRevoke(input: { id: $id }) { apiKey { ${KEY} } } }`);

export const ApiKeyLimit = doc<{ apiKeySetLimit: { apiKey: KeyData } }, { id: string; span: Span; sats: number }>(
  `mutation ApiKeyLimit($id: ID!, $span: LimitTimeWindow!, $sats: Int!) { apiKeySetLimit(input: { id: $id, limitTimeWindow: $span, limitSats: $sats }) { apiKey { ${KEY} } } }`);

export const ApiKeyNoLimit = doc<{ apiKeyRemoveLimit: { apiKey: KeyData } }, { id: string; span: Span }>(
  `mutation ApiKeyNoLimit($id: ID!, $span: LimitTimeWindow!) { apiKeyRemoveLimit(input: { id: $id, limitTimeWindow: $span }) { apiKey { ${KEY} } } }`);

export interface ContactData { handle: string; alias: string | null; transactionsCount: number }

export const Contacts = doc<{ me: { contacts: ContactData[] } | null }>(
  `query Contacts { me { contacts { handle alias transactionsCount } } }`);

export const ContactCreate = doc<{ contactCreate: Errors & { contact: { handle: string } | null } }, { handle: string; type: "INTRALEDGER" | "LNADDRESS"; alias: string | null }>(
  `mutation ContactCreate($handle: ContactHandle!, $type: ContactType!, $alias: ContactAlias) { contactCreate(input: { handle: $handle, type: $type, displayName: $alias }) { errors { message code } contact { handle } } }`);

export const ContactAlias = doc<{ userContactUpdateAlias: Errors & { contact: ContactData | null } }, { username: string; alias: string }>(
  `mutation ContactAlias($username: Username!, $alias: ContactAlias!) { userContactUpdateAlias(input: { username: $username, alias: $alias }) { errors { message code } contact { handle alias transactionsCount } } }`);

export interface CurrencyData { id: string; fractionDigits: number }

export const Currencies = doc<{ currencyList: CurrencyData[] }>(
  `query Currencies { currencyList { id fractionDigits } }`);

export const ShowCurrency = doc<{ accountUpdateDisplayCurrency: Errors & { account: { id: string; displayCurrency: string } | null } }, { currency: string }>(
  `mutation ShowCurrency($currency: DisplayCurrency!) { accountUpdateDisplayCurrency(input: { currency: $currency }) { errors { message code } account { id displayCurrency } } }`);

/** CSV in base64, every wallet's. */
export const Statement = doc<{ me: { defaultAccount: { csvTransactions: string } } | null }, { walletIds: string[] }>(
  `query Statement($walletIds: [WalletId!]!) { me { defaultAccount { csvTransactions(walletIds: $walletIds) } } }`);

export const AskEmail = doc<{ asked: Errors & { id: string | null } }, { email: string }>(
  `mutation AskEmail($email: EmailAddress!) { asked: userEmailRegistrationInitiate(input: { email: $email }) { errors { message code } id: emailRegistrationId } }`);

export const AddEmail = doc<{ added: Errors }, { id: string; code: string }>(
  `mutation AddEmail($id: EmailRegistrationId!, $code: OneTimeAuthCode!) { added: userEmailRegistrationValidate(input: { emailRegistrationId: $id, code: $code }) { errors { message code } } }`);

export interface QuizData { id: string; amount: number; completed: boolean; notBefore: number | null }

export const Quizzes = doc<{ me: { defaultAccount: { quiz: QuizData[] } } | null }>(
  `query Quizzes { me { defaultAccount { ... on ConsumerAccount { quiz { id amount completed notBefore } } } } }`);

export const QuizClaim = doc<{ claimed: Errors & { quizzes: QuizData[] } }, { id: string; skip: boolean }>(
  `mutation QuizClaim($id: ID!, $skip: Boolean!) { claimed: quizClaim(input: { id: $id, skipRewards: $skip }) { errors { message code } quizzes { id amount completed notBefore } } }`);

export interface SaidData { id: string; message: string; role: "USER" | "ASSISTANT"; timestamp: number }

export const Chat = doc<{ me: { supportChat: SaidData[] } | null }>(
  `query Chat { me { supportChat { id message role timestamp } } }`);

export const ChatSay = doc<{ said: Errors & { supportMessage: (SaidData | null)[] | null } }, { message: string }>(
  `mutation ChatSay($message: String!) { said: supportChatMessageAdd(input: { message: $message }) { errors { message code } supportMessage { id message role timestamp } } }`);

export const ChatReset = doc<{ supportChatReset: Errors & { success: boolean | null } }>(
  `mutation ChatReset { supportChatReset { errors { message code } success } }`);
