/** A column of `Table`. `unit` stands behind the name; numbers are aligned to the end. */
export type Column<Key extends string = string> = {
  key: Key;
  name: string;
  unit?: string | undefined;
  align?: 'start' | 'end';
  /** Left out on narrow screens. */
  isMinor?: boolean;
};
