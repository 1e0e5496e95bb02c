import { verify } from '@node-rs/bcrypt';
import type { Role } from '@stratum/contracts/account/account.ts';
import type { Store } from '@stratum/infra/event-store/store.ts';
import { accountIdOf, type CredentialStore, type Credentials, hashPassword } from './credentials.ts';
import { recordAccount } from './record-account.ts';

/** Everybody in here signs in with DEMO_PASSWORD. */
const DOMAIN = 'stratum.local';

const demoAccounts: { user: string; name: string; role: Role; shopfloorId?: string }[] = [
  { user: 'user', name: 'Uma User', role: 'user' },
  { user: 'erp', name: 'Erik Owner', role: 'erp-owner' },
  { user: 'mes', name: 'Mara Manager', role: 'mes-manager' },
  { user: 'floor1', name: 'Flora First', role: 'shopfloor-user', shopfloorId: 'shopfloor1' },
  { user: 'floor2', name: 'Finn Second', role: 'shopfloor-user', shopfloorId: 'shopfloor2' },
  { user: 'floor3', name: 'Faye Third', role: 'shopfloor-user', shopfloorId: 'shopfloor3' },
  { user: 'operator', name: 'Olga Operator', role: 'operator' },
  { user: 'auditor', name: 'Aldo Auditor', role: 'auditor' },
  { user: 'admin', name: 'Ada Admin', role: 'admin' },
];

/** E-mail addresses of the demo accounts, for what prints them. */
export const demoEmails: readonly string[] = demoAccounts.map(({ user }) => `${user}@${DOMAIN}`);

export type SeedAccountsDeps = {
  store: Store;
  credentials: CredentialStore;
  /** 12 characters at least, 72 bytes at most. */
  password: string;
  bcryptCost: number;
  now: () => Date;
};

/**
 * Makes the demo accounts, one per role, or gives them the password if it has changed. Running it again, or twice at
 * once, changes nothing. An account that somebody registered under such an address is left alone.
 */
export async function seedAccounts({ store, credentials, password, bcryptCost, now }: SeedAccountsDeps): Promise<void> {
  const time = now().toISOString();
  const isRight = checkOnce(password);
  let bcryptHash: string | undefined;
  const freshHash = async (): Promise<string> => {
    bcryptHash ??= await hashPassword(password, bcryptCost);
    return bcryptHash;
  };
  for (const { user, ...rest } of demoAccounts) {
    const email = `${user}@${DOMAIN}`;
    const accountId = accountIdOf(email);
    const found = await credentials.find(email);
    if (found === undefined) {
      const fresh = {
        ...rest,
        accountId,
        email,
        bcryptHash: await freshHash(),
        commandId: `seed:${email}`,
        isDemo: true,
      };
      await credentials.create(fresh);
    } else if (found.credentials.isDemo && !(await isRight(found.credentials))) {
      await credentials.update({ ...found.credentials, bcryptHash: await freshHash() }, found.revision);
    }
    const current = (await credentials.find(email))?.credentials;
    if (current !== undefined) {
      await recordAccount(store, current, { correlationId: `seed:${accountId}`, time, actor: 'seed:account' });
    }
  }
}

/** The demo accounts share a password and mostly a hash, which is costly to check: each hash is checked once. */
function checkOnce(password: string): (credentials: Credentials) => Promise<boolean> {
  const checks = new Map<string, Promise<boolean>>();
  return ({ bcryptHash }) => {
    const check = checks.get(bcryptHash) ?? verify(password, bcryptHash);
    checks.set(bcryptHash, check);
    return check;
  };
}
