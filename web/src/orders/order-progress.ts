import type { OrderDocument } from '@stratum/contracts/order/order.ts';

/** Whether pieces of it may still be made. */
export function isOpen(order: OrderDocument): boolean {
  return order.state !== 'Completed' && order.state !== 'Aborted' && order.state !== 'Cancelled';
}

/** Whether its date has passed and it is not done, or was done after it. Without a date nothing is late. */
export function isLate(order: OrderDocument, nowMs: number): boolean {
  if (order.onTime !== null) return !order.onTime;
  return isOpen(order) && order.dueAt !== null && Date.parse(order.dueAt) < nowMs;
}

/** Pieces that an even pace from placing to due date would have made by now; undefined without a date or when closed. */
export function expectedByNow(order: OrderDocument, nowMs: number): number | undefined {
  if (order.dueAt === null || !isOpen(order)) return undefined;
  const placedMs = Date.parse(order.placedAt);
  const spanMs = Date.parse(order.dueAt) - placedMs;
  if (spanMs <= 0) return order.quantity;
  return Math.round(order.quantity * Math.min(1, Math.max(0, (nowMs - placedMs) / spanMs)));
}
