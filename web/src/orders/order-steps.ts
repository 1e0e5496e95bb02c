import type { TimelineEntry } from '@stratum/contracts/order/order.ts';
import { actorText } from '../actor.ts';
import type { TimelineStep } from '../components/Timeline.svelte';
import { numberText } from '../format.ts';

/** What each event means, in the words of the trade; unknown ones keep their name. */
const titles: Readonly<Record<string, string>> = {
  OrderPlaced: 'Order placed',
  OrderHeld: 'Held, no live shopfloor',
  OrderDistributed: 'Split over the shopfloors',
  JobReleased: 'Part released',
  JobDispatched: 'Instruction sent',
  WorkReported: 'Work reported',
  OrderProgressed: 'Progress counted',
  OrderCompleted: 'Order completed',
};

/** One entry of the log as a step of the order's life. */
export function stepOf(entry: TimelineEntry): TimelineStep {
  return {
    id: entry.position,
    title: titles[entry.type] ?? entry.type,
    at: entry.recordedAt,
    actor: actorText(entry.actor, entry.actorName),
    position: entry.position,
    detail: detailOf(entry),
  };
}

function detailOf({ type, data }: TimelineEntry): string | undefined {
  switch (type) {
    case 'OrderPlaced':
      return `${pieces(data.quantity)} of ${String(data.description)}`;
    case 'OrderDistributed':
      return Array.isArray(data.jobs) ? data.jobs.map(partText).join(', ') : undefined;
    case 'JobReleased':
    case 'JobDispatched':
      return String(data.shopfloorId);
    case 'WorkReported':
      return `${String(data.shopfloorId)}: ${pieces(data.produced)} good, ${pieces(data.defective)} defective`;
    case 'OrderProgressed':
    case 'OrderCompleted':
      return `${pieces(data.good)} good, ${pieces(data.defective)} defective in all`;
    default:
      return undefined;
  }
}

function partText(job: { shopfloorId?: unknown; quantity?: unknown }): string {
  return `${String(job.shopfloorId)} ${pieces(job.quantity)}`;
}

function pieces(value: unknown): string {
  return typeof value === 'number' ? numberText(value) : '?';
}
