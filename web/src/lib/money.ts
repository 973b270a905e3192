// Amounts are whole numbers of the smallest unit (satoshi, US cents) in a bigint. Text is made
// here and nowhere else; nothing on the way is ever a float.

export type Asset = "BTC" | "USD";
export type Unit = "USD" | "sats" | "BTC";

/** US cents for one satoshi = base / 10^offset, as the bank's `realtimePrice` has it. */
export interface Price { base: bigint; offset: number }

export interface Parts { sign: string; code: string; whole: string; minor: string; after: string }

const NARROW = "\u202f"; // narrow no-break space, between groups of three
const FIXED = "\u00a0"; // no-break space, between code and figure
export const MINUS = "\u2212";
export const HIDDEN = "•••";

export const abs = (n: bigint): bigint => (n < 0n ? -n : n);
export const unitOf = (asset: Asset): Unit => (asset === "BTC" ? "sats" : "USD");

function grouped(digits: string, separator: string): string {
  return digits.replace(/\B(?=(\d{3})+(?!\d))/g, separator);
}

/** `amount` in the unit's smallest part: cents for USD, satoshi for sats and BTC. `signed` adds + as well. */
export function parts(amount: bigint, unit: Unit, signed = false): Parts {
  const sign = amount < 0n ? MINUS : signed && amount > 0n ? "+" : "";
  const digits = abs(amount).toString();
  if (unit === "USD") {
    const padded = digits.padStart(3, "0");
    return { sign, code: "USD", whole: grouped(padded.slice(0, -2), ","), minor: `.${padded.slice(-2)}`, after: "" };
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

export const centsOf = (sats: bigint, price: Price): bigint => ratio(sats, price.base, 10n ** BigInt(price.offset));
export const satsOf = (cents: bigint, price: Price): bigint => ratio(cents, 10n ** BigInt(price.offset), price.base);

/** `amount` of one asset in the smallest part of `unit`, or null where the price is not known. */
export function inUnit(amount: bigint, asset: Asset, unit: Unit, price: Price | null): bigint | null {
  if ((unit === "USD") === (asset === "USD")) return amount;
  if (price === null || price.base <= 0n) return null;
  return asset === "BTC" ? centsOf(amount, price) : satsOf(amount, price);
}

/** Decimal text of the API in major units ("-12.30") as cents. */
export function centsFromDecimal(decimal: string): bigint | null {
  const match = /^(-?)(\d+)(?:\.(\d{1,2})\d*)?$/.exec(decimal);
  if (match === null) return null;
  const value = BigInt((match[2] ?? "0") + (match[3] ?? "").padEnd(2, "0"));
  return match[1] ? -value : value;
}

export type Typed = { amount: bigint } | { wrong: "empty" | "unclear" | "notNumber" | "tooFine" };
const DECIMALS: Record<Unit, number> = { USD: 2, sats: 0, BTC: 8 };

/** Reads what a person typed or pasted. A single separator that could mean two things is not guessed. */
export function typed(input: string, unit: Unit): Typed {
  const bare = input.replace(/[\s\u00a0\u202f'’]/g, "").replace(/^(usd|btc|sats?)|(usd|btc|sats?)$/gi, "");
  if (bare === "") return { wrong: "empty" };
  if (!/^[0-9.,]+$/.test(bare) || bare.length > 24) return { wrong: "notNumber" };
  const decimals = DECIMALS[unit];
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
  if (unit === "sats") return amount.toString();
  const decimals = DECIMALS[unit];
  const padded = amount.toString().padStart(decimals + 1, "0");
  return `${padded.slice(0, -decimals)}.${padded.slice(-decimals)}`.replace(/\.00$/, "");
}
