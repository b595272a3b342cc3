import { type Static, Type } from "typebox";
import { AgentInfo, Use } from "#protocol/agent.js";
import { type Codec, codec } from "#protocol/codec.js";
import { encodeId, FrameworkId, RoleName } from "#protocol/ids.js";
import { Resources } from "#protocol/resources.js";

/** What outlives a leader: one key an entity in the bucket `master`. Offers and shares are not among it: agents register again. */

/** The last order of an operator about an agent; kept when it drains no more, for its number. */
export const DrainRecord = Type.Object({
  number: Type.Integer({ minimum: 1 }),
  draining: Type.Boolean(),
  since: Type.Number({ description: "wall ms" }),
  deadlineMs: Type.Optional(Type.Number({ description: "from `since`" })),
  drainedAt: Type.Optional(Type.Number({ description: "wall ms: nothing ran there any more" })),
});
export type DrainRecord = Static<typeof DrainRecord>;

export const AgentRecord = Type.Object({
  info: AgentInfo,
  generation: Type.Integer(),
  bootId: Type.String(),
  registeredAt: Type.Number(),
  lostAt: Type.Optional(
    Type.Number({ description: "wall ms of when it was declared unreachable last; it may be back" }),
  ),
  use: Type.Array(Use),
  goneAt: Type.Optional(Type.Number({ description: "wall ms of when it was removed" })),
  standing: Type.Enum(["known", "unreachable", "gone"]),
  drain: Type.Optional(DrainRecord),
});
export type AgentRecord = Static<typeof AgentRecord>;

export const FrameworkRecord = Type.Object({
  id: FrameworkId,
  role: RoleName,
  name: Type.String(),
  failoverTimeoutMs: Type.Optional(Type.Integer()),
  removed: Type.Boolean({ description: "its tasks are to end; kept until no agent has any" }),
});
export type FrameworkRecord = Static<typeof FrameworkRecord>;

export const RoleRecord = Type.Object({
  name: RoleName,
  weight: Type.Number({ exclusiveMinimum: 0 }),
  limit: Type.Optional(Resources),
});
export type RoleRecord = Static<typeof RoleRecord>;

/** Of the bucket itself. Whom it does not know although it is older than the life of what is gone was heard by no leader for so long. */
export const RegistryRecord = Type.Object({
  madeAt: Type.Number({ description: "wall ms" }),
  replacesLost: Type.Optional(Type.Boolean({ description: "agents are older than it: the former was lost" })),
});
export type RegistryRecord = Static<typeof RegistryRecord>;

export const registryKey = "registry";
export const agentKey = (id: string): string => `agent.${encodeId(id)}`;
export const frameworkKey = (id: string): string => `framework.${encodeId(id)}`;
export const roleKey = (name: string): string => `role.${encodeId(name)}`;

export interface Registry {
  readonly agents: readonly AgentRecord[];
  readonly frameworks: readonly FrameworkRecord[];
  readonly roles: readonly RoleRecord[];
  /** Wall ms of when the bucket was made; undefined: by this term. */
  readonly madeAt?: number | undefined;
  readonly replacesLost?: boolean | undefined;
  /** Keys whose value is none of ours, and what is wrong with it. */
  readonly unreadable: readonly { readonly key: string; readonly faults: readonly object[] }[];
}

export const emptyRegistry: Registry = { agents: [], frameworks: [], roles: [], unreadable: [] };

const agentRecord = codec(AgentRecord);
const frameworkRecord = codec(FrameworkRecord);
const roleRecord = codec(RoleRecord);
const registryRecord = codec(RegistryRecord);

/** Sorted by key, so that one content of the bucket makes one state. */
export function registryOf(entries: ReadonlyMap<string, unknown>): Registry {
  const agents: AgentRecord[] = [];
  const frameworks: FrameworkRecord[] = [];
  const roles: RoleRecord[] = [];
  const made: RegistryRecord[] = [];
  const unreadable: { key: string; faults: readonly object[] }[] = [];
  const read = <T>(codec: Codec<T>, into: T[], key: string, value: unknown) => {
    const checked = codec.check(value);
    if (checked.ok) into.push(checked.value);
    else unreadable.push({ key, faults: checked.error.faults });
  };
  for (const key of [...entries.keys()].toSorted()) {
    const value = entries.get(key);
    if (key.startsWith("agent.")) read(agentRecord, agents, key, value);
    else if (key.startsWith("framework.")) read(frameworkRecord, frameworks, key, value);
    else if (key.startsWith("role.")) read(roleRecord, roles, key, value);
    else if (key === registryKey) read(registryRecord, made, key, value);
    else unreadable.push({ key, faults: [] });
  }
  return { agents, frameworks, roles, unreadable, ...made[0] };
}
