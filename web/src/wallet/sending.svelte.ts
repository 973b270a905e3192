// One payment from the first field to its end. Held in memory only: a page that is loaded anew
// starts over, and the history tells what became of a payment that had been sent.
import { ask, NoAnswer, Refusal } from "../api/client.ts";
import { Lines, type LineData, type Speed } from "../api/documents.ts";
import {
  ChainFees, DollarChainFees, DollarChainFeesOfSats, DollarFeeOf, DollarFeeOfOpen, Exchange, ExchangeQuote, FeeOf, FeeOfOpen, LinesByHash, PayAddress, PayAddressAll, PayAddressDollars,
  PayAddressSatsOfDollars, PayInvoice, PayLightningAddress, PayLnurl, PayOpenInvoice, PayOpenInvoiceDollars, PayUser, PayUserDollars, WalletOf, type Sent,
} from "../api/paying.ts";
import type { Invoice } from "../lib/bolt11.ts";
import { readDestination } from "../lib/destination.ts";
import { t, type Key } from "../lib/i18n.svelte.ts";
import { lineOf, net, type Line } from "../lib/line.ts";
import { inUnit, unitOf, type Asset } from "../lib/money.ts";
import { uuid } from "../lib/once.ts";
import { bank } from "./bank.svelte.ts";
import type { Proofs } from "./keys.ts";
import { refusal, sentence } from "./problems.ts";
import { ends } from "./words.ts";

export type Target = { kind: "user"; username: string } | { kind: "invoice"; invoice: Invoice } | { kind: "chain"; address: string; sats: bigint | null }
  /** Of another service: a Lightning Address, or a link (LNURL). */
  | { kind: "address"; text: string } | { kind: "lnurl"; text: string }
  /** One's own other wallet. */
  | { kind: "own"; into: Asset };
/** What an exchange gives for the amount, until when. */
export interface Quote { id: string; gets: bigint; expiresAt: number }
/** "lost": no answer came, and we are looking for the payment. "absent": the bank answered that it has none. */
export type Outcome = "sending" | "done" | "already" | "lost" | "absent" | "refused";

// Refusals of the whole request after which the payment may exist all the same.
const UNCLEAR = new Set(["CONFLICT", "UNKNOWN", "UNKNOWN_CLIENT_ERROR", "UNEXPECTED_CLIENT_ERROR", "DB_ERROR", "INTERNAL", "TIMEOUT"]);
const SEEK_MS = [1000, 1500, 2000, 2500, 3000, 4000, 5000, 5000, 5000];
const FOLLOW_MS = 2500;
/** After so long, or as soon as the network is back. */
const after = (ms: number): Promise<void> => new Promise((done) => {
  const go = (): void => { clearTimeout(timer); removeEventListener("online", go); done(); };
  const timer = setTimeout(go, ms);
  addEventListener("online", go);
});

class Sending {
  target = $state.raw<Target | null>(null);
  asset = $state<Asset>("BTC");
  amount = $state<bigint | null>(null);
  memo = $state("");
  /** On-chain: all that there is, less the fee; how soon; and what each speed costs. */
  all = $state(false);
  speed = $state<Speed>("MEDIUM");
  fees = $state.raw<Record<Speed, bigint> | null>(null);
  /** The most that it costs, in the wallet's unit; undefined while asking, null when not known. */
  fee = $state<bigint | null | undefined>(undefined);
  feeProblem = $state<{ text: string; code: string } | null>(null);
  outcome = $state<Outcome | null>(null);
  line = $state.raw<Line | null>(null);
  problem = $state<{ text: string; code: string } | null>(null);
  quote = $state.raw<Quote | null>(null);
  /** The second proof that the bank wants first; nothing was moved. */
  proofs = $state.raw<Proofs | null>(null);
  startedAt = 0;

  #key = "";
  #taken = false;
  #to: { asset: Asset; id: string } | null = null;
  #run = 0;

