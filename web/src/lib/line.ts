import type { LineData } from "../api/documents.ts";
import { abs, fromDecimal, type Asset, type Unit } from "./money.ts";

/** What the person is told about a payment. "checking": the outcome is not known. */
export type State = "paid" | "pending" | "checking" | "returned";

/** One line of the history. Amounts are signed, in the wallet's smallest unit, fee included. */
export interface Line {
  id: string; at: number; incoming: boolean; status: LineData["status"]; asset: Asset; memo: string;
  amount: bigint; fee: bigint;
  /** What it was worth at that time, in the currency of then. */
  worth: { amount: bigint; unit: Unit } | null;
  who: string | null;
  /** The other wallet's id, inside the bank. */
  peer: string | null;
  lightning: boolean; hash: string | null; preimage: string | null; request: string | null;
  /** Of the blockchain. `blocks`: how many confirm a deposit that waits, and how many it needs. */
  chain: boolean; address: string | null; txid: string | null; vout: number | null; blocks: { have: number; need: number } | null;
}

export function lineOf(d: LineData): Line {
  return {
    id: d.id, at: d.createdAt, incoming: d.direction === "RECEIVE", status: d.status, asset: d.settlementCurrency, memo: d.memo ?? "",
    amount: BigInt(d.settlementAmount), fee: BigInt(d.settlementFee),
    worth: worthOf(d.settlementDisplayAmount, d.settlementDisplayCurrency),
    who: d.initiationVia.counterPartyUsername ?? d.settlementVia.counterPartyUsername ?? null,
    peer: d.settlementVia.counterPartyWalletId ?? null,
    lightning: d.initiationVia.__typename === "InitiationViaLn",
    hash: d.initiationVia.paymentHash ?? null, preimage: d.settlementVia.preImage ?? null, request: d.initiationVia.paymentRequest || null,
    chain: d.settlementVia.__typename === "SettlementViaOnChain", address: d.initiationVia.address ?? null, txid: d.settlementVia.transactionHash ?? null, vout: d.settlementVia.vout ?? null,
    blocks: d.settlementVia.confirmationsNeeded == null ? null : { have: d.settlementVia.confirmations ?? 0, need: d.settlementVia.confirmationsNeeded },
  };
}

function worthOf(decimal: string, unit: Unit): Line["worth"] {
  const amount = fromDecimal(decimal, unit);
  return amount === null ? null : { amount, unit };
}

/** Lightning answers within seconds. Later than this we no longer say "on the way" but "we are asking". The blockchain
 * takes its time: there nothing is uncertain. */
const PENDING_S = 30;

export function stateOf(line: Line, now: number): State {
  if (line.status === "SUCCESS") return "paid";
  if (line.status === "FAILURE") return "returned";
  return line.chain || now - line.at < PENDING_S ? "pending" : "checking";
}

/** The amount without the fee, unsigned. */
export const net = (line: Line): bigint => (line.incoming ? abs(line.amount) : abs(line.amount) - line.fee);
export const pathOf = (line: Line): string => `/wallet/activity/${line.asset.toLowerCase()}/${line.id}`;
