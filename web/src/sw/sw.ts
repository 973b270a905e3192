/// <reference lib="webworker" />
// The shell of the wallet, one cache for each version. Answers of the bank are never kept here.
export {};
declare const self: ServiceWorkerGlobalScope;

// The build fills in both (build/precache.ts).
const VERSION = "__VERSION__";
const FILES = "__FILES__".split(" ");
const CACHE = `hazina-shell-${VERSION}`;

self.addEventListener("install", (event) => {
  // "reload": a copy from the browser's own cache could be of another version.
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(FILES.map((url) => new Request(url, { cache: "reload" })))));
});

self.addEventListener("activate", (event) => {
  const old = async (): Promise<void> => {
    for (const name of await caches.keys()) if (name !== CACHE && name.startsWith("hazina-shell-")) await caches.delete(name);
    await self.clients.claim();
  };
  event.waitUntil(old());
});

// A new version waits until the person agrees.
self.addEventListener("message", (event) => {
  if (event.data === "update") void self.skipWaiting();
});

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== location.origin) return;
  const shell = event.request.mode === "navigate" && /^\/wallet(\/|$)/.test(url.pathname);
  if (shell) event.respondWith(caches.open(CACHE).then((c) => c.match("/wallet")).then((hit) => hit ?? fetch(event.request)));
  else if (url.pathname.startsWith("/assets/")) {
    event.respondWith(caches.open(CACHE).then((c) => c.match(event.request)).then((hit) => hit ?? fetch(event.request)));
  }
});
