import Activity from '@lucide/svelte/icons/activity';
import Bell from '@lucide/svelte/icons/bell';
import ChartColumn from '@lucide/svelte/icons/chart-column';
import ClipboardList from '@lucide/svelte/icons/clipboard-list';
import FileText from '@lucide/svelte/icons/file-text';
import History from '@lucide/svelte/icons/history';
import LayoutGrid from '@lucide/svelte/icons/layout-grid';
import MailX from '@lucide/svelte/icons/mail-x';
import Scale from '@lucide/svelte/icons/scale';
import ScanLine from '@lucide/svelte/icons/scan-line';
import SlidersHorizontal from '@lucide/svelte/icons/sliders-horizontal';
import { may, type Permission, type Role } from '@stratum/contracts/account/account.ts';

/** One place to go; `key` is what follows `g` on the keyboard. */
export type Destination = {
  name: string;
  short: string;
  path: `/${string}`;
  icon: typeof Activity;
  permission: Permission;
  key: string;
};
export type DestinationGroup = { name: 'Operate' | 'Produce' | 'Audit'; destinations: readonly Destination[] };

const groups: readonly DestinationGroup[] = [
  {
    name: 'Operate',
    destinations: [
      { name: 'Overview', short: 'Overview', path: '/overview', icon: LayoutGrid, permission: 'twins:read', key: 'o' },
      { name: 'Alarms', short: 'Alarms', path: '/alarms', icon: Bell, permission: 'alerts:read', key: 'a' },
      {
        name: 'Analytics',
        short: 'Analytics',
        path: '/analytics',
        icon: Activity,
        permission: 'analytics:read',
        key: 'n',
      },
    ],
  },
  {
    name: 'Produce',
    destinations: [
      { name: 'Orders', short: 'Orders', path: '/orders', icon: ClipboardList, permission: 'orders:read', key: 'r' },
      {
        name: 'Production',
        short: 'Output',
        path: '/production',
        icon: ChartColumn,
        permission: 'production:read',
        key: 'p',
      },
      { name: 'Reports', short: 'Reports', path: '/reports', icon: FileText, permission: 'reports:read', key: 't' },
      {
        name: 'Capacity',
        short: 'Capacity',
        path: '/mes',
        icon: SlidersHorizontal,
        permission: 'shopfloors:read',
        key: 'c',
      },
      { name: 'My work', short: 'Work', path: '/work', icon: ScanLine, permission: 'work:read', key: 'w' },
    ],
  },
  {
    name: 'Audit',
    destinations: [
      { name: 'Event log', short: 'Events', path: '/events', icon: History, permission: 'log:read', key: 'e' },
      { name: 'Refused', short: 'Refused', path: '/refused', icon: MailX, permission: 'refusals:read', key: 'x' },
      {
        name: 'Rebuild and compare',
        short: 'Rebuild',
        path: '/rebuild',
        icon: Scale,
        permission: 'read-models:compare',
        key: 'b',
      },
    ],
  },
];

/** The sidebar of a role: only what it may see, without empty groups. */
export function navigationOf(role: Role): readonly DestinationGroup[] {
  return groups
    .map(({ name, destinations }) => ({
      name,
      destinations: destinations.filter(({ permission }) => may(role, permission)),
    }))
    .filter(({ destinations }) => destinations.length > 0);
}

const tabOrder = ['/overview', '/alarms', '/orders', '/mes', '/work', '/events', '/analytics'];
/** Tabs on a phone beside "More". */
const TABS_MAX = 4;

/** The phone's tab bar of a role: the few places it needs most. */
export function tabsOf(role: Role): readonly Destination[] {
  const destinations = navigationOf(role).flatMap((group) => group.destinations);
  return tabOrder.flatMap((path) => destinations.filter((one) => one.path === path)).slice(0, TABS_MAX);
}

/** Whether a place is where the user is: itself or a page below it. A twin's page belongs to the overview. */
export function isHere(path: string, pathname: string): boolean {
  if (path === '/overview' && pathname.startsWith('/twins/')) return true;
  return pathname === path || pathname.startsWith(`${path}/`);
}
