/**
 * How far each source of one twin's readings has been taken into TELEMETRY. Every message of the twin's subject carries
 * all of them, so the last message alone tells any writer, at any later time, what is already there. `devices` counts in
 * DEVICES sequences; an import or a posted batch has a name of its own and counts its readings from 1.
 */
export type Watermarks = ReadonlyMap<string, number>;

/** Name of the source that the telemetry gateway reads. */
export const DEVICES_SOURCE = 'devices';

/** So many other sources are remembered, the latest touched; each takes some 30 bytes in every message. */
export const SOURCES_MAX = 16;

/** Name of the header that carries them. */
export const WATERMARKS_HEADER = 'Stratum-Watermarks';

/** Whether a source's reading number `count` is already there. */
export function isTaken(watermarks: Watermarks, source: string, count: number): boolean {
  return count <= (watermarks.get(source) ?? 0);
}

/** The watermarks of the message that takes one more reading; the oldest of the other sources make room if need be. */
export function advance(watermarks: Watermarks, source: string, count: number): Watermarks {
  const next = new Map(watermarks);
  next.delete(source);
  next.set(source, count);
  const others = [...next.keys()].filter((name) => name !== DEVICES_SOURCE);
  for (const name of others.slice(0, Math.max(0, others.length - SOURCES_MAX))) next.delete(name);
  return next;
}

/** Writes them as a header's value: `devices=1204 import-9f2c=96`. */
export function formatWatermarks(watermarks: Watermarks): string {
  return [...watermarks].map(([source, count]) => `${source}=${count}`).join(' ');
}

/** Reads the header of a subject's last message. Throws on what `formatWatermarks` does not write: that is a defect. */
export function parseWatermarks(header: string): Watermarks {
  const watermarks = new Map<string, number>();
  for (const part of header.split(' ').filter((text) => text !== '')) {
    const match = /^([A-Za-z0-9_-]{1,64})=(\d{1,16})$/.exec(part);
    if (match?.[1] === undefined) throw new TypeError(`not a watermark: ${part.slice(0, 100)}`);
    watermarks.set(match[1], Number(match[2]));
  }
  return watermarks;
}
