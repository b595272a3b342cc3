import type { Subjects } from "#protocol/subjects.js";
import type { Bus } from "#libs/ports/bus.js";
import type { Clock } from "#libs/ports/clock.js";
import type { Log } from "#libs/ports/log.js";
import type { Streams } from "#libs/ports/stream.js";
import type { AgentTasks } from "./agent-tasks.js";
import type { BusApi } from "./bus-api.js";

/** What the routes work with. */
export interface Parts {
  readonly bus: Bus;
  readonly streams: Streams;
  readonly clock: Clock;
  readonly log: Log;
  readonly subjects: Subjects;
  readonly api: BusApi;
  readonly tasks: AgentTasks;
}
