import { createHmac } from 'node:crypto';
import type { KV } from '@nats-io/kv';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { digestOf, pathOf } from './commands.ts';
import { invalidRequest, Problem } from './problems.ts';
import type { App } from './routes.ts';
import { accountIdOf } from './security.ts';

/** The longest Idempotency-Key, characters. */
export const KEY_LENGTH_MAX = 200;
/** Longer answers are not kept; the command itself is still done once. NATS takes 1 MB. */
const ANSWER_BYTES_MAX = 256 * 1024;

const visible = /^[\x21-\x7e]+$/;

const rememberedSchema = z.object({
  /** Of the validated body, so that spaces and the order of keys do not matter. Keyed: a body may hold a password. */
  bodyDigest: z.string(),
  /** Absent while the first request is at work, or if it died at it. */
  answer: z.object({ status: z.number().int(), contentType: z.string(), body: z.string() }).optional(),
});
type Remembered = z.infer<typeof rememberedSchema>;

/** Where answers are remembered: key → what was asked and answered. `create` is false if the key is taken. */
export type AnswerMemory = {
  read: (key: string) => Promise<Remembered | undefined>;
  create: (key: string, remembered: Remembered) => Promise<boolean>;
  write: (key: string, remembered: Remembered) => Promise<void>;
  forget: (key: string) => Promise<void>;
};

declare module 'fastify' {
  interface FastifyContextConfig {
    /** False for routes whose answer holds a secret: its body is compared but the answer is not kept. */
    keepsAnswer?: boolean;
  }
}

/**
 * Idempotency-Key for every POST: the same key and body get the same answer with nothing done twice; another body is
 * 422. Keys belong to an account and a path. Two such requests at once both run: the command's id, made from the key,
 * lets only one of them do anything.
 */
export function rememberAnswers(app: App, memory: AnswerMemory | undefined, secret: string): void {
  const asked = new WeakMap<FastifyRequest, { key: string; bodyDigest: string; isFirst: boolean }>();

  app.addHook('preHandler', async (request, reply) => {
    const header = idempotencyKeyOf(request);
    if (header === undefined || memory === undefined || request.routeOptions.url === undefined) return;
    const key = digestOf(accountIdOf(request) ?? '', pathOf(request), header);
    const bodyDigest = createHmac('sha256', secret)
      .update(JSON.stringify(request.body ?? null))
      .digest('base64url');
    const isFirst = await memory.create(key, { bodyDigest });
    asked.set(request, { key, bodyDigest, isFirst });
    if (isFirst) return;
    const remembered = await memory.read(key);
    if (remembered !== undefined && remembered.bodyDigest !== bodyDigest) throw keyReused();
    if (remembered?.answer !== undefined) return replay(reply, remembered.answer);
  });

  app.addHook('onSend', async (request, reply, payload) => {
    const question = asked.get(request);
    if (question === undefined || memory === undefined) return;
    asked.delete(request);
    try {
      await settle(memory, question, request, reply, payload);
    } catch (error) {
      request.log.warn({ err: error }, 'the answer to an Idempotency-Key could not be remembered');
    }
  });
}

/** Remembers a success. A refusal is forgotten: nothing was done, so the key may be used for a better body. */
async function settle(
  memory: AnswerMemory,
  question: { key: string; bodyDigest: string; isFirst: boolean },
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
): Promise<void> {
  const status = reply.statusCode;
  if (status >= 500 || reply.hasHeader(REPLAYED)) return;
  if (status >= 400) return question.isFirst ? memory.forget(question.key) : undefined;
  if (request.routeOptions.config.keepsAnswer === false || typeof payload !== 'string') return;
  if (payload.length > ANSWER_BYTES_MAX) return;
  const contentType = String(reply.getHeader('content-type') ?? 'application/json; charset=utf-8');
  const answer = { status, contentType, body: payload };
  await memory.write(question.key, { bodyDigest: question.bodyDigest, answer });
}

const REPLAYED = 'idempotency-replayed';

function replay(reply: FastifyReply, answer: NonNullable<Remembered['answer']>): FastifyReply {
  return reply
    .header(REPLAYED, 'true')
    .code(answer.status)
    .type(answer.contentType)
    .serializer((body: unknown) => String(body))
    .send(answer.body);
}

function idempotencyKeyOf(request: FastifyRequest): string | undefined {
  const header = request.headers['idempotency-key'];
  if (header === undefined || request.method !== 'POST') return undefined;
  if (typeof header === 'string' && header.length <= KEY_LENGTH_MAX && visible.test(header)) return header;
  const message = `must be 1 to ${KEY_LENGTH_MAX} visible ASCII characters`;
  throw invalidRequest([{ field: 'Idempotency-Key', message }]);
}

const keyReused = (): Problem =>
  new Problem(422, 'The Idempotency-Key was used for another request', {
    code: 'IdempotencyKeyReused',
    detail: 'This key came before with another body. Use a new key for a new request.',
  });

/** Remembers answers in a NATS key-value bucket whose entries end by themselves. */
export function answersIn(kv: KV): AnswerMemory {
  return {
    read: async (key) => {
      const entry = await kv.get(key);
      return entry === null || entry.operation !== 'PUT' ? undefined : rememberedSchema.parse(entry.json());
    },
    create: async (key, remembered) => {
      try {
        await kv.create(key, JSON.stringify(remembered));
        return true;
      } catch (error) {
        if (isTaken(error)) return false;
        throw error;
      }
    },
    write: async (key, remembered) => {
      await kv.put(key, JSON.stringify(remembered));
    },
    forget: (key) => kv.delete(key),
  };
}

/** JetStream's "wrong last sequence": somebody was first. */
const WRONG_LAST_SEQUENCE = 10_071;

function isTaken(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === WRONG_LAST_SEQUENCE;
}
