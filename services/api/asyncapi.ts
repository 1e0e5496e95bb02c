import { alertDocument, occurrenceDocument } from '@stratum/contracts/alert/alert.ts';
import { instructionSchema, productionDayDocument, reportDocument, reportSchema } from '@stratum/contracts/job/job.ts';
import { orderDocument } from '@stratum/contracts/order/order.ts';
import { heartbeatDocument, heartbeatSchema, shopfloorDocument } from '@stratum/contracts/shopfloor/shopfloor.ts';
import { deviceSubjects, entities } from '@stratum/contracts/subjects.ts';
import { readingV1, refusalReasons, valuesSchema } from '@stratum/contracts/telemetry/telemetry.ts';
import { twinDirectoryDocument, twinStateDocument } from '@stratum/contracts/twin/twin.ts';
import { z } from 'zod';
import { jsonSchemaOf, type PublishedSchema } from './schemas.ts';

type Json = Record<string, unknown>;

/** Documents that are announced on `live.<collection>.<id>`. */
const liveDocuments: Record<string, z.ZodType> = {
  twin_directory: twinDirectoryDocument,
  twin_state: twinStateDocument,
  alerts: alertDocument,
  alert_occurrences: occurrenceDocument,
  orders: orderDocument,
  reports: reportDocument,
  shopfloors: shopfloorDocument,
  production_days: productionDayDocument,
  heartbeats: heartbeatDocument,
};

const token = '^[A-Za-z0-9_-]{1,64}$';

/** The names in addresses; each is one token of a subject. */
const parameters: Json = {
  site: { description: 'Site of the plant; `main` if there is one only' },
  id: { description: `Id of the aggregate, ${token}` },
  twinId: { description: `Id of the twin, ${token}` },
  shopfloorId: { description: 'Id of the shopfloor; a bare `1` and `shopfloor1` are the same' },
  documentId: { description: 'Id of the document; what is no letter, digit, - or _ is written as _' },
};

/** CloudEvents 1.0 in binary mode: attributes are headers, the body is the data alone. */
const cloudEventHeaders: Json = {
  type: 'object',
  required: ['ce-specversion', 'ce-id', 'ce-type', 'ce-source', 'ce-subject', 'ce-time', 'ce-dataschema', 'ce-actor'],
  properties: {
    'ce-specversion': { const: '1.0' },
    'ce-id': { type: 'string', description: '`<commandId>-<n>`, also `Nats-Msg-Id`' },
    'ce-type': { type: 'string' },
    'ce-source': { type: 'string', description: '`/services/<entity>`' },
    'ce-subject': { type: 'string', description: 'Id of the aggregate' },
    'ce-time': { type: 'string', format: 'date-time', description: 'When it happened, as the source claims' },
    'ce-dataschema': { type: 'string', description: '`urn:stratum:schema:<Type>.v<N>`' },
    'ce-correlationid': { type: 'string' },
    'ce-causationid': { type: 'string', description: 'Id of the command' },
    'ce-actor': { type: 'string', description: '`account:<id>`, `reactor:<name>`, `gateway:<name>`, …' },
  },
};

/**
 * Everything that travels by message, as an AsyncAPI 3.0 document: the plant's log, telemetry, what devices and shopfloors send and get
 * over MQTT, and the live documents.
 */
