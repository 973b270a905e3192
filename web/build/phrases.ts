import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Plugin } from "vite";

const LANGUAGES = ["en", "sw"];

function table(language: string): Record<string, string> {
  const path = fileURLToPath(new URL(`../src/lib/${language}.json`, import.meta.url));
  return JSON.parse(readFileSync(path, "utf8")) as Record<string, string>;
}

const holes = (text: string): string => [...text.matchAll(/\{(\w+)\}/g)].map((m) => m[1]).sort().join(",");

/** What differs between the languages: a missing or surplus key, or other `{holes}` in a phrase. */
function differences(): string[] {
  const [first = {}, ...others] = LANGUAGES.map(table);
  const found: string[] = [];
  others.forEach((other, i) => {
    const name = LANGUAGES[i + 1];
    for (const [key, text] of Object.entries(first)) {
      const twin = other[key];
      if (twin === undefined || twin.trim() === "") found.push(`${name}.json has no "${key}"`);
      else if (holes(twin) !== holes(text)) found.push(`"${key}": ${name}.json has other {holes}`);
    }
    for (const key of Object.keys(other)) if (!(key in first)) found.push(`${name}.json: unknown key "${key}"`);
  });
  return found;
}

// A page loads one language and its own phrases: `virtual:phrases/<page>/<language>`.
const VIRTUAL = /^\0?virtual:phrases\/(\w+)\/(\w+)$/;
// Of the wallet, but loaded with the first page that needs them: `wallet/paying.ts`, `later.ts`, `more.ts`.
const PAYING = /^(receive|scan|to|amount|confirm|result|send|steps|speed|receipt|activity|convert(?!\.(heading|to|from)$))\.|^refusal\.(INSUFFICIENT|TRANSACTION|CANT_PAY|LIGHTNING|ROUTE|INVOICE|LND|LNURL|PRICE|DEALER|ONCHAIN|AMOUNT|ADDRESS|ACCOUNT|DUST|LEDGER|MEMO|OUTCOME|PAYMENT|QUOTE|SAFE)_/;
const LATER = /^(apikey|contacts|currency|address)\.(heading|short)$|^(learn|chat)\.(heading|short)$|^(keys|passkey|stepup|said|signing|email|name|me(?!\.language$)|theme|security|sessions)\.|^refusal\.(PASSKEY|ATTEMPT|FACTOR|LAST|SIGNATURE|NOSTR|KEY|EMAIL|INVALID_BITCOIN|INVALID_EMAIL|INVALID_KEY|STEP_UP|CHALLENGE|TOO_MANY_FACTORS)/;
const MORE = /^(apikey|contacts|currency|address|learn|chat)\.(?!(heading|short)$)|^refusal\.((QUIZ|SUPPORT|UNAUTHORIZED)_|INVALID_CONTACT|TOO_MANY_KEYS)/;
const PAGES: Record<string, (key: string) => boolean> = {
  landing: (key) => key.startsWith("landing.") || key === "me.about",
  sandbox: (key) => /^(sandbox|day|money|nav|amount)\./.test(key),
  wallet: (key) => !/^(sandbox|landing)\./.test(key) && !LATER.test(key) && !PAYING.test(key) && !MORE.test(key),
  paying: (key) => PAYING.test(key),
  later: (key) => LATER.test(key),
  more: (key) => MORE.test(key),
};

function phrasesOf(id: string): string | null {
  const [, page = "", language = ""] = VIRTUAL.exec(id) ?? [];
  const wanted = PAGES[page];
  if (wanted === undefined) return null;
  return `export default ${JSON.stringify(Object.fromEntries(Object.entries(table(language)).filter(([key]) => wanted(key))))}`;
}

/** Refuses to build unless every phrase exists in every language, and fills `%t:key%` in static pages. */
export function phrases(): Plugin {
  return {
    name: "hazina-phrases",
    buildStart() {
      const found = differences();
      if (found.length) this.error(`The languages differ:\n  ${found.join("\n  ")}`);
    },
    resolveId: (id) => (VIRTUAL.test(id) ? `\0${id}` : null),
    load: phrasesOf,
    transformIndexHtml: {
      order: "pre",
      handler: (html) => {
        const words = table("en");
        return html.replace(/%t:([\w.]+)%/g, (_, key: string) => {
          const text = words[key];
          if (text === undefined) throw new Error(`A page asks for the unknown phrase "${key}".`);
          return text;
        });
      },
    },
  };
}
