import { readdirSync } from "node:fs";
import { defineConfig } from "vite";

const here = import.meta.dirname;

// Bundles the rules and their tests for Node's own test runner, which reads no TypeScript.
export default defineConfig({
  root: here,
  build: {
    ssr: true,
    outDir: "../node_modules/.tests",
    emptyOutDir: true,
    rolldownOptions: { input: readdirSync(here).filter((f) => f.endsWith(".test.ts")).map((f) => `${here}/${f}`) },
  },
});
