import { positionOf } from '@stratum/contracts/envelope.ts';
import type { PlantEvent } from '@stratum/contracts/recorded.ts';
import { parseDeviceSubject, shopfloorIdOf } from '@stratum/contracts/subjects.ts';
import type { RefusalReason } from '@stratum/contracts/telemetry/telemetry.ts';
import { decodePlantEvent } from '@stratum/infra/event-store/codec.ts';
import { onStatus } from '@stratum/infra/event-store/connection-status.ts';
import { Unavailable } from '@stratum/infra/event-store/errors.ts';
import { handle } from '@stratum/infra/event-store/handle.ts';
import type { RawMessage } from '@stratum/infra/event-store/message.ts';
import { publisherOf } from '@stratum/infra/event-store/publisher.ts';
import { runReactor } from '@stratum/infra/event-store/reactor.ts';
import { readPage, readSubject } from '@stratum/infra/event-store/read.ts';
import { lastSequence } from '@stratum/infra/event-store/reader.ts';
import { refuse } from '@stratum/infra/event-store/refused.ts';
import { waitMs } from '@stratum/infra/event-store/wait.ts';
import type { Running, WorkerDeps } from '../worker/deps.ts';
import { openHeartbeats } from './heartbeats.gateway.ts';
import { type Transition, transitionOf, type WatchedFloor, watch } from './liveness.ts';
import { type ShopfloorCommand, shopfloor } from './shopfloor.ts';

const SUBJECT = 'shopfloor.>';
const IN_FLIGHT_MAX = 64;
const SWEEP_EVERY_MS = 1_000;
/** A floor is called silent only when all that came in before was looked at, which may take this long. */
const CATCH_UP_MS_MAX = 5_000;
const CATCH_UP_EVERY_MS = 50;
const FAILED_SWEEPS_MAX = 60;

/**
 * Listens for signs of life in DEVICES: heartbeats (any valid JSON) and reports. Keeps the newest of each floor and
 * tells the log when one falls silent or returns. Once a second every live floor is looked at by the wall clock.
 */