  /** Reads the field. Answers the key of a sentence, or null when the target stands. */
  async to(input: string): Promise<Key | null> {
    const read = readDestination(input, { network: bank.network, domain: bank.domain }, bank.now);
    if (read.kind === "wrong") return `to.${read.why}`;
    this.reset();
    // Whoever keeps dollars only pays with them.
    if (!bank.wallet("BTC")?.balance && bank.wallet("USD")?.balance) this.asset = "USD";
    if (read.kind === "user") {
      if (read.username === bank.person?.username) return "to.self";
      try {
        const { accountDefaultWallet } = await ask(WalletOf, { username: read.username, currency: "BTC" });
        this.#to = { asset: "BTC", id: accountDefaultWallet.id };
      } catch (error) {
        if (error instanceof Refusal && error.code === "NOT_FOUND") return "to.nobody";
        return error instanceof NoAnswer ? (navigator.onLine ? "problem.server" : "problem.offline") : "to.nobody";
      }
      this.target = read;
    } else if (read.kind === "chain") {
      if (!bank.onchain) return "to.onchain";
      this.target = read;
      this.amount = read.sats;
      this.memo = read.memo.slice(0, 140);
    } else {
      this.target = read;
      this.amount = this.asked;
    }
    return null;
  }

  reset(): void {
    this.#run++;
    Object.assign(this, { target: null, asset: "BTC", amount: null, memo: "", all: false, speed: "MEDIUM", fees: null, fee: undefined, feeProblem: null, outcome: null, line: null, problem: null, quote: null, proofs: null });
    this.#to = null;
  }

  /** Between one's own wallets. */
  exchange(from: Asset, amount: bigint): void {
    this.reset();
    Object.assign(this, { target: { kind: "own", into: from === "BTC" ? "USD" : "BTC" }, asset: from, amount });
  }

  /** What the receiver asks for; null where the payer chooses. */
  get asked(): bigint | null { return this.target?.kind === "invoice" ? this.target.invoice.sats : this.target?.kind === "chain" ? this.target.sats : null; }
  /** Whether the amount is the payer's to choose. */
  get open(): boolean { return this.target !== null && this.asked === null; }
  /** Pays from this wallet; an amount that the payer chose was of the other one. */
  from(asset: Asset): void {
    if (asset === this.asset) return;
    const before = this.counted;
    this.asset = asset;
    if (this.counted !== before) Object.assign(this, { amount: null, all: false });
  }
  /** What the amount is counted in: what is asked for is in satoshi, whatever wallet pays it. */
  get counted(): Asset { return this.asked === null && !this.foreign ? this.asset : "BTC"; }
  /** At another service: it makes the invoice only when it is paid. */
  get foreign(): boolean { return this.target?.kind === "address" || this.target?.kind === "lnurl"; }
  /** The wallets that can pay this. */
  get assets(): Asset[] { return this.target?.kind === "own" ? [this.asset] : ["BTC", "USD"]; }
  get name(): string {
    if (this.target === null) return "";
    if (this.target.kind === "own") return t(this.target.into === "USD" ? "wallet.usd" : "wallet.btc");
    if (this.target.kind === "address" || this.target.kind === "lnurl") return this.target.kind === "lnurl" ? ends(this.target.text) : this.target.text;
    return this.target.kind === "user" ? this.target.username : this.target.kind === "chain" ? ends(this.target.address) : this.target.invoice.memo || t("send.invoice");
  }
  /** What arrives: with all there is, what the fee leaves. */
  get arrives(): bigint | null { return this.amount === null ? null : this.all ? this.amount - (this.fee ?? 0n) : this.amount; }

  /** What leaves the wallet, in its own unit, fee aside; null where the price is needed and not known. */
  get leaves(): bigint | null { return this.arrives === null ? null : inUnit(this.arrives, this.counted, unitOf(this.asset), bank.price); }

  choose(speed: Speed): void {
    this.speed = speed;
    if (this.fees) this.fee = this.fees[speed];
  }

