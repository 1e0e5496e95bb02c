import { percentText } from '../format.ts';

/** Changes smaller than this share are called none. */
const NOTICEABLE_SHARE = 0.0005;

/** How a mean moved against the one before: `▲ 3.1 %`, `▼ 0.4 %`, `unchanged`; `–` where one is missing or the base is 0. */
export function changeText(now: number | null, before: number | null): string {
  if (now === null || before === null || before === 0) return '–';
  const share = (now - before) / Math.abs(before);
  if (Math.abs(share) < NOTICEABLE_SHARE) return 'unchanged';
  return `${share > 0 ? '▲' : '▼'} ${percentText(Math.abs(share), 1)}`;
}
