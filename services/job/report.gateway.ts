import { Rejected } from '@stratum/contracts/decider.ts';
import { positionOf } from '@stratum/contracts/envelope.ts';
import { jobIdOf, type Report } from '@stratum/contracts/job/job.ts';
import { parseDeviceSubject, SITE_DEFAULT } from '@stratum/contracts/subjects.ts';
import type { RefusalReason } from '@stratum/contracts/telemetry/telemetry.ts';
import { handle } from '@stratum/infra/event-store/handle.ts';
import type { RawMessage } from '@stratum/infra/event-store/message.ts';
import { type RunningReactor, runReactor } from '@stratum/infra/event-store/reactor.ts';
import { refuse } from '@stratum/infra/event-store/refused.ts';
import type { WorkerDeps } from '../worker/deps.ts';
import { job, type ReportWork, reportIdOf } from './job.ts';
import { readReport } from './report.ts';

const IN_FLIGHT_MAX = 64;

/** Why a job does not take a report, as the dead letters call it. */
const reasonOf: Record<string, RefusalReason> = {
  UnknownOrder: 'UnknownOrder',
  JobCompleted: 'JobCompleted',
  TooManyReports: 'TooLarge',
};

type Refused = { reason: RefusalReason; detail: string };

/** Carries the shopfloors' reports from DEVICES into their jobs; what is not taken goes to the dead letters with the reason. */
export function reportGateway({ nc, store, signal, logger }: WorkerDeps): RunningReactor {
  const knownFloors = new Set<string>();
  return runReactor({
    name: 'report',
    nc,
    stream: 'DEVICES',
    subject: 'shopfloor.*.reports',
    inFlightMax: IN_FLIGHT_MAX,
    signal,
    logger,
    async onMessage(message) {
      const about = parseDeviceSubject(message.subject);
      if (about?.kind !== 'report') return;
      const refused = await take(about.id, message);
      if (refused === undefined) return;
      const { subject, sequence, data: body } = message;
      await refuse(nc, { source: positionOf('DEVICES', sequence), subject, body, ...refused });
    },
  });

  async function take(topicToken: string, message: RawMessage): Promise<Refused | undefined> {
    const read = readReport(topicToken, message.data, Date.parse(message.recordedAt));
    if (!read.isReport) return read;
    const { shopfloorId } = read.report;
    if (!(await isKnown(shopfloorId))) {
      return { reason: 'UnknownShopfloor', detail: `There is no shopfloor ${shopfloorId}.` };
    }
    const command = commandFor(read.report, positionOf('DEVICES', message.sequence));
    try {
      await handle(store, job, { site: SITE_DEFAULT, entity: 'job', id: command.data.jobId }, command);
      return undefined;
    } catch (error) {
      const reason = error instanceof Rejected ? reasonOf[error.code] : undefined;
      if (error instanceof Rejected && reason !== undefined) return { reason, detail: error.message };
      throw error;
    }
  }

  async function isKnown(shopfloorId: string): Promise<boolean> {
    if (knownFloors.has(shopfloorId)) return true;
    const events = await store.read({ site: SITE_DEFAULT, entity: 'shopfloor', id: shopfloorId });
    if (events.length > 0) knownFloors.add(shopfloorId);
    return events.length > 0;
  }
}

function commandFor(report: Report, position: string): ReportWork {
  const { orderId, shopfloorId, produced, defective, timestamp: reportedAt } = report;
  const jobId = jobIdOf(orderId, shopfloorId);
  return {
    id: `report:${position}`,
    type: 'ReportWork',
    data: { jobId, orderId, shopfloorId, reportId: reportIdOf(report), produced, defective, reportedAt },
    actor: `shopfloor:${shopfloorId}`,
    correlationId: position,
    time: reportedAt,
  };
}
