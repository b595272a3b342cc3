import { isTerminal } from "#libs/core/task-state.js";
import type { Instant } from "#libs/core/time.js";
import type { TaskStatus } from "#protocol/task.js";
import type { FrameworkEffect } from "./effects.js";
import type { TermIds } from "./ids.js";
import type { Launches } from "./launches.js";
import { isLast } from "./scheduler.js";
import type { Tasks } from "./tasks.js";

export interface FindingsOptions {
  /** Identity of our bucket. */
  readonly bucket: string;
  readonly ids: TermIds;
  readonly tasks: Tasks;
  readonly launches: Launches;
  readonly send: (effect: FrameworkEffect) => void;
  readonly kill: (agent: string, task: string) => void;
  readonly resign: (reason: string, epoch: number) => void;
}

/**
 * What an agent's answer to reconcile means for each task that it has, or has not.
 *
 * | | the agent runs it | it has ended there | the agent does not know it |
 * |---|---|---|---|
 * | we know it | what the agent says | what the agent says | lost |
 * | we gave it up | killed | forgotten | forgotten |
 * | not in our store, but of our bucket | left alone, and said | nothing | |
 * | of another bucket: ours was lost | adopted | nothing | |
 */
export class Findings {
  readonly #options: FindingsOptions;

  constructor(options: FindingsOptions) {
    this.#options = options;
  }

  /** Tasks that the agent must know by now. */
  expectedOn(agent: string): string[] {
    const { tasks, launches } = this.#options;
    return [...tasks.onAgent(agent)].filter((id) => launches.isExpected(id));
  }

  found(at: Instant, agent: string, statuses: readonly TaskStatus[]): void {
    const { tasks, kill } = this.#options;
    const strange: TaskStatus[] = [];
    for (const status of statuses) {
      const { spec, latest, startedAt } = status;
      const task = tasks.all.get(spec.id);
      if (task === undefined) strange.push(status);
      else if (task.agent !== agent) continue;
      else if (!isLast(task.phase)) tasks.update(at, latest, startedAt);
      else if (task.phase === "lost" && !isTerminal(latest.state)) kill(agent, spec.id);
    }
    if (strange.length > 0) this.#notKnown(at, agent, strange);
  }

  /** The agent has said all: `missing` it ought to know, and does not. */
  told(at: Instant, agent: string, missing: readonly string[], seen: ReadonlySet<string>): void {
    const { tasks, launches } = this.#options;
    for (const id of missing) {
      const message =
        tasks.all.get(id)?.phase === "launching"
          ? `it never came to agent ${agent}: it was not launched`
          : `agent ${agent} does not know it any more`;
      tasks.change(at, id, { phase: "lost", message });
    }
    for (const id of launches.deletedOn(agent)) if (!seen.has(id)) launches.forget(id);
  }

  #notKnown(at: Instant, agent: string, statuses: readonly TaskStatus[]): void {
    const { bucket, ids, launches, kill, resign } = this.#options;
    const deleted = launches.deletedOn(agent);
    const strange: TaskStatus[] = [];
    for (const status of statuses) {
      const { id } = status.spec;
      const isOver = isTerminal(status.latest.state);
      if (!deleted.has(id)) {
        if (!isOver) strange.push(status);
      } else if (isOver) launches.forget(id);
      else kill(agent, id);
    }
    const epochs = strange.flatMap(({ spec }) => ids.epochAbove(spec.id) ?? []);
    if (epochs.length > 0) return resign(`tasks of a later term run on ${agent}`, Math.max(...epochs));
    this.#leaveAlone(
      agent,
      strange.filter(({ spec }) => spec.bucket === bucket),
    );
    this.#adopt(
      at,
      agent,
      strange.filter(({ spec }) => spec.bucket !== bucket),
    );
  }

  #leaveAlone(agent: string, statuses: readonly TaskStatus[]): void {
    if (statuses.length === 0) return;
    this.#say("an agent runs tasks that are not in the store; they are left alone", agent, statuses);
  }

  #adopt(at: Instant, agent: string, statuses: readonly TaskStatus[]): void {
    const first = statuses[0];
    if (first === undefined) return;
    const { tasks, launches } = this.#options;
    this.#say("adopting tasks of a bucket that was lost", agent, statuses);
    launches.adopt(
      at,
      agent,
      first.host,
      statuses.map(({ spec }) => spec),
    );
    for (const { latest, startedAt } of statuses) tasks.update(at, latest, startedAt);
  }

  #say(message: string, agent: string, statuses: readonly TaskStatus[]): void {
    const tasks = statuses.slice(0, 10).map(({ spec }) => spec.id);
    const fields = { agent, count: statuses.length, tasks };
    this.#options.send({ type: "say", level: "warn", message, fields });
  }
}
