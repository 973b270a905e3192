// What the wallet knows of the bank: one object, filled by queries and kept fresh by the subscription.
import { ask, listen, NoAnswer, Refusal, useToken } from "../api/client.ts";
import { Globals, Home, Lines, LogOut, Rate, Updates, type PriceData } from "../api/documents.ts";
import { lineOf, type Line } from "../lib/line.ts";
import { inUnit, isMoney, unitOf, useDigits, type Asset, type Price, type Unit } from "../lib/money.ts";

export interface Wallet { id: string; asset: Asset; balance: bigint }
interface Person { id: string; phone: string; username: string | null }
/** Kept for a visit without network. Nothing here can move money. */
interface Shell { person: Person; wallets: Wallet[]; price: Price | null; code?: string; digits?: number; lines: Line[]; network: string; domain: string; at: number }

// The token lies in localStorage: it must outlive the tab of an installed wallet, and a cookie would
// have to be guarded against other sites. No foreign script can read it: the page's security policy
// admits scripts of this origin only, nothing inline, and the token ends with a revoked session.
const TOKEN = "hazina.token";
const SHELL = "hazina.shell";
const LINES_KEPT = 50;

const read = (name: string): string | null => { try { return localStorage.getItem(name); } catch { return null; } };
export function write(name: string, value: string | null): void {
  try { if (value === null) localStorage.removeItem(name); else localStorage.setItem(name, value); } catch { /* no storage: until the tab closes */ }
}
const big = (_: string, value: unknown): unknown => (typeof value === "bigint" ? { $n: value.toString() } : value);
const small = (_: string, value: unknown): unknown =>
  typeof value === "object" && value !== null && "$n" in value ? BigInt(String(value.$n)) : value;

class Bank {
  token = $state<string | null>(read(TOKEN));
  person = $state.raw<Person | null>(null);
  wallets = $state.raw<Wallet[]>([]);
  lines = $state.raw<Line[]>([]);
  /** On their way on-chain, in no balance and no statement yet. */
  pending = $state.raw<Line[]>([]);
  /** Whether this bank sends and receives on-chain, and what a deposit costs: up to so many satoshi, so many. */
  onchain = $state(false);
  tiers = $state.raw<{ upTo: bigint | null; fee: bigint }[]>([]);
  cursor = $state.raw<string | null>(null);
  price = $state.raw<Price | null>(null);
  network = $state("");
  domain = $state("");
  /** When the balances were told, in seconds; 0: never. */
  at = $state(0);
  /** Why the last refresh failed. */
  problem = $state<"network" | "server" | null>(null);
  /** Set when the bank ended the session, for the log-in page. */
  ended = $state(false);
  hidden = $state(read("hazina.hidden") === "1");
  /** The currency that the account shows amounts in, and how many decimals it has. */
  code = $state("USD");
  digits = 2;
  /** What stands in front: that currency, or a unit of bitcoin. */
  #unit = $state<Unit | null>(read("hazina.unit"));
  now = $state(Math.floor(Date.now() / 1000));

  #stop: (() => void) | null = null;
  #running: Promise<void> | null = null;
  #again = false;
  #told = false;

  constructor() {
    const kept = read(SHELL);
    if (this.token === null || kept === null) return;
    try {
      const shell = JSON.parse(kept, small) as Shell;
      Object.assign(this, { person: shell.person, wallets: shell.wallets, price: shell.price?.code ? shell.price : null, code: shell.code ?? "USD", digits: shell.digits ?? 2, lines: shell.lines, network: shell.network, domain: shell.domain, at: shell.at });
      useDigits(this.code, this.digits);
    } catch { write(SHELL, null); }
  }

  wallet(asset: Asset): Wallet | undefined { return this.wallets.find((w) => w.asset === asset); }

  /** Both wallets together in one unit; null where the price is needed and not known. */
  total(unit: Unit): bigint | null {
    let sum = 0n;
    for (const wallet of this.wallets) {
      const part = inUnit(wallet.balance, wallet.asset, unit, this.price);
      if (part === null && wallet.balance !== 0n) return null;
      sum += part ?? 0n;
    }
    return sum;
  }

  start(): void {
    setInterval(() => { this.now = Math.floor(Date.now() / 1000); }, 1000);
    const wake = (): void => { if (document.visibilityState === "visible") void this.refresh(); };
    document.addEventListener("visibilitychange", wake);
    addEventListener("online", wake);
    addEventListener("offline", () => { this.problem = "network"; });
    void this.#globals();
    if (this.token !== null) this.enter(this.token);
  }

