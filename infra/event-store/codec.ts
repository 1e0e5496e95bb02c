import {
  type Command,
  type Decided,
  type Envelope,
  positionOf,
  type Recorded,
  type StreamName,
} from '@stratum/contracts/envelope.ts';
import type { PlantEvent, ProjectedEvent, ReadingRecorded } from '@stratum/contracts/recorded.ts';
import { events as contracts, type EventContract } from '@stratum/contracts/registry.ts';
import { type Aggregate, plantSubject } from '@stratum/contracts/subjects.ts';
import { readingV1 } from '@stratum/contracts/telemetry/telemetry.ts';
import { EventTooLarge, NotInContract } from './errors.ts';
import type { HeaderReader, RawMessage, StoredMessage } from './message.ts';
import { header } from './publisher.ts';

/** Largest body of one event, bytes; half of what the server takes, headers and all. */
export const EVENT_BYTES_MAX = 512 * 1024;
/** Events of one command. */
const EVENTS_MAX = 100;
const TYPES_REMEMBERED_MAX = 100;
const SCHEMA_PREFIX = 'urn:stratum:schema:';
const COMMAND_ID = /^[\x21-\x7e]{1,200}$/;
const decoder = new TextDecoder();

/** An event as read from PLANT: its data parsed by the newest version of its schema. */
export type RecordedEvent = PlantEvent;

/** What a command does to one aggregate. `after`: sequence of the newest event the decision knew; 0 if none. */
export type Change = { aggregate: Aggregate; after: number; events: readonly Decided[] };

/** An event ready to be published: CloudEvents attributes as header lines, the data alone as body. */
export type EncodedEvent = {
  id: string;
  subject: string;
  /** On the first event of an aggregate: the sequence that must still be its newest. */
  after: number | undefined;
  headers: string;
  body: Uint8Array;
};

/**
 * Writes the 1 to 100 events of one command, numbered through all its aggregates. Strict: data must pass the newest
 * schema of their type.
 * @throws NotInContract, EventTooLarge, RangeError (how many), TypeError (an aggregate twice, an id that fits no header)
 */
export function encodeChanges(changes: readonly Change[], command: Command): EncodedEvent[] {
  if (!COMMAND_ID.test(command.id)) throw new TypeError('a command id has 1 to 200 visible ASCII characters');
  const caused =
    header('ce-specversion', '1.0') +
    header('ce-time', command.time) +
    header('ce-correlationid', command.correlationId) +
    header('ce-causationid', command.id) +
    header('ce-actor', command.actor);
  const encoded: EncodedEvent[] = [];
  const subjects = new Set<string>();
  for (const { aggregate, after, events } of changes) {
    const subject = plantSubject(aggregate);
    if (subjects.has(subject)) throw new TypeError(`${subject} is changed twice by one command`);
    subjects.add(subject);
    if (events.length === 0) throw new RangeError(`no event for ${subject}`);
    const common = header('ce-source', `/services/${aggregate.entity}`) + header('ce-subject', aggregate.id) + caused;
    for (const [index, event] of events.entries()) {
      const id = `${command.id}-${encoded.length}`;
      const { schema, body } = encodeData(event, aggregate.entity);
      const headers =
        header('Nats-Msg-Id', id) +
        header('ce-id', id) +
        header('ce-type', event.type) +
        header('ce-dataschema', schema) +
        common;
      encoded.push({ id, subject, after: index === 0 ? after : undefined, headers, body });
    }
  }
  if (encoded.length === 0 || encoded.length > EVENTS_MAX)
    throw new RangeError(`a command records 1 to ${EVENTS_MAX} events, not ${encoded.length}`);
  return encoded;
}

function encodeData({ type, data }: Decided, entity: string): { schema: string; body: Uint8Array } {
  const { versions } = contractOf(type, entity);
  const body = Buffer.from(JSON.stringify(parse(type, versions.length, data)));
  if (body.byteLength > EVENT_BYTES_MAX) throw new EventTooLarge(type, body.byteLength, EVENT_BYTES_MAX);
  return { schema: `${SCHEMA_PREFIX}${type}.v${versions.length}`, body };
}

/**
 * Reads one message of PLANT or TELEMETRY. Tolerant: unknown fields are dropped, old versions are upcast, one that is newer
 * than this program is read as the newest it knows; an unknown type gives `undefined` and is counted. A TELEMETRY message
 * reads as `ReadingRecorded` with the twin's id as subject.
 * @throws NotInContract when the data does not fit its schema
 */
