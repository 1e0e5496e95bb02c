import type { AlarmState } from '@stratum/contracts/alert/alert.ts';

/** The states of ISA-18.2 in words. */
export const alarmStateWords: Record<AlarmState, string> = {
  NORM: 'Normal',
  UNACK: 'Active, unacknowledged',
  ACKED: 'Active, acknowledged',
  RTNUN: 'Returned to normal, unacknowledged',
  SHLVD: 'Shelved',
  DSUPR: 'Suppressed by design',
  OOSRV: 'Out of service',
};
