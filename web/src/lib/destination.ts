import { readInvoice, type Invoice } from "./bolt11.ts";
import { isLnurl } from "./lnurl.ts";

export type Destination =
  | { kind: "user"; username: string }
  | { kind: "invoice"; invoice: Invoice }
  | { kind: "chain"; address: string; sats: bigint | null; memo: string }
  | { kind: "address"; text: string }
  | { kind: "lnurl"; text: string }
  | { kind: "wrong"; why: "empty" | "broken" | "link" | "lnurl" | "address" | "phone" | "network" | "expired" | "unknown" };

const USERNAME = /^(?![13_]|bc1|lnbc1)(?=.*[a-z])[0-9a-z_]{3,50}$/i;

// LUD-16: what stands before the @, and a domain, or a machine with a port.
const ADDRESS = /^[a-z0-9][a-z0-9._+-]{0,63}@([a-z0-9-]{1,63}\.)+[a-z]{2,63}$|^[a-z0-9][a-z0-9._+-]{0,63}@(localhost|[a-z0-9.-]+):\d{2,5}$/i;

const CHAIN = /^(bc|tb|bcrt)1[a-z0-9]{11,87}$|^[123mn][a-km-zA-HJ-NP-Z1-9]{25,40}$/i;
/** Networks of an address, as far as its beginning tells; the bank reads the rest. */
const NETWORKS: [RegExp, string[]][] = [[/^bc1/i, ["mainnet"]], [/^tb1/i, ["testnet", "signet"]], [/^bcrt1/i, ["regtest"]], [/^[13]/, ["mainnet"]], [/^[2mn]/, ["testnet", "signet", "regtest"]]];

/** What one line of text asks to pay: a name at this bank, an invoice or an address, in any of the usual wrappings. */
export function readDestination(input: string, bank: { network: string; domain: string }, now: number): Destination {
  const line = input.trim().replace(/^lightning:(\/\/)?/i, "");
  if (line === "") return { kind: "wrong", why: "empty" };
  if (/^bitcoin:/i.test(line)) return unified(line, bank, now);
  if (/^ln(bc|tb|tbs|bcrt)[0-9]/i.test(line)) {
    const invoice = readInvoice(line);
    if (invoice === null) return { kind: "wrong", why: "broken" };
    if (bank.network !== "" && invoice.network !== bank.network) return { kind: "wrong", why: "network" };
    if (invoice.expiresAt <= now) return { kind: "wrong", why: "expired" };
    return { kind: "invoice", invoice };
  }
  if (/^lnurl1/i.test(line)) return isLnurl(line) ? { kind: "lnurl", text: line.toLowerCase() } : { kind: "wrong", why: "broken" };
  if (/^lnurlp:\/\/[^\s]{4,}$/i.test(line)) return { kind: "lnurl", text: line };
  if (/^lnurl|^(keyauth|https?):/i.test(line)) return wrapped(line, bank, now);
  if (CHAIN.test(line)) return chain(line, bank.network, null, "");
  const [name = "", domain, more] = line.replace(/^@/, "").split("@");
  if (domain !== undefined && (more !== undefined || domain.toLowerCase() !== bank.domain.toLowerCase())) {
    return more === undefined && ADDRESS.test(`${name}@${domain}`) ? { kind: "address", text: `${name}@${domain}`.toLowerCase() } : { kind: "wrong", why: "address" };
  }
  if (/^\+?[\d\s()-]{7,}$/.test(name)) return { kind: "wrong", why: "phone" };
  return USERNAME.test(name) ? { kind: "user", username: name.toLowerCase() } : { kind: "wrong", why: "unknown" };
}

/** A web address that holds a link to pay: `https://shop.example/?lightning=LNURL…`. */
function wrapped(line: string, bank: { network: string; domain: string }, now: number): Destination {
  const inside = /[?&]lightning=([a-z0-9]+)/i.exec(line)?.[1];
  return inside ? readDestination(inside, bank, now) : { kind: "wrong", why: "lnurl" };
}

function chain(address: string, network: string, sats: bigint | null, memo: string): Destination {
  const networks = NETWORKS.find(([start]) => start.test(address))?.[1];
  if (networks === undefined) return { kind: "wrong", why: "unknown" };
  if (network !== "" && !networks.includes(network)) return { kind: "wrong", why: "network" };
  // Letters of base58 mean what they are; the other kind is written in small ones, as the bank does.
  return { kind: "chain", address: /^(bc|tb|bcrt)1/i.test(address) ? address.toLowerCase() : address, sats, memo };
}

// bitcoin:ADDRESS?amount=…&lightning=INVOICE (BIP 21, BIP 321): where there is a Lightning part that can be paid, it is
// the one that we pay.
function unified(line: string, bank: { network: string; domain: string }, now: number): Destination {
  const [address = "", text = ""] = line.slice("bitcoin:".length).replace(/^\/\//, "").split("?", 2);
  const pairs = [...new URLSearchParams(text.replaceAll("+", "%2B"))].map(([key, value]) => [key.toLowerCase(), value] as const);
  const query = new Map(pairs);
  // BIP 321, and the bank's own rule: an amount that stands twice is none, and what is required has to be understood.
  const twice = ["amount", "label", "message"].some((once) => pairs.filter(([key]) => key === once).length > 1);
  if (twice || [...query.keys()].some((key) => key.startsWith("req-"))) return { kind: "wrong", why: "link" };
  const invoice = query.get("lightning");
  if (invoice) {
    const read = readDestination(invoice, bank, now);
    if (read.kind === "invoice" || address === "") return read;
  }
  const asked = query.get("amount");
  const sats = asked === undefined ? null : satsOf(asked);
  if (sats === undefined || !CHAIN.test(address)) return { kind: "wrong", why: "link" };
  return chain(address, bank.network, sats, query.get("message") ?? query.get("label") ?? "");
}

/** A link's decimal number of bitcoin as satoshi; undefined when it is none. */
function satsOf(bitcoin: string): bigint | undefined {
  const match = /^(\d{0,8})(?:\.(\d{1,8}))?$/.exec(bitcoin);
  if (match === null || bitcoin === "") return undefined;
  return BigInt((match[1] || "0") + (match[2] ?? "").padEnd(8, "0"));
}
