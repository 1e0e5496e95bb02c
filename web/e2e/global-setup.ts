import { chromium } from '@stratum/infra/local/parts/chromium.ts';
import { say } from '@stratum/infra/local/progress.ts';
import { startPlant } from '@stratum/infra/testing/plant.ts';
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

/** Before the browser tests: the whole plant, as `make run` starts it, with a day of history and its simulator running. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const [chromiumPath, plant] = await Promise.all([chromium(), startPlant()]);
  say(`browser tests use ${chromiumPath} and the plant at ${plant.urls.web}`);
  project.provide('webUrl', plant.urls.web);
  project.provide('mqttUrl', plant.urls.mqtt);
  project.provide('password', plant.password);
  project.provide('dataFolder', plant.dataFolder);
  project.provide('chromiumPath', chromiumPath);
  return async () => plant[Symbol.asyncDispose]();
}
