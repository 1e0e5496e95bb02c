import type { LiveBody, LiveCollection, LiveCollections } from '@stratum/infra/http/live.ts';
import type { User } from '@stratum/infra/http/security.ts';
import type { ProjectedStream } from '@stratum/infra/projector/projection.ts';

type Rights = Omit<LiveCollection, 'stream'>;

/** Shopfloor users see of a read model what is their own floor's. */
const ownOf = (
  of: (document: LiveBody, shopfloorId: string) => LiveBody | undefined,
): Required<LiveCollection>['part'] => ({
  permission: 'work:read',
  of: (document: LiveBody, { shopfloorId }: User) =>
    shopfloorId === undefined ? undefined : of(document, shopfloorId),
});

/** Who may watch which read model; the others (history, above all) are asked for, not watched. */
const rights: Record<string, Rights> = {
  twin_directory: { permission: 'twins:read' },
  twin_state: { permission: 'twins:read' },
  alerts: { permission: 'alerts:read' },
  alert_occurrences: { permission: 'alerts:read' },
  orders: { permission: 'orders:read', part: ownOf(ownJobs) },
  reports: { permission: 'reports:read', part: ownOf((report, floor) => ifSame(report, report.shopfloorId, floor)) },
  shopfloors: { permission: 'shopfloors:read', part: ownOf((one, floor) => ifSame(one, one._id, floor)) },
  production_days: { permission: 'production:read' },
};

/** What is announced beside the read models, and kept nowhere. */
const announced: LiveCollections = {
  heartbeats: {
    stream: null,
    permission: 'shopfloors:read',
    part: ownOf((one, floor) => ifSame(one, one._id, floor)),
  },
};

/** What browsers may watch: of the read models those that exist, and what is only announced. */
export function liveCollections(projections: readonly { name: string; stream: ProjectedStream }[]): LiveCollections {
  const readModels = projections.flatMap(({ name, stream }) => {
    const right = rights[name];
    return right === undefined ? [] : [[name, { stream, ...right }] as const];
  });
  return { ...Object.fromEntries(readModels), ...announced };
}

function ifSame(document: LiveBody, of: unknown, shopfloorId: string): LiveBody | undefined {
  return of === shopfloorId ? document : undefined;
}

/** An order as one of its floors sees it: with its own job alone. Not at all if it has none in it. */
function ownJobs(order: LiveBody, shopfloorId: string): LiveBody | undefined {
  const jobs = Array.isArray(order.jobs) ? order.jobs.filter((job) => job.shopfloorId === shopfloorId) : [];
  return jobs.length === 0 ? undefined : { ...order, jobs, capacities: [] };
}
