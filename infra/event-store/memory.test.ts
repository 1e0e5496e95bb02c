import { describe } from 'vitest';
import { describeStore } from './event-store.contract.ts';
import { memoryStore } from './memory.ts';

describe('the store in memory', () => {
  const store = memoryStore();
  describeStore(() => store);
});