  enter(token: string): void {
    this.token = token;
    this.ended = false;
    write(TOKEN, token);
    useToken(token, () => { this.ended = true; this.leave(); });
    this.#stop = listen(Updates, {}, ({ myUpdates: { update } }) => {
      // In another currency: it was chosen on another device.
      if (update?.btcSatPrice && (update as PriceData).denominatorCurrencyDetails.id !== this.code) void this.refresh();
      else if (update?.btcSatPrice) this.#rate(update as PriceData);
      if (update?.transaction) void this.refresh();
    }, () => void this.refresh());
    void this.refresh();
  }

  leave(): void {
    this.#stop?.();
    this.#stop = null;
    useToken(null, () => {});
    write(TOKEN, null);
    write(SHELL, null);
    Object.assign(this, { token: null, person: null, wallets: [], lines: [], pending: [], cursor: null, at: 0, problem: null, code: "USD", price: null });
  }

  async logOut(): Promise<void> {
    // Leave this device even where the bank cannot be reached; the session can be revoked from another.
    await ask(LogOut, {}).catch(() => {});
    this.leave();
    this.ended = false;
  }

  hide(hidden: boolean): void { this.hidden = hidden; write("hazina.hidden", hidden ? "1" : null); }
  show(unit: Unit): void { this.#unit = isMoney(unit) ? null : unit; write("hazina.unit", this.#unit); }
  get unit(): Unit { return this.#unit === null || isMoney(this.#unit) ? this.code : this.#unit; }

  /** The unit that stands in front of a wallet's own, where the price is known. */
  front(asset: Asset): Unit { return isMoney(this.unit) && (this.price !== null || this.code === unitOf(asset)) ? this.code : unitOf(asset); }
  /** A wallet's amount in that unit. */
  value(amount: bigint | null, asset: Asset): bigint | null { return amount === null ? null : inUnit(amount, asset, this.front(asset), this.price); }

  /** From now on in another currency; what the bank keeps was changed before. */
  async showCurrency(code: string, digits: number): Promise<void> {
    useDigits(code, digits);
    Object.assign(this, { code, digits, price: null });
    this.show(code);
    await this.#price();
  }

  /** Asks for balances and the newest lines. A call during a call asks once more after it. */
  refresh(): Promise<void> {
    if (this.#running) { this.#again = true; return this.#running; }
    this.#running = this.#load().finally(() => {
      this.#running = null;
      if (this.#again) { this.#again = false; void this.refresh(); }
    });
    return this.#running;
  }

  async #load(): Promise<void> {
    if (this.token === null) return;
    const token = this.token;
    try {
      if (!this.#told) await this.#globals();
      const { me } = await ask(Home, {});
      if (me === null || this.token !== token) return;
      const account = me.defaultAccount;
      this.person = { id: me.id, phone: me.phone ?? "", username: me.username };
      this.wallets = account.wallets.map((w) => ({ id: w.id, asset: w.walletCurrency, balance: BigInt(w.balance) }));
      this.pending = account.pendingIncomingTransactions.map(lineOf);
      if (account.displayCurrency !== this.code) Object.assign(this, { code: account.displayCurrency, price: null });
      this.#merge((account.transactions?.edges ?? []).map((e) => lineOf(e.node)), account.transactions?.pageInfo ?? null);
      this.at = Math.floor(Date.now() / 1000);
      this.problem = null;
      // The price may be away while the money is not.
      if (this.price === null) await this.#price();
      this.#keep();
    } catch (error) {
      if (this.token !== token) return;
      if (error instanceof NoAnswer) this.problem = navigator.onLine ? "server" : "network";
      else if (error instanceof Refusal) this.problem = "server";
      else throw error;
    }
  }

  #merge(newest: Line[], page: { endCursor: string | null; hasNextPage: boolean } | null): void {
    const oldest = newest.at(-1);
    const known = new Set(newest.map((l) => l.id));
    // Older pages stay, as long as they join on.
    const joins = oldest !== undefined && this.cursor !== null && this.lines.some((l) => known.has(l.id));
    const older = joins ? this.lines.filter((l) => !known.has(l.id) && l.at <= oldest.at) : [];
    if (older.length === 0) this.cursor = page?.hasNextPage ? page.endCursor : null;
    this.lines = [...newest, ...older];
  }

  /** One more page of the past. */
  async older(): Promise<void> {
    if (this.cursor === null) return;
    const { me } = await ask(Lines, { first: 30, after: this.cursor, walletIds: null });
    const page = me?.defaultAccount.transactions;
    const known = new Set(this.lines.map((l) => l.id));
    this.lines = [...this.lines, ...(page?.edges ?? []).map((e) => lineOf(e.node)).filter((l) => !known.has(l.id))];
    this.cursor = page?.pageInfo.hasNextPage ? page.pageInfo.endCursor : null;
  }

  #price(): Promise<void> { return ask(Rate, { currency: this.code }).then((r) => this.#rate(r.realtimePrice)).catch(() => {}); }

  #rate({ btcSatPrice: sat, usdCentPrice: cent, denominatorCurrencyDetails: { id: code, fractionDigits } }: PriceData): void {
    if (code !== this.code || ![sat, cent].every(({ base }) => Number.isSafeInteger(base) && base > 0)) return;
    useDigits(code, fractionDigits);
    this.digits = fractionDigits;
    this.price = { code, sat: { base: BigInt(sat.base), offset: sat.offset }, cent: { base: BigInt(cent.base), offset: cent.offset } };
  }

  async #globals(): Promise<void> {
    const { globals, payoutSpeeds } = await ask(Globals, {}).catch(() => ({ globals: null, payoutSpeeds: [] }));
    if (!globals) return;
    this.#told = true;
    this.network = globals.network;
    this.domain = globals.lightningAddressDomain;
    this.onchain = payoutSpeeds.length > 0;
    this.tiers = globals.feesInformation.deposit.tiers.map((tier) => ({ upTo: tier.maxAmount === null ? null : BigInt(tier.maxAmount), fee: BigInt(tier.amount) }));
  }

  #keep(): void {
    if (this.person === null) return;
    const shell: Shell = { person: this.person, wallets: this.wallets, price: this.price, code: this.code, digits: this.digits, lines: this.lines.slice(0, LINES_KEPT), network: this.network, domain: this.domain, at: this.at };
    write(SHELL, JSON.stringify(shell, big));
  }
}

export const bank = new Bank();
