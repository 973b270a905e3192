// Something that may need a second proof: done, and done again with the proof when the bank asks for one.
import { Refusal } from "../api/client.ts";
import { told, type Proofs } from "./keys.ts";

export class Acting {
  busy = $state(false);
  problem = $state("");
  /** What waits for a second proof. */
  asked = $state.raw<{ proofs: Proofs; then: (token: string) => void } | null>(null);

  async act(what: (proof?: string) => Promise<void>, proof?: string): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    this.problem = "";
    try { await what(proof); } catch (error) {
      const proofs = error instanceof Refusal && error.code === "STEP_UP_REQUIRED" ? (error.facts["extensions"] as Proofs) : null;
      if (proofs === null) this.problem = told(error);
      else this.asked = { proofs, then: (token) => { this.asked = null; void this.act(what, token); } };
    } finally { this.busy = false; }
  }
}
