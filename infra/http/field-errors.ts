import type { z } from 'zod';

/** What is wrong with one field; `field` is a path such as `readings.3.values`, `body` when it is the whole. */
export type FieldError = { field: string; message: string };

/** At most this many fields are listed; a body of 1,000 bad readings needs no more to be put right. */
const FIELDS_MAX = 20;

type Issue = z.core.$ZodIssue;

/** Lists what a schema refused, field by field. For a union it tells the branch that came closest. */
export function fieldErrorsOf(error: { issues: readonly Issue[] }, whole = 'body'): FieldError[] {
  return error.issues
    .flatMap((issue) => flatten(issue, []))
    .slice(0, FIELDS_MAX)
    .map(({ path, message }) => ({ field: path.length === 0 ? whole : path.map(String).join('.'), message }));
}

type Flat = { path: PropertyKey[]; message: string };

function flatten(issue: Issue, prefix: PropertyKey[]): Flat[] {
  const path = [...prefix, ...issue.path];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({ path: [...path, key], message: 'is not a known field' }));
    case 'invalid_union': {
      const branches = issue.errors.map((issues) => issues.flatMap((inner) => flatten(inner, path)));
      const closest = branches.filter((branch) => branch.length > 0).toSorted((a, b) => distance(a) - distance(b))[0];
      return closest ?? [{ path, message: issue.message }];
    }
    case 'invalid_key':
    case 'invalid_element': {
      const inner = issue.issues[0];
      return [{ path, message: inner === undefined ? issue.message : inner.message }];
    }
    default:
      return [{ path, message: issue.message }];
  }
}

/** A branch with deep complaints was entered; one that complains at the top was not meant. */
function distance(branch: Flat[]): number {
  return branch.reduce((sum, { path }) => sum + 1 / (1 + path.length), 0);
}

/** Words for what zod itself would say in its own; schemas that bring their own message keep it. */
export function plainMessage(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.input === undefined && issue.code === 'invalid_type') return 'is missing';
  switch (issue.code) {
    case 'invalid_type':
      return issue.expected === 'int' ? 'must be a whole number' : `must be ${article(issue.expected)}`;
    case 'too_small':
      return bound(issue.origin, 'at least', issue.minimum, issue.inclusive === false);
    case 'too_big':
      return bound(issue.origin, 'at most', issue.maximum, issue.inclusive === false);
    case 'invalid_value':
      return `must be one of ${issue.values.map(String).join(', ')}`;
    default:
      return undefined;
  }
}

function bound(origin: string, words: string, limit: number | bigint, isExclusive: boolean): string {
  if (origin === 'string') return `must have ${words} ${limit} characters`;
  if (origin === 'array' || origin === 'set') return `must have ${words} ${limit} entries`;
  if (!isExclusive) return `must be ${words} ${limit}`;
  return `must be ${words === 'at least' ? 'above' : 'below'} ${limit}`;
}

function article(expected: string): string {
  if (expected === 'record' || expected === 'object') return 'an object';
  if (expected === 'boolean') return 'true or false';
  if (expected === 'string') return 'a text';
  return expected === 'array' ? 'a list' : `a ${expected}`;
}
