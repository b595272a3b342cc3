import type { TaskStatus } from "#protocol/task.js";
import type { TasksQuery } from "#protocol/sandbox.js";
import { JsonRoom } from "#libs/core/json-room.js";
import type { Instant } from "#libs/core/time.js";
import type { AgentEffect, AgentEvent, Reply } from "./events.js";
import type { Offers } from "./offers.js";
import type { Recorder } from "./recorder.js";
import type { Services } from "./services.js";
import { statusOf, type Task } from "./task.js";
import type { Tasks } from "./tasks.js";

export interface QueriesOptions {
  readonly agent: string;
  readonly host: string;
  readonly emit: (effect: AgentEffect) => void;
  readonly offers: Offers;
  readonly tasks: Tasks;
  readonly services: Pick<Services, "ofTask">;
  readonly recorder: Recorder;
}

/** Of a page, so that the message stays well under 256 KB. */
const bytesMax = 180_000;

/** Answers to what others ask about tasks, in pages and in the order of their ids. Only what is in the journal is told. */
export class Queries {
  readonly #options: QueriesOptions;

  constructor(options: QueriesOptions) {
    this.#options = options;
  }

  /** A cut: from now on the framework's earlier sessions launch and kill nothing here. */
  reconcile(
    at: Instant,
    { reply, framework, session, after }: Extract<AgentEvent, { readonly type: "reconcileAsked" }>,
  ): void {
    const { emit, offers, recorder, tasks } = this.#options;
    const error = offers.sessionRefusal(framework, session);
    if (error !== undefined) {
      emit({ type: "answer", reply, answer: { ok: false, error } });
      return;
    }
    offers.sees(framework, session);
    recorder.after(at, () => {
      const page = this.#page(tasks.of(framework), after);
      emit({
        type: "answer",
        reply,
        answer: { ok: true, generation: offers.generation, tasks: page.statuses, more: page.more },
      });
    });
  }

  /** Asked of all agents at once: silent when it is about another agent, or about a task that is not here. */
  query(at: Instant, reply: Reply, { task: id, agent, after }: TasksQuery): void {
    const { emit, tasks, services, recorder } = this.#options;
    const named = id === undefined ? undefined : tasks.get(id);
    const isOurs = agent === undefined || agent === this.#options.agent;
    if (!isOurs || (id !== undefined && named === undefined)) {
      emit({ type: "staySilent", reply });
      return;
    }
    recorder.after(at, () => {
      const asked = named === undefined ? [...tasks.all()] : [named];
      const page = this.#page(asked, after);
      emit({
        type: "answer",
        reply,
        answer: {
          agent: this.#options.agent,
          tasks: page.statuses,
          services: page.tasks.flatMap((task) => services.ofTask(task)),
          more: page.more,
        },
      });
    });
  }

  #page(tasks: readonly Task[], after: string | undefined) {
    const { agent, host } = this.#options;
    const sorted = tasks
      .filter(({ spec }) => after === undefined || spec.id > after)
      .toSorted((a, b) => (a.spec.id < b.spec.id ? -1 : 1));
    const statuses: TaskStatus[] = [];
    const room = new JsonRoom(bytesMax);
    for (const task of sorted) {
      const status = statusOf(task, { agent, host });
      const fits = room.takes(status, serviceBytes * (task.spec.services?.length ?? 0));
      if (!fits && statuses.length > 0) break;
      statuses.push(status);
    }
    return {
      statuses,
      tasks: sorted.slice(0, statuses.length),
      more: statuses.length < sorted.length,
    };
  }
}

/** What an entry of the registry adds to an answer, about. */
const serviceBytes = 500;
