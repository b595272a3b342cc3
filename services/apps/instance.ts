import type { Attributes } from "#protocol/resources.js";
import { seenAttributes } from "#libs/core/constraint.js";
import { portList } from "#libs/core/resources.js";
import type { FrameworkTask, TaskPhase } from "#libs/framework/scheduler.js";
import type { TaskData } from "./record.js";

/** One copy of an app: a task of it that has not ended. */
export interface Instance {
  readonly id: string;
  readonly agent: string;
  readonly host: string;
  readonly phase: TaskPhase;
  /** Version of the app that it was launched with. */
  readonly version: string;
  readonly configVersion: string;
  /** Of its agent, `@agent` and `@host` among them. */
  readonly attributes: Attributes;
  readonly ports: readonly number[];
  readonly isChecked: boolean;
  /** Absent without a check or before its first answer. */
  readonly healthy: boolean | undefined;
  /** Monotonic ms. */
  readonly unreachableSince: number | undefined;
  /** Its agent is to be empty: it serves until another one does in its place. */
  readonly isLeaving: boolean;
  /** Wall ms: for people, and to tell the elder. */
  readonly stagedAt: number;
  /** Monotonic ms of the same. */
  readonly launchedAt: number;
  /** Wall ms of its agent. */
  readonly startedAt: number | undefined;
  readonly message: string | undefined;
  /** It was asked to end, by us or by its agent: it counts no more, but still takes room. */
  readonly isEnding: boolean;
}

export function instanceOf(task: FrameworkTask, data: TaskData, isCondemned: boolean): Instance {
  const { spec, agent, host, phase, latest } = task;
  return {
    id: spec.id,
    agent,
    host,
    phase,
    version: data.app.version,
    configVersion: data.app.configVersion,
    attributes: seenAttributes({ id: agent, host, attributes: data.where.attributes }),
    ports: portList(spec.resources.ports),
    isChecked: spec.healthCheck !== undefined,
    healthy: latest?.healthy,
    unreachableSince: task.unreachableSince,
    isLeaving: task.draining !== undefined,
    stagedAt: task.launchedAt.wall,
    launchedAt: task.launchedAt.mono,
    startedAt: task.startedAt,
    message: latest?.message,
    isEnding: isCondemned || phase === "killing",
  };
}

const startingPhases: ReadonlySet<TaskPhase> = new Set(["launching", "staging", "starting"]);

export const isStarting = ({ phase }: Instance): boolean => startingPhases.has(phase);

export const isUnreachable = ({ unreachableSince }: Instance): boolean => unreachableSince !== undefined;

/** It runs, can be reached, and is healthy where it is checked. */
export const serves = (instance: Instance): boolean =>
  instance.phase === "running" &&
  !instance.isEnding &&
  !isUnreachable(instance) &&
  (!instance.isChecked || instance.healthy === true);

/** Monotonic ms at which it is given up, that is: replaced, unless its agent returns before. */
export const givenUpAt = ({ unreachableSince }: Instance, replaceAfterMs: number): number =>
  unreachableSince === undefined ? Number.POSITIVE_INFINITY : unreachableSince + replaceAfterMs;
