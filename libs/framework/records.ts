import type { Instant } from "#libs/core/time.js";
import type { TaskSpec } from "#protocol/task.js";
import type { LaunchRecord } from "./effects.js";
import type { HeldOffer } from "./events.js";
import { launchPrefix } from "./ids.js";
import type { Session } from "#protocol/offer.js";

/**
 * One accept and what became of it.
 *
 * - storing: its record is being written; nothing was sent.
 * - asking: the accept is under way. waiting: no answer came; it is asked again.
 * - answered: each task has its answer. earlier: of a former session or term: reconciling with the agent decides.
 */
export interface Launch {
  readonly key: string;
  readonly agent: string;
  readonly host: string;
  readonly offer: string;
  readonly at: Instant;
  readonly specs: ReadonlyMap<string, TaskSpec>;
  state: "storing" | "asking" | "waiting" | "answered" | "earlier";
  readonly held: HeldOffer | undefined;
  readonly session: Session | undefined;
  /** Tasks that are not let go. */
  readonly left: Set<string>;
  /** Tasks that were given up while nobody could be asked about them. */
  readonly deleted: Set<string>;
  firstAskedAt: number;
  /** For how long the rest of the offer is not wanted: decided when it is first asked. */
  filterMs: number | undefined;
  failures: number;
  /** Some attempt may have been handled. */
  isUnsure: boolean;
  /** The leader has the offer back. */
  isDeclined: boolean;
}

export const recordOf = ({ agent, host, offer, at, specs, deleted }: Launch): LaunchRecord => ({
  agent,
  host,
  offer,
  at: at.wall,
  tasks: [...specs.values()],
  ...(deleted.size > 0 && { deleted: [...deleted] }),
});

type NewLaunch = Pick<Launch, "key" | "agent" | "host" | "offer" | "at" | "state"> &
  Partial<Pick<Launch, "held" | "session">>;

export function newLaunch(launch: NewLaunch, specs: readonly TaskSpec[]): Launch {
  return {
    held: undefined,
    session: undefined,
    ...launch,
    specs: new Map(specs.map((spec) => [spec.id, spec])),
    left: new Set(specs.map(({ id }) => id)),
    deleted: new Set(),
    firstAskedAt: launch.at.mono,
    filterMs: undefined,
    failures: 0,
    isUnsure: false,
    isDeclined: false,
  };
}

/** The launches that are stored, and the keys of records that cannot be read: those are left alone. */
export function launchesIn(
  loaded: ReadonlyMap<string, unknown>,
  now: Instant,
): { readonly launches: Launch[]; readonly unreadable: string[] } {
  const launches: Launch[] = [];
  const unreadable: string[] = [];
  for (const [key, value] of loaded) {
    if (!key.startsWith(launchPrefix)) continue;
    if (isRecord(value)) launches.push(launchOf(key, value, now));
    else unreadable.push(key);
  }
  return { launches, unreadable };
}

function launchOf(key: string, record: LaunchRecord, now: Instant): Launch {
  const { agent, host, offer, tasks, deleted = [] } = record;
  const at = { wall: record.at, mono: now.mono - Math.max(0, now.wall - record.at) };
  const launch = newLaunch({ key, agent, host, offer, at, state: "earlier" }, tasks);
  for (const task of deleted) {
    launch.deleted.add(task);
    launch.left.delete(task);
  }
  return launch;
}

function isRecord(value: unknown): value is LaunchRecord {
  if (typeof value !== "object" || value === null) return false;
  const { agent, host, at, tasks } = value as Record<string, unknown>;
  return (
    typeof agent === "string" && typeof host === "string" && typeof at === "number" && Array.isArray(tasks)
  );
}
