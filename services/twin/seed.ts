import { Rejected } from '@stratum/contracts/decider.ts';
import catalogue from '@stratum/contracts/twin/catalogue.json' with { type: 'json' };
import { type TwinDefinition, twinDefinitionSchema } from '@stratum/contracts/twin/twin.ts';
import { handle } from '@stratum/infra/event-store/handle.ts';
import type { Store } from '@stratum/infra/event-store/store.ts';
import { z } from 'zod';
import { type TwinCommand, twinDecider } from './twin.ts';

/** The twins of the first users, from the seed file. */
export const catalogueTwins = z.array(twinDefinitionSchema).parse(catalogue);

/**
 * Commissions the twins of the catalogue. Running it again, or twice at once, changes nothing, and neither does a seed
 * file that was edited since: what is commissioned is changed by commands. An id that somebody gave to another twin, or
 * to one that is out of service by now, is left alone.
 */
export async function seedTwins({ store, now }: { store: Store; now: () => Date }): Promise<void> {
  for (const definition of catalogueTwins) {
    try {
      await commission(store, definition, now().toISOString());
    } catch (error) {
      if (!(error instanceof Rejected)) throw error;
    }
  }
}

async function commission(store: Store, definition: TwinDefinition, time: string): Promise<void> {
  const { twinId, site } = definition;
  const command: Extract<TwinCommand, { type: 'CommissionTwin' }> = {
    id: `seed:twin:${twinId}`,
    type: 'CommissionTwin',
    data: definition,
    actor: 'seed:twin',
    correlationId: `seed:${twinId}`,
    time,
  };
  await handle(store, twinDecider, { site, entity: 'twin', id: twinId }, command);
}
