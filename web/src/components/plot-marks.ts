import type uPlot from 'uplot';
import { type PlotView, token } from './plot-view.ts';

/** Labels at limits nearer than this to one another are left out, px. */
const LABEL_GAP_PX = 11;

/** The line's colour: what is beyond a limit takes the status colour, by a gradient with hard steps. */
export function lineStroke(plot: uPlot, { limits, severity }: PlotView): string | CanvasGradient {
  const ink = token('--d1');
  if (severity === 0 || limits === undefined) return ink;
  const beyond = token(`--p${severity}`);
  const { top, height } = plot.bbox;
  if (!(height > 0)) return ink;
  const stepAt = (value: number) => Math.min(1, Math.max(0, (plot.valToPos(value, 'y', true) - top) / height));
  const gradient = plot.ctx.createLinearGradient(0, top, 0, top + height);
  gradient.addColorStop(0, beyond);
  gradient.addColorStop(stepAt(limits.high), beyond);
  gradient.addColorStop(stepAt(limits.high), ink);
  gradient.addColorStop(stepAt(limits.low), ink);
  gradient.addColorStop(stepAt(limits.low), beyond);
  gradient.addColorStop(1, beyond);
  return gradient;
}

/** The normal range, behind everything. */
export function drawBand(plot: uPlot, { limits }: PlotView): void {
  if (limits === undefined) return;
  const { left, width } = plot.bbox;
  const top = plot.valToPos(limits.high, 'y', true);
  plot.ctx.fillStyle = '#24324b80';
  plot.ctx.fillRect(left, top, width, plot.valToPos(limits.low, 'y', true) - top);
}

/** What lies over the lines: limits, alarms, the units of the axes, the newest point. */
export function drawMarks(plot: uPlot, view: PlotView, showTimes: boolean): void {
  const { ctx } = plot;
  ctx.save();
  drawLimits(plot, view);
  drawAlarms(plot, view);
  drawUnits(plot, view, showTimes);
  drawLastPoint(plot, view);
  ctx.restore();
}

function drawLimits(plot: uPlot, { limits }: PlotView): void {
  if (limits === undefined) return;
  const lines = [
    { value: limits.tripHigh, label: 'HH', isTrip: true },
    { value: limits.high, label: 'H', isTrip: false },
    { value: limits.low, label: 'L', isTrip: false },
    { value: limits.tripLow, label: 'LL', isTrip: true },
  ];
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  const labelled: number[] = [];
  for (const { value, label, isTrip } of lines) {
    if (value === undefined) continue;
    const y = Math.round(plot.valToPos(value, 'y', true)) + 0.5;
    if (y < bbox.top || y > bbox.top + bbox.height) continue;
    ctx.strokeStyle = isTrip ? `${token('--p1')}cc` : `${token('--stale')}66`;
    ctx.lineWidth = ratio;
    ctx.setLineDash(isTrip ? [4 * ratio, 3 * ratio] : []);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    if (labelled.some((other) => Math.abs(other - y) < LABEL_GAP_PX * ratio)) continue;
    labelled.push(y);
    write(plot, label, bbox.left + bbox.width + 6 * ratio, y, 'left', isTrip ? token('--p1') : token('--t3'), 600);
  }
  ctx.setLineDash([]);
}

/** A tick along the time axis for as long as each alarm was active. */
function drawAlarms(plot: uPlot, { alarms }: PlotView): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  const right = bbox.left + bbox.width;
  for (const { from, to, severity } of alarms) {
    if (severity === 0) continue;
    const start = Math.max(bbox.left, plot.valToPos(from, 'x', true));
    const end = Math.min(right, to === null ? right : plot.valToPos(to, 'x', true));
    if (end < bbox.left || start > right) continue;
    ctx.fillStyle = token(`--p${severity}`);
    ctx.fillRect(start, bbox.top + bbox.height - 3 * ratio, Math.max(2 * ratio, end - start), 3 * ratio);
  }
}

/** Both axes say what they count: the unit above the values, UTC beside the times. */
function drawUnits(plot: uPlot, { unit }: PlotView, showTimes: boolean): void {
  const { bbox } = plot;
  const ratio = devicePixelRatio;
  if (unit !== '') write(plot, unit, bbox.left - 8 * ratio, bbox.top - 7 * ratio, 'right', token('--t3'), 400);
  if (showTimes)
    write(plot, 'UTC', bbox.left - 20 * ratio, bbox.top + bbox.height + 13 * ratio, 'right', token('--t3'), 400);
}

function write(
  plot: uPlot,
  text: string,
  x: number,
  y: number,
  align: CanvasTextAlign,
  colour: string,
  weight: number,
): void {
  const { ctx } = plot;
  ctx.font = `${weight} ${10.5 * devicePixelRatio}px 'Inter Variable', sans-serif`;
  ctx.textAlign = align;
  ctx.textBaseline = 'middle';
  ctx.fillStyle = colour;
  ctx.fillText(text, x, y);
}

function drawLastPoint(plot: uPlot, view: PlotView): void {
  const index = view.values.findLastIndex((value) => value !== null);
  const time = view.times[index];
  const value = view.values[index];
  if (time === undefined || value === undefined || value === null) return;
  const { ctx, bbox } = plot;
  const x = plot.valToPos(time, 'x', true);
  if (x < bbox.left || x > bbox.left + bbox.width + 1) return;
  const isBeyond = view.limits !== undefined && (value > view.limits.high || value < view.limits.low);
  ctx.beginPath();
  ctx.fillStyle = isBeyond && view.severity !== 0 ? token(`--p${view.severity}`) : token('--d1');
  ctx.arc(x, plot.valToPos(value, 'y', true), 3 * devicePixelRatio, 0, 2 * Math.PI);
  ctx.fill();
}
