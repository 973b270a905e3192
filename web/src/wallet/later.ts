// Phrases of pages that few visits begin with. Such a page imports this, and is shown when they are here.
import { usePhrases } from "../lib/i18n.svelte.ts";

await usePhrases({ en: () => import("virtual:phrases/later/en"), sw: () => import("virtual:phrases/later/sw") });
