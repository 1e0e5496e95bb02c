import type { Permission } from '@stratum/contracts/account/account.ts';
import { createRouter, type Hooks, type LazyRouteComponent, Navigation } from 'sv-router';
import type { Component } from 'svelte';
import { landingOf, safeNext } from './account/roles.ts';
import { SIGNED_IN_HINT, session } from './account/session.svelte.ts';
import { toasts } from './shell/toasts.svelte.ts';

declare module 'sv-router' {
  interface RouteMeta {
    /** What the signed-in user must be allowed to do to see the page. */
    permission?: Permission;
  }
}

type Page = { default: Component };
const notFound = (): Promise<Page> => import('./NotFound.svelte');
const shell = (): Promise<Page> => import('./shell/Shell.svelte');

/**
 * Sends everyone who is not signed in to the login page, which brings them back. While the session is asked for, the page's
 * parts are already on their way.
 */
function signedIn(parts: readonly LazyRouteComponent[]): Hooks {
  return {
    async beforeLoad({ pathname, search }) {
      // A part that does not come is reported when the router asks for it.
      if (localStorage.getItem(SIGNED_IN_HINT) !== null) for (const part of parts) void part().catch(() => undefined);
      if (await session.restore()) return;
      const query = new URLSearchParams(Object.entries(search).map(([name, value]) => [name, String(value)]));
      const next = query.size === 0 ? pathname : `${pathname}?${query}`;
      throw await navigate('/login', { search: { next }, replace: true });
    },
    onError(error) {
      if (error instanceof Navigation) return;
      const reload = { label: 'Reload', run: () => location.reload() };
      toasts.failure('The page could not be loaded. Check the connection, then reload.', reload);
    },
  };
}

/** Sends whoever is signed in past the login page. */
const signedOut: Hooks = {
  async beforeLoad({ search }) {
    if (!(await session.restore()) || session.user === null) return;
    await followNext(typeof search.next === 'string' ? search.next : null);
  },
};

/** A page inside the shell, for whoever has the permission; the shell says so to the others. */
function page(permission: Permission, load: LazyRouteComponent) {
  return { '/': load, layout: shell, hooks: signedIn([shell, load]), meta: { permission } };
}

export const { p, navigate, isActive, route, preload } = createRouter({
  '/': () => import('./landing/Landing.svelte'),
  '/login': { '/': () => import('./account/Login.svelte'), hooks: signedOut },
  '/register': { '/': () => import('./account/Register.svelte'), hooks: signedOut },
  '/overview': page('twins:read', () => import('./overview/Overview.svelte')),
  '/twins/:id': page('twins:read', () => import('./twin/Twin.svelte')),
  '/alarms': page('alerts:read', () => import('./alarms/Alarms.svelte')),
  '/analytics': page('analytics:read', () => import('./analytics/Analytics.svelte')),
  '/orders': page('orders:read', () => import('./orders/Orders.svelte')),
  '/orders/new': page('orders:place', () => import('./orders/NewOrder.svelte')),
  '/orders/:id': page('orders:read', () => import('./orders/Order.svelte')),
  '/reports': page('reports:read', () => import('./orders/Reports.svelte')),
  '/production': page('production:read', () => import('./production/Production.svelte')),
  '/mes': page('shopfloors:read', () => import('./mes/Capacity.svelte')),
  '/work': page('work:read', () => import('./work/Work.svelte')),
  '/events': page('log:read', () => import('./audit/Events.svelte')),
  '/refused': page('refusals:read', () => import('./audit/Refused.svelte')),
  '/rebuild': page('read-models:compare', () => import('./audit/Rebuild.svelte')),
  '*': notFound,
});

/** Where the signed-in user goes after signing in: the page that was asked for, else the role's own. */
export async function followNext(next: string | null): Promise<never> {
  const target = new URL(safeNext(next, session.user === null ? '/' : landingOf[session.user.role]), location.origin);
  // The router's types know only literal paths; this one comes from the address line and was checked above.
  throw await navigate(target.pathname as '/overview', { search: target.search, replace: true });
}
