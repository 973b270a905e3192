import assert from "node:assert/strict";
import { test } from "node:test";
import { readInvoice } from "../src/lib/bolt11.ts";
import { readDestination } from "../src/lib/destination.ts";
import { encodeLnurl } from "../src/lib/lnurl.ts";

// From the specification (lightning/bolts, 11-payment-encoding.md, "Examples").
const DONATION = "lnbc1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdpl2pkx2ctnv5sxxmmwwd5kgetjypeh2ursdae8g6twvus8g6rfwvs8qun0dfjkxaq9qrsgq357wnc5r2ueh7ck6q93dj32dlqnls087fxdwk8qakdyafkq3yap9us6v52vjjsrvywa6rt52cm9r9zqt8r2t7mlcwspyetp5h2tztugp9lfyql";
const COFFEE = "lnbc2500u1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4jsxqzpu9qrsgquk0rl77nj30yxdy8j9vdx85fkpmdla2087ne0xh8nhedh8w27kyke0lp53ut353s06fv3qfegext0eh0ymjpf39tuven09sam30g4vgpfna3rh";
const HASH = "0001020304050607080900010203040506070809000102030405060708090102";
const bank = { network: "mainnet", domain: "bank.example" };
const kind = (text: string, now = 1_496_314_700): string => {
  const read = readDestination(text, bank, now);
  return read.kind === "wrong" ? read.why : read.kind;
};

test("the specification's invoices are read", () => {
  assert.deepEqual(readInvoice(DONATION), { text: DONATION, network: "mainnet", sats: null, hash: HASH, memo: "Please consider supporting this project", createdAt: 1496314658, expiresAt: 1496314658 + 3600 });
  const coffee = readInvoice(COFFEE.toUpperCase());
  assert.equal(coffee?.sats, 250_000n);
  assert.equal(coffee?.memo, "1 cup coffee");
  assert.equal(coffee?.expiresAt, 1496314658 + 60);
});

test("a damaged invoice is none", () => {
  for (const text of [DONATION.slice(0, -1), DONATION.replace("pvj", "pvk"), `${DONATION}q`, DONATION.slice(0, 50) + DONATION.slice(50).toUpperCase(), "lnbc1", "ln", ""]) assert.equal(readInvoice(text), null, text);
});

test("every usual wrapping is understood", () => {
  for (const text of [DONATION, `lightning:${DONATION}`, `LIGHTNING:${DONATION.toUpperCase()}`, `  lightning://${DONATION} `, `bitcoin:bc1qxyz?amount=0.1&lightning=${DONATION}`, `BITCOIN:?LIGHTNING=${DONATION.toUpperCase()}`]) assert.equal(kind(text), "invoice", text);
  for (const text of ["amina", "@amina", "Amina", "amina@bank.example", "amina@BANK.example"]) assert.equal(kind(text), "user", text);
});

test("what cannot be paid is told apart", () => {
  const wrong: Record<string, string> = {
    "": "empty", "a@b@bank.example": "address", "ämina@elsewhere.example": "address", "amina@elsewhere": "address", "https://example.com": "lnurl", "keyauth://example.com": "lnurl", "lnurl1": "broken", "lnurl1dp68gurn8ghj7ampd3kx2ar0veekzar0wd5xjtnrdakj7": "broken",
    "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080": "network", "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn": "network",
    "bitcoin:bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq?amount=1e3": "link", "bitcoin:bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq?amount=-1": "link", "bitcoin:bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq?req-pop=x": "link", "bitcoin:bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq?amount=1&AMOUNT=1": "link", "bitcoin:bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq?label=a&label=b": "link", "bitcoin:nobody": "link", "bitcoin:": "link",
    "+254 712 345 678": "phone", "0712345678": "phone", "??": "unknown", "ab": "unknown", [DONATION.slice(0, 80)]: "broken",
  };
  for (const [text, why] of Object.entries(wrong)) assert.equal(kind(text), why, text);
  assert.equal(kind(DONATION, 1_600_000_000), "expired");
  const other = readDestination(DONATION, { network: "regtest", domain: "" }, 0);
  assert.equal(other.kind === "wrong" && other.why, "network");
});

test("addresses and their links are read", () => {
  const ADDRESS = "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq";
  const read = (text: string): unknown => readDestination(text, bank, 1_496_314_700);
  const plain = { kind: "chain", address: ADDRESS, sats: null, memo: "" };
  assert.deepEqual(read(ADDRESS), plain);
  assert.deepEqual(read(`bitcoin:${ADDRESS}`), plain);
  assert.deepEqual(read(`BITCOIN:${ADDRESS}?amount=20.3&label=Luke-Jr`), { ...plain, sats: 2_030_000_000n, memo: "Luke-Jr" });
  assert.deepEqual(read(`bitcoin:${ADDRESS}?AMOUNT=0.00000001&message=Tea%20house`), { ...plain, sats: 1n, memo: "Tea house" });
  assert.deepEqual(read(`bitcoin:${ADDRESS}?lightning=lnbc1broken&amount=.5`), { ...plain, sats: 50_000_000n });
  assert.deepEqual(read("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"), { ...plain, address: "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa" });
});

test("addresses and links of other services are read", () => {
  const LNURL = encodeLnurl("https://pay.elsewhere.example/p/1");
  const read = (text: string): unknown => readDestination(text, bank, 0);
  for (const text of ["amina@elsewhere.example", "Amina@Elsewhere.Example", "lightning:amina@elsewhere.example"]) assert.deepEqual(read(text), { kind: "address", text: "amina@elsewhere.example" }, text);
  assert.deepEqual(read("amina+shop@pay.elsewhere.example"), { kind: "address", text: "amina+shop@pay.elsewhere.example" });
  for (const text of [LNURL, LNURL.toUpperCase(), `lightning:${LNURL}`, `https://shop.example/pay?lightning=${LNURL.toUpperCase()}`]) assert.deepEqual(read(text), { kind: "lnurl", text: LNURL }, text);
  assert.deepEqual(read("lnurlp://pay.elsewhere.example/p/Ab"), { kind: "lnurl", text: "lnurlp://pay.elsewhere.example/p/Ab" });
});
