// What the bank says is to be confirmed, read so that it can be told in another language. It says it in English, on every
// channel in the same words; what we cannot read is shown as it is.
import type { Key } from "./i18n.svelte.ts";

const KIND = "phone|email|totp|passkey|lnurl|bitcoin|nostr|device";
const SAID: [RegExp, Key][] = [
  [/^Send (?<sats>[\d,]+) sat \((?<dollars>[\d,.]+) USD\) to (?<to>.+)$/s, "said.sendSats"],
  [/^Send (?<dollars>[\d,.]+) USD to (?<to>.+)$/s, "said.sendDollars"],
  [/^Add a passkey$/, "said.addPasskey"],
  [/^Add a Lightning wallet$/, "said.addWallet"],
  [/^Add a Bitcoin key$/, "said.addBitcoin"],
  [/^Add a Nostr key$/, "said.addNostr"],
  [/^Log in by (?<what>.+)$/s, "said.add"],
  [/^Use an authenticator app$/, "said.addApp"],
  [/^Stop using the authenticator app$/, "said.removeApp"],
  [new RegExp(`^Stop logging in by (?<kind>${KIND})$`), "said.remove"],
  [new RegExp(`^Let another account take over your (?<kind>${KIND})$`), "said.release"],
  [/^Make the API key (?<name>.*)$/s, "said.key"],
  [/^Make a link by which others may take (?<sats>[\d,]+) sat$/, "said.link"],
  [/^Delete your account for good, with the money that is in it$/, "said.leave"],
];

/** The phrase for it and what fills it in; `kind` is one of `security.kind`. Null: not known. */
export function readSaid(said: string): { key: Key; values: Record<string, string> } | null {
  for (const [pattern, key] of SAID) {
    const found = pattern.exec(said);
    if (found) return { key, values: { ...found.groups } };
  }
  return null;
}
