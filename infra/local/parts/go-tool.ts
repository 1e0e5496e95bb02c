import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cached } from '../cache.ts';
import { step } from '../progress.ts';
import { findOnPath, runTool } from '../tool.ts';
import { fetchPackages } from './debian-archive.ts';

const VERSION = '1.26';
const USUAL_PLACE = '/usr/local/go/bin';
const BUILD_SECONDS_MAX = 300;

/**
 * The path of a Go tool: on PATH or in its usual place, else from the cache, else from Debian's archive.
 * @throws Error when none can be had
 */
export async function goTool(): Promise<string> {
  const installed = (await findOnPath('go')) ?? (await findOnPath('go', USUAL_PLACE));
  if (installed !== null) return installed;
  const packages = [`golang-${VERSION}-go`, `golang-${VERSION}-src`];
  const folder = await cached(`go-${VERSION}`, (draft) =>
    step(`Go ${VERSION}: fetched from Debian's archive`, () =>
      fetchPackages({ folder: join(draft, 'root'), packages, withDependencies: false }),
    ),
  );
  return join(folder, `root/usr/lib/go-${VERSION}/bin/go`);
}

/**
 * Builds a Go command into a folder. Go checks every module against its public checksum database.
 * @param go the Go tool
 * @param module `path@version`
 */
export async function goInstall(go: string, module: string, folder: string): Promise<void> {
  // An empty working folder, so that no go.mod of the person's has a say.
  const workFolder = await mkdtemp(join(tmpdir(), 'stratum-go-'));
  try {
    await runTool(go, ['install', '-trimpath', module], {
      folder: workFolder,
      environment: { GOBIN: folder, CGO_ENABLED: '0', GO111MODULE: 'on' },
      secondsMax: BUILD_SECONDS_MAX,
    });
  } finally {
    await rm(workFolder, { recursive: true, force: true });
  }
}