export function asyncApiDocument(schemas: readonly PublishedSchema[], version: string): Json {
  const messages: Json = {
    ...Object.fromEntries(schemas.map(eventMessage)),
    Reading: message('One observation of a twin, checked', jsonSchemaOf(readingV1)),
    DeviceReading: message(
      'What a device observed; `observedAt` is now if missing; the values alone are accepted too',
      deviceReading(),
    ),
    Report: message('Pieces made since the last report', jsonSchemaOf(reportSchema)),
    Heartbeat: message('A sign of life; anything that is JSON', jsonSchemaOf(heartbeatSchema)),
    Instruction: message('What a shopfloor is to make', jsonSchemaOf(instructionSchema)),
    Refused: message('A device message that was not taken, as it came', {}, refusedHeaders()),
    ...Object.fromEntries(
      Object.entries(liveDocuments).map(([name, schema]) => [
        name,
        message(`A document of ${name}, after each change`, jsonSchemaOf(schema), liveHeaders),
      ]),
    ),
  };
  const channels: Json = {
    ...Object.fromEntries(
      entities.map((entity) => {
        const names = schemas.filter((one) => one.entity === entity).map(({ name }) => name);
        return [
          entity,
          channel(`plant.{site}.${entity}.{id}`, `All events of one ${entity}, in order, kept for ever`, names),
        ];
      }),
    ),
    telemetry: channel('telemetry.{site}.{twinId}', 'All readings of one twin; they age out', ['Reading']),
    refused: channel('refused.>', 'What devices sent and was not taken', ['Refused']),
    deviceTelemetry: channel(
      'twins/{twinId}/telemetry',
      `Readings from devices (NATS subject ${deviceSubjects[0]})`,
      ['DeviceReading'],
      'mqtt',
    ),
    reports: channel('shopfloor/{shopfloorId}/reports', 'Reports from shopfloors', ['Report'], 'mqtt'),
    heartbeats: channel('shopfloor/{shopfloorId}/heartbeat', 'Signs of life from shopfloors', ['Heartbeat'], 'mqtt'),
    instructions: channel(
      'shopfloor/{shopfloorId}/instructions',
      'Instructions to shopfloors, QoS 1',
      ['Instruction'],
      'mqtt',
    ),
    ...Object.fromEntries(
      Object.keys(liveDocuments).map((name) => [
        `live_${name}`,
        channel(`live.${name}.{documentId}`, `Documents of ${name} as they change; nothing is kept`, [name]),
      ]),
    ),
  };
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Stratum',
      version,
      description: 'What travels by message. The HTTP side is in openapi.json.',
      license: { name: 'Apache-2.0' },
    },
    defaultContentType: 'application/json',
    servers: {
      nats: { host: 'localhost:4222', protocol: 'nats' },
      mqtt: { host: 'localhost:1883', protocol: 'mqtt', protocolVersion: '3.1.1' },
    },
    channels,
    operations: operationsOf(channels),
    components: { messages },
  };
}

function eventMessage({ name, type, entity }: PublishedSchema): [string, Json] {
  const payload = {
    schemaFormat: 'application/schema+json;version=draft-2020-12',
    schema: { $ref: `./schemas/${name}.json` },
  };
  return [name, { name: type, title: name, summary: `An event of ${entity}`, headers: cloudEventHeaders, payload }];
}

function message(summary: string, schema: Json, headers?: Json): Json {
  return { summary, ...(headers === undefined ? {} : { headers }), payload: schema };
}

function channel(
  address: string,
  description: string,
  names: readonly string[],
  server: 'nats' | 'mqtt' = 'nats',
): Json {
  const used = [...address.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => [name, parameters[name]]);
  return {
    address,
    description,
    servers: [{ $ref: `#/servers/${server}` }],
    ...(used.length === 0 ? {} : { parameters: Object.fromEntries(used) }),
    messages: Object.fromEntries(names.map((name) => [name, { $ref: `#/components/messages/${name}` }])),
  };
}

/** What Stratum receives; the rest it sends. */
const received = new Set(['deviceTelemetry', 'reports', 'heartbeats']);

function operationsOf(channels: Json): Json {
  return Object.fromEntries(
    Object.keys(channels).map((name) => {
      const action = received.has(name) ? 'receive' : 'send';
      return [`${action}_${name}`, { action, channel: { $ref: `#/channels/${name}` } }];
    }),
  );
}

const liveHeaders: Json = {
  type: 'object',
  properties: { 'Stratum-Position': { type: 'string', description: 'Position of the last event in the document' } },
};

function refusedHeaders(): Json {
  return {
    type: 'object',
    properties: {
      'Refused-Reason': { enum: [...refusalReasons] },
      'Refused-Detail': { type: 'string' },
      'Refused-Source': { type: 'string', description: 'Position of the message, such as `DEVICES:12`' },
      'Refused-Subject': { type: 'string' },
    },
  };
}

function deviceReading(): Json {
  const full = z.strictObject({ observedAt: readingV1.shape.observedAt.optional(), values: valuesSchema });
  return { anyOf: [jsonSchemaOf(full), jsonSchemaOf(valuesSchema)] };
}
