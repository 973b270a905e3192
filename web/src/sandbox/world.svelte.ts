// The sandbox's control API, and its state as last told.
import { t } from "../lib/i18n.svelte.ts";

export interface Sms { to: string; body: string; at: string | number }
export interface Invoice { paymentHash: string; paymentRequest: string; state: "OPEN" | "ACCEPTED" | "SETTLED" | "CANCELED"; amountMsat: number | null; receivedMsat: number; memo: string; wallet: string; createdAt: number; expiresAt: number }
export interface Payment { from: string; paymentHash: string; status: "IN_FLIGHT" | "SUCCEEDED" | "FAILED"; amountMsat: number; feeMsat?: number; error?: string; createdAt?: number }
export interface Fault { provider: string; call: string; action: string; seconds: number | null; times: number | null }
export interface Chain { height: number; mempool: { txid: string; vsize: number; feeSats: number; at: number }[] }
/** `onchain`: null when the node does not answer; missing where the sandbox has no chain. */
export interface Mail extends Sms { subject: string }
/** `url`: where a bank's endpoint of any name may point. */
export interface Hooks { url: string; came: { name: string; id: string; eventType: string; at: string }[] }
export interface Feed { feed: string; kind: "price" | "rates"; state: string }
/** Of the hedge's exchange; decimals of bitcoin. A contract is 100 dollars, and a short is below zero. */
export interface Hedge { fundingSats: number; cash: string; equity: string; contracts: string; entry: string; mark: string; liquidationPrice: string; fundingRate: string; maintenance: string }
export interface State { usdPerBtc: string; feeds: Feed[]; feedStates: string[]; onchain?: Chain | null; sms: Sms[]; mail: Mail[]; hooks?: Hooks; invoices: Invoice[]; payments: Payment[]; faults: Fault[]; faultCalls: Record<string, string[]>; faultActions: Record<string, string> }

const EVERY_MS = 1500;

class World {
  state = $state.raw<State | null>(null);
  away = $state(false);

  /** Asks, and says what went wrong in `problem` of the caller by throwing an Error with a sentence. */
  async call<R>(method: "GET" | "POST" | "DELETE", path: string, body?: unknown): Promise<R> {
    const reply = await fetch(`/sandbox/api/${path}`, { method, ...(body === undefined ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }), signal: AbortSignal.timeout(20_000) });
    const answer = (await reply.json().catch(() => ({}))) as R & { message?: string };
    if (!reply.ok) throw new Error(answer.message ?? `HTTP ${reply.status}`);
    return answer;
  }

  async look(): Promise<void> {
    try {
      this.state = await this.call<State>("GET", "state");
      this.away = false;
    } catch { this.away = true; }
  }

  start(): void {
    const round = async (): Promise<void> => {
      if (document.visibilityState === "visible") await this.look();
      setTimeout(() => void round(), this.away ? EVERY_MS * 3 : EVERY_MS);
    };
    void round();
  }
}

export const world = new World();
export const why = (error: unknown): string => t("sandbox.problem", { why: error instanceof Error ? error.message : String(error) });
export const satsOf = (msat: number): bigint => BigInt(msat) / 1000n;
/** Seconds since 1970 from either way of telling the time. */
export const secondsOf = (at: string | number): number => (typeof at === "number" ? at : Date.parse(at) / 1000);
