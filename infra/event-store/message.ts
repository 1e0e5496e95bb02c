import type { StreamName } from '@stratum/contracts/envelope.ts';

/** The streams that messages are read from: those with positions, and what was refused. */
export type StoredIn = StreamName | 'REFUSED';

/** Reads one header of a message; `''` or `undefined` where it is missing. NATS headers and a `Map` both do. */
export type HeaderReader = { get(name: string): string | undefined };

/** A stored message as it is, not yet understood. */
export type StoredMessage = {
  subject: string;
  /** Place in the stream, from 1. */
  sequence: number;
  /** When the broker stored it, UTC. */
  recordedAt: string;
  headers: HeaderReader;
  /** The body, as bytes. */
  data: Uint8Array;
};

/** A stored message and the stream it came from. */
export type RawMessage = StoredMessage & { stream: StreamName };
