import type { WorkItem } from '@stratum/contracts/job/job.ts';
import type { OrderDocument } from '@stratum/contracts/order/order.ts';

/** The jobs of an order that one shopfloor makes, as that floor sees them. */
export function workOf(order: OrderDocument, shopfloorId: string): WorkItem[] {
  const { _id: orderId, description, material, placedAt, dueAt } = order;
  return order.jobs
    .filter((job) => job.shopfloorId === shopfloorId)
    .map(({ jobId, quantity, good, defective, state, dispatchedAt, completedAt }) => ({
      orderId,
      jobId,
      description,
      material,
      quantity,
      good,
      defective,
      state,
      placedAt,
      dueAt,
      dispatchedAt,
      completedAt,
    }));
}
