import type { NatsConnection } from '@nats-io/nats-core';
import type { Store } from '@stratum/infra/event-store/store.ts';
import type { Logger } from '@stratum/infra/log.ts';

/**
 * What every reactor and gateway gets. `signal` aborts when the worker stops, or when another worker takes over; each must
 * then end within some seconds.
 */
export type WorkerDeps = {
  nc: NatsConnection;
  store: Store;
  /** The wall clock, an argument so that tests may turn it. */
  now: () => Date;
  logger: Logger;
  signal: AbortSignal;
  config: WorkerConfig;
};

export type WorkerConfig = {
  /** The broker that devices and shopfloors use, for example `mqtt://127.0.0.1:1883`. */
  mqttUrl: string;
  /** True when that broker is not NATS itself, so that its messages must be carried into DEVICES. */
  mqttIsForeign: boolean;
};

/** A reactor or gateway at work. */
export type Running = {
  name: string;
  /** Sequence up to which everything is done, for health and for waits in tests. */
  position: () => number;
  /** What is wrong although it runs, in a few words that everybody may read; `undefined` if nothing is. */
  trouble?: () => string | undefined;
  /** Resolves when it has ended after `signal`; rejects when it had to stop by itself (health turns red). */
  stopped: Promise<void>;
};

/** How the worker starts a reactor or gateway: one line each in `worker/main.ts`. */
export type Starter = (deps: WorkerDeps) => Running | Promise<Running>;
