// Bitcoin and Nostr keys from the page's side: something to sign, and what was signed. No coin moves.
import { Refusal, rest } from "../api/client.ts";
import { DeviceRefusal, nostr, type Factor } from "./keys.ts";

export type Purpose = "link" | "enter";
export interface Text { nonce: string; address: string; message: string }
export interface Added { factor: Factor }

// After these the text stays good: nothing was judged. All others use it up.
const KEEPS = new Set(["SIGNATURE_MALFORMED", "SIGNATURE_UNSUPPORTED", "STEP_UP_REQUIRED"]);
export const usedUp = (error: unknown): boolean => error instanceof Refusal && !KEEPS.has(error.code);

export const askBitcoin = (address: string, purpose: Purpose, proof?: string): Promise<Text> => rest("/auth/bitcoin/message", { address: address.trim(), purpose }, "POST", proof);
export const showBitcoin = <R>(nonce: string, signature: string, proof?: string): Promise<R> => rest("/auth/bitcoin/login", { nonce, signature: signature.trim() }, "POST", proof);

export const askNostr = async (purpose: Purpose, proof?: string): Promise<object> => (await rest<{ event: object }>("/auth/nostr/challenge", { purpose }, "POST", proof)).event;
export const showNostr = <R>(event: unknown, proof?: string): Promise<R> => rest("/auth/nostr/login", { event }, "POST", proof);

/** By the browser's extension (NIP-07); null where there is none. */
export async function signedHere(event: object): Promise<unknown> {
  const extension = nostr();
  if (extension === null) return null;
  const signed = await extension.signEvent(event).catch(() => null);
  if (signed == null) throw new DeviceRefusal("passkey.cancelled");
  return signed;
}

/** What somebody pasted. */
export function pasted(text: string): unknown {
  try { return JSON.parse(text) as unknown; } catch { throw new Refusal("NOSTR_MALFORMED", ""); }
}
