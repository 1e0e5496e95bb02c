import type { TwinDirectoryDocument } from '@stratum/contracts/twin/twin.ts';
import type { Folded, ProjectedEvent, Projection } from '@stratum/infra/projector/projection.ts';

/** Read model `twin_directory`: what each twin is and which limits are in force, since when and why. `_id` = twinId. */
export const twinDirectory: Projection<TwinDirectoryDocument> = {
  name: 'twin_directory',
  version: 2,
  stream: 'PLANT',
  keys,
  fold,
};

function keys(event: ProjectedEvent): string[] {
  switch (event.type) {
    case 'TwinCommissioned':
    case 'LimitsChanged':
    case 'TwinDecommissioned':
      return [event.data.twinId];
    default:
      return [];
  }
}

function fold(
  twin: TwinDirectoryDocument | undefined,
  event: ProjectedEvent,
): Folded<TwinDirectoryDocument> | undefined {
  switch (event.type) {
    case 'TwinCommissioned':
      return {
        ...event.data,
        parameters: event.data.parameters.map((parameter) => ({ ...parameter, limitsChange: null })),
        _id: event.data.twinId,
        status: 'commissioned',
        commissionedAt: event.envelope.occurredAt,
      };
    case 'LimitsChanged': {
      if (twin === undefined) return undefined;
      const { parameter, limits, reason, previous } = event.data;
      const changedAt = event.envelope.occurredAt;
      const parameters = twin.parameters.map((one) =>
        one.key === parameter
          ? { ...one, limits, limitsChange: { changedAt, reason, previous: previous ?? one.limits } }
          : one,
      );
      return { ...twin, parameters };
    }
    case 'TwinDecommissioned':
      return twin === undefined ? undefined : { ...twin, status: 'decommissioned' };
    default:
      return twin;
  }
}
