interface Toast { id: number; text: string; action: { label: string; run: () => void } | null }

let list = $state.raw<Toast[]>([]);
let next = 0;
const STAY_MS = 6000;

export const toasts = (): Toast[] => list;
export function drop(id: number): void { list = list.filter((x) => x.id !== id); }

/** A short notice. One with an action stays until it is used; nothing is said only here. */
export function toast(text: string, action: Toast["action"] = null): void {
  const id = ++next;
  list = [...list.filter((x) => x.text !== text), { id, text, action }];
  if (action === null) setTimeout(() => drop(id), STAY_MS);
}
