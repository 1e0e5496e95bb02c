import type { Direction } from '@stratum/contracts/alert/alert.ts';
import {
  deviceReadingSchema,
  type Reading,
  type RefusalReason,
  valuesSchema,
} from '@stratum/contracts/telemetry/telemetry.ts';
import type { TwinDefinition } from '@stratum/contracts/twin/twin.ts';
import type { z } from 'zod';

/** Largest device message that is looked at, bytes; the most values a reading may hold need about 4 kB. */
export const READING_BYTES_MAX = 64 * 1024;

/** A source's clock may be ahead of the broker's by this much; beyond it the reading is refused. */
export const AHEAD_SECONDS_MAX = 300;

/** What a source claims: values by parameter key, in the parameter's unit, and perhaps when they were observed (UTC). */
export type ClaimedReading = { observedAt?: string | undefined; values: Record<string, number> };

/** Why something was not taken: a reason that is counted, the field to blame (`''`: all of it), what is wrong with it. */
export type Refusal = { kind: 'refused'; reason: RefusalReason; field: string; wrong: string };
export type Claimed = { kind: 'claimed'; reading: ClaimedReading };
export type Judged = { kind: 'accepted'; reading: Reading };

const flatSchema = valuesSchema.transform((values): ClaimedReading => ({ values }));

/** Makes a refusal; `wrong` goes on from the name of the field: `is not a parameter of drillrig1`. */
export function refusal(reason: RefusalReason, field: string, wrong: string): Refusal {
  return { kind: 'refused', reason, field, wrong };
}

/** A refusal as a sentence: `values.depth is not a parameter of drillrig1`. */
export function sentenceOf({ field, wrong }: Refusal): string {
  return `${field === '' ? 'the message' : field} ${wrong}`;
}

/** Reads a device message: `{"observedAt":"…","values":{…}}`, or a flat object of numbers. Never throws. */
export function parseDeviceMessage(body: Uint8Array): Claimed | Refusal {
  if (body.byteLength > READING_BYTES_MAX) {
    return refusal('TooLarge', '', `has ${body.byteLength} bytes; at most ${READING_BYTES_MAX} are read`);
  }
  const json = parseJson(body);
  if (json === undefined) return refusal('NotJson', '', 'is not JSON');
  const parsed = isWrapped(json) ? deviceReadingSchema.options[0].safeParse(json) : flatSchema.safeParse(json);
  return parsed.success ? { kind: 'claimed', reading: parsed.data } : badShape(parsed.error.issues[0]);
}

/**
 * Measures a claim against the twin it is about. `takenAtMs` is the broker's time (milliseconds since 1970) at which the
 * reading came in: it stands in for a missing `observedAt` and is the "now" that a reading may not be too far ahead of,
 * so that judging the same message again later ends the same way.
 */
export function judge(definition: TwinDefinition, claim: ClaimedReading, takenAtMs: number): Judged | Refusal {
  const fault = faultsOf(definition, claim, takenAtMs)[0];
  if (fault !== undefined) return fault;
  const observedAt = new Date(claim.observedAt ?? takenAtMs).toISOString();
  return {
    kind: 'accepted',
    reading: { observedAt, values: claim.values, outside: outsideOf(definition, claim.values) },
  };
}

/** Everything that speaks against a claim, in the order of its fields; empty if nothing does. */
export function faultsOf(definition: TwinDefinition, claim: ClaimedReading, takenAtMs: number): Refusal[] {
  const aheadSeconds = claim.observedAt === undefined ? 0 : (Date.parse(claim.observedAt) - takenAtMs) / 1000;
  const ahead = `is ${Math.round(aheadSeconds)} s in the future; at most ${AHEAD_SECONDS_MAX} s are believed`;
  const faults = aheadSeconds > AHEAD_SECONDS_MAX ? [refusal('ObservedInFuture', 'observedAt', ahead)] : [];
  for (const key of Object.keys(claim.values)) {
    if (definition.parameters.some((parameter) => parameter.key === key)) continue;
    faults.push(refusal('UnknownParameter', `values.${key}`, `is not a parameter of ${definition.twinId}`));
  }
  return faults;
}

/** Which values are beyond the normal limits, and on which side; a value on the limit is normal. */
export function outsideOf(definition: TwinDefinition, values: Record<string, number>): Record<string, Direction> {
  const outside: Record<string, Direction> = {};
  for (const { key, limits } of definition.parameters) {
    const value = values[key];
    if (value === undefined) continue;
    if (value > limits.high) outside[key] = 'high';
    else if (value < limits.low) outside[key] = 'low';
  }
  return outside;
}

/**
 * What makes two readings the same one, as text: the twin, the instant, and the values in the order of their keys. A
 * device that sends a message again after a broken connection sends the same identity.
 */
export function identityOf(twinId: string, reading: Pick<Reading, 'observedAt' | 'values'>): string {
  const values = Object.entries(reading.values).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `${twinId} ${reading.observedAt} ${JSON.stringify(values)}`;
}

/** Malformed UTF-8 is not JSON either. */
const utf8 = new TextDecoder('utf-8', { fatal: true });

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(body));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
    throw error;
  }
}

/** A flat object may hold a parameter that is called `values`; then it is a number. */
function isWrapped(json: unknown): boolean {
  if (typeof json !== 'object' || json === null) return false;
  return 'observedAt' in json || ('values' in json && typeof json.values === 'object');
}

function badShape(issue: z.core.$ZodIssue | undefined): Refusal {
  const inner = issue?.code === 'invalid_key' ? issue.issues[0] : undefined;
  return refusal('BadShape', issue?.path.map(String).join('.') ?? '', `is wrong: ${(inner ?? issue)?.message ?? ''}`);
}
