import { createInbox, type Msg, type NatsConnection } from '@nats-io/nats-core';
import { z } from 'zod';

/**
 * How one part of a program is, as one process of it says. `detail`: what is wrong, in words that everybody may read;
 * `position`: the sequence up to which it has done its work; `role`: whether this process does it, or is ready to when the
 * one that does is gone.
 */
const partHealth = z.object({
  status: z.enum(['ok', 'failed']),
  role: z.enum(['leader', 'standby']).optional(),
  detail: z.string().optional(),
  position: z.number().int().min(0).optional(),
});
export type PartHealth = z.infer<typeof partHealth>;
/** The parts of a program by name. */
export type PartsHealth = Record<string, PartHealth>;

const answerSchema = z.object({ process: z.string(), parts: z.record(z.string(), partHealth) });
/** What one process of a program says. */
export type HealthAnswer = z.infer<typeof answerSchema>;

/** After an answer, others of the same program have this long to come. */
const STALL_MS_MAX = 200;
/** While nobody has said that it leads some part, its leader may be busy: then they have this long. */
const LEADERLESS_STALL_MS_MAX = 1_000;
/** Answers that are listened to. */
const ANSWERS_MAX = 100;
const NOBODY_THERE = 503;

const subjectOf = (program: string): string => `health.${program}`;

/** Lets others ask how the parts of this process are, over core NATS, for as long as the connection lives. */
export function answerHealth(
  nc: NatsConnection,
  { program, process }: { program: string; process: string },
  parts: () => PartsHealth,
): { unsubscribe(): void } {
  return nc.subscribe(subjectOf(program), {
    callback: (error, message) => {
      if (error === null) message.respond(JSON.stringify({ process, parts: parts() }));
    },
  });
}

/**
 * Asks all processes of a program how its parts are, and answers for the program. Nobody there, or no answer in
 * `waitMsMax`, is itself a failed part of that name.
 */
export async function askHealth(nc: NatsConnection, program: string, waitMsMax: number): Promise<PartsHealth> {
  const answers = await answersOf(nc, program, waitMsMax);
  return answers.length === 0 ? { [program]: { status: 'failed', detail: 'gives no answer' } } : mergeHealth(answers);
}

/** What is heard until it has been quiet for long enough; nothing when nobody is there, or NATS is out of reach. */
async function answersOf(nc: NatsConnection, program: string, waitMsMax: number): Promise<HealthAnswer[]> {
  const answers: HealthAnswer[] = [];
  const { promise: heard, resolve: end } = Promise.withResolvers<void>();
  if (nc.isClosed()) return answers;
  const late = setTimeout(end, waitMsMax);
  let quiet: NodeJS.Timeout | undefined;
  const inbox = createInbox();
  const subscription = nc.subscribe(inbox, {
    max: ANSWERS_MAX,
    callback: (error, message) => {
      // The server's own answer when nobody is there.
      if (error !== null || message.headers?.code === NOBODY_THERE) return end();
      answers.push(...answerIn(message));
      clearTimeout(quiet);
      quiet = setTimeout(end, hasLeaders(answers) ? STALL_MS_MAX : LEADERLESS_STALL_MS_MAX);
    },
  });
  try {
    nc.publish(subjectOf(program), '', { reply: inbox });
    await heard;
  } finally {
    clearTimeout(late);
    clearTimeout(quiet);
    subscription.unsubscribe();
  }
  return answers;
}

/** One answer, or none when it cannot be read. */
function answerIn(message: Msg): HealthAnswer[] {
  try {
    return [answerSchema.parse(message.json())];
  } catch {
    return [];
  }
}

/** Whether each part that is told of has a leader among those heard. */
function hasLeaders(answers: readonly HealthAnswer[]): boolean {
  const told = answers.flatMap(({ parts }) => Object.entries(parts));
  const led = new Set(told.filter(([, { role }]) => role !== 'standby').map(([name]) => name));
  return told.every(([name]) => led.has(name));
}

/**
 * What the answers of several processes say of their program: a part is well when it is led and no process says that it is
 * not well; its position is its leader's. A part without roles is led by whoever tells of it.
 */
export function mergeHealth(answers: readonly HealthAnswer[]): PartsHealth {
  const told = answers.flatMap(({ process, parts }) =>
    Object.entries(parts).map(([name, part]) => ({ name, process, part })),
  );
  const byName = Map.groupBy(told, ({ name }) => name);
  return Object.fromEntries([...byName].map(([name, all]) => [name, mergePart(all)]));
}

function mergePart(told: { process: string; part: PartHealth }[]): PartHealth {
  const leaders = told.filter(({ part }) => part.role !== 'standby');
  const failed = told.filter(({ part }) => part.status === 'failed');
  const reserve = told.length - leaders.length;
  const position = Math.max(0, ...(leaders.length > 0 ? leaders : told).map(({ part }) => part.position ?? 0));
  const led = leaders.map(({ process }) => process).join(', ');
  const place =
    leaders.length === 0 ? 'led by nobody just now' : `at ${position}, led by ${led}, ${reserve} in reserve`;
  const troubles = failed.map(({ process, part }) => `; ${process}: ${part.detail ?? 'not well'}`).join('');
  return {
    status: failed.length > 0 || leaders.length === 0 ? 'failed' : 'ok',
    detail: place + troubles,
    position,
  };
}
