import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const mainFile = fileURLToPath(new URL('./main.ts', import.meta.url));

/** `projections/main.ts` as a process of its own. */
export type Program = {
  process: ChildProcess;
  /** The name under which it writes checkpoints. */
  holder: string;
  /** The lines of its log. */
  log: string[];
};

/** Starts the program and waits until it says it is ready. It is killed with the test at the latest. */
export async function startMain(natsUrl: string, mongodbUri: string): Promise<Program> {
  const program = spawn(process.execPath, [mainFile], {
    env: { ...process.env, NATS_URL: natsUrl, MONGODB_URI: mongodbUri, LOG_LEVEL: 'info' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void program.kill('SIGKILL'));
  const log: string[] = [];
  createInterface({ input: program.stderr }).on('line', (line) => log.push(line));
  for await (const line of createInterface({ input: program.stdout })) {
    if (line.startsWith('{"ready":true')) return { process: program, holder: JSON.parse(line).id, log };
  }
  throw new Error(`the program ended before it was ready: ${log.join('\n')}`);
}
