import { type Static, Type } from "typebox";
import { App } from "#protocol/app.js";
import { type Codec, codec } from "#protocol/codec.js";
import { decodeId, encodeId } from "#protocol/ids.js";
import { Attributes } from "#protocol/resources.js";
import { type Tombstone, tombstoneKey, tombstones } from "#libs/framework/graves.js";

/** What changes an app: it begins with a request, and ends when the app is settled or gone. */
export const Deployment = Type.Object({
  id: Type.String(),
  version: Type.String(),
  kind: Type.Enum(["create", "update", "scale", "delete"]),
  since: Type.Number({ description: "wall ms" }),
});
export type Deployment = Static<typeof Deployment>;

export const LastFailure = Type.Object({
  task: Type.String(),
  state: Type.String(),
  message: Type.String(),
  host: Type.String(),
  at: Type.Number({ description: "wall ms" }),
});
export type LastFailure = Static<typeof LastFailure>;

/** One app as it is stored, under `app.<id>`: the next leader goes on from it. */
export const AppRecord = Type.Object({
  app: App,
  deployment: Type.Optional(Deployment),
  lastFailure: Type.Optional(LastFailure),
  /** Failures in a row of the present configuration: the next leader goes on backing off. */
  failures: Type.Integer({ minimum: 0 }),
});
export type AppRecord = Static<typeof AppRecord>;

/** What each task carries of its app: with it an app is adopted after the loss of the bucket. */
export const TaskData = Type.Object({
  app: App,
  where: Type.Object({ attributes: Attributes }),
});
export type TaskData = Static<typeof TaskData>;

const records = codec(AppRecord);
const taskData = codec(TaskData);

export const appKey = (id: string): string => `app.${encodeId(id)}`;

export interface Loaded {
  readonly records: readonly AppRecord[];
  readonly tombstones: readonly Tombstone[];
  /** Keys of ours that hold something else: left alone, and said. */
  readonly unreadable: readonly string[];
}

/** Reads what the bucket holds of ours; the SDK's keys are not looked at. */
export function loadedFrom(entries: ReadonlyMap<string, unknown>): Loaded {
  const loaded = {
    records: [] as AppRecord[],
    tombstones: [] as Tombstone[],
    unreadable: [] as string[],
  };
  const read = <T>(key: string, shape: Codec<T>, value: unknown, into: T[], keyOf: (found: T) => string) => {
    const checked = shape.check(value);
    if (checked.ok && keyOf(checked.value) === key) into.push(checked.value);
    else loaded.unreadable.push(key);
  };
  for (const [key, value] of entries) {
    if (decodeId(key.slice(key.indexOf(".") + 1)) === undefined) continue;
    if (key.startsWith("app."))
      read(key, records, value, loaded.records, ({ app }) => appKey(app.definition.id));
    else if (key.startsWith("deleted."))
      read(key, tombstones, value, loaded.tombstones, ({ id }) => tombstoneKey(id));
  }
  return loaded;
}

/** The app that a task says it belongs to; undefined when it is no task of ours. */
export function taskDataOf(text: string | undefined): TaskData | undefined {
  if (text === undefined) return undefined;
  const decoded = taskData.decode(new TextEncoder().encode(text));
  return decoded.ok ? decoded.value : undefined;
}

export const encodeTaskData = (data: TaskData): string => JSON.stringify(data);
