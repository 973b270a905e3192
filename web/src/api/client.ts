import { createClient, type Client } from "graphql-ws";

/** A document with the shape of its answer and of its variables. */
export interface Doc<R, V> { text: string; _?: (v: V) => R }
export const doc = <R, V extends object = Record<string, never>>(text: string): Doc<R, V> => ({ text });

/** The bank said no. `code` is stable; `message` is the bank's own sentence in English. */
export class Refusal extends Error {
  constructor(readonly code: string, message: string, readonly facts: Record<string, unknown> = {}) { super(message); }
}
/** No answer, or none that can be read: what was asked may have happened. */
export class NoAnswer extends Error {}

export interface ApiError { message: string; code?: string | null }

let token: string | null = null;
let onLoggedOut = (): void => {};
let socket: Client | undefined;

/** The token for all calls from now on. `loggedOut` runs when the bank no longer takes it. */
export function useToken(value: string | null, loggedOut: () => void): void {
  token = value;
  onLoggedOut = loggedOut;
  void socket?.dispose();
  socket = undefined;
}

type Method = "GET" | "POST" | "PATCH" | "DELETE";
async function send(method: Method, path: string, body: unknown, more: Record<string, string> = {}): Promise<{ status: number; body: Record<string, unknown> }> {
  const headers: Record<string, string> = { "content-type": "application/json", ...more };
  if (token !== null) headers["authorization"] = `Bearer ${token}`;
  try {
    const reply = await fetch(path, { method, headers, body: body === undefined ? null : JSON.stringify(body), signal: AbortSignal.timeout(60_000) });
    return { status: reply.status, body: (await reply.json()) as Record<string, unknown> };
  } catch (cause) {
    throw new NoAnswer("no answer", { cause });
  }
}

const proven = (proof: string | undefined): Record<string, string> => (proof === undefined ? {} : { "x-step-up": proof });

const telling = (code: string | null | undefined): boolean => code != null && code !== "INVALID_INPUT" && code !== "UNKNOWN_CLIENT_ERROR";

/** Asks for a document. `key` makes a repeat of a payment harmless; `proof` is a second proof that it needs. */
export async function ask<R, V extends object>(document: Doc<R, V>, variables: V, key?: string, proof?: string): Promise<R> {
  const { status, body } = await send("POST", "/graphql", { query: document.text, variables }, { ...(key === undefined ? {} : { "x-idempotency-key": key }), ...proven(proof) });
  if (status === 401) { onLoggedOut(); throw new Refusal("NOT_AUTHENTICATED", "Log in again."); }
  if (status >= 500) throw new NoAnswer(`HTTP ${status}`);
  // The key was used before: what it did then, only the history tells.
  if (status === 409) throw new Refusal("CONFLICT", "The request was taken before.");
  const first = (body["errors"] as (ApiError & { extensions?: { code?: string } })[] | undefined)?.[0];
  if (first) throw new Refusal(first.code ?? first.extensions?.code ?? "UNKNOWN", first.message);
  if (body["data"] == null) throw new NoAnswer(`HTTP ${status} without data`);
  const { stepUp: wanted, refusal: own } = (body["extensions"] ?? {}) as { stepUp?: unknown; refusal?: string };
  // Blink's payloads leave some codes out, and say two for all the rest: the bank's own stands beside them.
  if (own !== undefined) for (const field of Object.values(body["data"] as Record<string, { errors?: ApiError[] } | null>)) if (field?.errors?.[0] && !telling(field.errors[0].code)) field.errors[0].code = own;
  if (wanted !== undefined) throw new Refusal("STEP_UP_REQUIRED", "", { extensions: wanted });
  return body["data"] as R;
}

/** A plain JSON call of the log-in. `proof` is a second proof that the call needs. */
export async function rest<R>(path: string, body?: unknown, method: Method = "POST", proof?: string): Promise<R> {
  const reply = await send(method, path, body, proven(proof));
  if (reply.status >= 500) throw new NoAnswer(`HTTP ${reply.status}`);
  if (reply.status >= 400) {
    const error = reply.body["error"];
    const facts = typeof error === "object" && error !== null ? (error as Record<string, unknown>) : reply.body;
    const message = typeof error === "string" ? error : String(facts["message"] ?? "");
    throw new Refusal(String(facts["code"] ?? `HTTP_${reply.status}`), message, facts);
  }
  return reply.body as R;
}

/** Listens until the returned function is called; connects again by itself. `live` runs with the first message
 *  of each connection (what happened before it may have been missed), after a gap, and when the bank ends it. */
export function listen<R, V extends object>(document: Doc<R, V>, variables: V, next: (r: R) => void, live: () => void = () => {}): () => void {
  socket ??= createClient({
    url: `${location.origin.replace(/^http/, "ws")}/graphql`,
    lazy: true,
    keepAlive: 20_000,
    retryAttempts: Infinity,
    shouldRetry: () => true,
    retryWait: (tries) => new Promise((r) => setTimeout(r, Math.min(500 * 2 ** tries, 15_000) + Math.random() * 500)),
    connectionParams: () => (token === null ? {} : { Authorization: `Bearer ${token}` }),
  });
  const client = socket;
  let fresh = true;
  let stopped = false;
  let connections = 0;
  const forget = client.on("connected", () => { fresh = true; if (connections++ > 0) live(); });
  const stop = client.subscribe<R>({ query: document.text, variables: variables as Record<string, unknown> }, {
    next: (message) => {
      if (message.data != null) next(message.data);
      if (fresh) { fresh = false; live(); }
    },
    error: () => {},
    complete: () => { if (!stopped) live(); },
  });
  return () => { stopped = true; forget(); stop(); };
}
