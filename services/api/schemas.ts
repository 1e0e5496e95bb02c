import { events } from '@stratum/contracts/registry.ts';
import { z } from 'zod';

/** One released version of an event, as it is published. */
export type PublishedSchema = { name: string; type: string; entity: string; schema: Record<string, unknown> };

/** JSON Schemas (2020-12) of every released version of every event, from the contract's own. */
export function publishedSchemas(): PublishedSchema[] {
  return Object.entries(events).flatMap(([type, { entity, versions }]) =>
    versions.map((schema, index) => {
      const name = `${type}.v${index + 1}`;
      return {
        name,
        type,
        entity,
        schema: { $id: `urn:stratum:schema:${name}`, title: name, ...jsonSchemaOf(schema) },
      };
    }),
  );
}

/**
 * A contract as JSON Schema, as it is written. A field that is unknown today is allowed, because a reader must not break when one is
 * added; only what is strict in the contract stays strict.
 */
export function jsonSchemaOf(schema: z.ZodType): Record<string, unknown> {
  return z.toJSONSchema(schema, {
    io: 'output',
    override: ({ zodSchema, jsonSchema }) => {
      const { def } = zodSchema._zod;
      if (def.type !== 'object' || !('catchall' in def) || def.catchall === undefined)
        delete jsonSchema.additionalProperties;
    },
  });
}
