import { errors, type NatsConnection } from '@nats-io/nats-core';
import { actorSchema } from '@stratum/contracts/envelope.ts';
import { tokenSchema } from '@stratum/contracts/subjects.ts';
import { z } from 'zod';
import { openRebuildRecord } from './rebuild-record.ts';
import { beginRebuild, cancelSubjectOf, type RebuildDeps, type RebuildWish } from './rebuild-run.ts';

const BEGIN_SUBJECT = 'rebuild.begin';
/** Several programs may take wishes; one of them gets each. */
const QUEUE = 'rebuild';
const ANSWER_MS_MAX = 5_000;

const wishSchema = z.object({ id: tokenSchema, by: actorSchema });
const answerSchema = z.object({ outcome: z.enum(['begun', 'under way', 'failed']), reason: z.string().optional() });

/** Nobody is there to do it, or whoever is did not answer in time. It may be wished again, with the same id. */
export class NobodyRebuilds extends Error {
  constructor(reason: string) {
    super(`no program that rebuilds read models answers: ${reason}`);
    this.name = 'NobodyRebuilds';
  }
}

/**
 * Takes wishes for rebuilds, over core NATS, until the signal aborts, and carries them out. The promise resolves when none
 * is under way any more.
 */
export function takeRebuildWishes(deps: RebuildDeps): { stopped: Promise<void> } {
  const { nc, signal, logger } = deps;
  const underWay = new Set<Promise<unknown>>();
  const subscription = nc.subscribe(BEGIN_SUBJECT, {
    queue: QUEUE,
    callback: (error, message) => {
      if (error !== null) return;
      const answering = answerTo(message.string()).then((answer) => message.respond(JSON.stringify(answer)));
      keep(answering);
    },
  });
  const { promise: stopped, resolve } = Promise.withResolvers<void>();
  const end = async () => {
    subscription.unsubscribe();
    while (underWay.size > 0) await Promise.allSettled(underWay);
    resolve();
  };
  signal.addEventListener('abort', () => void end(), { once: true });
  return { stopped };

  async function answerTo(text: string): Promise<z.infer<typeof answerSchema>> {
    try {
      const wish = wishSchema.parse(JSON.parse(text));
      const { run } = await (await openRebuildRecord(nc)).look();
      if (run?.id === wish.id) return { outcome: 'begun' };
      const rebuilding = await beginRebuild(wish, deps);
      if (rebuilding === undefined) return { outcome: 'under way' };
      keep(rebuilding.ended);
      return { outcome: 'begun' };
    } catch (error) {
      logger.warn({ error: String(error) }, 'a rebuild could not be begun');
      return { outcome: 'failed', reason: error instanceof Error ? error.message : String(error) };
    }
  }

  function keep(promise: Promise<unknown>): void {
    underWay.add(promise);
    const leave = () => underWay.delete(promise);
    promise.then(leave, leave);
  }
}

/** Wishes for a rebuild. Answers whether it has begun; if not, another one is under way. @throws NobodyRebuilds */
export async function wishRebuild(nc: NatsConnection, wish: RebuildWish): Promise<boolean> {
  const message = await ask(nc, BEGIN_SUBJECT, JSON.stringify(wish));
  if (message === undefined) throw new NobodyRebuilds('the projections do not run');
  const { outcome, reason } = answerSchema.parse(message.json());
  if (outcome === 'failed') throw new NobodyRebuilds(reason ?? outcome);
  return outcome === 'begun';
}

/** Cancels a rebuild. Answers whether somebody was at work on it. @throws NobodyRebuilds when there is no answer in time */
export async function cancelRebuild(nc: NatsConnection, id: string): Promise<boolean> {
  return (await ask(nc, cancelSubjectOf(tokenSchema.parse(id)), '')) !== undefined;
}

/** `undefined`: nobody listens. */
async function ask(nc: NatsConnection, subject: string, body: string) {
  try {
    return await nc.request(subject, body, { timeout: ANSWER_MS_MAX });
  } catch (error) {
    if (isNobodyThere(error)) return undefined;
    throw new NobodyRebuilds(error instanceof Error ? error.message : String(error));
  }
}

function isNobodyThere(error: unknown): boolean {
  if (error instanceof errors.NoRespondersError) return true;
  return error instanceof errors.RequestError && error.isNoResponders();
}