export async function shopfloorGateway(deps: WorkerDeps): Promise<Running> {
  const { nc, signal, logger, now, store } = deps;
  const heartbeats = await openHeartbeats(nc);
  const floors = followFloors(deps);
  await floors.refresh();
  // While the connection was down nobody could be heard; that is nobody's silence.
  let hearingSince = new Date(0);
  const unwatch = onStatus(nc, ({ type }) => {
    if (type === 'reconnect') hearingSince = now();
  });

  const ending = new AbortController();
  const either = AbortSignal.any([signal, ending.signal]);
  const reactor = runReactor({
    name: 'shopfloor',
    nc,
    stream: 'DEVICES',
    subject: SUBJECT,
    inFlightMax: IN_FLIGHT_MAX,
    signal: either,
    logger,
    async onMessage(message) {
      const about = parseDeviceSubject(message.subject);
      if (about === undefined || about.kind === 'telemetry') return;
      if (!isJson(message.data)) return about.kind === 'heartbeat' ? refuseHeartbeat(message, 'NotJson') : undefined;
      const floor = await floors.find(shopfloorIdOf(about.id));
      // Reports that are refused are the report gateway's business.
      if (floor === undefined)
        return about.kind === 'heartbeat' ? refuseHeartbeat(message, 'UnknownShopfloor') : undefined;
      const { lastSeenAt, sequence } = await heartbeats.note(floor.shopfloorId, about.id, message);
      const transition = transitionOf(floor, { seenAt: lastSeenAt, now: now(), hearingSince });
      if (transition?.type === 'MarkReturned') await tell(floor, transition, positionOf('DEVICES', sequence));
    },
  });
  const sweeping = sweepUntil(either).finally(() => ending.abort());
  const stopped = Promise.all([reactor.stopped.finally(() => ending.abort()), sweeping])
    .then(() => undefined)
    .finally(unwatch);
  stopped.catch(() => undefined);
  return { name: reactor.name, position: reactor.position, stopped };

  async function sweepUntil(end: AbortSignal): Promise<void> {
    let failures = 0;
    while (!end.aborted) {
      await waitMs(SWEEP_EVERY_MS, end);
      if (end.aborted) return;
      try {
        await sweep();
        failures = 0;
      } catch (error) {
        // While NATS is away there is nothing to sweep for; anything else may pass, but not for ever.
        if (!(error instanceof Unavailable)) failures += 1;
        if (failures >= FAILED_SWEEPS_MAX) throw error;
        logger.warn({ gateway: 'shopfloor', error }, 'could not look for silent shopfloors, trying again in a second');
      }
    }
  }

  async function sweep(): Promise<void> {
    await floors.refresh();
    if ((await fallenSilent()).length === 0) return;
    await catchUp();
    for (const { floor, transition } of await fallenSilent()) {
      await tell(floor, transition, `silent:${transition.data.lastSeenAt ?? 'never'}`);
    }
  }

  /** Waits until every sign of life that is in DEVICES by now was looked at. */
  async function catchUp(): Promise<void> {
    const { last } = await lastSequence(nc, 'DEVICES');
    const until = performance.now() + CATCH_UP_MS_MAX;
    for (;;) {
      const from = reactor.position() + 1;
      const [next] = await readPage(publisherOf(nc), 'DEVICES', { from, subject: SUBJECT, limit: 1 });
      if (next === undefined || next.sequence > last) return;
      if (performance.now() > until) throw new Error(`${reactor.name} is at ${from - 1}, ${next.sequence} is waiting`);
      await waitMs(CATCH_UP_EVERY_MS, either);
    }
  }

  async function fallenSilent() {
    const found: { floor: WatchedFloor; transition: Extract<Transition, { type: 'MarkSilent' }> }[] = [];
    for (const floor of floors.live()) {
      const heardHere = heartbeats.heardHere(floor.shopfloorId)?.lastSeenAt ?? null;
      if (transitionOf(floor, { seenAt: heardHere, now: now(), hearingSince }) === undefined) continue;
      const seenAt = (await heartbeats.newest(floor.shopfloorId))?.lastSeenAt ?? null;
      const transition = transitionOf(floor, { seenAt, now: now(), hearingSince });
      if (transition?.type === 'MarkSilent') found.push({ floor, transition });
    }
    return found;
  }

  /** The same cause gives the same id, so that two workers tell it once. */
  async function tell({ site, shopfloorId }: WatchedFloor, transition: Transition, cause: string): Promise<void> {
    const id = `shopfloor:${cause}:${shopfloorId}`;
    const command: ShopfloorCommand = { ...transition, id, actor: 'gateway:shopfloor', correlationId: id };
    await handle(store, shopfloor, { site, entity: 'shopfloor', id: shopfloorId }, command);
    await floors.refresh();
  }

  async function refuseHeartbeat(message: RawMessage, reason: RefusalReason): Promise<void> {
    const { sequence, subject, data: body } = message;
    const detail =
      reason === 'NotJson' ? 'A heartbeat is any valid JSON.' : `There is no shopfloor for the topic of ${subject}.`;
    await refuse(nc, { source: positionOf('DEVICES', sequence), subject, reason, detail, body });
  }
}

/** Follows the shopfloors' own events by asking for the new ones: one request, however many floors. */
function followFloors({ nc }: WorkerDeps) {
  const floors = new Map<string, WatchedFloor>();
  let last = 0;
  const refresh = async () => {
    const messages = await readSubject(publisherOf(nc), 'PLANT', 'plant.*.shopfloor.*', last);
    for (const message of messages.filter(({ sequence }) => sequence > last)) {
      last = message.sequence;
      const event = decodePlantEvent(message);
      if (event === undefined || !isOfShopfloor(event)) continue;
      const { shopfloorId } = event.data;
      const floor = watch(floors.get(shopfloorId), event, event.recorded.site);
      if (floor !== undefined) floors.set(shopfloorId, floor);
    }
  };
  return {
    refresh,
    /** A floor unknown here may have been commissioned a moment ago. */
    async find(shopfloorId: string): Promise<WatchedFloor | undefined> {
      if (!floors.has(shopfloorId)) await refresh();
      return floors.get(shopfloorId);
    },
    live: () => [...floors.values()].filter(({ isLive }) => isLive),
  };
}

type ShopfloorFact = Extract<
  PlantEvent,
  { type: 'ShopfloorCommissioned' | 'CapacitySet' | 'ShopfloorWentSilent' | 'ShopfloorReturned' }
>;

function isOfShopfloor(event: PlantEvent): event is ShopfloorFact {
  return event.recorded.entity === 'shopfloor';
}

const decoder = new TextDecoder();

function isJson(body: Uint8Array): boolean {
  try {
    JSON.parse(decoder.decode(body));
    return true;
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}
