// The service worker keeps the shell. A new version waits until the person takes it.
import { t } from "../lib/i18n.svelte.ts";
import { toast } from "../ui/toasts.svelte.ts";

interface Policy { createScriptURL(url: string): string }
interface Factory { createPolicy(name: string, rules: Policy): Policy }

function offer(worker: ServiceWorker): void {
  toast(t("update.text"), { label: t("update.take"), run: () => worker.postMessage("update") });
}

export async function keepShell(): Promise<void> {
  if (!("serviceWorker" in navigator)) return;
  const factory = (window as unknown as { trustedTypes?: Factory }).trustedTypes;
  // The page's security policy admits script addresses from this named policy only.
  const rules: Policy = { createScriptURL: (url) => { if (url !== "/sw.js") throw new TypeError(url); return url; } };
  const url = (factory?.createPolicy("hazina-sw", rules) ?? rules).createScriptURL("/sw.js");
  let asked = false;
  const had = navigator.serviceWorker.controller !== null;
  navigator.serviceWorker.addEventListener("controllerchange", () => { if (had && !asked) { asked = true; location.reload(); } });
  try {
    const registration = await navigator.serviceWorker.register(url, { scope: "/wallet" });
    if (registration.waiting) offer(registration.waiting);
    registration.addEventListener("updatefound", () => {
      const worker = registration.installing;
      worker?.addEventListener("statechange", () => { if (worker.state === "installed" && navigator.serviceWorker.controller) offer(worker); });
    });
  } catch { /* private windows refuse it; the wallet works without */ }
}
