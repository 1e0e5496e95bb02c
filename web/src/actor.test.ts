import { expect, it } from 'vitest';
import { actorText } from './actor.ts';

it('calls people by name, machines by their id, and its own parts Stratum', () => {
  expect(actorText('account:acc-1', 'Erik Owner')).toBe('Erik Owner');
  expect(actorText('account:acc-1', null)).toBe('account:acc-1');
  expect(actorText('reactor:order', null)).toBe('Stratum');
  expect(actorText('gateway:dispatch', null)).toBe('Stratum');
  expect(actorText('shopfloor:shopfloor2', null)).toBe('shopfloor2');
});
