import { type Instruction, instructionSchema, type Report } from '@stratum/contracts/job/job.ts';
import { waitFor } from '@stratum/infra/testing/waitFor.ts';
import { connectAsync, type MqttClient } from 'mqtt';
import { inject } from 'vitest';

/** A device or shopfloor of the test's own, on the plant's broker. */
export async function connectDevice(): Promise<MqttClient & AsyncDisposable> {
  const client = await connectAsync(inject('mqttUrl'), { protocolVersion: 4, reconnectPeriod: 500 });
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.endAsync() });
}

/** Publishes a reading as a device does. */
export async function sendReading(
  device: MqttClient,
  twinId: string,
  values: Record<string, number>,
  observedAt?: Date,
) {
  const body = observedAt === undefined ? { values } : { observedAt: observedAt.toISOString(), values };
  await device.publishAsync(`twins/${twinId}/telemetry`, JSON.stringify(body), { qos: 1 });
}

/** A signed-in caller of the API: `call('POST', '/api/orders', body)` answers the parsed body of any status below 300. */
export async function apiAs(account: string) {
  const { accessToken } = (await request('POST', '/api/auth/login', {
    email: `${account}@stratum.local`,
    password: inject('password'),
  })) as { accessToken: string };
  return (method: 'GET' | 'POST', path: string, body?: unknown) => request(method, path, body, accessToken);
}

async function request(method: string, path: string, body?: unknown, token?: string): Promise<unknown> {
  const answer = await fetch(new URL(path, inject('webUrl')), {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: body === undefined ? null : JSON.stringify(body),
    signal: AbortSignal.timeout(10_000),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return JSON.parse(text);
}

/** A shopfloor played by the test: beats while it is open, hears its instructions, reports on demand. */
export async function playShopfloor(shopfloorId: string) {
  const device = await connectDevice();
  const instructions: Instruction[] = [];
  device.on('message', (_topic, payload) => {
    instructions.push(instructionSchema.parse(JSON.parse(payload.toString())));
  });
  await device.subscribeAsync(`shopfloor/${shopfloorId}/instructions`, { qos: 1 });
  const beat = () =>
    device.publishAsync(
      `shopfloor/${shopfloorId}/heartbeat`,
      JSON.stringify({ shopfloorId, timestamp: new Date().toISOString() }),
      { qos: 1 },
    );
  await beat();
  const beating = setInterval(() => void beat(), 2_000);
  return {
    /** Waits for the instruction of an order. */
    instructionFor: (orderId: string) =>
      waitFor(() => instructions.find((instruction) => instruction.orderId === orderId), {
        what: `an instruction for ${orderId}`,
        msMax: 20_000,
      }),
    report: (report: Omit<Report, 'shopfloorId'>) =>
      device.publishAsync(`shopfloor/${shopfloorId}/reports`, JSON.stringify({ shopfloorId, ...report }), { qos: 1 }),
    async [Symbol.asyncDispose]() {
      clearInterval(beating);
      await device.endAsync();
    },
  };
}
