import { hash } from 'node:crypto';
import { positionOf } from '@stratum/contracts/envelope.ts';
import { parseDeviceSubject } from '@stratum/contracts/subjects.ts';
import type { Reading } from '@stratum/contracts/telemetry/telemetry.ts';
import { runReactor } from '@stratum/infra/event-store/reactor.ts';
import type { RawMessage } from '@stratum/infra/event-store/reader.ts';
import { refuse } from '@stratum/infra/event-store/refused.ts';
import { openTelemetryLog } from '@stratum/infra/event-store/telemetry-log.ts';
import type { Running, WorkerDeps } from '../worker/deps.ts';
import { type Directory, openDirectory } from './directory.gateway.ts';
import { identityOf, judge, parseDeviceMessage, type Refusal, refusal, sentenceOf } from './reading.ts';

/** Name of the gateway and of its checkpoint. */
export const TELEMETRY_GATEWAY = 'telemetry-gateway';

/** Messages of DEVICES under way at once; those of one twin always one after the other. */
const IN_FLIGHT_MAX = 256;

/**
 * Takes readings from DEVICES into TELEMETRY: each exactly once and each twin's in order, whatever is killed and however
 * many workers run. What it refuses goes to REFUSED with the reason. Resolves once it knows the twins and reads.
 */
export async function telemetryGateway({ nc, signal, logger }: WorkerDeps): Promise<Running> {
  const log = await openTelemetryLog(nc);
  // Opened last, because it reads until it is told to end. It outlives the reactor, so that messages under way at the end
  // can still be judged.
  const ending = new AbortController();
  const directory = await openDirectory(nc, { signal: ending.signal, logger });

  const reactor = runReactor({
    name: TELEMETRY_GATEWAY,
    nc,
    stream: 'DEVICES',
    inFlightMax: IN_FLIGHT_MAX,
    signal,
    logger,
    onMessage: async (message) => {
      const device = parseDeviceSubject(message.subject);
      if (device?.kind !== 'telemetry') return;
      const outcome = await take(directory, device.id, message);
      if (outcome.kind === 'accepted') {
        await log.append({ ...outcome, inbox: message.sequence });
      } else {
        const source = positionOf('DEVICES', message.sequence);
        const { subject, data: body } = message;
        await refuse(nc, { source, subject, reason: outcome.reason, detail: sentenceOf(outcome), body });
      }
    },
  });

  const both = Promise.all([reactor.stopped.finally(() => ending.abort()), directory.stopped]);
  const stopped = both.then(() => undefined);
  stopped.catch(() => undefined);
  return { name: TELEMETRY_GATEWAY, position: reactor.position, stopped };
}

type Accepted = { kind: 'accepted'; site: string; twinId: string; reading: Reading; messageId?: string };

/** What becomes of a device's message: a reading to append, or a refusal. */
async function take(directory: Directory, twinId: string, message: RawMessage): Promise<Accepted | Refusal> {
  const parsed = parseDeviceMessage(message.data);
  if (parsed.kind === 'refused') return parsed;
  const definition = await directory.find(twinId);
  if (definition === undefined) return refusal('UnknownTwin', '', `is about ${twinId}, which is no twin in service`);
  const judged = judge(definition, parsed.reading, Date.parse(message.recordedAt));
  if (judged.kind === 'refused') return judged;
  const { reading } = judged;
  const { site } = definition;
  // Without a time of the device's own, the same values a moment later are another reading.
  if (parsed.reading.observedAt === undefined) return { kind: 'accepted', site, twinId, reading };
  return { kind: 'accepted', site, twinId, reading, messageId: nameOf(twinId, reading) };
}

/** The same observation sent again (QoS 1 after a broken connection) has the same name, so the log takes it once. */
function nameOf(twinId: string, reading: Reading): string {
  return `reading-${hash('sha256', identityOf(twinId, reading), 'base64url')}`;
}
