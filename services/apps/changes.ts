import type { App, AppDefinition } from "#protocol/app.js";
import { type Refusal, refusal } from "#protocol/errors.js";
import { fail, ok, type Result } from "#protocol/result.js";
import type { Deployment } from "./record.js";

/** What a request makes of an app: stored first, then carried out. Without `kind` nothing changes. */
export interface Change {
  readonly app: App;
  readonly kind: Deployment["kind"] | undefined;
}

export type Mode = "create" | "update" | "put";

export interface PutRequest {
  /** Whole and without faults. */
  readonly definition: AppDefinition;
  readonly mode: Mode;
  /** For the app, if it changes. */
  readonly version: () => string;
}

/**
 * A change of `instances` alone keeps the configuration's version, so that no task is replaced; a change of anything else
 * gives a new one (Marathon's rule). A definition that is the present one changes nothing.
 */
export function put(
  present: App | undefined,
  { definition, mode, version }: PutRequest,
): Result<Change, Refusal> {
  const { id } = definition;
  if (present === undefined) {
    if (mode === "update") return fail(notThere(id));
    const first = version();
    return ok({ app: { definition, version: first, configVersion: first }, kind: "create" });
  }
  if (present.deletedAt !== undefined) return fail(beingDeleted(id));
  if (mode === "create") return fail(refusal("conflict", `An app with id [${id}] already exists.`));
  if (!sameConfiguration(present.definition, definition)) {
    const next = version();
    return ok({ app: { definition, version: next, configVersion: next }, kind: "update" });
  }
  return ok(scaled(present, definition.instances, version));
}

export function scale(
  present: App | undefined,
  {
    id,
    instances,
    version,
  }: { readonly id: string; readonly instances: number; readonly version: () => string },
): Result<Change, Refusal> {
  if (present === undefined) return fail(notThere(id));
  if (present.deletedAt !== undefined) return fail(beingDeleted(id));
  return ok(scaled(present, instances, version));
}

export function remove(
  present: App | undefined,
  { id, wall, version }: { readonly id: string; readonly wall: number; readonly version: () => string },
): Result<Change, Refusal> {
  if (present === undefined) return fail(notThere(id));
  if (present.deletedAt !== undefined) return ok({ app: present, kind: undefined });
  return ok({ app: { ...present, version: version(), deletedAt: wall }, kind: "delete" });
}

export const notThere = (id: string): Refusal => refusal("not-found", `App '${id}' does not exist`);

const beingDeleted = (id: string): Refusal =>
  refusal("conflict", `App '${id}' is being deleted: try again when its tasks have ended`);

const scaled = (present: App, instances: number, version: () => string): Change =>
  present.definition.instances === instances
    ? { app: present, kind: undefined }
    : {
        app: {
          definition: { ...present.definition, instances },
          version: version(),
          configVersion: present.configVersion,
        },
        kind: "scale",
      };

function sameConfiguration(a: AppDefinition, b: AppDefinition): boolean {
  return canonical({ ...a, instances: 0 }) === canonical({ ...b, instances: 0 });
}

/** Independent of the order in which the properties were given. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_key, each: unknown) =>
    typeof each === "object" && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  );
