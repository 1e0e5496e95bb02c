import { may, type Permission, type Role, roleSchema } from '@stratum/contracts/account/account.ts';

/** Roles as people call them. */
export const roleNames: Record<Role, string> = {
  user: 'User',
  'erp-owner': 'ERP Owner',
  'mes-manager': 'MES Manager',
  'shopfloor-user': 'Shopfloor User',
  operator: 'Operator',
  auditor: 'Auditor',
  admin: 'Admin',
};

/** Where each role starts after signing in; a deep link always wins over it. */
export const landingOf: Record<Role, '/overview' | '/orders' | '/mes' | '/work' | '/events'> = {
  user: '/overview',
  operator: '/overview',
  admin: '/overview',
  'erp-owner': '/orders',
  'mes-manager': '/mes',
  'shopfloor-user': '/work',
  auditor: '/events',
};

/** The names of the roles that hold a permission. */
export function rolesThatMay(permission: Permission): string[] {
  return roleSchema.options.filter((role) => may(role, permission)).map((role) => roleNames[role]);
}

/** A `next` from the address line is followed only inside this app: one slash, then no second one or backslash. */
export function safeNext(next: string | null, fallback: string): string {
  return next !== null && /^\/(?![/\\])/.test(next) ? next : fallback;
}
