// Log-in and home come with the first visit; the rest is loaded on use, and kept by the service worker.
import type { Component } from "svelte";
import { go } from "./router.svelte.ts";
import type { sending as Sending } from "./sending.svelte.ts";

// Pages differ in their properties; App.svelte gives each its own.
type Page = { default: Component<any> };
export type Load = () => Promise<Page>;

const activity: Load = () => import("./pages/Activity.svelte");
export const name: Load = () => import("./pages/Name.svelte");
const to: Load = () => import("./pages/SendTo.svelte");

/** A later step of a payment needs the ones before it: whoever opens it without them begins anew. */
const step = (ready: (one: typeof Sending) => boolean, page: Load): Load => async () => {
  const { sending } = await import("./sending.svelte.ts");
  if (ready(sending)) return page();
  go("/send", "replace");
  return to();
};

const byPath: Record<string, Load> = {
  "/receive": () => import("./pages/Receive.svelte"),
  "/scan": () => import("./pages/Scan.svelte"),
  "/send": to,
  "/send/amount": step((one) => one.target !== null, () => import("./pages/SendAmount.svelte")),
  "/send/confirm": step((one) => one.target !== null && one.amount !== null, () => import("./pages/Confirm.svelte")),
  "/send/result": step((one) => one.outcome !== null, () => import("./pages/Result.svelte")),
  "/address": () => import("./pages/Address.svelte"),
  "/contacts": () => import("./pages/Contacts.svelte"),
  "/convert": () => import("./pages/Convert.svelte"),
  "/convert/confirm": step((one) => one.target?.kind === "own" && one.amount !== null, () => import("./pages/ConvertConfirm.svelte")),
  "/me": () => import("./pages/Me.svelte"),
  "/me/security": () => import("./pages/Security.svelte"),
  "/me/sessions": () => import("./pages/Sessions.svelte"),
  "/me/name": name,
  "/me/currency": () => import("./pages/Currency.svelte"),
  "/me/learn": () => import("./pages/Learn.svelte"),
  "/me/chat": () => import("./pages/Chat.svelte"),
  "/me/keys": () => import("./pages/Keys.svelte"),
  "/me/keys/new": () => import("./pages/KeyNew.svelte"),
};

/** Pages of one thing: the named parts of the path are the page's own values. */
const byPattern: [RegExp, Load][] = [
  [/^\/activity(?:\/(?<asset>btc|usd))?(?:\/(?<id>[0-9a-f-]+))?$/, activity],
  [/^\/me\/learn\/(?<section>[1-9]|1[0-9])$/, () => import("./pages/Lesson.svelte")],
  [/^\/me\/keys\/(?<id>[0-9a-f-]{36})$/, () => import("./pages/KeyOne.svelte")],
];

/** The page at a path, and what the path says about it; null: the first page. */
export function at(path: string): { load: Load; values: Record<string, string | null> } | null {
  const exact = byPath[path];
  if (exact) return { load: exact, values: {} };
  for (const [pattern, load] of byPattern) {
    const found = pattern.exec(path);
    if (found) return { load, values: { ...found.groups } };
  }
  return null;
}
