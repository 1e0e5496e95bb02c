import type { TwinDefinition, TwinEvent } from './twin.ts';

/**
 * The definition of one twin after one of its events: `undefined` before it was commissioned and once it is
 * decommissioned. A change of limits the definition does not know changes nothing. Fold it over the events of PLANT to
 * know what each value of a reading means and which limits it is held against.
 */
export function definitionAfter(known: TwinDefinition | undefined, event: TwinEvent): TwinDefinition | undefined {
  switch (event.type) {
    case 'TwinCommissioned':
      return event.data;
    case 'LimitsChanged': {
      const { parameter, limits } = event.data;
      if (known === undefined) return undefined;
      return {
        ...known,
        parameters: known.parameters.map((one) => (one.key === parameter ? { ...one, limits } : one)),
      };
    }
    case 'TwinDecommissioned':
      return undefined;
  }
}

/** Whether an event, of whatever kind, is about a twin's definition. */
export function isTwinEvent<E extends { type: string }>(event: E): event is Extract<E, TwinEvent> {
  return event.type === 'TwinCommissioned' || event.type === 'LimitsChanged' || event.type === 'TwinDecommissioned';
}
