import { instantSchema } from '@stratum/contracts/envelope.ts';
import { tokenSchema } from '@stratum/contracts/subjects.ts';
import {
  limitsSchema,
  PARAMETERS_MAX,
  parameterSchema,
  prioritySchema,
  type TwinDefinition,
  twinDefinitionSchema,
  valueStreamSchema,
} from '@stratum/contracts/twin/twin.ts';
import { z } from 'zod';

/** A column of the file: its name, if the file has a header, or its number, counted from 1. */
const columnSchema = z.union([z.string().min(1), z.number().int().min(1)], 'must be a name or a number from 1');
export type Column = z.infer<typeof columnSchema>;

const limitFields = {
  low: z.number(),
  high: z.number(),
  tripLow: z.number().optional(),
  tripHigh: z.number().optional(),
  deadband: z.number().optional(),
  onDelaySeconds: z.number().optional(),
  offDelaySeconds: z.number().optional(),
  priority: prioritySchema.optional(),
};

/** One column that is measured. Limits are in the column's own unit; what is left out is as for any twin. */
const mappedParameterSchema = z
  .strictObject({
    column: columnSchema,
    key: z.string(),
    name: z.string(),
    unit: z.string().default(''),
    ...limitFields,
  })
  .transform(({ column, key, name, unit, ...limits }, context) => {
    const checkedLimits = limitsSchema.safeParse(limits);
    const parameter = parameterSchema.omit({ limits: true }).safeParse({ key, name, unit });
    for (const { error } of [checkedLimits, parameter]) {
      for (const { path, message } of error?.issues ?? []) context.addIssue({ code: 'custom', path, message });
    }
    if (!checkedLimits.success || !parameter.success) return z.NEVER;
    return { column, parameter: { ...parameter.data, limits: checkedLimits.data } };
  });

/**
 * When a row was observed. `iso`: an instant; without an offset it is UTC. `epochSeconds`, `epochMilliseconds`: since 1970,
 * UTC. `cycle`: a count; cycle n was `stepSeconds` × n after `start`.
 */
const timeSchema = z.discriminatedUnion('unit', [
  z.strictObject({ column: columnSchema, unit: z.literal('iso') }),
  z.strictObject({ column: columnSchema, unit: z.literal('epochSeconds') }),
  z.strictObject({ column: columnSchema, unit: z.literal('epochMilliseconds') }),
  z.strictObject({
    column: columnSchema,
    unit: z.literal('cycle'),
    start: instantSchema,
    stepSeconds: z.number().positive().max(31_536_000),
  }),
]);

/** Which twin a row is about: always the same one, or one per value of a column (`prefix` + value, in lower case). */
const twinsSchema = z.union([
  z.strictObject({ id: z.string(), name: z.string().optional() }),
  z.strictObject({
    idColumn: columnSchema,
    prefix: z.string().default(''),
    name: z.string().optional(),
    only: z
      .array(z.union([z.string(), z.number()]).transform(String))
      .min(1)
      .optional(),
  }),
]);

/**
 * How a recording becomes readings of twins: the small JSON file of `make import`. `delimiter` is one or more characters,
 * or `whitespace` for any run of blanks. `endOfLife`: each twin's last row is its failure, so the report tells how long
 * before it the first alert came.
 */
export const importMapSchema = z
  .strictObject({
    delimiter: z.string().min(1).max(10).default(','),
    header: z.boolean().default(true),
    decimal: z.enum(['.', ',']).default('.'),
    twinType: z.string(),
    valueStream: valueStreamSchema.default('Other'),
    site: tokenSchema.default('main'),
    reportingPeriodSeconds: z.number().positive().max(86_400).optional(),
    twins: twinsSchema,
    time: timeSchema,
    parameters: z.array(mappedParameterSchema).min(1).max(PARAMETERS_MAX),
    endOfLife: z.boolean().default(false),
  })
  .superRefine((map, context) => {
    if (!map.header) {
      for (const { path, column } of columnsOf(map)) {
        if (typeof column === 'string') {
          context.addIssue({ code: 'custom', path, message: 'must be a number: the file has no header' });
        }
      }
    }
    const probe = twinDefinitionSchema.safeParse(
      definitionFields(map, 'id' in map.twins ? map.twins.id : 'x', undefined),
    );
    for (const { path, message } of probe.error?.issues ?? []) {
      context.addIssue({ code: 'custom', path: path[0] === 'twinId' ? ['twins', 'id'] : path, message });
    }
  });
export type ImportMap = z.infer<typeof importMapSchema>;

/** Reads a map. @throws ImportMapError with one line per mistake, each naming its field */
export function parseImportMap(text: string): ImportMap {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new ImportMapError([`is not JSON: ${error instanceof Error ? error.message : String(error)}`]);
  }
  const parsed = importMapSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new ImportMapError(
    parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'the map'}: ${message}`),
  );
}

/** What is wrong with a map, one line per mistake. */
export class ImportMapError extends Error {
  readonly mistakes: string[];

  constructor(mistakes: string[]) {
    super(`the map is not right: ${mistakes.join('; ')}`);
    this.name = 'ImportMapError';
    this.mistakes = mistakes;
  }
}

/** Every column a map speaks of, with the place where it does. */
export function columnsOf(
  map: Pick<ImportMap, 'twins' | 'time' | 'parameters'>,
): { path: (string | number)[]; column: Column }[] {
  return [
    ...('idColumn' in map.twins ? [{ path: ['twins', 'idColumn'], column: map.twins.idColumn }] : []),
    { path: ['time', 'column'], column: map.time.column },
    ...map.parameters.map(({ column }, index) => ({ path: ['parameters', index, 'column'], column })),
  ];
}

/**
 * The twin that a row's id (the text in `idColumn`) means, as it will be commissioned; `undefined` where that text cannot
 * be part of a twin's id.
 */
export function definitionOf(map: ImportMap, rowId: string): TwinDefinition | undefined {
  const twinId = 'id' in map.twins ? map.twins.id : `${map.twins.prefix}${rowId}`.toLowerCase();
  const parsed = twinDefinitionSchema.safeParse(definitionFields(map, twinId, rowId));
  return parsed.success ? parsed.data : undefined;
}

type Described = Pick<ImportMap, 'twinType' | 'valueStream' | 'site' | 'twins' | 'time' | 'parameters'> & {
  reportingPeriodSeconds?: number | undefined;
};

function definitionFields(map: Described, twinId: string, rowId: string | undefined) {
  const period = map.reportingPeriodSeconds ?? (map.time.unit === 'cycle' ? map.time.stepSeconds : undefined);
  return {
    twinId,
    name: 'id' in map.twins ? (map.twins.name ?? twinId) : map.twins.name ? `${map.twins.name} ${rowId ?? ''}` : twinId,
    twinType: map.twinType,
    valueStream: map.valueStream,
    site: map.site,
    ...(period === undefined ? {} : { reportingPeriodSeconds: Math.min(period, 86_400) }),
    parameters: map.parameters.map(({ parameter }) => parameter),
  };
}
