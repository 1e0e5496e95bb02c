import { execFile, execFileSync } from 'node:child_process';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const BALLAST = 'ballast';
const CHUNK_BYTES = 1024 * 1024;
const PIECE_BYTES = 4096;
const MOUNT_MS_MAX = 5_000;
/** Lazily, because a server that was killed may not be quite gone. */
const UNMOUNT = ['-l'];

/** A disk of its own for one folder, small enough to be filled. Disposing forgets it and all that is on it. */
export interface SmallDisk extends AsyncDisposable {
  /** Leaves not a byte free. */
  fill(): Promise<void>;
  /** Gives back what `fill` took. */
  free(): Promise<void>;
}

/**
 * Mounts a disk in memory (tmpfs) on an empty folder; it takes no more memory than what is on it. Answers why not where
 * that is not allowed: it takes Linux and its superuser.
 */
export async function mountSmallDisk(folder: string, megabytes: number): Promise<SmallDisk | { reason: string }> {
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=755`, 'tmpfs', folder], {
      timeout: MOUNT_MS_MAX,
    });
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n').at(1) ?? error.message) : String(error);
    return { reason: `no disk of its own can be mounted here: ${reason}` };
  }
  // A process that is told to end leaves no disk behind.
  const unmountAtExit = () => void execFileSync('umount', [...UNMOUNT, folder], { timeout: MOUNT_MS_MAX });
  process.once('exit', unmountAtExit);
  const ballast = join(folder, BALLAST);
  return {
    async fill() {
      const file = await open(ballast, 'a');
      try {
        for (const bytes of [CHUNK_BYTES, PIECE_BYTES, 1])
          await writeUntilFull(file.write.bind(file), Buffer.alloc(bytes));
      } finally {
        await file.close();
      }
    },
    free: () => rm(ballast, { force: true }),
    async [Symbol.asyncDispose]() {
      process.off('exit', unmountAtExit);
      await run('umount', [...UNMOUNT, folder], { timeout: MOUNT_MS_MAX });
    },
  };
}

async function writeUntilFull(write: (bytes: Buffer) => Promise<unknown>, bytes: Buffer): Promise<void> {
  try {
    for (;;) await write(bytes);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
  }
}
