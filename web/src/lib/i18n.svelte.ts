import type en from "./en.json";

export type Key = keyof typeof en;
export type Language = "en" | "sw";
/** Loads one page's phrases in a language. */
export type Phrases = Record<Language, () => Promise<{ default: Record<string, string> }>>;

const tags: Record<Language, string> = { en: "en-GB", sw: "sw-KE" };
let current = $state<Language>(first());
let table = $state.raw<Record<string, string>>({});
const loads: Phrases[] = [];

function first(): Language {
  let wish = navigator.language;
  try { wish = localStorage.getItem("hazina.language") ?? wish; } catch { /* no storage: the browser's language */ }
  return wish.startsWith("sw") ? "sw" : "en";
}

/** Before the first text of a page, and of a part that is loaded later and has phrases of its own. */
export async function usePhrases(of: Phrases): Promise<void> {
  loads.push(of);
  await setLanguage(current);
}

export const language = (): Language => current;

export async function setLanguage(to: Language): Promise<void> {
  // Offline and never loaded: the page stays in the language it has.
  const loaded = await Promise.all(loads.map((of) => of[to]())).catch(() => null);
  if (loaded === null || loaded.length === 0) return;
  table = Object.assign({}, ...loaded.map((phrases) => phrases.default)) as Record<string, string>;
  current = to;
  document.documentElement.lang = to;
  try { localStorage.setItem("hazina.language", to); } catch { /* it holds for this page */ }
}

export const knows = (key: string): key is Key => key in table;

export function t(key: Key, values: Record<string, string | number> = {}): string {
  return (table[key] ?? key).replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ""));
}

const formats = new Map<string, Intl.DateTimeFormat>();
function format(kind: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const name = `${current}:${kind}`;
  let made = formats.get(name);
  if (made === undefined) { made = new Intl.DateTimeFormat(tags[current], options); formats.set(name, made); }
  return made;
}

/** Seconds since 1970 as "14:02". */
export const clock = (s: number): string => format("clock", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(s * 1000);

export const moment = (s: number): string =>
  format("moment", { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }).format(s * 1000);

/** A currency's name, as "Kenyan Shilling". */
export const currency = (code: string): string => {
  try { return new Intl.DisplayNames(tags[current], { type: "currency" }).of(code) ?? code; } catch { return code; }
};

const dayNumber = (s: number): number => { const d = new Date(s * 1000); return Math.floor(Date.UTC(d.getFullYear(), d.getMonth(), d.getDate()) / 86_400_000); };

/** "Today", "Yesterday" or the date. */
export function day(s: number, now = Date.now() / 1000): string {
  const ago = dayNumber(now) - dayNumber(s);
  if (ago === 0) return t("day.today");
  if (ago === 1) return t("day.yesterday");
  return format("day", { weekday: "short", day: "numeric", month: "short", year: "numeric" }).format(s * 1000);
}

/** The time of a row: the hour today, else the day. */
export function when(s: number, now = Date.now() / 1000): string {
  if (dayNumber(now) === dayNumber(s)) return clock(s);
  return format("short", { day: "numeric", month: "short" }).format(s * 1000);
}

/** 59:12, or 23:59:12 from an hour on. */
export function countdown(s: number): string {
  const pair = (n: number): string => String(n).padStart(2, "0");
  const left = Math.max(0, Math.floor(s));
  const [h, m] = [Math.floor(left / 3600), Math.floor(left / 60) % 60];
  return h ? `${h}:${pair(m)}:${pair(left % 60)}` : `${m}:${pair(left % 60)}`;
}
