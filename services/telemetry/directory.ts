import type { EventOf } from '@stratum/contracts/envelope.ts';
import type { TwinDefinition, TwinEvent } from '@stratum/contracts/twin/twin.ts';

/** One twin as the log knows it: what it measures, with the limits now in force, and whether it is still in service. */
export type DirectoryEntry = { definition: TwinDefinition; isDecommissioned: boolean };

/** What one more event of PLANT makes of the entry of its twin. `undefined`: there is no such twin. */
export function foldEntry(entry: DirectoryEntry | undefined, event: EventOf<TwinEvent>): DirectoryEntry | undefined {
  switch (event.type) {
    case 'TwinCommissioned':
      return { definition: event.data, isDecommissioned: false };
    case 'LimitsChanged': {
      if (entry === undefined) return undefined;
      const { parameter: key, limits } = event.data;
      const parameters = entry.definition.parameters.map((one) => (one.key === key ? { ...one, limits } : one));
      return { ...entry, definition: { ...entry.definition, parameters } };
    }
    case 'TwinDecommissioned':
      return entry === undefined ? undefined : { ...entry, isDecommissioned: true };
  }
}

/** Whether an event of PLANT is about a twin. */
export function isTwinEvent(event: { type: string }): event is EventOf<TwinEvent> {
  return event.type === 'TwinCommissioned' || event.type === 'LimitsChanged' || event.type === 'TwinDecommissioned';
}
