import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { benchFolder, type Findings, figureLines, keptFindings, report } from './figures.ts';

/** Every part by name, in the order they are run; `make bench-<name>` runs one. */
const parts: Record<string, () => Promise<Findings>> = {
  append: async () => (await import('./append.ts')).benchAppend(),
  emmett: async () => (await import('./emmett.ts')).benchEmmett(),
  replay: async () => (await import('./replay.ts')).benchReplay(),
  projection: async () => (await import('./projection.ts')).benchProjection(),
  device: async () => (await import('./device.ts')).benchDevice(),
  fleet: async () => (await import('./fleet.ts')).benchFleet(),
  'as-of': async () => (await import('./as-of.ts')).benchAsOf(),
};

/** One part, or all of them, each in a process of its own so that none inherits the other's heap. */
async function main(name: string | undefined): Promise<void> {
  if (name !== undefined) {
    const part = parts[name];
    if (part === undefined) throw new Error(`there is no part ${name}: ${Object.keys(parts).join(', ')}`);
    return report(await part());
  }
  const failed: string[] = [];
  for (const each of Object.keys(parts)) {
    console.log(`\n== ${each}`);
    const child = spawn(process.execPath, [fileURLToPath(import.meta.url), each], { stdio: 'inherit' });
    process.once('exit', () => void child.kill('SIGTERM'));
    const [exitCode] = await once(child, 'exit');
    if (exitCode !== 0) failed.push(each);
  }
  const figures = Object.keys(parts).flatMap((each) =>
    failed.includes(each) ? [] : (keptFindings(each)?.figures.map((figure) => ({ part: each, ...figure })) ?? []),
  );
  mkdirSync(benchFolder(), { recursive: true });
  writeFileSync(join(benchFolder(), 'bench.json'), `${JSON.stringify({ figures, failed }, null, 2)}\n`);
  console.log('\n== all');
  for (const each of failed) console.log(`  ✗ ${each} did not come to its end: its figures are missing`);
  console.log(figureLines(figures).join('\n'));
  if (failed.length > 0) process.exit(1);
}

// What a part has started is ended with its process, and a part with this one.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));
await main(process.argv[2]);
process.exit(0);
