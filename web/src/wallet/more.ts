// Phrases of keys, contacts and currencies. Such a page imports this, and is shown when they are here.
import { usePhrases } from "../lib/i18n.svelte.ts";
import "./later.ts";

await usePhrases({ en: () => import("virtual:phrases/more/en"), sw: () => import("virtual:phrases/more/sw") });
