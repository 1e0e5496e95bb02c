import type { ProjectedStream } from '../projector/projection.ts';

/**
 * How far a client of the live feed has seen: of each stream everything up to a sequence. Whoever comes back with it gets
 * what changed behind it.
 */
export type LiveCursor = Record<ProjectedStream, number>;

const pattern = /^PLANT:(\d{1,16});TELEMETRY:(\d{1,16})$/;

/** Writes a cursor as the id of an event: `PLANT:12;TELEMETRY:3456`. */
export function cursorText({ PLANT, TELEMETRY }: LiveCursor): string {
  return `PLANT:${PLANT};TELEMETRY:${TELEMETRY}`;
}

/** Reads what a client sends as Last-Event-ID; `undefined` if it is no cursor. */
export function parseCursor(text: string): LiveCursor | undefined {
  const match = pattern.exec(text);
  return match === null ? undefined : { PLANT: Number(match[1]), TELEMETRY: Number(match[2]) };
}

/**
 * The cursor of a feed: of each stream, as far as its slowest read model has come. Collections without a known position
 * hold their stream at 0, so that nothing is ever taken as seen that was not.
 */
export function cursorOf(
  collections: Record<string, { stream: ProjectedStream | null }>,
  positionOf: (collection: string) => number,
): LiveCursor {
  const least = (stream: ProjectedStream): number => {
    const positions = Object.entries(collections).filter(([, one]) => one.stream === stream);
    return positions.length === 0 ? 0 : Math.min(...positions.map(([name]) => positionOf(name)));
  };
  return { PLANT: least('PLANT'), TELEMETRY: least('TELEMETRY') };
}
