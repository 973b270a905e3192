// A Lightning Address as a link that every Lightning wallet scans: the service's web address in bech32 (LUD-01).
import { ALPHABET, polymod } from "./bolt11.ts";

const HRP = "lnurl";

function words(bytes: Uint8Array): number[] {
  const out: number[] = [];
  let bits = 0;
  let value = 0;
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xfff;
    bits += 8;
    while (bits >= 5) { bits -= 5; out.push((value >>> bits) & 31); }
  }
  if (bits > 0) out.push((value << (5 - bits)) & 31);
  return out;
}

const PREFIX = [...[...HRP].map((c) => c.charCodeAt(0) >>> 5), 0, ...[...HRP].map((c) => c.charCodeAt(0) & 31)];

/** Whether `text` is whole: its checksum holds. One case, as bech32 asks for. */
export function isLnurl(text: string): boolean {
  const line = text.toLowerCase();
  if (line !== text && line.toUpperCase() !== text) return false;
  const data = [...line.slice(HRP.length + 1)].map((c) => ALPHABET.indexOf(c));
  return line.startsWith(`${HRP}1`) && data.length > 6 && !data.includes(-1) && polymod([...PREFIX, ...data]) === 1;
}

export function encodeLnurl(url: string): string {
  const data = words(new TextEncoder().encode(url));
  const check = polymod([...PREFIX, ...data, 0, 0, 0, 0, 0, 0]) ^ 1;
  const sum = [0, 1, 2, 3, 4, 5].map((i) => (check >>> (5 * (5 - i))) & 31);
  return `${HRP}1${[...data, ...sum].map((w) => ALPHABET[w]).join("")}`;
}

/** `name@domain` as that link. Without TLS only this machine is reached (LUD-16). */
export const lnurlOf = (name: string, domain: string): string =>
  encodeLnurl(`${/^(localhost|127\.|\[::1\])/.test(domain) ? "http" : "https"}://${domain}/.well-known/lnurlp/${name}`);
