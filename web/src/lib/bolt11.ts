// Reads what a BOLT11 invoice says, to show it before the bank is asked. The bank checks the
// signature and all else again; here the checksum alone catches a cut or mistyped invoice.

export const ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
const DEFAULT_EXPIRY_S = 3600;
const NETWORKS: Record<string, string> = { bc: "mainnet", tb: "testnet", tbs: "signet", bcrt: "regtest" };
// Millisatoshi in one unit of the amount, times ten so that the pico multiplier stays whole.
const MSAT_X10: Record<string, bigint> = { "": 10n ** 12n, m: 10n ** 9n, u: 10n ** 6n, n: 1000n, p: 1n };

export interface Invoice {
  text: string;
  network: string;
  /** null: the payer chooses. Rounded up to whole satoshi. */
  sats: bigint | null;
  hash: string;
  memo: string;
  createdAt: number;
  expiresAt: number;
}

export function polymod(values: number[]): number {
  let check = 1;
  for (const value of values) {
    const top = check >>> 25;
    check = ((check & 0x1ffffff) << 5) ^ value;
    GENERATOR.forEach((g, i) => { if ((top >>> i) & 1) check ^= g; });
  }
  return check >>> 0;
}

function bytes(words: number[]): Uint8Array {
  const out: number[] = [];
  let bits = 0;
  let value = 0;
  for (const word of words) {
    value = ((value << 5) | word) & 0xfff;
    bits += 5;
    if (bits >= 8) { bits -= 8; out.push((value >>> bits) & 0xff); }
  }
  return Uint8Array.from(out);
}

const number = (words: number[]): number => words.reduce((sum, word) => sum * 32 + word, 0);
const hex = (data: Uint8Array): string => [...data].map((b) => b.toString(16).padStart(2, "0")).join("");

function amount(hrp: string): { network: string; sats: bigint | null } | null {
  const match = /^ln(bcrt|tbs|bc|tb)(?:(\d+)([munp]?))?$/.exec(hrp);
  if (match === null) return null;
  const network = NETWORKS[match[1] ?? ""] ?? "";
  if (match[2] === undefined) return { network, sats: null };
  const msatX10 = BigInt(match[2]) * (MSAT_X10[match[3] ?? ""] ?? 0n);
  return { network, sats: (msatX10 + 9_999n) / 10_000n };
}

/** null when the text is no whole BOLT11 invoice. */
export function readInvoice(input: string): Invoice | null {
  const line = input.trim();
  const low = line.toLowerCase();
  const cut = low.lastIndexOf("1");
  if ((line !== low && line !== line.toUpperCase()) || cut < 4 || low.length > 8000) return null;
  const head = amount(low.slice(0, cut));
  const words = [...low.slice(cut + 1)].map((c) => ALPHABET.indexOf(c));
  if (head === null || words.includes(-1) || words.length < 7 + 104 + 6) return null;
  const prefix = [...low.slice(0, cut)].map((c) => c.charCodeAt(0));
  if (polymod([...prefix.map((c) => c >> 5), 0, ...prefix.map((c) => c & 31), ...words]) !== 1) return null;

  const data = words.slice(0, -6 - 104);
  const createdAt = number(data.slice(0, 7));
  const found = { hash: "", memo: "", expiry: DEFAULT_EXPIRY_S };
  for (let at = 7; at + 3 <= data.length; ) {
    const size = number(data.slice(at + 1, at + 3));
    const field = data.slice(at + 3, at + 3 + size);
    const tag = ALPHABET[data[at] ?? 0];
    if (tag === "p" && size === 52 && !found.hash) found.hash = hex(bytes(field).slice(0, 32));
    if (tag === "d" && !found.memo) found.memo = new TextDecoder().decode(bytes(field));
    if (tag === "x" && size <= 10) found.expiry = number(field);
    at += 3 + size;
  }
  if (found.hash === "") return null;
  return { text: low, network: head.network, sats: head.sats, hash: found.hash, memo: found.memo, createdAt, expiresAt: createdAt + found.expiry };
}
