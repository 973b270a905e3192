// What the pages of API keys share: how a key stands, and what it may spend.
import type { KeyData, Scope, Span } from "../api/later.ts";
import { t } from "../lib/i18n.svelte.ts";
import "./more.ts";

export const SCOPES: Scope[] = ["READ", "RECEIVE", "WRITE"];
export const SPANS: Span[] = ["DAILY", "WEEKLY", "MONTHLY", "ANNUAL"];
/** The bank counts a key's limits in whole satoshi, in a number of 31 bits. */
export const MOST_SATS = 2n ** 31n - 1n;

export const live = (key: KeyData): boolean => !key.revoked && !key.expired;

const spans = { DAILY: "daily", WEEKLY: "weekly", MONTHLY: "monthly", ANNUAL: "annual" } as const;
export interface Limit { span: Span; most: bigint; spent: bigint }
/** Satoshi that a key may spend in a window, and has; null where it is not held. */
export function limitOf(key: KeyData, span: Span): Limit | null {
  const most = key.limits[`${spans[span]}LimitSats`];
  return most === null ? null : { span, most: BigInt(most), spent: BigInt(key.limits[`${spans[span]}SpentSats`]) };
}
export const limitsOf = (key: KeyData): Limit[] => SPANS.map((span) => limitOf(key, span)).filter((one) => one !== null);

/** "See, receive, send": what a key may do, in a few words. */
export function may(key: KeyData): string {
  const words = SCOPES.filter((scope) => key.scopes.includes(scope) && !(scope === "RECEIVE" && key.scopes.includes("WRITE"))).map((scope) => t(`apikey.short.${scope}`)).join(" · ");
  return words.slice(0, 1).toUpperCase() + words.slice(1);
}
