import { z } from 'zod';

/**
 * One token of a subject. NATS would take wildcards, dots and spaces literally and store them, so everything that ends
 * up in a subject passes this rule first.
 */
const TOKEN = /^[A-Za-z0-9_-]{1,64}$/;
export const tokenSchema = z.string().regex(TOKEN, 'may hold letters, digits, - and _ only, 1 to 64 of them');

/** Every append and every read goes through here, so what is right is told without the schema. */
function token(value: string): string {
  return TOKEN.test(value) ? value : tokenSchema.parse(value);
}

/** The words that aggregates are called by; each is the third token of a `plant.` subject. */
export const entities = ['twin', 'alert', 'order', 'job', 'shopfloor', 'account'] as const;
export type Entity = (typeof entities)[number];

/** The site of everything that names none. */
export const SITE_DEFAULT = 'main';

export type Aggregate = { site: string; entity: Entity; id: string };

/** `plant.<site>.<entity>.<id>`: all events of one aggregate, in order. Throws a ZodError on a bad token. */
export function plantSubject({ site, entity, id }: Aggregate): string {
  return `plant.${token(site)}.${entity}.${token(id)}`;
}

/** `telemetry.<site>.<twinId>`: all readings of one twin, in order. */
export function telemetrySubject(site: string, twinId: string): string {
  return `telemetry.${token(site)}.${token(twinId)}`;
}

/** What a device message is about, told from the subject it came in on; `undefined` for a subject nobody expects. */
export type DeviceMessageKind = 'telemetry' | 'report' | 'heartbeat';

/** Subjects of the DEVICES stream, as MQTT topics arrive in NATS (`/` becomes `.`). */
export const deviceSubjects = ['twins.*.telemetry', 'shopfloor.*.reports', 'shopfloor.*.heartbeat'] as const;

export function parseDeviceSubject(subject: string): { kind: DeviceMessageKind; id: string } | undefined {
  const [area, id, leaf, ...rest] = subject.split('.');
  if (id === undefined || rest.length > 0) return undefined;
  if (area === 'twins' && leaf === 'telemetry') return { kind: 'telemetry', id };
  if (area === 'shopfloor' && leaf === 'reports') return { kind: 'report', id };
  if (area === 'shopfloor' && leaf === 'heartbeat') return { kind: 'heartbeat', id };
  return undefined;
}

/** The instructions of every shopfloor, as NATS calls them. */
export const instructionSubjects = 'shopfloor.*.instructions';

/** MQTT topic of the instructions of one shopfloor. */
export function instructionTopic(shopfloorId: string): string {
  return `shopfloor/${tokenSchema.parse(shopfloorId)}/instructions`;
}

/** A bare `1` and `shopfloor1` name the same floor. */
export function shopfloorIdOf(topicToken: string): string {
  return /^\d+$/.test(topicToken) ? `shopfloor${topicToken}` : topicToken;
}

/** Core NATS subject on which a read model's document is announced after each write. */
export function liveSubject(collection: string, id: string): string {
  return `live.${collection}.${id.replace(/[^A-Za-z0-9_-]/g, '_')}`;
}
