import { z } from 'zod';
import type { Fault } from './faults.ts';

/**
 * One line of the truth file: what was injected. A fault is told when it begins (`to` is null) and again when it is over;
 * of lines with the same `id` the last counts.
 */
export const labelSchema = z.object({
  id: z.string(),
  kind: z.string(),
  twinId: z.string(),
  parameters: z.array(z.string()),
  from: z.iso.datetime(),
  to: z.iso.datetime().nullable(),
  severity: z.number(),
});
export type Label = z.infer<typeof labelSchema>;

/**
 * The labels that stand after a tick, and those to be told: faults that began or are over. `begins` tells when a fault
 * began, `at` is the instant of the tick.
 */
export function relabel(
  standing: readonly Label[],
  faults: readonly Fault[],
  at: string,
  begins: (fault: Fault) => string,
): { standing: Label[]; told: Label[] } {
  const over = standing.filter((label) => !faults.some((fault) => fault.id === label.id));
  const begun = faults.filter((fault) => !standing.some((label) => label.id === fault.id)).map(labelOf(begins));
  const kept = standing.filter((label) => !over.includes(label));
  return { standing: [...kept, ...begun], told: [...over.map((label) => ({ ...label, to: at })), ...begun] };
}

const labelOf =
  (begins: (fault: Fault) => string) =>
  (fault: Fault): Label => {
    const { id, kind, twinId, parameters, severity } = fault;
    return { id, kind, twinId, parameters: [...parameters], from: begins(fault), to: null, severity };
  };
