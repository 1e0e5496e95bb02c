import '@fontsource-variable/inter/wght.css';
import '@fontsource-variable/geist-mono/wght.css';
import './tokens.css';
import './app.css';
import { mount } from 'svelte';
import App from './App.svelte';

const target = document.getElementById('app');
if (target === null) throw new Error('index.html has no #app');

// The router takes every click on a link of ours; a click that asks for a new tab or window must stay the browser's.
document.addEventListener('click', (event) => {
  const opensElsewhere = event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
  const link = event.target instanceof Element ? event.target.closest('a') : null;
  if (link !== null && (opensElsewhere || link.pathname.startsWith('/api/'))) event.stopPropagation();
});

mount(App, { target });
