// Passkeys and Lightning wallets from the page's side; loaded when somebody uses them.
import { rest } from "../api/client.ts";
import { t, type Key } from "../lib/i18n.svelte.ts";
import "./later.ts";
import { sentence } from "./problems.ts";

export interface Factor {
  id: string; kind: string; name: string; subject: string | null; createdAt: number; lastUsedAt: number | null;
  backedUp?: boolean; doubtfulSince?: string | null;
}
export interface Entered { authToken: string; totpRequired: boolean; id: string; new: boolean }
export interface Link { id: string; lnurl: string; expiresAt: number }
/** What the bank says when it wants a second proof. */
export interface Proofs { challenge: string; methods: string[]; said: string }

/** The device or the browser said no; `key` names our sentence. */
export class DeviceRefusal extends Error { constructor(readonly key: Key) { super(key); } }

/** The sentence for whatever went wrong with a key. */
export const told = (error: unknown): string => (error instanceof DeviceRefusal ? t(error.key) : sentence(error).text);

// -- bytes ---------------------------------------------------------------------------------------

const bytes = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const text = (buffer: ArrayBuffer): string => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const listed = (list: { id: string }[] | undefined): PublicKeyCredentialDescriptor[] => (list ?? []).map((one) => ({ ...one, type: "public-key", id: bytes(one.id) }) as PublicKeyCredentialDescriptor);

// -- the device ----------------------------------------------------------------------------------

async function device(asked: () => Promise<Credential | null>): Promise<PublicKeyCredential> {
  if (!("credentials" in navigator) || !("PublicKeyCredential" in window)) throw new DeviceRefusal("passkey.unsupported");
  try {
    const made = await asked();
    if (made === null) throw new DeviceRefusal("passkey.cancelled");
    return made as PublicKeyCredential;
  } catch (error) {
    const name = error instanceof DOMException ? error.name : "";
    if (name === "InvalidStateError") throw new DeviceRefusal("passkey.already");
    if (name === "SecurityError") throw new DeviceRefusal("passkey.address");
    if (name === "NotAllowedError" || name === "AbortError") throw new DeviceRefusal("passkey.cancelled");
    throw error;
  }
}

function said(made: PublicKeyCredential, response: Record<string, unknown>): unknown {
  return { id: made.id, rawId: made.id, type: made.type, clientExtensionResults: made.getClientExtensionResults(), response };
}

type CreationJson = Omit<PublicKeyCredentialCreationOptions, "challenge" | "user" | "excludeCredentials"> &
  { challenge: string; user: { id: string; name: string; displayName: string }; excludeCredentials?: { id: string }[] };
type RequestJson = Omit<PublicKeyCredentialRequestOptions, "challenge" | "allowCredentials"> & { challenge: string; allowCredentials?: { id: string }[] };

async function create(options: CreationJson): Promise<unknown> {
  const publicKey = { ...options, challenge: bytes(options.challenge), user: { ...options.user, id: bytes(options.user.id) }, excludeCredentials: listed(options.excludeCredentials) };
  const made = await device(() => navigator.credentials.create({ publicKey }));
  const answer = made.response as AuthenticatorAttestationResponse;
  return said(made, { clientDataJSON: text(answer.clientDataJSON), attestationObject: text(answer.attestationObject), transports: answer.getTransports?.() ?? [] });
}

async function get(options: RequestJson, more: CredentialRequestOptions = {}): Promise<unknown> {
  const publicKey = { ...options, challenge: bytes(options.challenge), allowCredentials: listed(options.allowCredentials) };
  const made = await device(() => navigator.credentials.get({ publicKey, ...more }));
  const answer = made.response as AuthenticatorAssertionResponse;
  return said(made, {
    clientDataJSON: text(answer.clientDataJSON), authenticatorData: text(answer.authenticatorData), signature: text(answer.signature),
    ...(answer.userHandle ? { userHandle: text(answer.userHandle) } : {}),
  });
}

// -- passkeys ------------------------------------------------------------------------------------

interface Creation { publicKey: CreationJson }
interface Request { publicKey: RequestJson }

export async function addPasskey(name: string, proof?: string): Promise<{ factor: Factor }> {
  const { publicKey } = await rest<Creation>("/auth/passkey/register/options", { purpose: "link" }, "POST", proof);
  return rest("/auth/passkey/register", { credential: await create(publicKey), name }, "POST", proof);
}

