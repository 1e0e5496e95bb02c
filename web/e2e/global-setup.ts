import { type HealthView, healthView } from '@stratum/contracts/http.ts';
import { chromium } from '@stratum/infra/local/parts/chromium.ts';
import { say } from '@stratum/infra/local/progress.ts';
import { startPlant } from '@stratum/infra/testing/plant.ts';
import { waitFor } from '@stratum/infra/testing/waitFor.ts';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** Where the pages are, for example `http://127.0.0.1:41234`. */
    webUrl: string;
    /** Where devices and shopfloors connect. */
    mqttUrl: string;
    /** Of all demo accounts. */
    password: string;
    /** Holds the plant's run file, which tells what runs. */
    dataFolder: string;
    chromiumPath: string;
  }
}

/** The simulator's first day: eight twins, a reading every ten seconds. */
const READINGS_OF_FIRST_DAY = 8 * 8_640;
/** Read models that are written at intervals are behind by less than this, readings. */
const LAG_MAX = 500;
const FIRST_DAY_MS_MAX = 240_000;

/** Before the browser tests: the whole plant, as `make run` starts it, with a day of history and its simulator running. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const [chromiumPath, plant] = await Promise.all([chromium(), startPlant()]);
  await waitFor(async () => hasItsFirstDay(await healthOf(plant.urls.web)), {
    what: 'the first day to be in the read models',
    msMax: FIRST_DAY_MS_MAX,
    pollMs: 500,
  });
  say(`browser tests use ${chromiumPath} and the plant at ${plant.urls.web}`);
  project.provide('webUrl', plant.urls.web);
  project.provide('mqttUrl', plant.urls.mqtt);
  project.provide('password', plant.password);
  project.provide('dataFolder', plant.dataFolder);
  project.provide('chromiumPath', chromiumPath);
  return async () => plant[Symbol.asyncDispose]();
}

async function healthOf(webUrl: string): Promise<HealthView> {
  const answer = await fetch(new URL('/health', webUrl), { signal: AbortSignal.timeout(10_000) });
  return healthView.parse(await answer.json());
}

function hasItsFirstDay({ projections }: HealthView): boolean {
  const hasReadings = projections.some(({ last }) => last >= READINGS_OF_FIRST_DAY);
  return hasReadings && projections.every(({ lag }) => lag < LAG_MAX);
}
