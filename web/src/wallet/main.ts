import { mount } from "svelte";
import "../styles/wallet.css";
import { usePhrases } from "../lib/i18n.svelte.ts";
import App from "./App.svelte";
import { bank } from "./bank.svelte.ts";
import { start } from "./router.svelte.ts";
import { keepShell } from "./update.ts";

const root = document.getElementById("app");
if (root === null) throw new Error("the page has no place for the wallet");
await usePhrases({ en: () => import("virtual:phrases/wallet/en"), sw: () => import("virtual:phrases/wallet/sw") });
start();
bank.start();
root.replaceChildren();
mount(App, { target: root });
void keepShell();
