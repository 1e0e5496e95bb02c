import type { AccountEvent, Role } from '@stratum/contracts/account/account.ts';
import { type Decider, Rejected } from '@stratum/contracts/decider.ts';
import type { Command } from '@stratum/contracts/envelope.ts';

/** An account comes to be. Credentials are no part of it: they never enter the log. */
export type RegisterAccount = Command<
  'RegisterAccount',
  { accountId: string; email: string; name: string; role: Role; shopfloorId?: string }
>;

/** What the log knows of an account. */
export type Account = { status: 'unknown' } | { status: 'registered'; email: string };

/**
 * The rules of an account. Registering again with the same e-mail is already so; a shopfloor user without a floor is
 * refused with `ShopfloorMissing`, any other role with one `ShopfloorNotWanted`.
 */
export const account: Decider<Account, RegisterAccount, AccountEvent> = {
  entity: 'account',
  initial: { status: 'unknown' },
  decide(state, command) {
    const { accountId, email, name, role, shopfloorId } = command.data;
    if (state.status === 'registered') {
      if (state.email === email) return [];
      throw new Rejected('AccountTaken', 'This account belongs to another e-mail address.', 'email');
    }
    if (role === 'shopfloor-user' && shopfloorId === undefined) {
      throw new Rejected('ShopfloorMissing', 'A shopfloor user belongs to a shopfloor.', 'shopfloorId');
    }
    if (role !== 'shopfloor-user' && shopfloorId !== undefined) {
      throw new Rejected('ShopfloorNotWanted', 'Only a shopfloor user belongs to a shopfloor.', 'shopfloorId');
    }
    const floor = shopfloorId === undefined ? {} : { shopfloorId };
    return [{ type: 'AccountRegistered', data: { accountId, email, name, role, ...floor } }];
  },
  evolve(_state, event) {
    switch (event.type) {
      case 'AccountRegistered':
        return { status: 'registered', email: event.data.email };
    }
  },
};
