// Phrases of the pages by which money is sent, received and looked at in detail: loaded with the first of them.
import { usePhrases } from "../lib/i18n.svelte.ts";

await usePhrases({ en: () => import("virtual:phrases/paying/en"), sw: () => import("virtual:phrases/paying/sw") });
