import type { EventsPage } from '@stratum/contracts/http.ts';

/** So many facts fit beside an event's name. */
const FACTS_MAX = 4;
/** What other columns say already. */
const said = new Set(['alertId', 'occurrenceId', 'jobId', 'readingPosition', 'reportId']);

/** The facts of an event in one line: numbers and short texts, lists as their length. What its subject says is left out. */
export function summaryOf({ data, subject }: EventsPage['events'][number]): string {
  return Object.entries(data)
    .filter(([name, value]) => !said.has(name) && !(typeof value === 'string' && subject.includes(value)))
    .flatMap(([name, value]) => factText(name, value))
    .slice(0, FACTS_MAX)
    .join(' · ');
}

function factText(name: string, value: unknown): string[] {
  if (typeof value === 'number' || typeof value === 'boolean') return [`${name} ${value}`];
  if (typeof value === 'string') return [value];
  if (Array.isArray(value)) return [`${value.length} ${name}`];
  return isBand(value) ? [`${name} ${value.low} to ${value.high}`] : [];
}

/** Limits of a parameter; what else there is to them is a click away. */
function isBand(value: unknown): value is { low: number; high: number } {
  return typeof value === 'object' && value !== null && 'low' in value && 'high' in value;
}