export function decodeEvent(message: RawMessage): ProjectedEvent | undefined {
  return message.stream === 'TELEMETRY' ? decodeReading(message) : decodePlantEvent(message);
}

/** Reads one message of PLANT; see `decodeEvent`. */
export function decodePlantEvent(message: StoredMessage): RecordedEvent | undefined {
  const headers = message.headers;
  const type = headers.get('ce-type') ?? '';
  const contract = Object.hasOwn(contracts, type) ? contracts[type] : undefined;
  if (contract === undefined) {
    countUnknown(type);
    return undefined;
  }
  const [, site = '', entity = ''] = message.subject.split('.');
  const envelope = envelopeOf(headers);
  const data = upcast(type, contract, envelope.version, jsonOf(message));
  // The registry has parsed the data of every type it knows, so this is one of the events of the contract.
  return { type, data, envelope, recorded: recordedOf('PLANT', message, site, entity) } as PlantEvent;
}

/** Reads one message of TELEMETRY. Its headers are not looked at: what they say stands in subject and body too. */
export function decodeReading(message: StoredMessage): ReadingRecorded {
  const [, site = '', twinId = ''] = message.subject.split('.');
  const parsed = readingV1.safeParse(jsonOf(message));
  if (!parsed.success) throw new NotInContract(`TELEMETRY:${message.sequence} is no reading`, { cause: parsed.error });
  const id = positionOf('TELEMETRY', message.sequence);
  return {
    type: 'ReadingRecorded',
    data: parsed.data,
    envelope: {
      id,
      version: 1,
      source: '/services/telemetry',
      subject: twinId,
      occurredAt: parsed.data.observedAt,
      correlationId: id,
      causationId: id,
      actor: 'gateway:telemetry',
    },
    recorded: recordedOf('TELEMETRY', message, site, 'twin'),
  };
}

const unknownTypes = new Map<string, number>();

/** How many events of types this program does not know were skipped since it started, by type. */
export function skippedEvents(): ReadonlyMap<string, number> {
  return unknownTypes;
}

function countUnknown(type: string): void {
  const name = unknownTypes.has(type) || unknownTypes.size < TYPES_REMEMBERED_MAX ? type : 'others';
  unknownTypes.set(name, (unknownTypes.get(name) ?? 0) + 1);
}

function contractOf(type: string, entity: string): EventContract {
  const contract = Object.hasOwn(contracts, type) ? contracts[type] : undefined;
  if (contract === undefined) throw new NotInContract(`${type} is not in the registry of events`);
  if (contract.entity !== entity) throw new NotInContract(`${type} is an event of ${contract.entity}, not ${entity}`);
  return contract;
}

function parse(type: string, version: number, data: unknown): unknown {
  const schema = contracts[type]?.versions[version - 1];
  if (schema === undefined) throw new NotInContract(`there is no ${type}.v${version}`);
  const parsed = schema.safeParse(data);
  if (!parsed.success)
    throw new NotInContract(`the data do not fit ${type}.v${version}: ${parsed.error.message}`, {
      cause: parsed.error,
    });
  return parsed.data;
}

function jsonOf({ subject, sequence, data }: StoredMessage): unknown {
  try {
    return JSON.parse(decoder.decode(data));
  } catch (cause) {
    throw new NotInContract(`the body at ${sequence} (${subject}) is not JSON`, { cause });
  }
}

/** Versions only add, so what a newer program wrote is read as the newest version known here, without what was added. */
function upcast(type: string, contract: EventContract, version: number, data: unknown): unknown {
  const known = Math.min(version, contract.versions.length);
  let newest = parse(type, known, data);
  for (const step of contract.upcast.slice(known - 1)) newest = step(newest);
  return newest;
}

function envelopeOf(headers: HeaderReader): Envelope {
  const text = (name: string) => headers.get(name) ?? '';
  return {
    id: text('ce-id'),
    version: Number(/\.v(\d+)$/.exec(text('ce-dataschema'))?.[1] ?? 1),
    source: text('ce-source'),
    subject: text('ce-subject'),
    occurredAt: text('ce-time'),
    correlationId: text('ce-correlationid'),
    causationId: text('ce-causationid'),
    actor: text('ce-actor'),
  };
}

function recordedOf(
  stream: StreamName,
  { sequence, recordedAt }: StoredMessage,
  site: string,
  entity: string,
): Recorded {
  return { position: positionOf(stream, sequence), sequence, recordedAt, site, entity };
}
