import type { Limits } from '@stratum/contracts/twin/twin.ts';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { Severity } from '../severity.ts';

export type { default as Plot } from 'uplot';

/** A stretch of time in which an alarm was active, epoch seconds; `to` null: still. */
export type AlarmInterval = { from: number; to: number | null; severity: Severity };

/** What a plot draws. Arrays are as long as `times`; null is a gap and stays one. Times are epoch seconds, rising. */
export type PlotView = {
  times: readonly number[];
  values: readonly (number | null)[];
  min: readonly (number | null)[] | undefined;
  max: readonly (number | null)[] | undefined;
  compare: readonly (number | null)[] | undefined;
  limits: Pick<Limits, 'low' | 'high' | 'tripLow' | 'tripHigh'> | undefined;
  severity: Severity;
  unit: string;
  from: number | undefined;
  to: number | undefined;
  alarms: readonly AlarmInterval[];
};

export type PlotOptions = {
  element: HTMLElement;
  width: number;
  height: number;
  showTimes: boolean;
  syncKey: string | undefined;
  /** Read at every drawing, so that a change needs no new plot. */
  view: () => PlotView;
  onCursor: (index: number | null) => void;
  /** The user dragged over a stretch of time, epoch seconds. */
  onZoom: (from: number, to: number) => void;
};

/** A drag narrower than this is a click, px. */
const ZOOM_MIN_PX = 8;
/** Labels at limits nearer than this to one another are left out, px. */
const LABEL_GAP_PX = 11;
const AXIS_FONT = "11px 'Inter Variable', sans-serif";

/** The arrays in uPlot's order: times, smallest, largest, comparison, values (drawn last, on top). */
export function alignedData({ times, values, min, max, compare }: PlotView): uPlot.AlignedData {
  const none = new Array<null>(times.length).fill(null);
  const columns = [times, min ?? none, max ?? none, compare ?? none, values].map((column) => [...column]);
  // uPlot's type wants the first column apart; it has no nulls because times have none.
  return columns as unknown as uPlot.AlignedData;
}

/** Makes a plot in an element; the caller destroys it. */
export function makePlot(options: PlotOptions): uPlot {
  const { view } = options;
  return new uPlot(
    {
      width: options.width,
      height: options.height,
      padding: [14, 30, options.showTimes ? 0 : 6, 0],
      legend: { show: false },
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC'),
      cursor: {
        ...(options.syncKey === undefined ? {} : { sync: { key: options.syncKey, scales: ['x', null] } }),
        y: false,
        points: { size: 7, width: 2, fill: () => token('--d1'), stroke: () => token('--canvas') },
        drag: { x: true, y: false, setScale: false },
      },
      scales: {
        x: { range: (_plot, from, to) => timeRange(view(), from, to) },
        y: { range: (_plot, from, to) => valueRange(view(), from, to) },
      },
      axes: [
        {
          show: options.showTimes,
          stroke: () => token('--t3'),
          font: AXIS_FONT,
          size: 26,
          gap: 6,
          space: 76,
          ...gridLook(),
          values: timeLabels,
        },
        {
          stroke: () => token('--t3'),
          font: AXIS_FONT,
          size: 50,
          gap: 8,
          space: 26,
          ...gridLook(),
          values: valueLabels,
        },
      ],
      series: [
        {},
        { stroke: 'transparent', points: { show: false } },
        { stroke: 'transparent', points: { show: false } },
        { stroke: () => token('--d6'), width: 1.25, dash: [6, 4], points: { show: false } },
        { stroke: (plot) => lineStroke(plot, view()), width: 1.5, spanGaps: false, points: { show: false } },
      ],
      bands: [{ series: [2, 1], fill: () => `${token('--d1')}2e` }],
      hooks: {
        setCursor: [(plot) => options.onCursor(plot.cursor.idx ?? null)],
        setSelect: [
          (plot) => {
            const { left, width } = plot.select;
            if (width < ZOOM_MIN_PX) return;
            const from = plot.posToVal(left, 'x');
            const to = plot.posToVal(left + width, 'x');
            plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            options.onZoom(from, to);
          },
        ],
        drawClear: [(plot) => drawBand(plot, view())],
        draw: [(plot) => drawMarks(plot, view(), options.showTimes)],
      },
    },
    alignedData(view()),
    options.element,
  );
}

function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function gridLook() {
  return { grid: { stroke: () => token('--grid'), width: 1 }, ticks: { show: false } };
}

function timeRange({ from, to }: PlotView, first: number | null, last: number | null): [number, number] {
  const start = from ?? first ?? 0;
  const end = to ?? last ?? start + 1;
  return [start, Math.max(end, start + 1)];
}

/** The values and the normal range, with air; never a flat line of zero height. */
function valueRange({ limits }: PlotView, from: number | null, to: number | null): [number, number] {
  const low = Math.min(from ?? limits?.low ?? 0, limits?.low ?? Number.POSITIVE_INFINITY);
  const high = Math.max(to ?? limits?.high ?? 1, limits?.high ?? Number.NEGATIVE_INFINITY);
  const air = (high - low || 1) * 0.1;
  return [low - air, high + air];
}

const TWO_DAYS_SECONDS = 172_800;
const clockLabel = new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', hour: '2-digit', minute: '2-digit' });
const secondsLabel = new Intl.DateTimeFormat('en-GB', {
  timeZone: 'UTC',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
});
const dayLabel = new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', day: 'numeric', month: 'short' });

function timeLabels(plot: uPlot, splits: number[]): string[] {
  const span = (plot.scales.x?.max ?? 0) - (plot.scales.x?.min ?? 0);
  const step = (splits[1] ?? 0) - (splits[0] ?? 0);
  return splits.map((seconds) => {
    const isMidnight = seconds % 86_400 === 0;
    if (isMidnight && span > 43_200) return dayLabel.format(seconds * 1000);
    if (span > TWO_DAYS_SECONDS && step >= 86_400) return dayLabel.format(seconds * 1000);
    return (step < 60 ? secondsLabel : clockLabel).format(seconds * 1000);
  });
}

function valueLabels(_plot: uPlot, splits: number[]): string[] {
  const step = Math.abs((splits[1] ?? 1) - (splits[0] ?? 0));
  const decimals = step >= 1 ? 0 : step >= 0.1 ? 1 : 2;
  return splits.map((value) =>
    value.toLocaleString('en', { minimumFractionDigits: decimals, maximumFractionDigits: decimals }),
  );
}

/** The line's colour: what is beyond a limit takes the status colour, by a gradient with hard steps. */
function lineStroke(plot: uPlot, { limits, severity }: PlotView): string | CanvasGradient {
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

function drawBand(plot: uPlot, { limits }: PlotView): void {
  if (limits === undefined) return;
  const { left, width } = plot.bbox;
  const top = plot.valToPos(limits.high, 'y', true);
  plot.ctx.fillStyle = '#24324b80';
  plot.ctx.fillRect(left, top, width, plot.valToPos(limits.low, 'y', true) - top);
}

function drawMarks(plot: uPlot, view: PlotView, showTimes: boolean): void {
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
