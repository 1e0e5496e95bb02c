import { z } from 'zod';

/**
 * A place in a log, as `STREAM:sequence`, for example `PLANT:1234`.
 * Sequences start at 1 and grow; they are exact up to 2^53.
 */
export const positionSchema = z
  .string()
  .regex(/^(PLANT|TELEMETRY|DEVICES):\d{1,16}$/, 'must look like PLANT:1234')
  .meta({ description: 'A place in a log: STREAM:sequence' });
export type Position = z.infer<typeof positionSchema>;

export type StreamName = 'PLANT' | 'TELEMETRY' | 'DEVICES';

/** Writes a position: `positionOf('PLANT', 12)` is `PLANT:12`. */
export function positionOf(stream: StreamName, sequence: number): Position {
  return `${stream}:${sequence}`;
}

/** Reads a position back into its stream and sequence. The input must already have passed `positionSchema`. */
export function parsePosition(position: Position): { stream: StreamName; sequence: number } {
  const [stream, sequence] = position.split(':');
  if (stream !== 'PLANT' && stream !== 'TELEMETRY' && stream !== 'DEVICES') {
    throw new TypeError(`not a position: ${position}`);
  }
  return { stream, sequence: Number(sequence) };
}

/** An instant in UTC with milliseconds or seconds, ISO 8601, always ending in `Z`. */
export const instantSchema = z.iso
  .datetime({
    error: ({ code }) => (code === 'invalid_format' ? 'must be a UTC instant such as 2026-11-24T20:15:00Z' : undefined),
  })
  .meta({ description: 'UTC instant, ISO 8601' });
export type Instant = z.infer<typeof instantSchema>;

/** Who did something: an account (`account:<id>`), or a part of the system (`reactor:alert`, `gateway:telemetry`). */
export const actorSchema = z
  .string()
  .regex(/^[a-z]+:[A-Za-z0-9_.@-]{1,128}$/, 'must look like account:<id> or reactor:<name>');
export type Actor = z.infer<typeof actorSchema>;

/**
 * What travels with every event beside its data: the attributes of CloudEvents 1.0 (in NATS headers, prefix `ce-`) and,
 * once recorded, where and when the log took it. Position and `recordedAt` are the broker's; `occurredAt` is a claim of
 * the source.
 */
export type Envelope = {
  /** `<commandId>-<n>`: deterministic, so a repeated command cannot record twice. */
  id: string;
  /** The version of the data's schema, from `ce-dataschema`. */
  version: number;
  source: string;
  /** Id of the aggregate. */
  subject: string;
  occurredAt: Instant;
  correlationId: string;
  /** The command that caused the event. */
  causationId: string;
  actor: Actor;
};

/** What a log adds to an event when it takes it. */
export type Recorded = { position: Position; sequence: number; recordedAt: Instant; site: string; entity: string };

/** An event as decided: its name and its facts. */
export type Decided<Type extends string = string, Data = unknown> = { type: Type; data: Data };

/** An event as read from a log. */
export type EventOf<D extends Decided> = D extends Decided ? D & { envelope: Envelope; recorded: Recorded } : never;

/** A wish: what somebody wants to happen. `time` is the source's claim of when it happened. */
export type Command<Type extends string = string, Data = unknown> = {
  id: string;
  type: Type;
  data: Data;
  actor: Actor;
  correlationId: string;
  time: Instant;
};
