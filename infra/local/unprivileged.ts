import { chown } from 'node:fs/promises';
import { CannotStart } from './cannot-start.ts';
import { runTool } from './tool.ts';

const TRY_SECONDS_MAX = 5;
/** User and group "nobody" on every Linux. */
const NOBODY = 65_534;
const ORDINARY = 1000;

/** Turns a command line into one that does not run as root. */
export type AsUser = (command: string, args: string[]) => [command: string, args: string[]];

/**
 * How to run a program that refuses root, as PostgreSQL does. For an ordinary user that is the program itself. For root
 * it is a user namespace in which root is user 1000 (files stay root's, so it works in folders that only root may
 * enter); where namespaces are forbidden, user "nobody", who then owns the folder.
 * @throws CannotStart when this machine allows neither
 */
export async function unprivileged(folder: string): Promise<AsUser> {
  if (process.getuid?.() !== 0) return (command, args) => [command, args];
  const namespace = ['--user', `--map-user=${ORDINARY}`, `--map-group=${ORDINARY}`];
  if (await works('unshare', [...namespace, 'true']))
    return (command, args) => ['unshare', [...namespace, command, ...args]];
  const nobody = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];
  // The folder must be reachable for nobody, which a home folder of root is not.
  await chown(folder, NOBODY, NOBODY);
  if (await works('setpriv', [...nobody, 'test', '-w', folder]))
    return (command, args) => ['setpriv', [...nobody, command, ...args]];
  throw new CannotStart(
    'PostgreSQL refuses to run as root, and this machine allows neither a user namespace nor another user in this folder: start as an ordinary user, or set MONGODB_URI to a MongoDB of your own.',
  );
}

async function works(command: string, args: string[]): Promise<boolean> {
  try {
    await runTool(command, args, { secondsMax: TRY_SECONDS_MAX });
    return true;
  } catch {
    return false;
  }
}
