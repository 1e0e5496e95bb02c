import type { JsMsg } from '@nats-io/jetstream';
import type { Msg } from '@nats-io/transport-node';
import type { HeaderReader } from './message.ts';

/**
 * The headers of a message, read when asked for. The client's own decoding makes an array, a closure and several strings
 * per header: with eleven headers it takes 14 of the 21 µs that an event costs to read, most of them garbage. So the
 * block is made a text once and each header looked up in it, where this version of the client lets the bytes be found;
 * where not, the client's decoding is used.
 */
export function headersOf(message: Msg | JsMsg): HeaderReader {
  const bytes = bytesOf(message);
  if (bytes === undefined) return message.headers ?? none;
  // The message itself is let go: thousands kept in a batch cost more to collect than to read.
  let block: string | undefined;
  return {
    get(name) {
      block ??= decoder.decode(bytes);
      return valueIn(block, name);
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

/** Names asked for are few and fixed in the code. */
const NAMES_REMEMBERED_MAX = 100;
const VERSION_LENGTH = 'NATS/1.0'.length;
const CARRIAGE_RETURN = 13;
const plain = { code: 0, description: '' };

const none: HeaderReader = new Map<string, string>();
const decoder = new TextDecoder();
const lineStarts = new Map<string, string>();

/**
 * The value of a header in a block (`NATS/1.0`, then lines `name: value`), `undefined` if it is not there; of a repeated
 * name the first, as in the client.
 */
export function valueIn(block: string, name: string): string | undefined {
  let lineStart = lineStarts.get(name);
  if (lineStart === undefined) {
    lineStart = `\n${name}:`;
    if (lineStarts.size < NAMES_REMEMBERED_MAX) lineStarts.set(name, lineStart);
  }
  const at = block.indexOf(lineStart);
  if (at < 0) return undefined;
  const from = at + lineStart.length;
  return block.slice(from, block.indexOf('\r\n', from)).trim();
}

/** Where the client keeps what came over the wire: not public, so everything about it is checked. */
type Inside = { _rdata?: unknown; _msg?: { hdr?: unknown } };

function bytesOf(message: Msg | JsMsg): Uint8Array | undefined {
  const { _rdata: bytes, _msg: wire } = ('msg' in message ? message.msg : message) as Inside;
  const length = wire?.hdr;
  const isFound = bytes instanceof Uint8Array && typeof length === 'number' && length > 0 && length <= bytes.length;
  return isFound ? bytes.subarray(0, length) : undefined;
}
