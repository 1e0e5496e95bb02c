import { MediaQuery } from 'svelte/reactivity';

/** Whether the screen is a phone's: one column, and rows instead of columns. `phone.current` is reactive. */
export const phone = new MediaQuery('max-width: 640px');
