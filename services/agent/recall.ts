import type { Session } from "#protocol/offer.js";
import { isOlderSession } from "#protocol/offer.js";
import type { DrainRecord } from "./drain.js";
import type { JournalRecord } from "./records.js";
import { apply, newTask, skipNumbers, type Task } from "./task.js";

/** What an agent knows after reading its journal. */
export interface Memory {
  readonly tasks: ReadonlyMap<string, Task>;
  readonly generation: number;
  readonly epoch: number;
  /** Of the host when the journal was last written; undefined in a new one. */
  readonly hostBoot: string | undefined;
  readonly sessions: ReadonlyMap<string, Session>;
  /** An operator's last order, if there was one. */
  readonly drain: DrainRecord | undefined;
}

/** Folds the records, oldest first. Records about tasks that are not known (their acceptance was never written) say nothing. */
export function recall(records: readonly JournalRecord[]): Memory {
  const tasks = new Map<string, Task>();
  const sessions = new Map<string, Session>();
  let generation = 0;
  let epoch = 0;
  let hostBoot: string | undefined;
  let drain: DrainRecord | undefined;

  // A session bears its leader's epoch. Were that forgotten, and the session not, a leader below would be let in, and none of his sessions.
  const sees = (framework: string, session: Session) => {
    epoch = Math.max(epoch, session.epoch);
    const seen = sessions.get(framework);
    if (seen === undefined || isOlderSession(seen, session)) sessions.set(framework, session);
  };
  for (const record of records) {
    switch (record.type) {
      case "cut":
        if (hostBoot !== undefined && hostBoot !== record.hostBoot) tasks.forEach(skipNumbers);
        generation = Math.max(generation, record.generation);
        epoch = Math.max(epoch, record.epoch);
        hostBoot = record.hostBoot;
        break;
      case "accepted":
        sees(record.framework, record.session);
        for (const spec of record.tasks) {
          const { framework, role, session, at } = record;
          tasks.set(
            spec.id,
            newTask({ spec, framework, role, session, phase: "recovering", acceptedAt: at }),
          );
        }
        break;
      case "updated":
        recallUpdate(tasks.get(record.update.task), record.update);
        break;
      case "stored":
        for (const { task, number } of record.numbers) forgetStored(tasks.get(task), number);
        break;
      case "collected":
        for (const task of record.tasks) tasks.delete(task);
        break;
      case "drain":
        drain = record;
        break;
      case "task":
        sees(record.framework, record.session);
        tasks.set(record.spec.id, whole(record));
        break;
    }
  }
  return { tasks, generation, epoch, hostBoot, sessions, drain };
}

function recallUpdate(task: Task | undefined, update: Task["latest"]): void {
  if (task === undefined) return;
  apply(task, update);
  task.unstored.push(update);
}

function forgetStored(task: Task | undefined, number: number): void {
  if (task !== undefined) task.unstored = task.unstored.filter((update) => update.number > number);
}

function whole(record: Extract<JournalRecord, { readonly type: "task" }>): Task {
  const { framework, role, session, spec, latest, unstored, startedAt, endedAt, killReason } = record;
  return {
    framework,
    role,
    session,
    spec,
    latest,
    unstored: [...unstored],
    phase: endedAt === undefined ? "recovering" : "ended",
    wasHealthy: latest.healthy === true,
    ...(startedAt !== undefined && { startedAt }),
    ...(endedAt !== undefined && { endedAt }),
    ...(killReason !== undefined && { killReason }),
  };
}

/** The whole of a task in one record: `recall` makes the same task of it. */
export const taskRecord = (task: Task): JournalRecord => ({
  type: "task",
  framework: task.framework,
  role: task.role,
  session: task.session,
  spec: task.spec,
  latest: task.latest,
  unstored: task.unstored,
  ...(task.startedAt !== undefined && { startedAt: task.startedAt }),
  ...(task.endedAt !== undefined && { endedAt: task.endedAt }),
  ...(task.killReason !== undefined && { killReason: task.killReason }),
});
