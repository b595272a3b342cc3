import type { FrameworkEvent } from "#libs/framework/events.js";
import { isLast } from "#libs/framework/scheduler.js";
import type { WatchFramework } from "#libs/framework/service.js";
import type { Breach } from "./breaches.js";

type Updated = Extract<FrameworkEvent, { readonly type: "updated" }>;
type Views = Parameters<WatchFramework>[0];

/**
 * R5 at the framework: what it believes of a task never goes back to an earlier update, whatever comes twice or late; and what it has
 * acknowledged it knows, or the task is not its own, or is over for it.
 */
export class FrameworksRule {
  readonly #breach: Breach;

  constructor(breach: Breach) {
    this.#breach = breach;
  }

  /** Of one process; each of its terms begins with nothing. */
  watch(process: string): WatchFramework {
    return ({ tasks }) => {
      const latest = new Map<string, number>();
      const open = new Map<number, Updated>();
      return (event, effects) => {
        if (event.type === "updated") open.set(event.delivery, event);
        for (const id of touchedBy(event)) this.#looks(process, tasks, id, latest);
        for (const effect of effects)
          if (effect.type === "acknowledge")
            for (const number of effect.deliveries) {
              this.#acknowledges(process, tasks, open.get(number));
              open.delete(number);
            }
      };
    };
  }

  #looks(process: string, tasks: Views["tasks"], id: string, latest: Map<string, number>): void {
    const now = tasks.get(id)?.latest?.number;
    const before = latest.get(id) ?? 0;
    if (now === undefined) return;
    if (now < before) this.#breach(`R5: ${process} takes update ${now} of task ${id} after ${before}`);
    latest.set(id, now);
  }

  #acknowledges(process: string, tasks: Views["tasks"], delivery: Updated | undefined): void {
    for (const { task: id, number } of delivery?.updates ?? []) {
      const task = tasks.get(id);
      if (task === undefined || task.agent !== delivery?.agent || isLast(task.phase)) continue;
      const known = task.latest?.number ?? 0;
      if (known < number)
        this.#breach(
          `R5: ${process} acknowledges update ${number} of task ${id}, and knows of ${known} only`,
        );
    }
  }
}

function touchedBy(event: Parameters<ReturnType<WatchFramework>>[0]): readonly string[] {
  if (event.type === "updated") return event.updates.map(({ task }) => task);
  if (event.type === "reconcileAnswered" && event.answer.ok && event.answer.value.ok)
    return event.answer.value.tasks.map(({ spec }) => spec.id);
  return [];
}
