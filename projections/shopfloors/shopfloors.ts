import type { ShopfloorDocument } from '@stratum/contracts/shopfloor/shopfloor.ts';
import type { Folded, ProjectedEvent, Projection } from '@stratum/infra/projector/projection.ts';

/** Every shopfloor: what it can make, whether it is live, and the work that lies there. Pieces are whole. */
export const shopfloors: Projection<ShopfloorDocument> = {
  name: 'shopfloors',
  version: 1,
  stream: 'PLANT',
  keys(event) {
    switch (event.type) {
      case 'ShopfloorCommissioned':
      case 'CapacitySet':
      case 'ShopfloorWentSilent':
      case 'ShopfloorReturned':
      case 'JobReleased':
      case 'WorkReported':
        return [event.data.shopfloorId];
      default:
        return [];
    }
  },
  fold: (document, event) =>
    event.type === 'ShopfloorCommissioned'
      ? commissioned(event)
      : document && { ...document, ...changes(document, event) },
};

function commissioned(event: Extract<ProjectedEvent, { type: 'ShopfloorCommissioned' }>): Folded<ShopfloorDocument> {
  const { shopfloorId, name, capacityPerHour, heartbeatPeriodSeconds } = event.data;
  return {
    _id: shopfloorId,
    site: event.recorded.site,
    name,
    capacityPerHour,
    heartbeatPeriodSeconds,
    isLive: false,
    changedAt: event.envelope.occurredAt,
    openJobs: 0,
    openPieces: 0,
    good: 0,
    defective: 0,
  };
}

function changes(document: ShopfloorDocument, event: ProjectedEvent): Partial<ShopfloorDocument> {
  switch (event.type) {
    case 'CapacitySet':
      return { capacityPerHour: event.data.capacityPerHour };
    case 'ShopfloorWentSilent':
      return { isLive: false, changedAt: event.envelope.occurredAt };
    case 'ShopfloorReturned':
      return { isLive: true, changedAt: event.data.seenAt };
    case 'JobReleased':
      return {
        openJobs: document.openJobs + 1,
        openPieces: document.openPieces + event.data.instruction.quantity,
      };
    case 'WorkReported': {
      const { produced, defective, quantity, goodTotal, defectiveTotal, jobCompleted } = event.data;
      const made = goodTotal + defectiveTotal;
      const openBefore = Math.max(0, quantity - (made - produced - defective));
      const openAfter = Math.max(0, quantity - made);
      return {
        openJobs: document.openJobs - Number(jobCompleted),
        openPieces: document.openPieces + openAfter - openBefore,
        good: document.good + produced,
        defective: document.defective + defective,
      };
    }
    default:
      return {};
  }
}
