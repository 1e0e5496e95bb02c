import { expect, test } from 'vitest';
import { account, type RegisterAccount } from './account.ts';

const register = (data: Partial<RegisterAccount['data']> = {}): RegisterAccount => ({
  id: 'c1',
  type: 'RegisterAccount',
  data: { accountId: 'acc-1', email: 'a@b.c', name: 'Anna', role: 'user', ...data },
  actor: 'account:acc-1',
  correlationId: 'x',
  time: '2026-11-24T20:00:00Z',
});
const registered = account.evolve(account.initial, {
  type: 'AccountRegistered',
  data: { accountId: 'acc-1', email: 'a@b.c', name: 'Anna', role: 'user' },
});

test('a new account is registered, without anything secret', () => {
  expect(account.decide(account.initial, register())).toEqual([
    { type: 'AccountRegistered', data: { accountId: 'acc-1', email: 'a@b.c', name: 'Anna', role: 'user' } },
  ]);
});

test('registering the same account again is already so', () => {
  expect(account.decide(registered, register())).toEqual([]);
});

test('refuses an account that belongs to another e-mail', () => {
  expect(() => account.decide(registered, register({ email: 'x@y.z' }))).toThrow(
    expect.objectContaining({ code: 'AccountTaken' }),
  );
});

test('a shopfloor user, and nobody else, belongs to a shopfloor', () => {
  expect(account.decide(account.initial, register({ role: 'shopfloor-user', shopfloorId: 'shopfloor1' }))).toEqual([
    expect.objectContaining({ data: expect.objectContaining({ shopfloorId: 'shopfloor1' }) }),
  ]);
  expect(() => account.decide(account.initial, register({ role: 'shopfloor-user' }))).toThrow(
    expect.objectContaining({ code: 'ShopfloorMissing' }),
  );
  expect(() => account.decide(account.initial, register({ shopfloorId: 'shopfloor1' }))).toThrow(
    expect.objectContaining({ code: 'ShopfloorNotWanted' }),
  );
});
