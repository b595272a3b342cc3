import { type Static, Type } from "typebox";

/** First and last port of a range, both included. */
export const PortRange = Type.Tuple([
  Type.Integer({ minimum: 0, maximum: 65535 }),
  Type.Integer({ minimum: 0, maximum: 65535 }),
]);
export type PortRange = Static<typeof PortRange>;

/**
 * What a host has, an offer holds or a task takes. Scalars are integers in thousandths, so that sums are exact:
 * `{ cpus: 500, mem: 128000 }` is half a core and 128 MiB. Well-known names: `cpus` (cores), `mem` and `disk` (MiB), `gpus`;
 * any other name is a resource of the operator's own. A name that is absent is 0. In a task the order of `ports` is the
 * order of PORT0, PORT1, …
 */
export const Resources = Type.Object(
  {
    scalars: Type.Record(
      Type.String({ pattern: "^[a-z][a-z0-9_.-]{0,31}$" }),
      Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
    ),
    ports: Type.Array(PortRange, { maxItems: 4096 }),
  },
  { $id: "Resources" },
);
export type Resources = Static<typeof Resources>;

/** Compares one attribute of an agent. All constraints of a list must hold. */
export const Constraint = Type.Object(
  {
    attribute: Type.String({
      minLength: 1,
      description: "name of an agent's attribute, or `@host`, `@agent`",
    }),
    operator: Type.Enum(["is", "is-not", "like", "unlike", "exists"], {
      description:
        "is, is-not: the text is equal or not; like, unlike: a regular expression matches the whole text or does not; exists: any value",
    }),
    value: Type.Optional(Type.String()),
  },
  { $id: "Constraint" },
);
export type Constraint = Static<typeof Constraint>;

/** Name and text of what is said about a host: `{ rack: "a" }`. */
export const Attributes = Type.Record(
  Type.String({ pattern: "^[A-Za-z0-9@][A-Za-z0-9_.@-]{0,63}$" }),
  Type.String({ maxLength: 256 }),
);
export type Attributes = Static<typeof Attributes>;
