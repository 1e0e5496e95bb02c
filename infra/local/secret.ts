import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

const OWNER_ONLY = 0o600;

/** The secret kept in a file; made and written, readable by its owner only, when the file is not there. */
export function keptSecret(file: string, make: () => string): string {
  const kept = readOrNull(file);
  if (kept !== null && kept !== '') return kept;
  const secret = make();
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${secret}\n`, { mode: OWNER_ONLY });
  return secret;
}

function readOrNull(file: string): string | null {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return null;
  }
}
