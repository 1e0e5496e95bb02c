import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Label } from './truth.ts';

/** The truth file beside the data: NDJSON, one label per line. Nothing in the product reads it. */
export type TruthFile = {
  append(labels: readonly Label[]): Promise<void>;
  /** Empties it, for a plant that begins anew. */
  clear(): Promise<void>;
};

/** Opens the truth file; its folder is made when it is missing. */
export function openTruth(file: string): TruthFile {
  return {
    append: async (labels) => {
      if (labels.length > 0) await appendFile(file, labels.map((label) => `${JSON.stringify(label)}\n`).join(''));
    },
    clear: async () => {
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, '');
    },
  };
}
