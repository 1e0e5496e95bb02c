/**
 * A process that holds a lease and says again and again, in lines, whether it does: `held` or `lost`. Arguments: the
 * address of NATS and the name of the lease.
 */
import { connectNats } from './connection.ts';
import { holdLease } from './lease.ts';

const SAY_EVERY_MS = 50;
const quiet = () => undefined;
const [url = '', name = ''] = process.argv.slice(2);

const nc = await connectNats(url, { name: 'holder' });
const lease = await holdLease(nc, name, {
  owner: `holder-${process.pid}`,
  signal: new AbortController().signal,
  logger: { info: quiet, warn: quiet, error: quiet },
});
const say = () => process.stdout.write(lease?.isHeld() === true ? 'held\n' : 'lost\n');
say();
setInterval(say, SAY_EVERY_MS);
