import type { HealthCheck } from "#protocol/task.js";
import { DueTimes } from "#libs/core/due-times.js";
import { portList } from "#libs/core/resources.js";
import type { Instant } from "#libs/core/time.js";
import type { AgentEffect } from "./events.js";
import { isRunning, type Task } from "./task.js";

interface Watch {
  readonly task: Task;
  readonly check: HealthCheck;
  /** When it began, mono: grace counts from here. */
  readonly since: number;
  probe: number;
  isAsking: boolean;
  failures: number;
  rampMs: number;
  /** What was said last; undefined before the first answer that counts. */
  healthy: boolean | undefined;
}

export interface HealthOptions {
  readonly emit: (effect: AgentEffect) => void;
  readonly host: string;
  /** The framework and the registry shall know. */
  readonly changed: (at: Instant, task: Task, healthy: boolean, message: string) => void;
  /** Enough failures in a row. */
  readonly unhealthy: (at: Instant, task: Task, message: string) => void;
}

/**
 * Asks running tasks that have a check whether they do their work.
 *
 * - H1 One question at a time, every `intervalMs`; one that is due while the last is not answered is left out.
 * - H2 Before the first success and within the grace a failure does not count, and questions come sooner, from `rampFirstMs`
 *   on and growing: a service is found when it answers, not an interval later.
 * - H3 The first success, and each change after, is told; `failuresMax` failures in a row end the task.
 */
export class Health {
  readonly #options: HealthOptions;
  readonly #watches = new Map<string, Watch>();
  readonly #due = new DueTimes<string>();

  constructor(options: HealthOptions) {
    this.#options = options;
  }

  taskChanged(at: Instant, task: Task): void {
    const { id, healthCheck: check } = task.spec;
    if (check === undefined) return;
    if (!isRunning(task) || task.phase !== "alive") {
      this.#watches.delete(id);
      this.#due.delete(id);
    } else if (!this.#watches.has(id)) {
      const { healthy } = task.latest;
      this.#watches.set(id, {
        task,
        check,
        since: at.mono,
        probe: 0,
        isAsking: false,
        failures: 0,
        rampMs: rampFirstMs,
        healthy,
      });
      this.#due.set(id, at.mono + (healthy === undefined ? rampFirstMs : 0));
    }
  }

  probed(at: Instant, id: string, probe: number, healthy: boolean, message: string): void {
    const watch = this.#watches.get(id);
    if (watch === undefined || watch.probe !== probe || !watch.isAsking) return;
    watch.isAsking = false;
    if (healthy) this.#succeeded(at, watch, message);
    else if (watch.healthy !== undefined || at.mono - watch.since >= watch.check.graceMs)
      this.#failed(at, watch, message);
  }

  tick(at: Instant): void {
    for (const id of this.#due.take(at.mono)) this.#ask(at, this.#watches.get(id)!);
  }

  nextDeadline(): number {
    return this.#due.earliest();
  }

  #ask(at: Instant, watch: Watch): void {
    const { task, check } = watch;
    this.#due.set(task.spec.id, at.mono + this.#pauseMs(at, watch));
    if (watch.isAsking) return;
    watch.isAsking = true;
    this.#options.emit({
      type: "probeTask",
      kind: task.spec.workload.kind,
      task: task.spec.id,
      probe: ++watch.probe,
      check,
      host: this.#options.host,
      port: portList(task.spec.resources.ports)[check.port ?? 0] ?? 0,
    });
  }

  #pauseMs(at: Instant, watch: Watch): number {
    const { intervalMs, graceMs } = watch.check;
    if (watch.healthy !== undefined || at.mono - watch.since >= graceMs) return intervalMs;
    watch.rampMs *= 2;
    return Math.min(intervalMs, watch.rampMs);
  }

  #succeeded(at: Instant, watch: Watch, message: string): void {
    watch.failures = 0;
    this.#say(at, watch, true, message);
  }

  #failed(at: Instant, watch: Watch, message: string): void {
    watch.failures++;
    const { failuresMax } = watch.check;
    this.#say(at, watch, false, message);
    if (failuresMax === 0 || watch.failures < failuresMax) return;
    this.#options.unhealthy(at, watch.task, `${tooManyText(watch.failures, failuresMax - 1)}: ${message}`);
  }

  #say(at: Instant, watch: Watch, healthy: boolean, message: string): void {
    if (watch.healthy === healthy) return;
    watch.healthy = healthy;
    this.#options.changed(at, watch.task, healthy, message);
  }
}

/** `2 checks in a row failed, and no more than 1 may`: frameworks count those that are let pass (Marathon's rule), or those that end a task. */
function tooManyText(failures: number, letPass: number): string {
  if (failures === 1) return "1 check failed";
  return `${failures} checks in a row failed, and no more than ${letPass} may`;
}

const rampFirstMs = 50;
