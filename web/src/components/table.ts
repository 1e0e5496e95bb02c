/** A column of `Table`. `unit` stands behind the name; numbers are aligned to the end. */
export type Column<Key extends string = string> = {
  key: Key;
  name: string;
  unit?: string | undefined;
  align?: 'start' | 'end';
  isSortable?: boolean;
  /** Left out on narrow screens. */
  isMinor?: boolean;
};
export type Sort<Key extends string = string> = { key: Key; direction: 'ascending' | 'descending' };

/** What a click on a column's head makes of the present order. */
export function nextSort<Key extends string>(sort: Sort<Key> | undefined, key: Key): Sort<Key> {
  return sort?.key === key && sort.direction === 'ascending'
    ? { key, direction: 'descending' }
    : { key, direction: 'ascending' };
}
