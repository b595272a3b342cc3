import { filter, firstValueFrom, map, takeWhile, toArray } from "rxjs";
import type { AgentView } from "#protocol/api.js";
import { codec } from "#protocol/codec.js";
import { type RegisteredService, TasksQuery, TasksReply } from "#protocol/sandbox.js";
import type { Subjects } from "#protocol/subjects.js";
import type { TaskStatus } from "#protocol/task.js";
import type { Bus } from "#libs/ports/bus.js";
import { Refused } from "./answer.js";

/** What all agents said. */
export interface Gathered {
  readonly tasks: readonly TaskStatus[];
  readonly services: readonly RegisteredService[];
  /** Agents that were expected to answer and did not within the time, and those that cannot be reached. */
  readonly silent: readonly string[];
}

export interface Asked {
  readonly state: AgentView["state"];
  readonly info: { readonly id: string };
}

/** Agents answer for tasks, so whoever wants to see tasks asks the agents: nobody keeps a second book. */
export interface AgentTasks {
  gather(agents: readonly Asked[]): Promise<Gathered>;
  /**
   * Asks all agents; the one that has it answers, the others are silent. Nobody is asked for what can be no task's id.
   *
   * @throws Refused when no agent that answers has it
   */
  find(task: string): Promise<TaskStatus>;
}

const gatherMs = 1500;
const any = () => true;
const query = codec(TasksQuery);
const reply = codec(TasksReply);

export function agentTasks(bus: Bus, subjects: Subjects): AgentTasks {
  /** Until `isAll` or the time is over. */
  const ask = (asked: TasksQuery, isAll: (answer: TasksReply) => boolean): Promise<TasksReply[]> =>
    firstValueFrom(
      bus.requestMany(subjects.tasksQuery, query.encode(asked), { timeoutMs: gatherMs }).pipe(
        map((bytes) => reply.decode(bytes)),
        filter((decoded) => decoded.ok),
        map(({ value }) => value),
        takeWhile((answer) => !isAll(answer), true),
        toArray(),
      ),
    );

  /** The rest of an agent's tasks, page after page. */
  const pagesAfter = async (first: TasksReply): Promise<TasksReply[]> => {
    const pages = [first];
    for (let last = first; last.more;) {
      const after = last.tasks.at(-1)?.spec.id;
      const [next] = after === undefined ? [] : await ask({ agent: first.agent, after }, any);
      if (next === undefined) break;
      pages.push(next);
      last = next;
    }
    return pages;
  };

  return {
    async gather(agents) {
      const { awaited, away } = expectedOf(agents);
      // By name: one that is not expected any more may answer too.
      const missing = new Set(awaited);
      const firsts = await ask({}, ({ agent }) => missing.delete(agent) && missing.size === 0);
      const answered = new Set(firsts.map(({ agent }) => agent));
      const pages = (await Promise.all(firsts.map(pagesAfter))).flat();
      return {
        tasks: pages.flatMap(({ tasks }) => tasks).toSorted((a, b) => (a.spec.id < b.spec.id ? -1 : 1)),
        services: pages.flatMap(({ services }) => services).toSorted((a, b) => (a.id < b.id ? -1 : 1)),
        silent: [...missing, ...away.filter((agent) => !answered.has(agent))],
      };
    },
    async find(task) {
      const [answer] = query.check({ task }).ok ? await ask({ task }, any) : [];
      const found = answer?.tasks[0];
      if (found === undefined)
        throw new Refused({ code: "not-found", message: `no agent that answers has a task ${task}` });
      return found;
    },
  };
}

/** Those that a new leader still awaits run what they ran; what cannot be reached is named and not waited for. */
export function expectedOf(agents: readonly Asked[]): {
  readonly awaited: readonly string[];
  readonly away: readonly string[];
} {
  const idsOf = (...states: AgentView["state"][]) =>
    agents.filter(({ state }) => states.includes(state)).map(({ info }) => info.id);
  return { awaited: idsOf("registered", "awaited"), away: idsOf("unreachable") };
}
