import { type Report, reportSchema } from '@stratum/contracts/job/job.ts';
import { shopfloorIdOf } from '@stratum/contracts/subjects.ts';
import type { RefusalReason } from '@stratum/contracts/telemetry/telemetry.ts';

/** A report is far smaller; what is larger is not looked at, bytes. */
export const REPORT_BYTES_MAX = 16 * 1024;

/** A floor's clock may be ahead of the broker's by this much; what is reported for later is refused. */
const AHEAD_SECONDS_MAX = 300;

/** What a message on `shopfloor/{id}/reports` says, or why it says nothing; `detail` is one sentence for people. */
export type ReadReport =
  | { isReport: true; report: Report }
  | { isReport: false; reason: RefusalReason; detail: string };

const decoder = new TextDecoder();

/**
 * Reads what came in on the topic of a shopfloor, at `takenAtMs` by the broker's clock (epoch milliseconds). `1` and
 * `shopfloor1` are the same floor, in topic and body alike.
 */
export function readReport(topicToken: string, body: Uint8Array, takenAtMs: number): ReadReport {
  if (body.byteLength > REPORT_BYTES_MAX) {
    return refused('TooLarge', `A report has at most ${REPORT_BYTES_MAX} bytes; this one has ${body.byteLength}.`);
  }
  const json = parseJson(decoder.decode(body));
  if (json === undefined) return refused('NotJson', 'The body is not valid JSON.');
  const parsed = reportSchema.safeParse(json);
  if (!parsed.success) {
    const faults = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'body'}: ${message}`);
    return refused('BadShape', faults.join('; '));
  }
  const shopfloorId = shopfloorIdOf(parsed.data.shopfloorId);
  if (shopfloorId !== shopfloorIdOf(topicToken)) {
    return refused('BadShape', `shopfloorId: says ${shopfloorId}, but it came from ${shopfloorIdOf(topicToken)}`);
  }
  const ahead = aheadFault(parsed.data.timestamp, takenAtMs);
  if (ahead !== undefined) return refused('ObservedInFuture', `timestamp: ${ahead}`);
  return { isReport: true, report: { ...parsed.data, shopfloorId } };
}

/** What is wrong with a report's time, if it lies too far ahead of when it was taken: days of production are never in the future. */
export function aheadFault(timestamp: string, takenAtMs: number): string | undefined {
  const aheadSeconds = (Date.parse(timestamp) - takenAtMs) / 1000;
  if (aheadSeconds <= AHEAD_SECONDS_MAX) return undefined;
  return `is ${Math.round(aheadSeconds)} s in the future; at most ${AHEAD_SECONDS_MAX} s are believed`;
}

function refused(reason: RefusalReason, detail: string): ReadReport {
  return { isReport: false, reason, detail };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
