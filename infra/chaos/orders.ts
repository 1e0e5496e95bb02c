import { setTimeout as wait } from 'node:timers/promises';
import type { Api } from './api.ts';
import { wholeBetween } from './chance.ts';
import type { Ledger } from './ledger.ts';

const QUANTITY_MIN = 20;
const QUANTITY_MAX = 400;

/** Somebody who places orders. */
export type OrderDesk = {
  /** Places one order more and answers its id. @throws RefusedByApi, or Error after 2 minutes */
  place(): Promise<string>;
  /** Places an order every `everySeconds`, one after the other, until `stop`. */
  start(everySeconds: number): void;
  /** Ends placing; resolves when the last order is answered. @throws what `place` threw */
  stop(): Promise<void>;
};

/** Opens the desk. Each order has an Idempotency-Key of its own and is sent again until the API has answered it. */
export function openOrderDesk(options: { api: Api; runId: string; chance: () => number; ledger: Ledger }): OrderDesk {
  const { api, runId, chance, ledger } = options;
  const stopping = new AbortController();
  let next = 0;
  let placing: Promise<void> = Promise.resolve();

  const place = async (): Promise<string> => {
    const number = next++;
    const quantity = wholeBetween(chance, QUANTITY_MIN, QUANTITY_MAX);
    const order = { description: 'Chaos pieces', quantity, material: 'Steel' };
    const answer = (await api.insist('/api/orders', order, `chaos-${runId}-${number}`)) as { id: string };
    ledger.orders.push({ orderId: answer.id, quantity });
    return answer.id;
  };

  return {
    place,
    start(everySeconds) {
      placing = (async () => {
        while (!stopping.signal.aborted) {
          await place();
          await wait(everySeconds * 1000, undefined, { signal: stopping.signal }).catch(() => undefined);
        }
      })();
      // Whoever stops the desk hears of it.
      placing.catch(() => undefined);
    },
    async stop() {
      stopping.abort();
      await placing;
    },
  };
}
