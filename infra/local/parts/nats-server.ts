import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cached, findCached } from '../cache.ts';
import { step } from '../progress.ts';
import { explain, findOnPath, runTool } from '../tool.ts';
import { fetchPackages } from './debian-archive.ts';
import { goInstall, goTool } from './go-tool.ts';

const VERSION = '2.15.1';
/** Older servers cannot copy what their MQTT broker acknowledged without losing some of it when they are killed. */
const VERSION_MIN = [2, 14] as const;
const CACHE_NAME = `nats-server-${VERSION}`;
const VERSION_SECONDS_MAX = 10;
const INSTEAD = 'put a nats-server >= 2.14 on PATH, or set NATS_URL and MQTT_URL to servers of your own';

/**
 * The path of a nats-server >= 2.14: on PATH, else from the cache, else from Debian's archive, else built with Go.
 * @throws CannotStart when none of these works
 */
export async function natsServer(): Promise<string> {
  const onPath = await findOnPath('nats-server');
  if (onPath !== null && (await isRecent(onPath))) return onPath;
  const inCache = await findCached(CACHE_NAME);
  if (inCache !== null) return join(inCache, 'nats-server');
  try {
    const folder = await cached(CACHE_NAME, fetchNatsServer);
    return join(folder, 'nats-server');
  } catch (error) {
    throw explain(error, `nats-server ${VERSION}`, INSTEAD);
  }
}

/** True for the output of `nats-server --version` of a server that has everything Stratum needs. */
export function isRecentVersion(output: string): boolean {
  const [, major, minor] = /v(\d+)\.(\d+)\./.exec(output) ?? [];
  if (major === undefined || minor === undefined) return false;
  return Number(major) > VERSION_MIN[0] || (Number(major) === VERSION_MIN[0] && Number(minor) >= VERSION_MIN[1]);
}

async function isRecent(binary: string): Promise<boolean> {
  try {
    return isRecentVersion(await runTool(binary, ['--version'], { secondsMax: VERSION_SECONDS_MAX }));
  } catch {
    return false;
  }
}

/** The archive's binary is there in seconds and needs no building; Go builds it wherever there is no such archive. */
async function fetchNatsServer(folder: string): Promise<void> {
  try {
    await step("nats-server: fetched from Debian's archive", () => fetchFromArchive(folder));
  } catch {
    const go = await goTool();
    const module = `github.com/nats-io/nats-server/v2@v${VERSION}`;
    await step(`nats-server ${VERSION}: built with Go`, () => goInstall(go, module, folder));
  }
}

async function fetchFromArchive(folder: string): Promise<void> {
  const unpacked = join(folder, 'unpacked');
  try {
    await fetchPackages({ folder: unpacked, packages: ['nats-server'], withDependencies: false });
    await rename(join(unpacked, 'usr/sbin/nats-server'), join(folder, 'nats-server'));
    if (!(await isRecent(join(folder, 'nats-server')))) throw new Error("the archive's nats-server is too old");
  } finally {
    await rm(unpacked, { recursive: true, force: true });
  }
}
