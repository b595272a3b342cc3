import { emptyGroup, members, oomKills, removeGroup, signalMembers, signalPid } from "./group.js";
import { bootId, startTime } from "./proc.js";
import { readRecord, type TaskEnd, type TaskRecord, writeRecord } from "./record.js";

/** Often enough for an end that is rare, seldom enough to cost nothing. */
const lookMs = 1000;

/** Tasks whose shim died, or was of another version: nobody is told of their ends, so we look. */
export class Orphans {
  private readonly followed = new Map<string, TaskRecord>();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly recordsDir: string,
    private readonly ended: (record: TaskRecord) => void,
  ) {}

  /** True when it still runs; either way its end is told, later. */
  follow(record: TaskRecord): boolean {
    this.followed.set(record.task, record);
    this.timer ??= setInterval(() => this.look(), lookMs);
    const alive = isAlive(record);
    if (!alive) setImmediate(() => this.look());
    return alive;
  }

  kill({ pid, group, ...record }: TaskRecord, force: boolean): void {
    if (record.bootId !== bootId()) return;
    if (group !== undefined) {
      if (force) void emptyGroup(group);
      else signalMembers(group, "SIGTERM");
    } else if (startTime(pid) === record.startTime) signalPid(-pid, force ? "SIGKILL" : "SIGTERM");
  }

  close(): void {
    clearInterval(this.timer);
    this.followed.clear();
  }

  private look(): void {
    for (const [task, record] of this.followed)
      if (!isAlive(record)) {
        this.followed.delete(task);
        void this.end(record);
      }
    if (this.followed.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }

  /** A shim of another version may have written the true end. */
  private async end(record: TaskRecord): Promise<void> {
    const told = readRecord(this.recordsDir, record.task);
    if (told?.end !== undefined) return this.ended(told);
    const here = record.bootId === bootId();
    const { group } = record;
    if (here && group !== undefined) await emptyGroup(group);
    const end: TaskEnd = {
      oomKills: here && group !== undefined ? oomKills(group) : 0,
      cause: here ? "unknown" : "host-restarted",
    };
    if (group !== undefined && here) removeGroup(group);
    const ended = { ...record, end };
    try {
      writeRecord(this.recordsDir, ended);
    } catch {
      // a full disk: the next look comes to the same end
    }
    this.ended(ended);
  }
}

/** The main process counts; what it left behind is ended with it. */
function isAlive({ bootId: boot, pid, startTime: started, group }: TaskRecord): boolean {
  if (boot !== bootId()) return false;
  if (started === undefined) return group !== undefined && members(group).length > 0;
  return startTime(pid) === started;
}
