// The page is whole without this script: it changes the language and offers the sandbox where one runs.
import "../styles/landing.css";
import en from "virtual:phrases/landing/en";
import sw from "virtual:phrases/landing/sw";

type Language = "en" | "sw";
const phrases = { en, sw };

function show(to: Language): void {
  const t = (key: string): string => phrases[to][key] ?? "";
  document.documentElement.lang = to;
  for (const node of document.querySelectorAll<HTMLElement>("[data-t]")) node.textContent = t(node.dataset["t"] ?? "");
  for (const button of document.querySelectorAll<HTMLElement>("[data-language]")) button.setAttribute("aria-pressed", String(button.dataset["language"] === to));
  document.title = `Hazina – ${t("landing.title")}`;
}

async function offerSandbox(): Promise<void> {
  const reply = await fetch("/graphql", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ query: "{ globals { network } }" }) });
  const { data } = (await reply.json()) as { data?: { globals?: { network?: string } | null } };
  // Only a bank on a private test network can have one.
  document.getElementById("sandbox")?.toggleAttribute("hidden", data?.globals?.network !== "regtest");
}

const languages = document.getElementById("languages");
languages?.removeAttribute("hidden");
languages?.addEventListener("click", (event) => {
  const to = (event.target as HTMLElement).dataset["language"];
  if (to !== "en" && to !== "sw") return;
  show(to);
  try { localStorage.setItem("hazina.language", to); } catch { /* it holds for this page */ }
});
// public/assets/theme-1.js has chosen the language.
show(document.documentElement.lang === "sw" ? "sw" : "en");
void offerSandbox().catch(() => {});
