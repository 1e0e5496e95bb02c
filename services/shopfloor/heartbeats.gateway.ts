import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream';
import type { KV } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/nats-core';
import { type HeartbeatDocument, type SignOfLife, signOfLifeSchema } from '@stratum/contracts/shopfloor/shopfloor.ts';
import type { RawMessage } from '@stratum/infra/event-store/message.ts';
import { bucket } from '@stratum/infra/event-store/streams.ts';
import { announceDocuments } from '@stratum/infra/projector/live.ts';
import { heard } from './liveness.ts';

/** Tries per sign of life, when another worker writes the same entry. */
const ATTEMPTS_MAX = 10;

/** The newest sign of life of every shopfloor, kept in the bucket `heartbeats` and, of those heard here, in memory. */
export type Heartbeats = {
  /** Takes note of a message of a floor under one of its names, and announces it live; answers its newest sign of life. */
  note(shopfloorId: string, name: string, message: RawMessage): Promise<SignOfLife>;
  /** The newest sign of life that was heard here. */
  heardHere(shopfloorId: string): SignOfLife | undefined;
  /** The newest sign of life, from the bucket, whichever worker heard it. */
  newest(shopfloorId: string): Promise<SignOfLife | undefined>;
};

type Known = { sign: SignOfLife | undefined; revision: number };

/** Opens the bucket, making it if it is missing. */
export async function openHeartbeats(nc: NatsConnection): Promise<Heartbeats> {
  const signs = await bucket(nc, 'heartbeats');
  const known = new Map<string, Known>();
  return {
    async note(shopfloorId, name, message) {
      for (let attempt = 1; ; attempt += 1) {
        const before = known.get(shopfloorId) ?? (await readEntry(signs, shopfloorId));
        const sign = heard(before.sign, message, name);
        if (sign === before.sign) return sign;
        try {
          const revision = await signs.put(shopfloorId, JSON.stringify(sign), { previousSeq: before.revision });
          known.set(shopfloorId, { sign, revision });
          const heartbeat: HeartbeatDocument = {
            _id: shopfloorId,
            lastSeenAt: sign.lastSeenAt,
            _position: sign.sequence,
          };
          announceDocuments(nc, { name: 'heartbeats', stream: 'DEVICES' }, [heartbeat]);
          return sign;
        } catch (error) {
          known.delete(shopfloorId);
          if (!isConflict(error) || attempt === ATTEMPTS_MAX) throw error;
        }
      }
    },
    heardHere: (shopfloorId) => known.get(shopfloorId)?.sign,
    newest: async (shopfloorId) => (await readEntry(signs, shopfloorId)).sign,
  };
}

async function readEntry(signs: KV, shopfloorId: string): Promise<Known> {
  const entry = await signs.get(shopfloorId);
  if (entry === null) return { sign: undefined, revision: 0 };
  const sign = entry.operation === 'PUT' ? signOfLifeSchema.parse(entry.json()) : undefined;
  return { sign, revision: entry.revision };
}

function isConflict(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamWrongLastSequence;
}
