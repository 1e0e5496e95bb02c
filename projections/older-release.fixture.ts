import { events } from '@stratum/contracts/registry.ts';
import { limitsChangedV1 } from '@stratum/contracts/twin/twin.ts';

/** The projections as they were one release ago, when a change of limits did not say what was in force before. */
events.LimitsChanged = { entity: 'twin', versions: [limitsChangedV1], upcast: [] };
await import('./main.ts');
