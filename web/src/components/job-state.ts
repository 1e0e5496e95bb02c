import type { JobState } from '@stratum/contracts/order/order.ts';

/** The symbol beside each state of an order or a job, for `StateTag`. */
export const jobStateSymbols: Readonly<Record<JobState, 'filled' | 'half' | 'hollow' | 'bar' | 'tick'>> = {
  Waiting: 'hollow',
  Dispatched: 'half',
  Running: 'filled',
  Held: 'bar',
  Completed: 'tick',
  Aborted: 'bar',
  Cancelled: 'bar',
};
