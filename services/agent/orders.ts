import type { Refusal } from "#protocol/errors.js";
import type { Report } from "#protocol/agent.js";
import type { KillReply } from "#protocol/launch.js";
import { refusal } from "#protocol/errors.js";
import type { Instant } from "#libs/core/time.js";
import type { Drain } from "./drain.js";
import type { AgentEffect, AgentEvent, Reply } from "./events.js";
import type { Kills } from "./kills.js";
import type { Offers } from "./offers.js";
import type { Recorder } from "./recorder.js";
import type { Refusals } from "./refusals.js";
import { hasEnded } from "./task.js";
import type { Tasks } from "./tasks.js";

type Asked<T> = Extract<AgentEvent, { readonly type: T }>;

export interface OrdersOptions {
  readonly emit: (effect: AgentEffect) => void;
  readonly offers: Offers;
  readonly refusals: Refusals;
  readonly tasks: Tasks;
  readonly kills: Kills;
  readonly recorder: Recorder;
  readonly drain: Pick<Drain, "ordered">;
  /** A snapshot of now. */
  readonly report: () => Report;
  /** A leader speaks in this epoch. */
  readonly heard: (at: Instant, epoch: number) => void;
  /** All offers shall be void. */
  readonly renew: (at: Instant) => void;
}

/** What leaders and frameworks tell the agent to do, launches aside. Whoever speaks under an old number is refused (R6). */
export class Orders {
  readonly #options: OrdersOptions;
  /** Frameworks that were removed in this generation and have launched nothing since. */
  readonly #removed = new Set<string>();

  constructor(options: OrdersOptions) {
    this.#options = options;
  }

  rescind(
    at: Instant,
    { reply, epoch, generation, offers: numbers, floor, register = false }: Asked<"rescindAsked">,
  ): void {
    const { emit, offers, heard, report, renew } = this.#options;
    const old = offers.epochRefusal(epoch);
    if (old !== undefined) return this.#refuse(reply, old);
    heard(at, epoch);
    if (generation !== offers.generation)
      return this.#refuse(reply, {
        ...refusal("stale", `generation ${generation} is over: the agent is in ${offers.generation}`),
        epoch: offers.epoch,
      });
    offers.void(numbers, floor);
    emit({ type: "answer", reply, answer: { ok: true, report: report() } });
    if (register) renew(at);
  }

  /** Its offers are void only by a new generation: the agent does not know them. One for each removal, not for each repetition. */
  remove(at: Instant, { reply, epoch, framework }: Asked<"removeAsked">): void {
    const { emit, offers, tasks, kills, heard, renew, recorder } = this.#options;
    const old = offers.epochRefusal(epoch);
    if (old !== undefined) return this.#refuse(reply, old);
    heard(at, epoch);
    if (!this.#removed.has(framework)) renew(at);
    this.#removed.add(framework);
    const ending = tasks.of(framework).filter((task) => !hasEnded(task));
    for (const task of ending)
      kills.ask(at, task, { reason: "kill-requested", message: "its framework was removed" });
    recorder.after(at, () => emit({ type: "answer", reply, answer: { ok: true, tasks: ending.length } }));
  }

  /** Answered when it is recorded: from then on it holds, whatever becomes of the leader or of us. */
  drain(at: Instant, { reply, epoch, order }: Asked<"drainAsked">): void {
    const { emit, offers, heard, drain, recorder } = this.#options;
    const old = offers.epochRefusal(epoch);
    if (old !== undefined) return this.#refuse(reply, old);
    heard(at, epoch);
    drain.ordered(at, order);
    recorder.after(at, () => emit({ type: "answer", reply, answer: { ok: true } }));
  }

  launched(framework: string): void {
    this.#removed.delete(framework);
  }

  /** A kill of an id that is not here is kept: when the accept comes late, it is refused. */
  kill(at: Instant, { reply, framework, session, task: id, graceMs }: Asked<"killAsked">): void {
    const { offers, refusals, tasks, kills, recorder } = this.#options;
    const old = offers.sessionRefusal(framework, session);
    if (old !== undefined) return this.#refuse(reply, old);
    offers.sees(framework, session);
    const task = tasks.get(id);
    if (task === undefined) {
      refusals.bury(framework, id);
      return this.#answerKill(reply, { ok: true, known: false });
    }
    if (task.framework !== framework)
      return this.#refuse(reply, refusal("forbidden", `${id} is not a task of ${framework}`));
    kills.ask(at, task, {
      reason: "kill-requested",
      message: `${framework} asked for its end`,
      ...(graceMs !== undefined && { graceMs }),
    });
    recorder.after(at, () => this.#answerKill(reply, { ok: true, known: true, state: task.latest.state }));
  }

  #answerKill(reply: Reply, answer: KillReply): void {
    this.#options.emit({ type: "answer", reply, answer });
  }

  #refuse(reply: Reply, error: Refusal): void {
    this.#options.emit({ type: "answer", reply, answer: { ok: false, error } });
  }
}
