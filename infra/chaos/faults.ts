import { shuffled, wholeBetween } from './chance.ts';
import type { Loss } from './network.ts';

/** What is done to a part: SIGKILL, SIGSTOP for some seconds, no connections for some seconds, no room for some seconds. */
export type Kind = 'kill' | 'freeze' | 'cut' | 'disk full';
/** A fault that makes sense: what is done, and to whom. */
export type Pair = { kind: Kind; victim: string };
/** A fault as it is done. A kill is over at once, every other fault after `seconds`; `loss` is how a cut is made. */
export type Fault = Pair & { seconds: number; loss?: Loss };
/** One round: a fault, and now and then a second one that begins `secondAfterMs` later, while the first is on. */
export type RoundPlan = { faults: Fault[]; secondAfterMs: number; intoBurstMs: number };

/** Who can be a victim of what, by name. */
export type Victims = {
  /** What can be killed and frozen alone. */
  processes: readonly string[];
  /** What can be killed and frozen together with others, and so never beside another fault. */
  groups: readonly string[];
  /** Whose connections can be cut: a server for all, or a client for all it uses. */
  connected: readonly string[];
  /** What has a disk that can be filled. */
  disks: readonly string[];
};

/** How long faults may last. */
export type Lengths = { secondsMax: number };

/** A fault comes so long after much was sent at once: some of it is on its way, some in each log, some in none. */
const INTO_BURST_MS_MAX = 100;
/** Every so many rounds have two faults, where two are allowed. */
const TWO_EVERY = 4;
const SECONDS_MIN = 1;

/** Every fault that makes sense, once. */
export function pairsOf({ processes, groups, connected, disks }: Victims): Pair[] {
  const of = (kind: Kind, victims: readonly string[]) => victims.map((victim) => ({ kind, victim }));
  return [
    ...of('kill', [...processes, ...groups]),
    ...of('freeze', [...processes, ...groups]),
    ...of('cut', connected),
    ...of('disk full', disks),
  ];
}

/**
 * What happens in each round: every pair once in a random order, then all again in another, so that none comes twice before
 * each came once. Every fourth round takes two of them, of different victims, if both can be had alone.
 */
export function drawRounds(
  chance: () => number,
  options: { pairs: readonly Pair[]; groups: readonly string[]; rounds: number } & Lengths,
): RoundPlan[] {
  const { pairs, groups, rounds, secondsMax } = options;
  const waiting: Pair[] = [];
  const next = (fits: (pair: Pair) => boolean): Pair | undefined => {
    if (waiting.length === 0) waiting.push(...shuffled(chance, pairs));
    const index = waiting.findIndex(fits);
    return index < 0 ? undefined : waiting.splice(index, 1)[0];
  };
  const isAlone = ({ victim }: Pair) => groups.includes(victim);
  const plans: RoundPlan[] = [];
  while (plans.length < rounds && pairs.length > 0) {
    const first = next(() => true);
    if (first === undefined) break;
    const isForTwo = plans.length % TWO_EVERY === TWO_EVERY - 1 && !isAlone(first);
    const second = isForTwo ? next((pair) => pair.victim !== first.victim && !isAlone(pair)) : undefined;
    const faults = [first, ...(second === undefined ? [] : [second])].map((pair) =>
      lastingFault(chance, pair, secondsMax),
    );
    const longestMs = Math.max(...faults.map(({ seconds }) => seconds)) * 1000;
    plans.push({
      faults,
      secondAfterMs: wholeBetween(chance, 0, Math.max(0, longestMs / 2)),
      intoBurstMs: wholeBetween(chance, 0, INTO_BURST_MS_MAX),
    });
  }
  return plans;
}

/** Most are short; now and then one lasts longer than anybody waits for an answer. */
function lastingFault(chance: () => number, { kind, victim }: Pair, secondsMax: number): Fault {
  if (kind === 'kill') return { kind, victim, seconds: 0 };
  const seconds = SECONDS_MIN + (secondsMax - SECONDS_MIN) * chance() ** 2;
  if (kind !== 'cut') return { kind, victim, seconds };
  return { kind, victim, seconds, loss: chance() < 0.5 ? 'dropped' : 'silent' };
}

/** A fault in words: `worker frozen for 3.2 s`. */
export function faultInWords({ kind, victim, seconds, loss }: Fault): string {
  const lasting = `for ${seconds.toFixed(1)} s`;
  switch (kind) {
    case 'kill':
      return `${victim} killed`;
    case 'freeze':
      return `${victim} frozen ${lasting}`;
    case 'cut':
      return `${victim} cut off (${loss}) ${lasting}`;
    case 'disk full':
      return `disk of ${victim} full ${lasting}`;
  }
}
