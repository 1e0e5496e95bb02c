import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findOnPath, runTool } from '../tool.ts';

const BUILD_SECONDS_MAX = 300;
const USUAL_PLACE = '/usr/local/go/bin';

/** True when a Go tool is on PATH or in its usual place. */
export async function hasGo(): Promise<boolean> {
  return (await findGo()) !== null;
}

/**
 * Builds a Go command into a folder. Go checks every module against its public checksum database.
 * @param module `path@version`
 */
export async function goInstall(module: string, folder: string): Promise<void> {
  const go = await findGo();
  if (go === null) throw new Error('the Go tool is missing');
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

async function findGo(): Promise<string | null> {
  return (await findOnPath('go')) ?? (await findOnPath('go', USUAL_PLACE));
}
