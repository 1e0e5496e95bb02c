import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Position } from '@stratum/contracts/envelope.ts';
import type { Db } from 'mongodb';
import { publisherOf } from '../event-store/publisher.ts';
import { openLog } from '../log.ts';
import type { AnyProjection, Projection, ReadModelDocument } from './projection.ts';
import { runProjector } from './projector.ts';
import { openReadModels, type ReadModels } from './read-models.ts';

/** Tests wait so long for a read model, on a machine that does other things too. */
export const PATIENCE_MS = 20_000;

export type Seen = ReadModelDocument & { readings: number[] };

/** A read model for tests: the sequences of each twin's readings, so that one lost, doubled or out of order shows. */
export const seen = {
  name: 'seen',
  version: 1,
  stream: 'TELEMETRY',
  keys: (event) => [event.envelope.subject],
  fold: (document, { recorded }, key) => ({ _id: key, readings: [...(document?.readings ?? []), recorded.sequence] }),
} satisfies Projection<Seen>;

/** Records a reading of each of the twins named, in this order. */
export async function recordReadings(nc: NatsConnection, twinIds: readonly string[]): Promise<Position> {
  const body = Buffer.from('{"observedAt":"2026-11-24T20:00:00Z","values":{"torque":80},"outside":{}}');
  let last = 0;
  for (const twinId of twinIds) {
    last = (await publisherOf(nc).publish(`telemetry.main.${twinId}`, body, '')).sequence;
  }
  return `TELEMETRY:${last}`;
}

/** A projector and its read models. Disposing stops the one and closes the other. */
export type TestProjector = AsyncDisposable & { readModels: ReadModels };

/** Runs a projector until it is disposed of. */
export function startProjector(nc: NatsConnection, database: Db, projections: readonly AnyProjection[]): TestProjector {
  const stop = new AbortController();
  const logger = openLog('test', 'silent');
  const projector = runProjector({ projections, nc, database, signal: stop.signal, logger });
  const readModels = openReadModels(database, nc, projections);
  return {
    readModels,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await projector.stopped;
      readModels[Symbol.dispose]();
    },
  };
}

/** A line to a server, which can be cut: its connections are torn down and none is taken until it is mended. */
export type Line = AsyncDisposable & { uri: string; cut(): void; mend(): void };

/** Lays a line to the server that a URI names. */
export async function lineTo(uri: string): Promise<Line> {
  const { hostname, port } = new URL(uri);
  const open = new Set<Socket>();
  let isCut = false;
  const line = createServer((near) => {
    if (isCut) {
      near.destroy();
      return;
    }
    const far = createConnection(Number(port), hostname);
    join(near, far);
    join(far, near);
    open.add(near).add(far);
  });
  line.listen(0, '127.0.0.1');
  await once(line, 'listening');
  const near = new URL(uri);
  near.host = `127.0.0.1:${(line.address() as AddressInfo).port}`;
  const tearDown = () => {
    for (const socket of open) socket.destroy();
    open.clear();
  };
  return {
    uri: near.href,
    cut() {
      isCut = true;
      tearDown();
    },
    mend() {
      isCut = false;
    },
    async [Symbol.asyncDispose]() {
      tearDown();
      line.close();
    },
  };
}

function join(from: Socket, to: Socket): void {
  from.pipe(to);
  from.on('error', () => to.destroy());
  from.on('close', () => to.destroy());
}
