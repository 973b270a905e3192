import { readInvoice, type Invoice } from "./bolt11.ts";

export type Destination =
  | { kind: "user"; username: string }
  | { kind: "invoice"; invoice: Invoice }
  | { kind: "wrong"; why: "empty" | "broken" | "onchain" | "lnurl" | "address" | "phone" | "network" | "expired" | "unknown" };

const USERNAME = /^(?![13_]|bc1|lnbc1)(?=.*[a-z])[0-9a-z_]{3,50}$/i;

/** What one line of text asks to pay: a name at this bank, or an invoice, in any of the usual wrappings. */
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
  if (/^lnurl1|^(lnurlp|keyauth|https?):/i.test(line)) return { kind: "wrong", why: "lnurl" };
  if (/^(bc1|tb1|bcrt1)[a-z0-9]{30,}$|^[13][a-km-zA-HJ-NP-Z1-9]{25,40}$/i.test(line)) return { kind: "wrong", why: "onchain" };
  const [name = "", domain, more] = line.replace(/^@/, "").split("@");
  if (domain !== undefined && (more !== undefined || domain.toLowerCase() !== bank.domain.toLowerCase())) return { kind: "wrong", why: "address" };
  if (/^\+?[\d\s()-]{7,}$/.test(name)) return { kind: "wrong", why: "phone" };
  return USERNAME.test(name) ? { kind: "user", username: name.toLowerCase() } : { kind: "wrong", why: "unknown" };
}

// bitcoin:ADDRESS?amount=…&lightning=INVOICE: the Lightning part is the one that we pay.
function unified(line: string, bank: { network: string; domain: string }, now: number): Destination {
  const query = new URLSearchParams(line.slice(line.indexOf("?") + 1).replaceAll("+", "%2B"));
  for (const [key, value] of query) if (key.toLowerCase() === "lightning" && value !== "") return readDestination(value, bank, now);
  return { kind: "wrong", why: "onchain" };
}
