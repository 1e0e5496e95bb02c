import { expect, it } from 'vitest';
import { newId } from './ids.ts';

it('makes version 4 UUIDs, each another', () => {
  const ids = Array.from({ length: 200 }, newId);
  expect(ids.every((id) => /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id))).toBe(
    true,
  );
  expect(new Set(ids).size).toBe(ids.length);
});
