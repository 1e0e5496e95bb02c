import type { ChildSpec } from './child.ts';
import { oneRun } from './one-run.ts';
import { stopRequested } from './stop-requested.ts';

/**
 * A starter with two small children, for tests: `node one-run.fixture.ts <data folder>`. One child ends at SIGTERM, the
 * other refuses to and must be killed. Prints `up` when both are ready and `down` when both are gone.
 */
const [dataFolder = ''] = process.argv.slice(2);

const child = (name: string, onStop: string, tier: number): ChildSpec => ({
  name,
  command: process.execPath,
  args: [
    '-e',
    `process.on('SIGTERM', () => { ${onStop} }); setInterval(() => {}, 1000); console.log('{"ready":true}')`,
  ],
  environment: {},
  folder: dataFolder,
  ready: /"ready":true/,
  readyMsMax: 10_000,
  stopSignal: 'SIGTERM',
  stopMsMax: 1_000,
  tier,
});

const stop = stopRequested();
await oneRun(dataFolder, async ({ supervisor, announce }) => {
  await Promise.all([
    supervisor.start(child('polite', 'process.exit(0)', 1)),
    supervisor.start(child('stubborn', '', 0)),
  ]);
  announce({ web: 'http://127.0.0.1:1' });
  console.log('up');
  await stop;
});
console.log('down');
process.exit(0);
