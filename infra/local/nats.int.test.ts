import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { expect, test } from 'vitest';
import { connectNats } from '../event-store/connection.ts';
import { mountSmallDisk } from '../testing/small-disk.ts';
import { waitFor } from '../testing/waitFor.ts';
import { startNats } from './nats.ts';
import { natsServer } from './parts/nats-server.ts';
import { freePorts } from './ports.ts';
import { supervise } from './supervisor.ts';

const DISK_MEGABYTES = 64;
const ANSWER_MS_MAX = 2_000;
const BACK_MS_MAX = 60_000;
const folder = await mkdtemp(join(tmpdir(), 'stratum-nats-'));
const disk = await mountSmallDisk(folder, DISK_MEGABYTES);
const reason = 'reason' in disk ? disk.reason : undefined;
if (reason !== undefined) await rm(folder, { recursive: true });

test.skipIf(reason !== undefined)(
  `given a log whose disk became full / when there is room again / then it takes events again and holds all it took (${reason ?? 'tried'})`,
  { timeout: 2 * BACK_MS_MAX },
  async () => {
    if ('reason' in disk) return;
    await using stack = new AsyncDisposableStack();
    stack.defer(() => rm(folder, { recursive: true, force: true }));
    stack.use(disk);
    // Beside the disk: when it is full, its log says so.
    const logFolder = await mkdtemp(join(tmpdir(), 'stratum-nats-logs-'));
    stack.defer(() => rm(logFolder, { recursive: true, force: true }));
    const supervisor = supervise({ logFolder });
    stack.defer(() => supervisor.stop());
    const { port } = await freePorts('port');
    const nc = await connectNats(await startNats(supervisor, await natsServer(), { folder, port }), { name: 'test' });
    stack.defer(() => nc.close());
    const manager = await jetstreamManager(nc, { timeout: ANSWER_MS_MAX });
    await manager.streams.add({ name: 'LOG', subjects: ['log'], allow_direct: true });
    const log = jetstream(nc, { timeout: ANSWER_MS_MAX });
    const isStored = (serial: number) =>
      log.publish('log', String(serial)).then(
        () => true,
        () => false,
      );
    let stored = 0;
    while (stored < 100) expect(await isStored(stored++)).toBe(true);

    await disk.fill();
    // Some of its last page may be free still.
    await waitFor(async () => !(await isStored(-1)), { what: 'the log to be full', msMax: BACK_MS_MAX });
    const before = (await manager.streams.info('LOG')).state.last_seq;

    await disk.free();
    await waitFor(() => isStored(-2), { what: 'the log to take events again', msMax: BACK_MS_MAX });
    const found: string[] = [];
    const messages = await manager.direct.getBatch('LOG', { seq: 1, batch: 1_000 });
    for await (const message of messages) found.push(message.string());
    expect(found.slice(0, 100)).toEqual(Array.from({ length: 100 }, (_, serial) => String(serial)));
    expect(found.length).toBeGreaterThan(before);
    expect(found.at(-1)).toBe('-2');
  },
);
