/** One quotation in a page: lines of a file of ours, the first line says of which; a line `…` leaves lines of the file out. */
export type Excerpt = { path: string; line: number; text: string };

/** What is wrong with an excerpt or a code block, and where in the page. */
export type Rotten = { line: number; message: string };

const FENCE = /^```(\w*)$/;
const SOURCE = /^(?:\/\/|#) ([\w./-]+\.(?:ts|json|svelte))$/;
const LEFT_OUT = '…';
/** Blocks in these languages must be quotations; others may be for people to type or to fill in. */
const quoted = new Set(['ts', 'svelte']);

/** All quotations of a page in Markdown, and the blocks that should be one and do not say of which file. */
export function excerptsIn(page: string): { excerpts: Excerpt[]; rotten: Rotten[] } {
  const excerpts: Excerpt[] = [];
  const rotten: Rotten[] = [];
  let block: { line: number; isQuoted: boolean; lines: string[] } | undefined;
  for (const [index, line] of page.split('\n').entries()) {
    const language = FENCE.exec(line)?.[1];
    if (language === undefined) {
      block?.lines.push(line);
    } else if (block === undefined) {
      block = { line: index + 1, isQuoted: quoted.has(language), lines: [] };
    } else {
      const [first = '', ...rest] = block.lines;
      const path = SOURCE.exec(first)?.[1];
      if (path !== undefined) excerpts.push({ path, line: block.line, text: rest.join('\n') });
      else if (block.isQuoted)
        rotten.push({ line: block.line, message: 'the first line does not say which file this is from' });
      block = undefined;
    }
  }
  if (block !== undefined) rotten.push({ line: block.line, message: 'the block does not end' });
  return { excerpts, rotten };
}

/**
 * Whether a file says what a quotation says: each stretch between `…` stands in it line by line, in this order, however far
 * indented as a whole. Answers the first stretch that does not, or `undefined`.
 */
export function missingFrom(file: string, text: string): string | undefined {
  const lines = file.split('\n');
  let from = 0;
  for (const stretch of stretchesOf(text)) {
    const found = placeOf(lines, stretch, from);
    if (found === undefined) return stretch.join('\n');
    from = found + stretch.length;
  }
  return undefined;
}

function stretchesOf(text: string): string[][] {
  const stretches: string[][] = [[]];
  for (const line of text.split('\n')) {
    if (line.trim() === LEFT_OUT) stretches.push([]);
    else stretches.at(-1)?.push(line);
  }
  return stretches.map(withoutBlankEnds).filter((stretch) => stretch.length > 0);
}

function withoutBlankEnds(lines: readonly string[]): string[] {
  const isFull = (line: string) => line.trim() !== '';
  return lines.slice(Math.max(0, lines.findIndex(isFull)), lines.findLastIndex(isFull) + 1);
}

function placeOf(lines: readonly string[], stretch: readonly string[], from: number): number | undefined {
  const wanted = dedented(stretch);
  for (let start = from; start + stretch.length <= lines.length; start++) {
    if (dedented(lines.slice(start, start + stretch.length)) === wanted) return start;
  }
  return undefined;
}

/** Without the indentation that all lines share. */
function dedented(lines: readonly string[]): string {
  const indents = lines.filter((line) => line.trim() !== '').map((line) => line.length - line.trimStart().length);
  const shared = Math.min(...indents);
  return lines.map((line) => line.slice(shared).trimEnd()).join('\n');
}
