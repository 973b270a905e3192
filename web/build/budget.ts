import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Plugin } from "vite";
import { filesOf, phrasesOf } from "./bundle.ts";

// kB of 1000 bytes, gzip, at the first visit (the font is not compressed again and counts as it is).
const LIMITS: Record<string, { html: number; css: number; js: number; font: number; sum: number }> = {
  "index.html": { html: 5, css: 9, js: 12, font: 21, sum: 45 },
  "wallet.html": { html: 3, css: 9, js: 55, font: 21, sum: 90 },
  "sandbox.html": { html: 3, css: 9, js: 55, font: 21, sum: 90 },
};

const kind = (file: string): "html" | "css" | "js" | "font" | undefined =>
  file.endsWith(".html") ? "html" : file.endsWith(".css") ? "css" : file.endsWith(".js") ? "js" : /figtree-latin-wght.*woff2$/.test(file) ? "font" : undefined;

/** Fails the build when a page has grown over its budget; prints the sizes otherwise. */
export function budget(): Plugin {
  return {
    name: "hazina-budget",
    apply: "build",
    enforce: "post",
    writeBundle(options) {
      const dist = options.dir ?? "dist";
      const over: string[] = [];
      for (const [page, limit] of Object.entries(LIMITS)) {
        const size = { html: 0, css: 0, js: 0, font: 0 };
        for (const file of [...filesOf(dist, page, false), ...phrasesOf(dist, page)]) {
          const what = kind(file);
          if (what === undefined) continue;
          const body = readFileSync(join(dist, file));
          size[what] += (what === "font" ? body.length : gzipSync(body, { level: 9 }).length) / 1000;
        }
        const sum = size.html + size.css + size.js + size.font;
        const text = Object.entries({ ...size, sum }).map(([k, v]) => `${k} ${v.toFixed(1)}/${limit[k as keyof typeof limit]}`);
        console.log(`${page.padEnd(13)} ${text.join("  ")} kB`);
        for (const k of ["html", "css", "js", "font"] as const) if (size[k] > limit[k]) over.push(`${page}: ${k} ${size[k].toFixed(1)} kB of ${limit[k]}`);
        if (sum > limit.sum) over.push(`${page}: in all ${sum.toFixed(1)} kB of ${limit.sum}`);
      }
      if (over.length) this.error(`Over budget:\n  ${over.join("\n  ")}`);
    },
  };
}
