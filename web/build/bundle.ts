import { readFileSync } from "node:fs";
import { join } from "node:path";

interface Chunk { file: string; src?: string; imports?: string[]; dynamicImports?: string[]; css?: string[]; assets?: string[] }

const read = (dist: string): Record<string, Chunk> => JSON.parse(readFileSync(join(dist, ".vite", "manifest.json"), "utf8")) as Record<string, Chunk>;

/** The one file of phrases that a page's first visit adds. */
export function phrasesOf(dist: string, page: string): string[] {
  const chunk = read(dist)[`virtual:phrases/${page.replace(".html", "")}/en`];
  return chunk ? [chunk.file] : [];
}

/** Files that a page loads at its first visit, from Vite's manifest; `late` adds what it loads on use. */
export function filesOf(dist: string, page: string, late: boolean): string[] {
  const manifest = read(dist);
  const seen = new Set<string>();
  const files = new Set<string>([page]);
  const visit = (key: string): void => {
    const chunk = manifest[key];
    if (chunk === undefined || seen.has(key)) return;
    seen.add(key);
    if (chunk.file !== page) files.add(chunk.file);
    for (const name of [...(chunk.css ?? []), ...(chunk.assets ?? [])]) files.add(name);
    for (const next of [...(chunk.imports ?? []), ...(late ? (chunk.dynamicImports ?? []) : [])]) visit(next);
  };
  visit(page);
  return [...files].sort();
}
