import type { IncomingMessage, ServerResponse } from 'node:http';
import type { NatsConnection } from '@nats-io/nats-core';
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Db } from 'mongodb';
import type { Store } from '../event-store/store.ts';
import type { Logger } from '../log.ts';
import type { ReadModels } from '../projector/read-models.ts';

/** The HTTP application: Fastify whose routes are typed by their zod schemas. */
export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

/** What the routes of a slice need, given to them by the program that wires it all. */
export type Routes<Deps> = (app: App, deps: Deps) => Promise<void> | void;

/** What every slice's routes get. */
export type ApiDeps = {
  nc: NatsConnection;
  store: Store;
  readModels: ReadModels;
  database: Db;
  /** The wall clock, an argument so that tests may turn it. */
  now: () => Date;
  logger: Logger;
};
