// Log-in and home come with the first visit; the rest is loaded on use, and kept by the service worker.
import type { Component } from "svelte";
import { go } from "./router.svelte.ts";
import type { sending as Sending } from "./sending.svelte.ts";

// Pages differ in their properties; App.svelte gives each its own.
type Page = { default: Component<any> };
export type Load = () => Promise<Page>;

export const activity: Load = () => import("./pages/Activity.svelte");
export const name: Load = () => import("./pages/Name.svelte");
export const to: Load = () => import("./pages/SendTo.svelte");

/** A later step of a payment needs the ones before it: whoever opens it without them begins anew. */
const step = (ready: (one: typeof Sending) => boolean, page: Load): Load => async () => {
  const { sending } = await import("./sending.svelte.ts");
  if (ready(sending)) return page();
  go("/send", "replace");
  return to();
};

export const byPath: Record<string, Load> = {
  "/receive": () => import("./pages/Receive.svelte"),
  "/scan": () => import("./pages/Scan.svelte"),
  "/send": to,
  "/send/amount": step((one) => one.target !== null, () => import("./pages/SendAmount.svelte")),
  "/send/confirm": step((one) => one.target !== null && one.amount !== null, () => import("./pages/Confirm.svelte")),
  "/send/result": step((one) => one.outcome !== null, () => import("./pages/Result.svelte")),
  "/me": () => import("./pages/Me.svelte"),
  "/me/security": () => import("./pages/Security.svelte"),
  "/me/sessions": () => import("./pages/Sessions.svelte"),
  "/me/name": name,
};
