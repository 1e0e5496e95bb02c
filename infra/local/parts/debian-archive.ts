import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findOnPath, runTool } from '../tool.ts';

/** The release the packages come from; its binaries run everywhere because they bring their own C library. */
const SUITE = 'forky';
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const UPDATE_SECONDS_MAX = 90;
const DOWNLOAD_SECONDS_MAX = 180;
const UNPACK_SECONDS_MAX = 60;
const UNPACK_AT_ONCE = 2;

export interface PackageFetch {
  /** Where the packages are unpacked to. */
  folder: string;
  packages: string[];
  /** With all they depend on, whatever is installed here; else these packages alone. */
  withDependencies: boolean;
  /** Packages of the closure that are not unpacked. */
  without?: RegExp;
}

/**
 * Fetches packages from Debian's archive, signatures checked, and unpacks them into a folder: a private apt
 * configuration with its own lists, cache and an empty status file, so nothing is installed and no root is needed.
 * @throws Error when this machine has no apt, does not know Debian's archive, or the download fails
 */
export async function fetchPackages(fetch: PackageFetch): Promise<void> {
  await requireApt();
  const apt = `${fetch.folder}.apt`;
  try {
    const configuration = await writeConfiguration(apt, await findMirror());
    const environment = { APT_CONFIG: configuration };
    await runTool('apt-get', ['update', '-qq'], { environment, secondsMax: UPDATE_SECONDS_MAX });
    if (fetch.withDependencies) {
      const args = ['install', '-qq', '-y', '-d', '--no-install-recommends', ...fetch.packages];
      await runTool('apt-get', args, { environment, secondsMax: DOWNLOAD_SECONDS_MAX });
    } else {
      const options = { environment, folder: join(apt, 'cache/archives'), secondsMax: DOWNLOAD_SECONDS_MAX };
      await runTool('apt-get', ['download', '-qq', ...fetch.packages], options);
    }
    await unpackAll(join(apt, 'cache/archives'), fetch);
  } finally {
    await rm(apt, { recursive: true, force: true });
  }
}

/**
 * The address of Debian's archive in this machine's own apt sources (both formats: `deb …` lines and deb822), or null
 * when it has none. Security and third-party sources are not the archive.
 */
export function parseMirror(sources: string): string | null {
  for (const line of sources.split('\n')) {
    const match = /^\s*(?:deb\s+(?:\[[^\]]*\]\s+)?|URIs:\s*)(https?:\/\/\S+|mirror\+file:\S+)/.exec(line);
    const address = match?.[1]?.replace(/\/$/, '');
    if (address !== undefined && /\/debian$/.test(address)) return address;
  }
  return null;
}

async function requireApt(): Promise<void> {
  for (const tool of ['apt-get', 'dpkg-deb'])
    if ((await findOnPath(tool)) === null) throw new Error(`this machine has no ${tool}`);
}

async function findMirror(): Promise<string> {
  const folder = '/etc/apt/sources.list.d';
  const names = await readdir(folder).catch(() => []);
  const files = [
    '/etc/apt/sources.list',
    ...names.filter((name) => /\.(list|sources)$/.test(name)).map((name) => join(folder, name)),
  ];
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8').catch(() => '')));
  const mirror = parseMirror(texts.join('\n'));
  if (mirror === null) throw new Error("this machine's apt sources name no Debian archive");
  return mirror;
}

async function writeConfiguration(apt: string, mirror: string): Promise<string> {
  await Promise.all(
    ['lists/partial', 'cache/archives/partial', 'state'].map((folder) => mkdir(join(apt, folder), { recursive: true })),
  );
  await writeFile(join(apt, 'status'), '');
  await writeFile(join(apt, 'sources.list'), `deb [signed-by=${KEYRING}] ${mirror} ${SUITE} main\n`);
  const settings: Record<string, string> = {
    'Dir::State': join(apt, 'state'),
    'Dir::State::lists': join(apt, 'lists'),
    'Dir::State::status': join(apt, 'status'),
    'Dir::Cache': join(apt, 'cache'),
    'Dir::Cache::archives': join(apt, 'cache/archives'),
    'Dir::Etc::SourceList': join(apt, 'sources.list'),
    'Dir::Etc::SourceParts': '/dev/null',
    'Dir::Etc::Preferences': '/dev/null',
    'Dir::Etc::PreferencesParts': '/dev/null',
    'Acquire::Languages': 'none',
    'APT::Sandbox::User': '',
    'Debug::NoLocking': 'true',
  };
  const lines = Object.entries(settings).map(([key, value]) => `${key} ${JSON.stringify(value)};`);
  const file = join(apt, 'apt.conf');
  await writeFile(file, `${lines.join('\n')}\n`);
  return file;
}

async function unpackAll(archives: string, fetch: PackageFetch): Promise<void> {
  await mkdir(fetch.folder, { recursive: true });
  const names = await readdir(archives);
  const queue = names.filter((name) => name.endsWith('.deb') && fetch.without?.test(name) !== true);
  const unpackNext = async (): Promise<void> => {
    for (let name = queue.pop(); name !== undefined; name = queue.pop())
      await runTool('dpkg-deb', ['-x', join(archives, name), fetch.folder], { secondsMax: UNPACK_SECONDS_MAX });
  };
  await Promise.all(Array.from({ length: UNPACK_AT_ONCE }, unpackNext));
}
