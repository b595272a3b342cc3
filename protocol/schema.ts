import * as agent from "./agent.js";
import * as api from "./api.js";
import * as app from "./app.js";
import * as errors from "./errors.js";
import * as event from "./event.js";
import * as framework from "./framework.js";
import * as ids from "./ids.js";
import * as job from "./job.js";
import * as launch from "./launch.js";
import * as offer from "./offer.js";
import * as resources from "./resources.js";
import * as sandbox from "./sandbox.js";
import * as status from "./status.js";
import * as task from "./task.js";

const modules = [
  ids,
  errors,
  resources,
  offer,
  agent,
  framework,
  launch,
  task,
  status,
  event,
  sandbox,
  api,
  app,
  job,
];
const calls: readonly Readonly<Record<string, api.ApiCall>>[] = [
  api.masterApi,
  app.appsApi,
  job.jobsApi,
  ...Object.values(api.doorApis),
];

type Json = Readonly<Record<string, unknown>>;

/**
 * Every message as one JSON Schema (2020-12), for programs in other languages: `$defs` by the names of this folder's sources, and
 * for each call of a service `<service>.<call>.request` and `.answer`.
 */
export function protocolSchema(): Json {
  const named = new Map<string, object>();
  for (const module of modules)
    for (const [name, value] of Object.entries(module)) if (isSchema(value)) named.set(name, value);
  for (const call of calls.flatMap((each) => Object.values(each))) {
    named.set(`${call.service}.${call.name}.request`, call.request);
    named.set(`${call.service}.${call.name}.answer`, call.answer);
  }
  const nameOf = new Map([...named].toReversed().map(([name, schema]) => [schema, name]));
  const definitions = [...named]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, schema]) => [name, definition(name, schema, { named, nameOf })] as const);
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "The messages of Emporion",
    $defs: Object.fromEntries(definitions),
  };
}

interface Names {
  readonly named: ReadonlyMap<string, object>;
  readonly nameOf: ReadonlyMap<object, string>;
}

const isSchema = (value: unknown): value is object =>
  typeof value === "object" && value !== null && "~kind" in value;

/** A name for what has another name already is only a reference. */
function definition(name: string, schema: object, names: Names): unknown {
  return names.nameOf.get(schema) === name ? expanded(schema, names) : linked(schema, names);
}

/** What has a name is referred to; everything else is written out. */
function linked(value: unknown, names: Names): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((each) => linked(each, names));
  const id = (value as { readonly $id?: string }).$id;
  const name = names.nameOf.get(value) ?? (id !== undefined && names.named.has(id) ? id : undefined);
  return name === undefined ? expanded(value, names) : { $ref: `#/$defs/${name}` };
}

const expanded = (schema: object, names: Names): Json =>
  Object.fromEntries(
    Object.entries(schema)
      .filter(([key]) => key !== "$id")
      .map(([key, each]) => [key, linked(each, names)]),
  );
