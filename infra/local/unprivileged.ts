import { chown } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { CannotStart } from './cannot-start.ts';
import { runTool } from './tool.ts';

const TRY_SECONDS_MAX = 5;
/** User and group "nobody", which every Linux has. PostgreSQL refuses a user id that no user has. */
const NOBODY = 65_534;

/** Turns a command line into one that runs as a user PostgreSQL accepts. */
export type AsUser = (command: string, args: string[]) => [command: string, args: string[]];

/**
 * How to run a program that refuses root and unknown users, as PostgreSQL does. For an ordinary user that is the program
 * itself. Else it is a user namespace in which this user is "nobody" (files stay this user's, so it works in folders
 * that only root may enter); where namespaces are forbidden, root becomes "nobody", who then owns the folder.
 * @throws CannotStart when this machine allows neither
 */
export async function unprivileged(folder: string): Promise<AsUser> {
  if (isOrdinaryUser()) return (command, args) => [command, args];
  const namespace = ['--user', `--map-user=${NOBODY}`, `--map-group=${NOBODY}`];
  if (await works('unshare', [...namespace, 'true']))
    return (command, args) => ['unshare', [...namespace, command, ...args]];
  const nobody = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];
  await chown(folder, NOBODY, NOBODY).catch(() => undefined);
  // The folder must be within reach of nobody, which root's home is not.
  if (await works('setpriv', [...nobody, 'test', '-w', folder]))
    return (command, args) => ['setpriv', [...nobody, command, ...args]];
  throw new CannotStart(
    'PostgreSQL refuses to run as root, and this machine allows neither a user namespace nor another user in this folder: start as an ordinary user, or set MONGODB_URI to a MongoDB of your own.',
  );
}

function isOrdinaryUser(): boolean {
  if (process.getuid?.() === 0) return false;
  try {
    userInfo();
    return true;
  } catch {
    return false;
  }
}

async function works(command: string, args: string[]): Promise<boolean> {
  try {
    await runTool(command, args, { secondsMax: TRY_SECONDS_MAX });
    return true;
  } catch {
    return false;
  }
}
