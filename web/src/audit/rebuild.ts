import type { Compared, Difference, RebuildView } from '@stratum/contracts/rebuild.ts';
import { numberText } from '../format.ts';

type Run = NonNullable<RebuildView['run']>;

/** What came out for one read model. `aged out`: it differs, and readings that made it are no longer in the log. */
export type Verdict = 'equal' | 'differs' | 'aged out';

export function verdictOf({ differenceCount, hasAgedOut }: Compared): Verdict {
  if (differenceCount === 0) return 'equal';
  return hasAgedOut ? 'aged out' : 'differs';
}

/** What a rebuild came to, in one sentence. */
export function headlineOf({ state, models, modelCount }: Run): string {
  const differing = models.filter((model) => verdictOf(model) === 'differs').length;
  switch (state) {
    case 'running':
      return 'Computing the read models again';
    case 'cancelled':
      return 'Cancelled before its end';
    case 'failed':
      return 'It could not be brought to its end';
    case 'died':
      return 'The program that ran it is gone';
    case 'finished':
      if (differing > 0)
        return `${differing} of ${modelCount} read models ${differing === 1 ? 'differs' : 'differ'} from the log`;
      return `All ${modelCount} read models say what the log says`;
  }
}

/** Whether anything differs that nothing explains. */
export function isWrong({ models }: Run): boolean {
  return models.some((model) => verdictOf(model) === 'differs');
}

/** How a document differs, in words. */
export function differenceText({ how, fields }: Difference): string {
  switch (how) {
    case 'changed':
      return `another than the log’s: ${fields.join(', ')}`;
    case 'missing':
      return 'missing; the log has it';
    case 'surplus':
      return 'not in the log';
  }
}

/** What is done at this moment, in one line; empty when nothing is. */
export function stepText({ comparing, models, modelCount }: Run): string {
  if (comparing === null) return models.length === 0 ? '' : `${models.length} of ${modelCount} compared`;
  return `Comparing ${comparing.name}, document ${numberText(comparing.documents)}; ${models.length} of ${modelCount} compared`;
}

/** The beginning of a digest: enough to tell two apart by eye. */
export function shortDigest(digest: string): string {
  return digest.slice(0, 12);
}
