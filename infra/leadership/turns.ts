/** A process that can lead tasks. */
export type Member = {
  id: string;
  /** How long it has been there. */
  upForMs: number;
  /** What it cannot lead just now, because it failed at it a moment ago. */
  unable: readonly string[];
};

/**
 * Who is to lead a task: the able members by turns, in the order of the tasks, so that each has its share and neighbours in
 * the list (put the heaviest first) are led apart. Every member comes to the same answer from the same list. `undefined`
 * when nobody is able.
 */
export function leaderOf(task: string, tasks: readonly string[], members: readonly Member[]): Member | undefined {
  const able = members.filter(({ unable }) => !unable.includes(task)).toSorted((a, b) => (a.id < b.id ? -1 : 1));
  return able[tasks.indexOf(task) % able.length];
}
