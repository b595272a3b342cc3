import type { Run } from "#protocol/job.js";
import type { AppView } from "#protocol/app.js";
import { isTransient, refusalOf } from "./cluster.js";

export type Wish = "absent" | { readonly instances: number; readonly version: string };
type Change = "absent" | Partial<Exclude<Wish, "absent">>;

/**
 * What was asked for, and what may therefore be so: what was answered is so; what was not answered may or may not have been done. What
 * was answered and is not so was lost.
 */
export class Wishes {
  /** What each app may be. Not mentioned: absent. */
  readonly #possible = new Map<string, readonly Wish[]>();
  readonly started: StartedRun[] = [];
  readonly #stopped = new Set<string>();
  readonly #drained = new Set<string>();
  #jobs = 0;

  /** Asks for a change of an app, and takes down what is known of it then. */
  async ask<T extends Change>(id: string, change: T, ask: (change: T) => Promise<unknown>): Promise<void> {
    const before = this.#possible.get(id) ?? ["absent"];
    const after = before.map((wish) => changed(wish, change));
    try {
      await ask(change);
      // What is not there can only be made by a whole wish.
      this.#possible.set(id, after);
    } catch (cause) {
      if (isTransient(cause)) this.#possible.set(id, [...before, ...after]);
      else if (refusalOf(cause) === "not-found") this.#possible.set(id, ["absent"]);
      else if (refusalOf(cause) !== "conflict") throw cause;
    }
  }

  /** Starts a run of a new job: what was answered has to come to its end. */
  async start(submit: (job: string) => Promise<string>): Promise<StartedRun | undefined> {
    const job = `demo.job-${++this.#jobs}`;
    try {
      const started = { job, run: await submit(job) };
      this.started.push(started);
      return started;
    } catch (cause) {
      if (!isTransient(cause)) throw cause;
      return undefined;
    }
  }

  /** Stops a run: what was answered counts for good. One that had ended before is as it was. */
  async stop(run: string, ask: () => Promise<Run>): Promise<void> {
    if ((await ask()).completedAt === undefined) this.#stopped.add(run);
  }

  /** In words, what is wrong about a run that has ended; undefined when nothing is. */
  faultOfRun({ id, job, stopRequested }: Pick<Run, "id" | "job" | "stopRequested">): string | undefined {
    if (stopRequested || !this.#stopped.has(id)) return undefined;
    return `run ${id} of ${job} was stopped, as was answered, and does not know of it`;
  }

  /** Agents that may be drained. One that is not known yet cannot be. */
  get drained(): string[] {
    return [...this.#drained];
  }

  async drain(agent: string, ask: () => Promise<unknown>): Promise<void> {
    this.#drained.add(agent);
    try {
      await ask();
    } catch (cause) {
      if (refusalOf(cause) !== "not-found") throw cause;
    }
  }

  async activate(agent: string, ask: () => Promise<unknown>): Promise<void> {
    try {
      await ask();
      this.#drained.delete(agent);
    } catch (cause) {
      if (refusalOf(cause) !== "not-found") throw cause;
    }
  }

  /** In words what is not as it may be; undefined when all is. */
  faultOf(apps: readonly AppView[]): string | undefined {
    for (const [id, possible] of this.#possible) {
      const view = apps.find(({ app }) => app.definition.id === id);
      const found = view === undefined ? "absent" : wishOf(view);
      const texts = new Set(possible.map(wishText));
      if (!texts.has(wishText(found)))
        return `${id} is ${wishText(found)}, and may be ${[...texts].join(" or ")} after what was asked and answered`;
    }
    return undefined;
  }
}

export interface StartedRun {
  readonly job: string;
  readonly run: string;
}

const wishOf = ({ app: { definition } }: AppView): Wish => ({
  instances: definition.instances,
  version: definition.env?.["VERSION"] ?? "",
});

const wishText = (wish: Wish): string =>
  wish === "absent" ? "absent" : `${wish.instances} of version ${wish.version}`;

function changed(wish: Wish, change: Change): Wish {
  if (change === "absent") return "absent";
  const { instances, version } = change;
  if (instances !== undefined && version !== undefined) return { instances, version };
  return wish === "absent" ? "absent" : { ...wish, ...change };
}
