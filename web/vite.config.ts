import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";
import { budget } from "./build/budget.ts";
import { precache } from "./build/precache.ts";
import { phrases } from "./build/phrases.ts";

// Several pages, no inline script or style, no source maps: the page runs under a strict
// content security policy. `assets/` names carry a content hash and may be cached for ever.
export default defineConfig({
  appType: "mpa",
  plugins: [phrases(), svelte(), precache(), budget()],
  build: {
    outDir: "dist",
    manifest: true,
    sourcemap: false,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
    reportCompressedSize: false,
    rolldownOptions: {
      input: { index: "index.html", wallet: "wallet.html", sandbox: "sandbox.html", sw: "src/sw/sw.ts" },
      output: { entryFileNames: (chunk) => (chunk.name === "sw" ? "sw.js" : "assets/[name]-[hash].js") },
    },
  },
});