  /** When the last screen opens: a new key, so that this screen can pay once and once only; and the fee. */
  async prepare(): Promise<void> {
    const { target, amount } = this;
    const walletId = bank.wallet(this.asset)?.id;
    this.#key = uuid();
    this.fee = undefined;
    this.feeProblem = null;
    this.fees = null;
    if (target === null || amount === null || walletId === undefined) return;
    if (target.kind === "user") { this.fee = 0n; return; }
    const run = this.#run;
    this.quote = null;
    try {
      if (target.kind === "own") {
        const { quote } = await ask(ExchangeQuote, { walletId, amount: Number(amount) });
        if (run !== this.#run) return;
        const first = quote.errors[0];
        if (first) this.feeProblem = { text: refusal(first.code, first.message), code: first.code ?? "" };
        if (quote.quote) this.quote = { id: quote.quote.id, gets: BigInt(quote.quote.gets), expiresAt: quote.quote.expiresAt };
        this.fee = quote.quote ? 0n : null;
        return;
      }
      if (target.kind === "chain") {
        const fees = this.asset === "BTC" ? ChainFees : this.counted === "BTC" ? DollarChainFeesOfSats : DollarChainFees;
        const { fast, medium, slow } = await ask(fees, { walletId, address: target.address, amount: Number(amount) });
        if (run !== this.#run) return;
        this.fees = { FAST: BigInt(fast.amount), MEDIUM: BigInt(medium.amount), SLOW: BigInt(slow.amount) };
        this.fee = this.fees[this.speed];
        return;
      }
      if (target.kind !== "invoice") { this.fee = null; return; }
      const request = target.invoice.text;
      const dollars = this.asset === "USD";
      const { fee } = this.open ? await ask(dollars ? DollarFeeOfOpen : FeeOfOpen, { walletId, request, amount: Number(amount) }) : await ask(dollars ? DollarFeeOf : FeeOf, { walletId, request });
      if (run !== this.#run) return;
      // The most that may be taken comes along even where no way was found just now.
      this.fee = fee.amount === null ? null : BigInt(fee.amount);
      const first = fee.errors[0];
      if (first) this.feeProblem = { text: refusal(first.code, first.message), code: first.code ?? "" };
    } catch (error) {
      if (run !== this.#run) return;
      this.fee = null;
      this.feeProblem = sentence(error);
    }
  }

  /** Sends, and follows the payment to its end. `proof`: a second proof of exactly this. */
  async send(proof?: string): Promise<void> {
    if (this.outcome === "sending" || this.outcome === "lost") return;
    const run = ++this.#run;
    // The bank wanted a proof, and moved nothing: its key is used up. The proof is good once, as the key was.
    if (proof !== undefined) this.#key = uuid();
    this.outcome = "sending";
    this.line = null;
    this.problem = null;
    this.proofs = null;
    this.startedAt = Math.floor(Date.now() / 1000);
    // Nothing leaves a device without network: this is no unknown outcome.
    if (!navigator.onLine) { Object.assign(this, { outcome: "refused", problem: { text: t("problem.offline"), code: "" } }); return; }
    try {
      const sent = await this.#pay(proof);
      if (run === this.#run) this.#take(sent, run);
    } catch (error) {
      if (run !== this.#run) return;
      if (error instanceof NoAnswer || (error instanceof Refusal && UNCLEAR.has(error.code))) {
        this.outcome = "lost";
        this.#taken = error instanceof Refusal && error.code === "CONFLICT";
        await this.#seek(run);
      } else {
        this.outcome = "refused";
        this.problem = sentence(error);
        if (error instanceof Refusal && error.code === "STEP_UP_REQUIRED") this.proofs = error.facts["extensions"] as Proofs;
      }
    } finally { void bank.refresh(); }
  }

  async #pay(proof?: string): Promise<Sent> {
    const { target, amount } = this;
    const walletId = bank.wallet(this.asset)?.id;
    if (target === null || amount === null || walletId === undefined) throw new Refusal("INVALID_INPUT", "");
    const memo = this.memo.trim() || null;
    if (target.kind === "invoice") {
      const request = target.invoice.text;
      return this.open
        ? (await ask(this.asset === "USD" ? PayOpenInvoiceDollars : PayOpenInvoice, { walletId, request, amount: Number(amount), memo }, this.#key, proof)).sent
        : (await ask(PayInvoice, { walletId, request, memo }, this.#key, proof)).sent;
    }
    if (target.kind === "chain") {
      const values = { walletId, address: target.address, speed: this.speed, memo };
      const pay = this.asset === "BTC" ? PayAddress : this.counted === "BTC" ? PayAddressSatsOfDollars : PayAddressDollars;
      return (await (this.all ? ask(PayAddressAll, values, this.#key, proof) : ask(pay, { ...values, amount: Number(amount) }, this.#key, proof))).sent;
    }
    if (target.kind === "address" || target.kind === "lnurl") {
      return (await ask(target.kind === "address" ? PayLightningAddress : PayLnurl, { walletId, to: target.text, amount: Number(amount) }, this.#key, proof)).sent;
    }
    if (target.kind === "own") {
      if (this.quote === null) throw new Refusal("INVALID_INPUT", "");
      return (await ask(Exchange, { quoteId: this.quote.id }, this.#key, proof)).sent;
    }
    if (this.#to?.asset !== this.asset) {
      const { accountDefaultWallet: found } = await ask(WalletOf, { username: target.username, currency: this.asset });
      this.#to = { asset: this.asset, id: found.id };
    }
    const values = { walletId, to: this.#to.id, amount: Number(amount), memo };
    return (await ask(this.asset === "USD" ? PayUserDollars : PayUser, values, this.#key, proof)).sent;
  }

  #take(sent: Sent, run: number): void {
    const first = sent.errors[0];
    if (sent.transaction) this.line = lineOf(sent.transaction);
    if (first?.code === "OUTCOME_UNKNOWN") this.outcome = "lost";
    else if (first) {
      this.outcome = "refused";
      this.problem = { text: refusal(first.code, first.message), code: first.code ?? "" };
    } else {
      this.outcome = sent.status === "ALREADY_PAID" ? "already" : this.line === null && sent.status === "FAILURE" ? "refused" : "done";
      if (this.line === null && sent.status === "PENDING") this.outcome = "lost";
    }
    if (this.outcome === "lost") void this.#seek(run);
    else if (this.line?.status === "PENDING" && this.target?.kind !== "chain") void this.#follow(run);
  }

  /** No answer came: the history tells whether the payment exists. */
  async #seek(run: number): Promise<void> {
    let answered = 0;
    for (let i = 0; run === this.#run; i++) {
      await after(SEEK_MS[i] ?? 10_000);
      if (run !== this.#run) return;
      let found: Line | null;
      try { found = await this.#find(); answered++; } catch { continue; }
      if (run !== this.#run) return;
      if (found) {
        this.line = found;
        this.outcome = "done";
        void bank.refresh();
        return this.target?.kind === "chain" ? undefined : this.#follow(run);
      }
      // The bank writes a payment down before it does anything else: no trace, no payment. The key
      // stays the same, so that even a request still on its way cannot pay twice.
      // A key that is used up, and no payment: the bank refused it then. Trying again takes a new key.
      if (answered >= 4) { this.outcome = this.#taken ? "refused" : "absent"; return; }
    }
  }

  async #find(): Promise<Line | null> {
    const { target } = this;
    const walletId = bank.wallet(this.asset)?.id;
    if (target === null || walletId === undefined) return null;
    let data: LineData[];
    if (target.kind === "invoice") {
      const { me } = await ask(LinesByHash, { walletId, hash: target.invoice.hash });
      data = me?.defaultAccount.walletById.transactionsByPaymentHash ?? [];
    } else {
      const { me } = await ask(Lines, { first: 10, after: null, walletIds: [walletId] });
      data = (me?.defaultAccount.transactions?.edges ?? []).map((e) => e.node);
    }
    const CLOCKS_APART_S = 120;
    const fresh = (l: Line): boolean => l.at >= this.startedAt - CLOCKS_APART_S && !this.#knownBefore(l);
    const about = (l: Line): boolean => {
      if (target.kind === "chain") return l.address === target.address;
      if (target.kind === "own") return l.peer === bank.wallet(target.into)?.id && net(l) === this.amount;
      if (target.kind === "user") return l.who === target.username && net(l) === this.amount;
      // An invoice of another service's: nothing on it but the amount is known here.
      return l.lightning && (this.asset === "USD" || net(l) === this.amount);
    };
    return data.map(lineOf).find((l) => !l.incoming && (target.kind === "invoice" || (about(l) && fresh(l)))) ?? null;
  }

  #knownBefore(line: Line): boolean { return bank.lines.some((l) => l.id === line.id && l.at < this.startedAt - 1); }

  async #follow(run: number): Promise<void> {
    while (run === this.#run && this.line?.status === "PENDING") {
      await after(FOLLOW_MS);
      if (run !== this.#run) return;
      const found = await this.#find().catch(() => null);
      if (run !== this.#run) return;
      if (found) this.line = found;
    }
    void bank.refresh();
  }
}

export const sending = new Sending();
