import assert from "node:assert/strict";
import { test } from "node:test";
import en from "../src/lib/en.json";
import { readSaid } from "../src/lib/said.ts";

const KIND = "passkey";
// Each sentence of the bank's, as it says it.
const SAID = [
  "Send 100,000 sat (60.12 USD) to amina", "Send 1 sat (0.00 USD) to Send 5 sat (1.00 USD) to juma", "Send 1,250.00 USD to bcrt1qexample",
  "Add a passkey", "Add a Lightning wallet", "Add a Bitcoin key", "Add a Nostr key", "Log in by amina@mail.example", "Use an authenticator app",
  "Stop using the authenticator app", `Stop logging in by ${KIND}`, `Let another account take over your ${KIND}`, "Make the API key shop till",
  "Make a link by which others may take 21,000 sat", "Delete your account for good, with the money that is in it",
];

test("what is confirmed is read whole, and nothing of it is lost", () => {
  for (const said of SAID) {
    const found = readSaid(said);
    assert.ok(found, said);
    assert.equal(en[found.key].replace(/\{(\w+)\}/g, (_, name: string) => found.values[name] ?? "?"), said);
  }
  assert.equal(readSaid("Send 1,000 sat (0.60 USD) to amina (USD 1)")?.values["to"], "amina (USD 1)");
  for (const unknown of ["Send ten sat (1.00 USD) to amina", "Something new", "Stop logging in by magic", ""]) assert.equal(readSaid(unknown), null);
});
