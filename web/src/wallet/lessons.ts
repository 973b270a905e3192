// The texts of the quizzes. Their ids, in this order and in these sections, are the bank's; what they say is here.
import type { QuizData } from "../api/later.ts";
import type { Language } from "../lib/i18n.svelte.ts";

type Row = [id: string, text: string, question: string, right: string, wrong: string, other: string];
export interface Section { title: string; lessons: Row[] }

const loads: Record<Language, () => Promise<{ default: unknown }>> = { en: () => import("../learn/en.json"), sw: () => import("../learn/sw.json") };
export const sectionsIn = async (language: Language): Promise<Section[]> => (await loads[language]()).default as Section[];

/** The three answers, always in the same order for a quiz, and the right one not always first. */
export function answersOf([id, , , ...answers]: Row): string[] {
  const turn = [...id].reduce((sum, letter) => sum + (letter.codePointAt(0) ?? 0), 0) % answers.length;
  return [...answers.slice(turn), ...answers.slice(0, turn)];
}

export type Quizzes = ReadonlyMap<string, QuizData>;
export const byId = (list: QuizData[]): Quizzes => new Map(list.map((one) => [one.id, one]));

/** How a section stands. "waits": it opens at `opensAt`; "locked": the section before it comes first. */
export interface Standing { state: "done" | "open" | "waits" | "locked"; done: number; opensAt: number }
export function standing(sections: Section[], place: number, quizzes: Quizzes, now: number): Standing {
  const ids = (sections[place]?.lessons ?? []).map(([id]) => id);
  const done = ids.filter((id) => quizzes.get(id)?.completed).length;
  const before = sections[place - 1]?.lessons.at(-1)?.[0];
  const next = ids.map((id) => quizzes.get(id)).find((one) => one && !one.completed);
  const opensAt = next?.notBefore ?? 0;
  const state = next === undefined ? "done" : before !== undefined && !quizzes.get(before)?.completed ? "locked" : opensAt > now ? "waits" : "open";
  return { state, done, opensAt };
}
