import type Activity from '@lucide/svelte/icons/activity';

/** One thing the palette can go to. */
export type PaletteChoice = {
  name: string;
  detail: string;
  kind: 'Twin' | 'Page' | 'Order';
  path: string;
  icon: typeof Activity;
};

/** So many are shown at once. */
export const CHOICES_MAX = 12;

/** Those in which every typed word occurs; names that start with the first word come first. */
export function filterChoices(choices: readonly PaletteChoice[], query: string): PaletteChoice[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const found = choices.filter(({ name, detail, kind }) => {
    const text = `${name} ${detail} ${kind}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  const first = words[0];
  if (first === undefined) return found.slice(0, CHOICES_MAX);
  const rank = ({ name }: PaletteChoice) => (name.toLowerCase().startsWith(first) ? 0 : 1);
  return found.toSorted((one, other) => rank(one) - rank(other)).slice(0, CHOICES_MAX);
}
