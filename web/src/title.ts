import { plant } from './plant.svelte.ts';

/** What the browser's tab says: the count of active alarms first, so that it is seen from another tab. */
export function pageTitle(name: string): string {
  const count = plant.activeAlerts.length;
  return `${count > 0 ? `(${count}) ` : ''}${name} · Stratum`;
}
