import { type Report, reportSchema } from '@stratum/contracts/job/job.ts';
import { shopfloorIdOf } from '@stratum/contracts/subjects.ts';
import type { RefusalReason } from '@stratum/contracts/telemetry/telemetry.ts';

/** A report is far smaller; what is larger is not looked at, bytes. */
export const REPORT_BYTES_MAX = 16 * 1024;

/** What a message on `shopfloor/{id}/reports` says, or why it says nothing; `detail` is one sentence for people. */
export type ReadReport =
  | { isReport: true; report: Report }
  | { isReport: false; reason: RefusalReason; detail: string };

const decoder = new TextDecoder();

/** Reads what came in on the topic of a shopfloor. `1` and `shopfloor1` are the same floor, in topic and body alike. */
export function readReport(topicToken: string, body: Uint8Array): ReadReport {
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
  return { isReport: true, report: { ...parsed.data, shopfloorId } };
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
