import { join } from 'node:path';
import type { ChildSpec } from './child.ts';

/** A first start back-fills a day of readings before all is ready. */
const READY_MS_MAX = 120_000;
const PROBE_MS_MAX = 1_000;
/** Each ends by itself within 5 s at most. */
const STOP_MS_MAX = 5_200;
/** Stops before the servers it works with. */
const TIER_PRODUCT = 3;
const READY_LINE = /"ready":\s*true/;

/** The product's own programs. Each takes its settings from the environment alone. */
export interface ProductPlan {
  /** The folder of this clone. */
  root: string;
  /** Restart a program when one of its files changes. */
  isWatched: boolean;
  environment: ProductEnvironment;
}

/** What every program of the product is given. */
export interface ProductEnvironment extends Record<string, string> {
  NATS_URL: string;
  MONGODB_URI: string;
  MQTT_URL: string;
  PORT: string;
  DATA_DIR: string;
  SPEED: string;
  DEMO_PASSWORD: string;
  JWT_SECRET: string;
  LOG_LEVEL: string;
}

/**
 * The product's programs, in the order in which they are started: those of one group at once, the next when all of them
 * are ready. The simulator comes last, when there is somebody to listen.
 */
export function productChildren(plan: ProductPlan): ChildSpec[][] {
  const child = (name: string, script: string, ready: ChildSpec['ready']): ChildSpec => ({
    name,
    command: process.execPath,
    args: [...(plan.isWatched ? ['--watch', '--watch-preserve-output'] : []), join(plan.root, script)],
    environment: plan.environment,
    folder: plan.root,
    ready,
    readyMsMax: READY_MS_MAX,
    stopSignal: 'SIGTERM',
    stopMsMax: STOP_MS_MAX,
    tier: TIER_PRODUCT,
  });
  return [
    [
      child('projections', 'projections/main.ts', READY_LINE),
      child('worker', 'services/worker/main.ts', READY_LINE),
      child('api', 'services/api/main.ts', () => answersReady(plan.environment.PORT)),
    ],
    [child('simulator', 'services/simulator/main.ts', READY_LINE)],
  ];
}

async function answersReady(port: string): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/ready`, { signal: AbortSignal.timeout(PROBE_MS_MAX) });
    return response.ok;
  } catch {
    return false;
  }
}
