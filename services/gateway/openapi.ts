import swagger from "@fastify/swagger";
import apiReference from "@scalar/fastify-api-reference";
import type { FastifyInstance, FastifySchema } from "fastify";
import { AppDefinition } from "#protocol/app.js";
import { JobDefinition } from "#protocol/job.js";

/** `/openapi.json` (OpenAPI 3.1) from the routes' own schemas, and `/docs`, a page to read it and to try the calls. */
export async function describe(app: FastifyInstance): Promise<void> {
  const components = new Map<string, object>();
  for (const schema of [AppDefinition, JobDefinition]) hoisted(schema, components);

  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Emporion",
        version: "1",
        description:
          "The only HTTP door of the cluster. `/cluster/…` is Emporion's own (amounts in cores and MiB), `/v2/apps` has Marathon's shapes and `/v1/jobs` Metronome's. " +
          "Errors are `{ message, code, details: [{ path, errors, expected, found }] }`.",
      },
      components: { securitySchemes: { token: { type: "http", scheme: "bearer" } } },
    },
    transform: ({ schema, url }) => ({ schema: hoisted(schema, components) as FastifySchema, url }),
    transformObject: (document) => {
      const described = "openapiObject" in document ? document.openapiObject : {};
      return {
        ...described,
        components: { ...described.components, schemas: Object.fromEntries(components) },
      } as typeof described;
    },
  });
  app.get("/openapi.json", { schema: { hide: true } }, () => app.swagger());
  await app.register(apiReference, {
    routePrefix: "/docs",
    configuration: { url: "/openapi.json", telemetry: false, withDefaultFonts: false },
  });
}

/** What is in thousandths on the bus is in plain units here (`plainUnits`). */
const inPlainUnits: Readonly<Record<string, (schema: object) => object>> = {
  Resources: (schema) =>
    changed(schema, {
      scalars: {
        type: "object",
        additionalProperties: { type: "number", minimum: 0 },
        description: "cpus in cores, mem and disk in MiB; 0 when absent",
      },
    }),
  TaskSpec: (schema) =>
    changed(schema, {
      limits: {
        type: "object",
        properties: { cpus: { type: "number" }, mem: { type: "number" } },
        description: "most that it may use, in cores and MiB",
      },
    }),
};

const changed = (schema: object, properties: object): object => ({
  ...schema,
  properties: { ...(schema as { readonly properties?: object }).properties, ...properties },
});

/** Every schema with an `$id` becomes a component, and what was in its place refers to it. */
function hoisted(schema: unknown, components: Map<string, object>): unknown {
  if (Array.isArray(schema)) return schema.map((each) => hoisted(each, components));
  if (typeof schema !== "object" || schema === null) return schema;
  const { $id, ...rest } = schema as { $id?: string };
  const inner = Object.fromEntries(
    Object.entries(rest).map(([name, value]) => [name, hoisted(value, components)]),
  );
  if ($id === undefined) return inner;
  components.set($id, inPlainUnits[$id]?.(inner) ?? inner);
  return { $ref: `#/components/schemas/${$id}` };
}
