import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeLnurl, lnurlOf } from "../src/lib/lnurl.ts";

test("the specification's example is encoded (LUD-01)", () => {
  assert.equal(
    encodeLnurl("https://service.com/api?q=3fc3645b439ce8e7f2553a69e5267081d96dcd340693afabe04be7b0ccd178df"),
    "lnurl1dp68gurn8ghj7um9wfmxjcm99e3k7mf0v9cxj0m385ekvcenxc6r2c35xvukxefcv5mkvv34x5ekzd3ev56nyd3hxqurzepexejxxepnxscrvwfnv9nxzcn9xq6xyefhvgcxxcmyxymnserxfq5fns",
  );
});

test("an address is a link to its service", () => {
  assert.equal(lnurlOf("amina", "bank.example"), encodeLnurl("https://bank.example/.well-known/lnurlp/amina"));
  assert.equal(lnurlOf("amina", "localhost:4455"), encodeLnurl("http://localhost:4455/.well-known/lnurlp/amina"));
});
