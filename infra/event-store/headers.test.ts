import type { Msg } from '@nats-io/transport-node';
import { headers, MsgHdrsImpl } from '@nats-io/transport-node';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { headersOf, valueIn } from './headers.ts';

const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,12}$/);
const value = fc.string({ maxLength: 30, unit: 'grapheme' }).filter((text) => !/[\r\n]/.test(text));

describe('the headers of a message', () => {
  it('are what the client reads, whatever is in them', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value), { maxLength: 12 }), (pairs) => {
        const block = `NATS/1.0\r\n${pairs.map(([key, text]) => `${key}: ${text}\r\n`).join('')}\r\n`;
        const theirs = MsgHdrsImpl.decode(Buffer.from(block));
        for (const key of theirs.keys()) expect(valueIn(block, key)).toBe(theirs.get(key));
      }),
    );
  });

  it('may be none, or a status alone', () => {
    for (const block of ['NATS/1.0\r\n\r\n', 'NATS/1.0 404 Message Not Found\r\n\r\n', 'NATS/1.0', '']) {
      expect(valueIn(block, 'ce-type')).toBeUndefined();
    }
  });

  it('are found by their whole name', () => {
    const block = 'NATS/1.0\r\nx-ce-type: A\r\nce-type-of: B\r\nCe-Type: C\r\nnote: ce-type: D\r\n\r\n';
    expect(valueIn(block, 'ce-type')).toBeUndefined();
  });

  it('are asked for in public where the bytes are not to be found', () => {
    const own = headers();
    own.set('ce-type', 'OrderPlaced');
    const message = { subject: 'a', headers: own } as unknown as Msg;
    expect(headersOf(message).get('ce-type')).toBe('OrderPlaced');
    expect(headersOf({ subject: 'a' } as unknown as Msg).get('ce-type')).toBeUndefined();
  });
});
