import type { JsMsg } from '@nats-io/jetstream';
import type { Msg } from '@nats-io/transport-node';
import type { HeaderReader } from './message.ts';

/**
 * The headers of a message, read when first asked for. The client's own decoding makes an array, a closure and several
 * strings per header: with eleven headers it takes 14 of the 21 µs that an event costs to read, most of them garbage. So
 * the block is cut into a map in one pass over its bytes, where this version of the client lets them be found; where not,
 * the client's decoding is used.
 */
export function headersOf(message: Msg | JsMsg): HeaderReader {
  let headers: HeaderReader | undefined;
  return {
    get(name) {
      headers ??= cut(bytesOf(message)) ?? message.headers ?? none;
      return headers.get(name);
    },
  };
}

/** The status line of a message of the server (`404 Message Not Found`); code 0 for a message that is none. */
export function statusOf(message: Msg): { code: number; description: string } {
  const bytes = bytesOf(message);
  const isPlain = bytes?.[VERSION_LENGTH] === CARRIAGE_RETURN;
  if (isPlain || message.headers === undefined) return plain;
  return { code: message.headers.code, description: message.headers.description };
}

const VERSION_LENGTH = 'NATS/1.0'.length;
const CARRIAGE_RETURN = 13;
const plain = { code: 0, description: '' };

const none: HeaderReader = new Map<string, string>();

/** Cuts a header block (`NATS/1.0`, then lines `name: value`) into a map; of a repeated name the first counts, as in the client. */
export function cut(bytes: Uint8Array | undefined): Map<string, string> | undefined {
  if (bytes === undefined) return undefined;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
  const headers = new Map<string, string>();
  for (let at = text.indexOf('\r\n') + 2; at > 1; ) {
    const end = text.indexOf('\r\n', at);
    if (end <= at) break;
    const colon = text.indexOf(':', at);
    if (colon > at && colon < end) {
      const name = text.slice(at, colon);
      if (!headers.has(name)) headers.set(name, text.slice(colon + 1, end).trim());
    }
    at = end + 2;
  }
  return headers;
}

/** Where the client keeps what came over the wire: not public, so everything about it is checked. */
type Inside = { _rdata?: unknown; _msg?: { hdr?: unknown } };

function bytesOf(message: Msg | JsMsg): Uint8Array | undefined {
  const { _rdata: bytes, _msg: wire } = ('msg' in message ? message.msg : message) as Inside;
  const length = wire?.hdr;
  const isFound = bytes instanceof Uint8Array && typeof length === 'number' && length > 0 && length <= bytes.length;
  return isFound ? bytes.subarray(0, length) : undefined;
}
