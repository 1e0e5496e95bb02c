import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { drawBand, drawMarks, lineStroke } from './plot-marks.ts';
import { type PlotView, token } from './plot-view.ts';

export type { default as Plot } from 'uplot';

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
/** A line of so few values is drawn with its points, which alone say how few they are. */
const POINTS_SHOWN_MAX = 31;
/** Where the lines stand in uPlot's order of series. */
const COMPARE = 3;
const VALUES = 4;
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
        // Only the line itself and its comparison are pointed at, not the ends of the band.
        points: {
          size: (_plot, series) => (series === VALUES || series === COMPARE ? 7 : 0),
          width: 2,
          fill: () => token('--d1'),
          stroke: () => token('--canvas'),
        },
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
        { stroke: () => token('--d6'), width: 1.25, dash: [6, 4], points: pointsOf(view, '--d6') },
        {
          stroke: (plot) => lineStroke(plot, view()),
          width: 1.5,
          spanGaps: false,
          points: pointsOf(view, '--d1'),
        },
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

function pointsOf(view: () => PlotView, colour: string): uPlot.Series.Points {
  return { show: () => view().times.length <= POINTS_SHOWN_MAX, size: 6, width: 0, fill: () => token(colour) };
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
