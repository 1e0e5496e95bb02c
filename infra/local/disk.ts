import { mkdir, statfs } from 'node:fs/promises';
import { CannotStart } from './cannot-start.ts';

const MEGABYTE = 1024 * 1024;

/**
 * Makes sure that a folder, made when missing, is on a disk with some space.
 * @throws CannotStart when less than `bytesMin` are free
 */
export async function requireDiskSpace(folder: string, bytesMin: number): Promise<void> {
  await mkdir(folder, { recursive: true });
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize >= bytesMin) return;
  const freeMegabytes = Math.floor((bavail * bsize) / MEGABYTE);
  throw new CannotStart(
    `The disk of ${folder} is full: ${freeMegabytes} MB are free and ${Math.ceil(bytesMin / MEGABYTE)} MB are needed; free some space and start again.`,
  );
}
