import type { NatsConnection } from '@nats-io/nats-core';
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

/** After the first answer, others of the same program have this long to come. */
const STALL_MS_MAX = 200;
/** Answers that are listened to. */
const ANSWERS_MAX = 100;

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
  const answers: HealthAnswer[] = [];
  try {
    const options = {
      strategy: 'stall' as const,
      maxWait: waitMsMax,
      stall: STALL_MS_MAX,
      maxMessages: ANSWERS_MAX,
    };
    for await (const message of await nc.requestMany(subjectOf(program), '', options)) {
      const answer = answerSchema.safeParse(message.json());
      if (answer.success) answers.push(answer.data);
    }
  } catch {
    // Out of reach, or nobody there: what was heard counts, and nothing is the worst that can be heard.
  }
  return answers.length === 0 ? { [program]: { status: 'failed', detail: 'gives no answer' } } : mergeHealth(answers);
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
