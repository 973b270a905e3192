import { t } from "../lib/i18n.svelte.ts";
import type { Line } from "../lib/line.ts";
import { bank } from "./bank.svelte.ts";

/** Between one's own wallets. */
export const exchanged = (line: Line): boolean => line.peer !== null && bank.wallets.some((wallet) => wallet.id === line.peer);

/** The other side of a payment, as the person knows it. */
export const nameOf = (line: Line): string =>
  exchanged(line) ? t(line.asset === "USD" === line.incoming ? "convert.to" : "convert.from") : line.who ?? (line.address ? t(line.incoming ? "row.chainIn" : "row.chainOut") : line.peer ? t("row.inside") : line.incoming ? t("row.lightningIn") : t("row.lightningOut"));

/** The two ends of an address or a transaction's id: what people compare. */
export const ends = (text: string): string => (text.length > 26 ? `${text.slice(0, 12)}…${text.slice(-8)}` : text);

const TINTS = ["", "t2", "t3", "t4"];
/** The same name has the same colour. */
export function tintOf(name: string): string {
  let sum = 0;
  for (const c of name) sum = (sum * 31 + (c.codePointAt(0) ?? 0)) % 9973;
  return TINTS[sum % TINTS.length] ?? "";
}

/** Middle digits of a phone number hidden: +254 7•• ••• 318. */
export function phoneShort(phone: string): string {
  const match = /^(\+\d{3})(\d)\d+(\d{3})$/.exec(phone);
  return match ? `${match[1]} ${match[2]}•• ••• ${match[3]}` : phone;
}

/** Groups of three from the end: +254 712 345 678. */
export function phoneLong(phone: string): string {
  const match = /^(\+\d{1,3})(\d{9})$/.exec(phone);
  return match ? `${match[1]} ${(match[2] ?? "").replace(/(\d{3})(?=\d)/g, "$1\u00a0")}` : phone;
}

/** "Chrome, Android" from a browser's long name. */
export function deviceOf(agent: string | null): string {
  if (!agent) return t("sessions.unknownDevice");
  const browser = /(Edg|OPR|SamsungBrowser|Firefox|Chrome|Safari)\//.exec(agent)?.[1] ?? "";
  const system = /Android|iPhone|iPad|Windows|Mac OS X|CrOS|Linux/.exec(agent)?.[0] ?? "";
  const names: Record<string, string> = { Edg: "Edge", OPR: "Opera", SamsungBrowser: "Samsung Internet", "Mac OS X": "macOS", CrOS: "ChromeOS" };
  const told = [browser, system].filter(Boolean).map((n) => names[n] ?? n).join(", ");
  return told || agent.slice(0, 40);
}

/** Was this page opened by another address than the bank's own? */
export const elsewhere = (): boolean => bank.domain !== "" && location.host !== bank.domain;
