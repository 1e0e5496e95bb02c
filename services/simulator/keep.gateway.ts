import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { z } from 'zod';

/** A value kept in a file as JSON, so that it survives a restart. */
export type Kept<Value> = {
  /** The value as of the last `write` that finished, or `undefined` if there is none. @throws Error naming a damaged file */
  read(): Promise<Value | undefined>;
  /** Writes the value whole or not at all; of writes that pile up only the newest is done. Resolves when it is on disk. */
  write(value: Value): Promise<void>;
};

/** Opens the file; its folder is made at the first write. */
export function keep<Value>(file: string, schema: z.ZodType<Value>): Kept<Value> {
  let newest: { value: Value } | undefined;
  let writing: Promise<void> | undefined;
  const drain = async () => {
    try {
      await mkdir(dirname(file), { recursive: true });
      while (newest !== undefined) {
        const { value } = newest;
        newest = undefined;
        await writeFile(`${file}.new`, JSON.stringify(value));
        await rename(`${file}.new`, file);
      }
    } finally {
      // In the same step as the last look, so that no write falls between.
      writing = undefined;
    }
  };
  return {
    read: async () => {
      const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return undefined;
        throw error;
      });
      return text === undefined ? undefined : parse(file, text, schema);
    },
    write: (value) => {
      newest = { value };
      writing ??= drain();
      return writing;
    },
  };
}

function parse<Value>(file: string, text: string, schema: z.ZodType<Value>): Value {
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new Error(`${file} is damaged; delete it to let the simulator begin anew`, { cause });
  }
}
