import assert from "node:assert/strict";
import { test } from "node:test";
import { convert, editable, fromDecimal, inUnit, spoken, text, typed, useDigits, type Price } from "../src/lib/money.ts";

const cent = { base: 1n, offset: 0 };
const price: Price = { code: "USD", sat: { base: 96_000_000_000n, offset: 12 }, cent }; // USD 96,000 for 1 BTC
const shillings: Price = { code: "KES", sat: { base: 12_480_000_000_000n, offset: 12 }, cent: { base: 130_000_000n, offset: 6 } }; // KES 130 for 1 USD
const centsOf = (sats: bigint, at: Price): bigint | null => convert(sats, "sats", "USD", at);
const plain = (s: string): string => s.replaceAll("\u202f", "_").replaceAll("\u00a0", " ");

test("amounts are written with the code, groups and the true minus", () => {
  assert.equal(plain(text(123450n, "USD")), "USD 1,234.50");
  assert.equal(plain(text(-5n, "USD")), "\u2212USD 0.05");
  assert.equal(plain(text(100n, "USD", true)), "+USD 1.00");
  assert.equal(plain(text(0n, "USD", true)), "USD 0.00");
  assert.equal(plain(text(184250n, "sats")), "184_250 sats");
  assert.equal(plain(text(-1000n, "sats")), "\u22121_000 sats");
  assert.equal(plain(text(184250n, "BTC")), "0.001_842_50 BTC");
  assert.equal(plain(text(2_100_000_000_000_000n, "BTC")), "21_000_000.000_000_00 BTC");
  assert.equal(plain(spoken(-1234567n, "sats")), "minus 1234567 sats");
  assert.equal(plain(spoken(123456789n, "USD")), "USD 1234567.89");
});

test("conversion is to the nearest, halves down, never nothing for something", () => {
  assert.equal(centsOf(184250n, price), 17688n);
  assert.equal(centsOf(1n, price), 1n);
  assert.equal(centsOf(0n, price), 0n);
  assert.equal(centsOf(-184250n, price), -17688n);
  assert.equal(convert(100n, "USD", "sats", price), 1042n);
  assert.equal(centsOf(1n, { code: "USD", sat: { base: 5n, offset: 1 }, cent }), 1n); // half a cent, but not nothing
  assert.equal(centsOf(3n, { code: "USD", sat: { base: 5n, offset: 1 }, cent }), 1n); // one and a half
  assert.equal(inUnit(5n, "USD", "sats", null), null);
  assert.equal(inUnit(5n, "USD", "USD", null), 5n);
  assert.equal(inUnit(5n, "BTC", "BTC", null), 5n);
});

test("amounts are shown in the person's currency", () => {
  assert.equal(convert(1000n, "sats", "KES", shillings), 12480n);
  assert.equal(convert(100n, "USD", "KES", shillings), 13000n);
  assert.equal(convert(13000n, "KES", "USD", shillings), 100n);
  assert.equal(convert(12480n, "KES", "sats", shillings), 1000n);
  assert.equal(convert(100n, "USD", "sats", shillings), 1042n); // neither of them is the currency of the price
  assert.equal(convert(100n, "EUR", "sats", shillings), null);
  useDigits("UGX", 0);
  useDigits("TND", 3);
  assert.equal(plain(text(1234567n, "UGX")), "UGX 1,234,567");
  assert.equal(plain(text(-1234n, "TND")), "\u2212TND 1.234");
  assert.equal(fromDecimal("12", "UGX"), 12n);
  assert.equal(fromDecimal("-1.2", "TND"), -1200n);
  assert.deepEqual(typed("KES 1,234.50", "KES"), { amount: 123450n });
  assert.deepEqual(typed("1.5", "UGX"), { wrong: "tooFine" });
  assert.equal(editable(1234n, "UGX"), "1234");
});

test("decimal text of the API becomes cents", () => {
  assert.equal(fromDecimal("-12.30", "USD"), -1230n);
  assert.equal(fromDecimal("7", "USD"), 700n);
  assert.equal(fromDecimal("0.05", "USD"), 5n);
  assert.equal(fromDecimal("1e3", "USD"), null);
});

test("what is typed is read, and never guessed", () => {
  const usd: Record<string, bigint | string> = {
    "12.50": 1250n, "12,5": 1250n, "1,234": 123400n, "1,234.5": 123450n, "USD 3": 300n, " 1\u202f000 ": 100000n, ".5": 50n, "7.": 700n,
    "1.500": "unclear", "1.234,50": "unclear", "1,23,4": "unclear", "0.001": "tooFine", "1e3": "notNumber", "-1": "notNumber", "\u0661": "notNumber", "": "empty", "1.2345": "tooFine",
  };
  for (const [input, want] of Object.entries(usd)) {
    const got = typed(input, "USD");
    assert.equal("amount" in got ? got.amount : got.wrong, want, input);
  }
  assert.deepEqual(typed("1 000 sats", "sats"), { amount: 1000n });
  assert.deepEqual(typed("1.5", "sats"), { wrong: "tooFine" });
  assert.deepEqual(typed("0.001", "BTC"), { amount: 100_000n });
  assert.deepEqual(typed("9".repeat(30), "sats"), { wrong: "notNumber" });
});

test("an amount can be typed on from where it stands", () => {
  assert.equal(editable(1250n, "USD"), "12.50");
  assert.equal(editable(1200n, "USD"), "12");
  assert.equal(editable(5n, "USD"), "0.05");
  assert.equal(editable(1234n, "sats"), "1234");
});
