/**
 * A reason why a local part cannot be had or started, in one sentence that says what to do.
 * Shown to the person as it is, without a stack; everything else that is thrown is a defect.
 */
export class CannotStart extends Error {
  override name = 'CannotStart';
}

/** What the person sees of an error: the sentence alone, or a defect with its stack. A full disk is never a defect. */
export function cannotStartMessage(error: unknown): string {
  if (error instanceof CannotStart) return `\n${error.message}\n`;
  if (error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT'))
    return `\nThe disk is full: free some space and start again (${error.message}).\n`;
  return `\n${error instanceof Error ? error.stack : String(error)}\n`;
}
