import type { DrainOrder } from "#protocol/agent.js";
import { never, type Instant } from "#libs/core/time.js";
import { countText, secondsText } from "#libs/core/words.js";
import type { Kills } from "./kills.js";
import type { News } from "./news.js";
import type { Recorder } from "./recorder.js";
import type { JournalRecord } from "./records.js";
import { hasEnded } from "./task.js";
import type { Tasks } from "./tasks.js";

export type DrainRecord = Extract<JournalRecord, { readonly type: "drain" }>;

export interface DrainOptions {
  readonly tasks: Pick<Tasks, "all">;
  readonly kills: Pick<Kills, "ask">;
  readonly recorder: Pick<Recorder, "add">;
  readonly news: Pick<News, "agent">;
}

/**
 * What an operator last wanted of this agent. While it drains nothing new is launched; frameworks move their tasks, and what is
 * left at the deadline is ended here, whether or not anybody leads or schedules then.
 *
 * - D1 Of two orders the one with the higher number holds; the same one again puts no deadline off.
 * - D2 An order is in the journal, deadline included, before it is answered: it outlives the process and the host.
 * - D3 The deadline counts on the monotonic clock. After a restart it never has more left than was given.
 */
export class Drain {
  readonly #options: DrainOptions;
  #record: DrainRecord | undefined;
  /** Monotonic ms. */
  #deadline = never;
  /** What still runs was ended. */
  #isOver = false;

  constructor(options: DrainOptions) {
    this.#options = options;
  }

  get isDraining(): boolean {
    return this.#record?.draining === true;
  }

  /** As it is in the journal. */
  get record(): DrainRecord | undefined {
    return this.#record;
  }

  ordered(at: Instant, { number, draining, deadlineInMs }: DrainOrder): void {
    if (number <= (this.#record?.number ?? 0)) return;
    const deadline = deadlineInMs === undefined ? {} : { deadlineInMs };
    this.#record = { type: "drain", number, draining, at: at.wall, ...deadline };
    this.#deadline = draining && deadlineInMs !== undefined ? at.mono + deadlineInMs : never;
    this.#isOver = false;
    this.#options.recorder.add(this.#record);
    this.tick(at);
  }

  /** It was ordered before this process began. */
  restore(at: Instant, record: DrainRecord): void {
    this.#record = record;
    const { draining, deadlineInMs } = record;
    if (!draining || deadlineInMs === undefined) return;
    const leftMs = Math.max(0, record.at + deadlineInMs - at.wall);
    this.#deadline = at.mono + Math.min(deadlineInMs, leftMs);
  }

  /** For a leader who may know less. */
  order(at: Instant): DrainOrder | undefined {
    if (this.#record === undefined) return undefined;
    const { number, draining } = this.#record;
    const leftMs = Math.ceil(Math.max(0, this.#deadline - at.mono));
    return { number, draining, ...(this.#deadline !== never && { deadlineInMs: leftMs }) };
  }

  tick(at: Instant): void {
    if (this.#isOver || at.mono < this.#deadline) return;
    this.#isOver = true;
    const { tasks, kills, news } = this.#options;
    const live = [...tasks.all()].filter((task) => !hasEnded(task));
    const given = secondsText(this.#record?.deadlineInMs ?? 0);
    const message = `its agent is drained, and the deadline of ${given} has passed`;
    for (const task of live) kills.ask(at, task, { reason: "drained", message });
    if (live.length > 0)
      news.agent(
        at,
        "drain-deadline",
        `${countText(live.length, "task")} of a draining agent end: ${message}`,
      );
  }

  nextDeadline(): number {
    return this.#isOver ? never : this.#deadline;
  }
}
