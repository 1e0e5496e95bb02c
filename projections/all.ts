import type { AnyProjection } from '@stratum/infra/projector/projection.ts';
import { historyDays, historyHours } from './history/history.ts';
import { twinDirectory } from './twin-directory/twin-directory.ts';
import { twinState } from './twin-state/twin-state.ts';

/** Every read model there is. */
export const all: readonly AnyProjection[] = [twinDirectory, twinState, historyHours, historyDays];
