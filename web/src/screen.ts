import { MediaQuery } from 'svelte/reactivity';

/** Whether the screen is too narrow for columns, so that tables become rows. `narrowScreen.current` is reactive. */
export const narrowScreen = new MediaQuery('max-width: 900px');
