import { type Decider, Rejected } from '@stratum/contracts/decider.ts';
import type { Command } from '@stratum/contracts/envelope.ts';
import { definitionAfter } from '@stratum/contracts/twin/definitions.ts';
import type { Limits, TwinDefinition, TwinEvent } from '@stratum/contracts/twin/twin.ts';

/** What may be wished of a twin. The definitions and limits in it have passed their schemas. */
export type TwinCommand =
  | Command<'CommissionTwin', TwinDefinition>
  | Command<'ChangeLimits', { twinId: string; parameter: string; limits: Limits; reason: string }>
  | Command<'DecommissionTwin', { twinId: string; reason: string }>;

/** A twin is announced once, lives with changing limits, and may end; its id is never given to another asset. */
export type TwinState =
  | { status: 'unknown' }
  | { status: 'commissioned'; definition: TwinDefinition }
  | { status: 'decommissioned'; definition: TwinDefinition };

/**
 * The rules of a twin. Refuses with `TwinAlreadyCommissioned` (another definition under the same id),
 * `TwinDecommissioned`, `UnknownTwin` and `UnknownParameter`; the same definition or the same limits again change nothing.
 */
export const twinDecider: Decider<TwinState, TwinCommand, TwinEvent> = {
  entity: 'twin',
  initial: { status: 'unknown' },
  decide: decideTwin,
  evolve: evolveTwin,
};

function decideTwin(state: TwinState, command: TwinCommand): TwinEvent[] {
  switch (command.type) {
    case 'CommissionTwin':
      return commission(state, command.data);
    case 'ChangeLimits': {
      const { twinId, parameter: key, limits, reason } = command.data;
      const parameter = commissioned(state, twinId).parameters.find((one) => one.key === key);
      if (parameter === undefined) {
        throw new Rejected('UnknownParameter', `${twinId} has no parameter ${key}.`, 'parameter');
      }
      if (sameLimits(parameter.limits, limits)) return [];
      const { limits: previous } = parameter;
      return [{ type: 'LimitsChanged', data: { twinId, parameter: key, limits, reason, previous } }];
    }
    case 'DecommissionTwin': {
      if (state.status === 'decommissioned') return [];
      const { twinId } = commissioned(state, command.data.twinId);
      return [{ type: 'TwinDecommissioned', data: { twinId, reason: command.data.reason } }];
    }
  }
}

function evolveTwin(state: TwinState, event: TwinEvent): TwinState {
  switch (event.type) {
    case 'TwinCommissioned':
      return { status: 'commissioned', definition: event.data };
    case 'LimitsChanged':
      return state.status === 'unknown'
        ? state
        : { ...state, definition: definitionAfter(state.definition, event) ?? state.definition };
    case 'TwinDecommissioned':
      return state.status === 'unknown' ? state : { status: 'decommissioned', definition: state.definition };
  }
}

function commission(state: TwinState, definition: TwinDefinition): TwinEvent[] {
  const { twinId } = definition;
  if (state.status === 'unknown') return [{ type: 'TwinCommissioned', data: definition }];
  if (state.status === 'decommissioned') throw decommissioned(twinId);
  if (sameDefinition(state.definition, definition)) return [];
  throw new Rejected('TwinAlreadyCommissioned', `${twinId} is already commissioned, as something else.`, 'twinId');
}

function commissioned(state: TwinState, twinId: string): TwinDefinition {
  if (state.status === 'unknown') throw new Rejected('UnknownTwin', `There is no twin ${twinId}.`, 'twinId');
  if (state.status === 'decommissioned') throw decommissioned(twinId);
  return state.definition;
}

const decommissioned = (twinId: string): Rejected =>
  new Rejected('TwinDecommissioned', `${twinId} was decommissioned; its id is not used again.`, 'twinId');

/** The same asset measured the same way. Limits may have moved since, so they are not compared. */
function sameDefinition(one: TwinDefinition, other: TwinDefinition): boolean {
  return JSON.stringify(identityOf(one)) === JSON.stringify(identityOf(other));
}

const identityOf = ({ name, twinType, valueStream, site, reportingPeriodSeconds, parameters }: TwinDefinition) => [
  name,
  twinType,
  valueStream,
  site,
  reportingPeriodSeconds,
  parameters.map(({ key, name, unit }) => [key, name, unit]),
];

function sameLimits(one: Limits, other: Limits): boolean {
  return (
    one.low === other.low &&
    one.high === other.high &&
    one.tripLow === other.tripLow &&
    one.tripHigh === other.tripHigh &&
    one.deadband === other.deadband &&
    one.onDelaySeconds === other.onDelaySeconds &&
    one.offDelaySeconds === other.offDelaySeconds &&
    one.priority === other.priority
  );
}
