import type { Actor, Instant } from '@stratum/contracts/envelope.ts';
import { SITE_DEFAULT } from '@stratum/contracts/subjects.ts';
import { handle } from '@stratum/infra/event-store/handle.ts';
import type { Store } from '@stratum/infra/event-store/store.ts';
import { account, type RegisterAccount } from './account.ts';
import type { Credentials } from './credentials.ts';

/**
 * Makes sure the log knows the account. Credentials are written first, because only they tell who was first with an
 * e-mail; should the process die in between, the next sign-in comes here and makes up for it.
 */
export async function recordAccount(
  store: Store,
  { accountId, email, name, role, shopfloorId }: Credentials,
  cause: { correlationId: string; time: Instant; actor?: Actor },
): Promise<void> {
  const command: RegisterAccount = {
    id: `register:${accountId}`,
    type: 'RegisterAccount',
    data: { accountId, email, name, role, ...(shopfloorId === undefined ? {} : { shopfloorId }) },
    actor: `account:${accountId}`,
    ...cause,
  };
  await handle(store, account, { site: SITE_DEFAULT, entity: 'account', id: accountId }, command);
}
