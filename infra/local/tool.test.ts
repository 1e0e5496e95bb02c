import { expect, test } from 'vitest';
import { explain, ToolFailed } from './tool.ts';

const failure = (output: string) =>
  new ToolFailed(`apt-get failed: ${output}`, { output, isMissing: false, isOutOfTime: false });

test('a full disk, a dead download and anything else each get one sentence that says what to do', () => {
  expect(explain(failure('cannot copy: No space left on device'), 'NATS', 'set NATS_URL').message).toBe(
    'The disk is full while fetching NATS: free some space and start again.',
  );
  expect(explain(failure('dial tcp: lookup proxy.golang.org: no such host'), 'NATS', 'set NATS_URL').message).toBe(
    'NATS could not be downloaded: check the network (or its proxy) and start again, or set NATS_URL.',
  );
  expect(explain(failure('first line\nE: broken'), 'NATS', 'set NATS_URL').message).toBe(
    'NATS could not be had (E: broken): set NATS_URL.',
  );
});
