import type { NatsConnection } from '@nats-io/nats-core';
import { z } from 'zod';

/** How one part of a program is. `detail` is for people; `position` is the sequence up to which it has done its work. */
const partHealth = z.object({
  status: z.enum(['ok', 'failed']),
  detail: z.string().optional(),
  position: z.number().int().min(0).optional(),
});
export type PartHealth = z.infer<typeof partHealth>;

const answerSchema = z.record(z.string(), partHealth);
/** The parts of a program by name. */
export type PartsHealth = Record<string, PartHealth>;

const subjectOf = (program: string): string => `health.${program}`;

/** Lets others ask how the parts of this program are, over core NATS, for as long as the connection lives. */
export function answerHealth(nc: NatsConnection, program: string, parts: () => PartsHealth): { unsubscribe(): void } {
  return nc.subscribe(subjectOf(program), {
    callback: (error, message) => {
      if (error === null) message.respond(JSON.stringify(parts()));
    },
  });
}

/**
 * Asks a program how its parts are. Several of the same program may run; the first answer counts. Nobody there, or no
 * answer in `waitMsMax`, is itself a failed part of that name.
 */
export async function askHealth(nc: NatsConnection, program: string, waitMsMax: number): Promise<PartsHealth> {
  try {
    const message = await nc.request(subjectOf(program), '', { timeout: waitMsMax });
    return answerSchema.parse(message.json());
  } catch (error) {
    return {
      [program]: { status: 'failed', detail: `gives no answer: ${error instanceof Error ? error.message : error}` },
    };
  }
}
