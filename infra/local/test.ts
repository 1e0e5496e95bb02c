import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CannotStart, cannotStartMessage } from './cannot-start.ts';
import { formatSeconds, say } from './progress.ts';
import { type Count, countVitest, sum, summaryLine } from './test-count.ts';

let isStopping = false;
const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

/** A command that passes or fails as a whole, or a vitest project whose tests are counted one by one. */
type Stage =
  | { name: string; kind: 'check'; command: [tool: string, ...args: string[]]; minutesMax: number }
  | { name: string; kind: 'vitest'; project: string; minutesMax: number };

/** Cheapest first. All of them run, whatever failed before: one run tells everything. */
const STAGES: Stage[] = [
  { name: 'types', kind: 'check', command: ['tsc', '-p', 'tsconfig.json', '--noEmit'], minutesMax: 3 },
  {
    name: 'types of the pages',
    kind: 'check',
    command: ['svelte-check', '--workspace', 'web', '--tsconfig', './tsconfig.json', '--fail-on-warnings'],
    minutesMax: 3,
  },
  { name: 'lint', kind: 'check', command: ['biome', 'check', '--error-on-warnings'], minutesMax: 1 },
  { name: 'unit tests', kind: 'vitest', project: 'unit', minutesMax: 3 },
  { name: 'integration tests', kind: 'vitest', project: 'integration', minutesMax: 15 },
  { name: 'browser tests', kind: 'vitest', project: 'browser', minutesMax: 15 },
];

/** `make test`: every stage in order; the last line of its output is the count alone. */
async function testAll(): Promise<Count> {
  const reportFolder = await mkdtemp(join(tmpdir(), 'stratum-test-report-'));
  try {
    const counts: Count[] = [];
    for (const stage of STAGES) {
      if (isStopping) throw new CannotStart('Stopped before all tests had run.');
      const startedAt = performance.now();
      say(`▶ ${stage.name}`);
      const count = await runStage(stage, join(reportFolder, `${stage.name}.json`));
      say(
        `${count.failed === 0 ? '✓' : '✗'} ${stage.name}: ${summaryLine(count)} (${formatSeconds(performance.now() - startedAt)})`,
      );
      counts.push(count);
    }
    return sum(counts);
  } finally {
    await rm(reportFolder, { recursive: true, force: true });
  }
}

async function runStage(stage: Stage, reportFile: string): Promise<Count> {
  if (stage.kind === 'check') {
    const exitCode = await run(stage.command, stage.minutesMax);
    return exitCode === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
  }
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`];
  const exitCode = await run(['vitest', 'run', '--project', stage.project, ...reporters], stage.minutesMax);
  return countVitest(await readFile(reportFile, 'utf8').catch(() => null), exitCode);
}

/** Runs a tool of this clone with its output shown; a tool that hangs is ended and fails. */
function run([tool, ...args]: [string, ...string[]], minutesMax: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(join(root, 'node_modules/.bin', tool), args, {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const stop = () => {
      isStopping = true;
      child.kill('SIGTERM');
    };
    const timer = setTimeout(() => {
      say(`${tool} took longer than ${minutesMax} min and is ended`);
      child.kill('SIGTERM');
    }, minutesMax * 60_000);
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
    for (const signal of signals) process.on(signal, stop);
    child.once('error', reject);
    child.once('exit', (exitCode) => {
      clearTimeout(timer);
      for (const signal of signals) process.off(signal, stop);
      resolve(exitCode ?? 1);
    });
  });
}

try {
  const total = await testAll();
  process.stdout.write(`\n${summaryLine(total)}\n`);
  process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
} catch (error) {
  process.stderr.write(cannotStartMessage(error));
  process.exitCode = 1;
}
