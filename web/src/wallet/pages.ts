// Log-in and home come with the first visit; the rest is loaded on use, and kept by the service worker.
import type { Component } from "svelte";

// Pages differ in their properties; App.svelte gives each its own.
type Page = { default: Component<any> };
export type Load = () => Promise<Page>;

export const activity: Load = () => import("./pages/Activity.svelte");
export const name: Load = () => import("./pages/Name.svelte");
export const to: Load = () => import("./pages/SendTo.svelte");

export const byPath: Record<string, Load> = {
  "/receive": () => import("./pages/Receive.svelte"),
  "/scan": () => import("./pages/Scan.svelte"),
  "/send": to,
  "/send/amount": () => import("./pages/SendAmount.svelte"),
  "/send/confirm": () => import("./pages/Confirm.svelte"),
  "/send/result": () => import("./pages/Result.svelte"),
  "/me": () => import("./pages/Me.svelte"),
  "/me/security": () => import("./pages/Security.svelte"),
  "/me/sessions": () => import("./pages/Sessions.svelte"),
  "/me/name": name,
};
