// Amounts are whole numbers of the smallest unit (satoshi, US cents) in a bigint. Text is made
// here and nowhere else; nothing on the way is ever a float.

export type Asset = "BTC" | "USD";
/** "sats", "BTC", or the code of a currency. */
export type Unit = string;

export interface Rate { base: bigint; offset: number }
/** One satoshi, and one US cent, in the smallest part of the currency `code`: base / 10^offset, as `realtimePrice` has it. */
export interface Price { code: string; sat: Rate; cent: Rate }

export interface Parts { sign: string; code: string; whole: string; minor: string; after: string }

const NARROW = "\u202f"; // narrow no-break space, between groups of three
const FIXED = "\u00a0"; // no-break space, between code and figure
export const MINUS = "\u2212";
export const HIDDEN = "•••";

export const abs = (n: bigint): bigint => (n < 0n ? -n : n);
export const unitOf = (asset: Asset): Unit => (asset === "BTC" ? "sats" : "USD");
export const isMoney = (unit: Unit): boolean => unit !== "sats" && unit !== "BTC";

const told = new Map([["USD", 2]]);
/** The bank says how many decimals a currency has; whoever has not heard of it yet takes the browser's word. */
export function useDigits(code: string, digits: number): void { told.set(code, digits); }
export function digitsOf(unit: Unit): number {
  if (!isMoney(unit)) return unit === "BTC" ? 8 : 0;
  try { return told.get(unit) ?? new Intl.NumberFormat("en", { style: "currency", currency: unit }).resolvedOptions().maximumFractionDigits ?? 2; } catch { return 2; }
}

function grouped(digits: string, separator: string): string {
  return digits.replace(/\B(?=(\d{3})+(?!\d))/g, separator);
}

/** `amount` in the unit's smallest part: cents for USD, satoshi for sats and BTC. `signed` adds + as well. */
export function parts(amount: bigint, unit: Unit, signed = false): Parts {
  const sign = amount < 0n ? MINUS : signed && amount > 0n ? "+" : "";
  const digits = abs(amount).toString();
  if (isMoney(unit)) {
    const after = digitsOf(unit);
    const padded = digits.padStart(after + 1, "0");
    const cut = padded.length - after;
    return { sign, code: unit, whole: grouped(padded.slice(0, cut), ","), minor: after ? `.${padded.slice(cut)}` : "", after: "" };
  }
  if (unit === "BTC") {
    const padded = digits.padStart(9, "0");
    const cut = padded.length - 8;
    const fraction = [padded.slice(cut, cut + 3), padded.slice(cut + 3, cut + 6), padded.slice(cut + 6)].join(NARROW);
    return { sign, code: "", whole: grouped(padded.slice(0, cut), NARROW), minor: `.${fraction}`, after: "BTC" };
  }
  return { sign, code: "", whole: grouped(digits, NARROW), minor: "", after: "sats" };
}

/** One line of text, as in `−USD 1,234.50` or `184 250 sats`. */
export function text(amount: bigint, unit: Unit, signed = false): string {
  const p = parts(amount, unit, signed);
  return `${p.sign}${p.code ? p.code + FIXED : ""}${p.whole}${p.minor}${p.after ? FIXED + p.after : ""}`;
}

/** The same for a screen reader: no groups, a word for the sign. */
export function spoken(amount: bigint, unit: Unit, signed = false): string {
  return text(amount, unit, signed).replaceAll(NARROW, "").replace(/(\d),(?=\d)/g, "$1").replace(MINUS, "minus ");
}

// Nearest whole unit, exact halves down, never nothing for something: the bank's own rule.
function ratio(amount: bigint, times: bigint, by: bigint): bigint {
  if (amount < 0n) return -ratio(-amount, times, by);
  const product = amount * times;
  const rounded = (2n * product + by - 1n) / (2n * by);
  return rounded === 0n && amount > 0n ? 1n : rounded;
}

const ONE: Rate = { base: 1n, offset: 0 };
const kind = (unit: Unit): Unit => (unit === "BTC" ? "sats" : unit);
const worth = (unit: Unit, price: Price): Rate | null => (unit === price.code ? ONE : unit === "USD" ? price.cent : unit === "sats" ? price.sat : null);

/** `amount` of one unit in the smallest part of another, or null where the price is not known. */
export function convert(amount: bigint, from: Unit, to: Unit, price: Price | null): bigint | null {
  const [of, into] = [kind(from), kind(to)];
  if (of === into) return amount;
  const a = price && worth(of, price);
  const b = price && worth(into, price);
  if (!a || !b || a.base <= 0n || b.base <= 0n) return null;
  return ratio(amount, a.base * 10n ** BigInt(b.offset), b.base * 10n ** BigInt(a.offset));
}
export const inUnit = (amount: bigint, asset: Asset, unit: Unit, price: Price | null): bigint | null => convert(amount, unitOf(asset), unit, price);

/** Decimal text of the API in major units ("-12.30") in the currency's smallest part. */
export function fromDecimal(decimal: string, unit: Unit): bigint | null {
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(decimal);
  if (match === null) return null;
  const digits = digitsOf(unit);
  const value = BigInt((match[2] ?? "0") + (match[3] ?? "").slice(0, digits).padEnd(digits, "0"));
  return match[1] ? -value : value;
}

export type Typed = { amount: bigint } | { wrong: "empty" | "unclear" | "notNumber" | "tooFine" };

/** Reads what a person typed or pasted. A single separator that could mean two things is not guessed. */
export function typed(input: string, unit: Unit): Typed {
  const all = input.replace(/[\s\u00a0\u202f'’]/g, "");
  const [, before, bare = "", after] = /^([a-z]*)(.*?)([a-z]*)$/i.exec(all) ?? [];
  if ([before, after].some((word) => word && word.toUpperCase().replace(/^SAT$/, "SATS") !== unit.toUpperCase())) return { wrong: "notNumber" };
  if (bare === "") return { wrong: "empty" };
  if (!/^[0-9.,]+$/.test(bare) || bare.length > 24) return { wrong: "notNumber" };
  const decimals = digitsOf(unit);
  let whole = bare;
  let fraction = "";
  if (/^\d{1,3}(,\d{3})+$/.test(bare)) whole = bare.replaceAll(",", "");
  else if (/^\d{1,3}(,\d{3})+\.\d*$/.test(bare) || /^\d*\.\d*$/.test(bare)) {
    [whole = "", fraction = ""] = bare.replaceAll(",", "").split(".");
    if (unit !== "BTC" && fraction.length === 3 && /^[1-9]/.test(whole)) return { wrong: "unclear" };
  } else if (/^\d*,\d{1,2}$/.test(bare)) [whole = "", fraction = ""] = bare.split(",");
  else if (!/^\d+$/.test(bare)) return { wrong: "unclear" };
  if (whole === "" && fraction === "") return { wrong: "notNumber" };
  if (fraction.length > decimals) return { wrong: "tooFine" };
  return { amount: BigInt((whole || "0") + fraction.padEnd(decimals, "0")) };
}

/** The figure to show in an input for `amount`: no groups, so that typing goes on where it stands. */
export function editable(amount: bigint, unit: Unit): string {
  if (digitsOf(unit) === 0) return amount.toString();
  const decimals = digitsOf(unit);
  const padded = amount.toString().padStart(decimals + 1, "0");
  return `${padded.slice(0, -decimals)}.${padded.slice(-decimals)}`.replace(/\.0+$/, "");
}
