import { z } from 'zod';
import { tokenSchema } from '../subjects.ts';

/** Roles as the first users named them, and three of ours. */
export const roleSchema = z.enum([
  'user',
  'erp-owner',
  'mes-manager',
  'shopfloor-user',
  'operator',
  'auditor',
  'admin',
]);
export type Role = z.infer<typeof roleSchema>;

/** What a role may do; routes ask for one of these, never for a role. */
export const permissions = [
  'twins:read',
  'alerts:read',
  'alerts:acknowledge',
  'analytics:read',
  'limits:change',
  'twins:commission',
  'telemetry:write',
  'orders:read',
  'orders:place',
  'reports:read',
  'reports:write',
  'production:read',
  'shopfloors:read',
  'capacity:set',
  'work:read',
  'log:read',
  'refusals:read',
  'read-models:compare',
  'accounts:manage',
] as const;
export type Permission = (typeof permissions)[number];

const watch: Permission[] = ['twins:read', 'alerts:read', 'analytics:read'];
const produce: Permission[] = [...watch, 'orders:read', 'reports:read', 'production:read', 'shopfloors:read'];

/** The table of the catalogue. The MES Manager sees what the ERP Owner sees, and places no orders: that do the ERP Owner and the Admin. */
export const permissionsOf: Record<Role, readonly Permission[]> = {
  user: watch,
  'erp-owner': [...produce, 'orders:place'],
  'mes-manager': [...produce, 'capacity:set', 'work:read'],
  'shopfloor-user': ['work:read', 'reports:write'],
  operator: [...watch, 'alerts:acknowledge', 'limits:change', 'telemetry:write', 'refusals:read'],
  auditor: [...produce, 'work:read', 'log:read', 'refusals:read', 'read-models:compare'],
  admin: permissions,
};

/** Whether a role may. */
export function may(role: Role, permission: Permission): boolean {
  return permissionsOf[role].includes(permission);
}

export const emailSchema = z.string().trim().toLowerCase().max(254).pipe(z.email('must be an e-mail address'));
/** bcrypt reads 72 bytes at most; longer is refused rather than cut. */
export const passwordSchema = z
  .string()
  .min(12, 'must have at least 12 characters')
  .refine((password) => new TextEncoder().encode(password).length <= 72, 'must have at most 72 bytes');

export const registerRequest = z.strictObject({
  email: emailSchema,
  password: passwordSchema,
  name: z.string().trim().min(1, 'must not be empty').max(80),
});
export const loginRequest = z.strictObject({
  email: emailSchema,
  password: z.string().min(1, 'must not be empty').max(200),
});

/** Credentials never enter the log; this is the fact that an account exists and what it may. */
export const accountRegisteredV1 = z.object({
  accountId: tokenSchema,
  email: z.string(),
  name: z.string(),
  role: roleSchema,
  shopfloorId: tokenSchema.optional(),
});
export type AccountEvent = { type: 'AccountRegistered'; data: z.infer<typeof accountRegisteredV1> };

export const userView = z.object({
  id: z.string(),
  email: z.string(),
  name: z.string(),
  role: roleSchema,
  shopfloorId: z.string().optional(),
});
export type UserView = z.infer<typeof userView>;
/** Answer of register, login and refresh. The refresh token travels in an httpOnly cookie. */
export const sessionView = z.object({ accessToken: z.string(), expiresInSeconds: z.number(), user: userView });
export type SessionView = z.infer<typeof sessionView>;
