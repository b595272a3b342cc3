import type { JournalRecord } from "#services/agent/records.js";
import type { Breach } from "./breaches.js";

type Accepted = Extract<JournalRecord, { readonly type: "accepted" }>;
type DrainRecord = Extract<JournalRecord, { readonly type: "drain" }>;

export interface EndsRuleOptions {
  readonly breach: Breach;
  /** Virtual ms. */
  readonly now: () => number;
  /** The world's wall clock when virtual time began. */
  readonly wallAtStart: number;
  /** Somebody has set a clock: a deadline may have come at any time. */
  readonly clocksWereSet: () => boolean;
}

/** For so long a drained host ends what it has. Virtual ms. */
interface Clearance {
  readonly from: number;
  until: number;
}

interface Owned {
  readonly framework: string;
  readonly since: number;
}

/**
 * R8 Nobody's death ends a running task: a signal is only sent to a task that its framework, or an operator, wanted to end there. An
 * operator's wish is that a framework goes, with all its tasks on the agent that is told so; or that an agent is empty by a deadline:
 * then what it has when the deadline has passed, until it takes tasks again, and nothing that came later.
 */
export class EndsRule {
  readonly #options: EndsRuleOptions;
  /** `host task` */
  readonly #wanted = new Set<string>();
  readonly #owned = new Map<string, Owned>();
  /** `host framework` */
  readonly #removed = new Set<string>();
  /** Hosts that an operator wanted to be empty by some deadline. */
  readonly #limited = new Set<string>();
  readonly #clearances = new Map<string, Clearance[]>();

  constructor(options: EndsRuleOptions) {
    this.#options = options;
  }

  /** A framework's kill is on its way. */
  killAsked(host: string, task: string): void {
    this.#wanted.add(`${host} ${task}`);
  }

  /** All tasks of a framework on a host are to end: the order is on its way. */
  frameworkRemoved(host: string, framework: string): void {
    this.#removed.add(`${host} ${framework}`);
  }

  /** An operator's wish, with a deadline, is on its way to the leader. */
  drainAsked(host: string): void {
    this.#limited.add(host);
  }

  /** The host answers for these tasks from now on. */
  accepted(host: string, { framework, tasks }: Accepted): void {
    for (const { id } of tasks) this.#owned.set(`${host} ${id}`, { framework, since: this.#options.now() });
  }

  /** The host knows of the wish. */
  drainRecorded(host: string, { draining, at, deadlineInMs }: DrainRecord): void {
    const { now, wallAtStart } = this.#options;
    const clearances = this.#clearances.get(host) ?? [];
    const last = clearances.at(-1);
    if (last !== undefined) last.until = Math.min(last.until, now());
    if (draining && deadlineInMs !== undefined && this.#limited.has(host))
      clearances.push({ from: at - wallAtStart + deadlineInMs - roundedMs, until: Number.POSITIVE_INFINITY });
    this.#clearances.set(host, clearances);
  }

  signalled(host: string, task: string): void {
    const key = `${host} ${task}`;
    if (this.#wanted.has(key)) return;
    const owned = this.#owned.get(key);
    if (owned !== undefined && this.#isOperatorsWish(host, owned)) return void this.#wanted.add(key);
    this.#options.breach(`R8: agent ${host} ends task ${task}, which nobody wanted to end`);
  }

  #isOperatorsWish(host: string, { framework, since }: Owned): boolean {
    const { now, clocksWereSet } = this.#options;
    if (this.#removed.has(`${host} ${framework}`)) return true;
    return (this.#clearances.get(host) ?? []).some(
      ({ from, until }) => since < until && (from <= now() || clocksWereSet()),
    );
  }
}

/** A clock tells whole ms. */
const roundedMs = 1;
