import { setTimeout as wait } from 'node:timers/promises';
import type { Api } from './api.ts';
import { wholeBetween } from './chance.ts';
import type { LedgerBook, SentOrder } from './ledger.ts';

const QUANTITY_MIN = 20;
const QUANTITY_MAX = 400;

/** Somebody who places orders. */
export type OrderDesk = {
  /** Places one order more and answers what was acknowledged. @throws RefusedByApi, or Error after 2 minutes */
  place(): Promise<SentOrder>;
  /** Places an order every `everySeconds`, one after the other, until `stop`. */
  start(everySeconds: number): void;
  /** Ends placing; resolves when every order is answered. @throws what `place` threw */
  stop(): Promise<void>;
};

/** Opens the desk. Each order has an Idempotency-Key of its own and is sent again until the API has answered it. */
export function openOrderDesk(options: {
  api: Api;
  runId: string;
  chance: () => number;
  ledger: LedgerBook;
}): OrderDesk {
  const { api, runId, chance, ledger } = options;
  const stopping = new AbortController();
  let next = 0;
  const underWay = new Set<Promise<unknown>>();
  /** Whoever stops the desk hears of what failed. */
  const noted = <Result>(placing: Promise<Result>): Promise<Result> => {
    underWay.add(placing);
    placing.then(
      () => underWay.delete(placing),
      () => undefined,
    );
    return placing;
  };

  const place = async (): Promise<SentOrder> => {
    const number = next++;
    const quantity = wholeBetween(chance, QUANTITY_MIN, QUANTITY_MAX);
    const order = { description: 'Chaos pieces', quantity, material: 'Steel' };
    const answer = (await api.insist('/api/orders', order, `chaos-${runId}-${number}`)) as {
      id: string;
      position: string;
    };
    const placed = { orderId: answer.id, quantity, position: answer.position };
    ledger.acknowledge('orders', placed);
    return placed;
  };

  return {
    place: () => noted(place()),
    start(everySeconds) {
      const placing = async () => {
        while (!stopping.signal.aborted) {
          await place();
          await wait(everySeconds * 1000, undefined, { signal: stopping.signal }).catch(() => undefined);
        }
      };
      noted(placing());
    },
    async stop() {
      stopping.abort();
      await Promise.all(underWay);
    },
  };
}
