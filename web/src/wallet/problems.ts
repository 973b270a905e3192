import { NoAnswer, Refusal } from "../api/client.ts";
import { knows, language, t } from "../lib/i18n.svelte.ts";

/** The sentence for a failure where nothing was moved, with the bank's code for support. */
export function sentence(error: unknown): { text: string; code: string } {
  if (error instanceof NoAnswer) return { text: navigator.onLine ? t("problem.server") : t("problem.offline"), code: "" };
  if (error instanceof Refusal) return { text: refusal(error.code, error.message), code: error.code };
  throw error;
}

/** Our words for the bank's code, else the bank's own sentence; where that holds numbers, its English is the better one. */
export function refusal(code: string | null | undefined, message: string): string {
  const key = `refusal.${code ?? ""}`;
  if (code === "AMOUNT_OUT_OF_RANGE" && language() === "en" && message) return message;
  return knows(key) ? t(key) : message || t("problem.server");
}
