import { emptyGroup, members, oomKills, removeGroup } from "./group.js";
import { bootId, startTime } from "./proc.js";
import type { TaskEnd, TaskRecord } from "./records.js";

/** Often enough for an end that is rare, seldom enough to cost nothing. */
const lookMs = 1000;

/** Tasks of a shim that died: nobody is told of their ends, so a later shim looks for them. */
export class Orphans {
  readonly #followed = new Map<string, TaskRecord>();
  #timer: NodeJS.Timeout | undefined;
  readonly #ended: (record: TaskRecord, end: TaskEnd) => void;

  constructor(ended: (record: TaskRecord, end: TaskEnd) => void) {
    this.#ended = ended;
  }

  get size(): number {
    return this.#followed.size;
  }

  follow(record: TaskRecord): void {
    this.#followed.set(record.task, record);
    this.#timer ??= setInterval(() => this.look(), lookMs);
  }

  look(): void {
    for (const [task, record] of this.#followed)
      if (!isAlive(record)) {
        this.#followed.delete(task);
        void end(record).then((how) => this.#ended(record, how));
      }
    if (this.#followed.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

/** The main process counts; what it left behind ends with it. */
export function isAlive({ bootId: boot, pid, startTime: started, group }: TaskRecord): boolean {
  if (boot !== bootId()) return false;
  if (started === undefined) return group !== undefined && members(group).length > 0;
  return startTime(pid) === started;
}

async function end({ bootId: boot, group }: TaskRecord): Promise<TaskEnd> {
  if (boot !== bootId()) return { oomKills: 0, cause: "host-restarted" };
  if (group === undefined) return { oomKills: 0, cause: "unknown" };
  await emptyGroup(group);
  const kills = oomKills(group);
  removeGroup(group);
  return { oomKills: kills, cause: "unknown" };
}
