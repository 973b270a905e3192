import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "vite";
import { filesOf } from "./bundle.ts";

/** Tells the service worker which files make up this version of the wallet, and the version's name. */
export function precache(): Plugin {
  return {
    name: "hazina-precache",
    apply: "build",
    writeBundle(options) {
      const dist = options.dir ?? "dist";
      const plain = readdirSync(join(dist, "assets")).filter((f) => /^(theme|icon)-/.test(f)).map((f) => `assets/${f}`);
      const files = [...new Set([...filesOf(dist, "wallet.html", true), ...plain])].filter((f) => !/latin-ext|italic/.test(f));
      const digest = createHash("sha256");
      for (const file of files) digest.update(file).update(readFileSync(join(dist, file)));
      const urls = files.map((f) => (f === "wallet.html" ? "/wallet" : `/${f}`));
      const path = join(dist, "sw.js");
      const code = readFileSync(path, "utf8");
      if (!code.includes("__FILES__") || !code.includes("__VERSION__")) this.error("sw.js has no place for its list of files");
      writeFileSync(path, code.replace("__FILES__", urls.join(" ")).replace("__VERSION__", digest.digest("hex").slice(0, 12)));
    },
  };
}
