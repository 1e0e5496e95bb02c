import { describe } from 'vitest';
import { describeBatches } from './batch.contract.ts';
import { rivalOf } from './capacity.fixture.ts';
import { describeStore } from './event-store.contract.ts';
import { memoryStore } from './memory.ts';

describe('the store in memory', () => {
  const store = memoryStore();
  describeStore(() => rivalOf(store));
  describeBatches(() => rivalOf(store));
});