export async function registerPasskey(name: string): Promise<Entered> {
  const { publicKey } = await rest<Creation>("/auth/passkey/register/options", { purpose: "register" });
  return rest("/auth/passkey/register", { credential: await create(publicKey), name });
}

export async function logInByPasskey(): Promise<Entered> {
  const { publicKey } = await rest<Request>("/auth/passkey/options", {});
  return rest("/auth/passkey/login", { credential: await get(publicKey) });
}

/** Offers passkeys where the browser fills in the phone number; ends with `signal`, or when one was chosen. */
export async function offerPasskeys(signal: AbortSignal): Promise<Entered | null> {
  if (!(await window.PublicKeyCredential?.isConditionalMediationAvailable?.())) return null;
  const { publicKey } = await rest<Request>("/auth/passkey/options", {});
  if (signal.aborted) return null;
  return rest("/auth/passkey/login", { credential: await get(publicKey, { mediation: "conditional", signal }) });
}

// -- Lightning wallets ---------------------------------------------------------------------------

export const askWallet = (purpose: "link" | "enter", proof?: string): Promise<Link> => rest("/auth/lnurl/challenge", { purpose }, "POST", proof);

/** Waits until the wallet has called; null when nobody waits any more. */
export async function walletAnswered<R>(link: Link, open: () => boolean, proof?: string): Promise<R | null> {
  while (open()) {
    const answer = await rest<{ status?: string } & R>("/auth/lnurl/login", { id: link.id, wait: 20 }, "POST", proof);
    if (answer.status !== "WAITING") return answer;
  }
  return null;
}

// -- what one has --------------------------------------------------------------------------------

export const factors = async (): Promise<Factor[]> => (await rest<{ factors: Factor[] }>("/auth/factors", undefined, "GET")).factors;
export const renameFactor = (id: string, name: string): Promise<unknown> => rest(`/auth/factors/${id}`, { name }, "PATCH");
/** Until when another account may take it over, in seconds. */
export const releaseFactor = async (id: string, proof?: string): Promise<number> => (await rest<{ releasedUntil: number }>(`/auth/factors/${id}/release`, {}, "POST", proof)).releasedUntil;
export const removeFactor = (id: string, proof?: string): Promise<unknown> => rest(`/auth/factors/${id}`, undefined, "DELETE", proof);

// -- second proofs -------------------------------------------------------------------------------

interface Begun { to?: string; publicKey?: RequestJson; id?: string; lnurl?: string; event?: unknown; text?: string; expiresAt: string }

export const beginProof = (challenge: string, method: string): Promise<Begun> => rest("/auth/step-up/begin", { challenge, method });
/** The proof of one use, by a code or what else the method answers with. */
export const prove = async (challenge: string, method: string, answer: string): Promise<string> => (await rest<{ token: string }>("/auth/step-up/prove", { challenge, method, answer })).token;

export async function proveByPasskey(challenge: string): Promise<string> {
  const { publicKey } = await beginProof(challenge, "passkey");
  if (publicKey === undefined) throw new DeviceRefusal("passkey.unsupported");
  return prove(challenge, "passkey", JSON.stringify(await get(publicKey)));
}

/** The link by which a wallet confirms; `walletConfirmed` follows. */
export async function askWalletToConfirm(challenge: string): Promise<Link> {
  const { id = "", lnurl = "", expiresAt } = await beginProof(challenge, "lnurl");
  return { id, lnurl, expiresAt: Math.floor(Date.parse(expiresAt) / 1000) };
}

export async function walletConfirmed(challenge: string, link: Link, open: () => boolean): Promise<string | null> {
  while (open()) {
    const { status } = await rest<{ status: string }>("/auth/lnurl/wait", { id: link.id, wait: 20 });
    if (status === "ANSWERED") return prove(challenge, "lnurl", link.id);
  }
  return null;
}

interface Nostr { signEvent(event: unknown): Promise<unknown> }
export const nostr = (): Nostr | null => (window as { nostr?: Nostr }).nostr ?? null;

export async function proveByNostr(challenge: string): Promise<string> {
  const { event } = await beginProof(challenge, "nostr");
  const signed = await nostr()?.signEvent(event).catch(() => null);
  if (signed == null) throw new DeviceRefusal("passkey.cancelled");
  return prove(challenge, "nostr", JSON.stringify(signed));
}
