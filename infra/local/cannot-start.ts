/**
 * A reason why a local part cannot be had or started, in one sentence that says what to do.
 * Shown to the person as it is, without a stack; everything else that is thrown is a defect.
 */
export class CannotStart extends Error {
  override name = 'CannotStart';
}
