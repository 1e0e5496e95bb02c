import type { AccountEvent } from './account/account.ts';
import type { AlertEvent } from './alert/alert.ts';
import type { EventOf } from './envelope.ts';
import type { JobEvent } from './job/job.ts';
import type { OrderEvent } from './order/order.ts';
import type { ShopfloorEvent } from './shopfloor/shopfloor.ts';
import type { Reading } from './telemetry/telemetry.ts';
import type { TwinEvent } from './twin/twin.ts';

/** Every event of PLANT as read from the log. */
export type PlantEvent = EventOf<TwinEvent | AlertEvent | OrderEvent | JobEvent | ShopfloorEvent | AccountEvent>;

/** One message of TELEMETRY as read from the log; `envelope.subject` is the twin, `recorded.site` its site. */
export type ReadingRecorded = EventOf<{ type: 'ReadingRecorded'; data: Reading }>;

/** Whatever a read model can be folded from. */
export type ProjectedEvent = PlantEvent | ReadingRecorded;
