import { assert } from "#libs/core/assert.js";
import { type Backoff, backoffMs } from "#libs/core/backoff.js";
import { DueTimes } from "#libs/core/due-times.js";
import type { Instant } from "#libs/core/time.js";
import type { Refusal } from "#protocol/errors.js";
import type { AcceptReply } from "#protocol/launch.js";
import { offerId, type Session } from "#protocol/offer.js";
import type { Result } from "#protocol/result.js";
import type { TaskSpec } from "#protocol/task.js";
import type { FrameworkEffect } from "./effects.js";
import type { HeldOffer, NoAnswer } from "./events.js";
import type { TermIds } from "./ids.js";
import { firstThatFit } from "./limits.js";
import { type Launch as Stored, launchesIn, newLaunch, recordOf } from "./records.js";
import type { FrameworkTask, Launch as Placement } from "./scheduler.js";
import type { FrameworkSettings } from "./settings.js";
import type { Tasks } from "./tasks.js";

const answerWithinMs = 5000;
const retry: Backoff = { firstMs: 500, factor: 2, mostMs: 10_000 };
/** Then the leader gets the offer back: its rescind at the agent decides what holds the resources. */
const declinedAfterMs = 30_000;

export interface LaunchesOptions {
  readonly settings: FrameworkSettings;
  readonly ids: TermIds;
  readonly tasks: Tasks;
  readonly filterMs: number;
  /** Something is still wanted: what an accept leaves of its offer may serve it, and is not refused. */
  readonly wantsMore: () => boolean;
  readonly send: (effect: FrameworkEffect) => void;
  readonly decline: (offers: readonly string[], filterMs: number) => void;
  readonly isUnreachable: (agent: string) => boolean;
  /** Nobody or nothing answers there: what does the leader know? */
  readonly doubt: (agent: string) => void;
}

/**
 * From the scheduler's decision to the agent's answer.
 *
 * - L1 A task's id is stored, for one agent, before the accept is sent; one record an accept.
 * - L2 A task is refused only when it is sure that it was not launched: the agent said so, or no attempt can have been handled.
 * - L3 Otherwise the same accept is sent again: its agent gives its first answer (R3). With a new session reconciling decides.
 * - L4 The record goes when all its tasks are let go.
 */
export class Launches {
  readonly #options: LaunchesOptions;
  readonly #all = new Map<string, Stored>();
  readonly #ofTask = new Map<string, Stored>();
  /** Storing, asking or waiting. */
  readonly #open = new Set<Stored>();
  readonly #retries = new DueTimes<Stored>();
  /** Agent → tasks that were given up without a word of it. */
  readonly #deletedOn = new Map<string, Set<string>>();

  constructor(options: LaunchesOptions) {
    this.#options = options;
  }

  /** Everything that is stored comes once, as launching: reconciling will tell more. */
  load(at: Instant): void {
    const { settings, send } = this.#options;
    const { launches, unreadable } = launchesIn(settings.loaded, at);
    if (unreadable.length > 0)
      send({ type: "say", level: "error", message: "launch records cannot be read", fields: { unreadable } });
    for (const launch of launches) this.#add(at, launch);
  }

  nextDeadline(): number {
    return this.#retries.earliest();
  }

  ofTask(task: string): Stored | undefined {
    return this.#ofTask.get(task);
  }

  /** Tasks that were given up without a word of the agent: to be killed should they turn up. */
  deletedOn(agent: string): ReadonlySet<string> {
    return this.#deletedOn.get(agent) ?? nothing;
  }

  /** Agents with such tasks. */
  deletedAgents(): Iterable<string> {
    return this.#deletedOn.keys();
  }

  place(
    at: Instant,
    placements: readonly Placement[],
    offers: ReadonlyMap<string, HeldOffer>,
    session: Session,
  ) {
    const byOffer = new Map<string, TaskSpec[]>();
    for (const { offer, tasks } of placements) {
      if (tasks.length === 0) continue;
      const id = offerId(offer);
      assert(offers.has(id), `place() used offer ${id}, which it was not given`);
      const specs = byOffer.get(id);
      if (specs === undefined) byOffer.set(id, [...tasks]);
      else specs.push(...tasks);
    }
    for (const [id, specs] of byOffer) this.#launch(at, offers.get(id)!, specs, session);
    return byOffer;
  }

  stored(at: Instant, key: string, session: Session | undefined): void {
    const launch = this.#all.get(key);
    if (launch === undefined || launch.state !== "storing") return;
    const wanted = this.#unanswered(launch);
    if (wanted.length === 0) {
      this.#options.decline([launch.offer], 0);
      this.#settle(launch, "answered");
    } else if (launch.session !== session) {
      this.#settle(launch, "answered");
      for (const id of wanted) this.#refuse(at, id, "the session with the master ended before it was sent");
    } else this.#ask(at, launch);
  }

  answered(at: Instant, key: string, answer: Result<AcceptReply, Refusal | NoAnswer>): void {
    const launch = this.#all.get(key);
    if (launch === undefined || launch.state === "answered") return;
    if (answer.ok) this.#heard(at, launch, answer.value);
    else if (typeof answer.error !== "string") this.#refuseAll(at, launch, answer.error.message);
    else if (answer.error === "absent" && !launch.isUnsure && launch.state === "asking") {
      this.#options.decline([launch.offer], this.#options.filterMs);
      this.#options.doubt(launch.agent);
      this.#refuseAll(at, launch, `nobody answers for agent ${launch.agent}: it was not launched`);
    } else this.#unknown(at, launch, answer.error);
  }

  /** Sends again what waits. */
  due(at: Instant): void {
    for (const launch of this.#retries.take(at.mono)) this.#ask(at, launch);
  }

  agentBack(at: Instant, agent: string): void {
    for (const launch of this.#open)
      if (launch.agent === agent && launch.state === "waiting") this.#ask(at, launch);
  }

  /** The agent will refuse what was sent in the session: what it does not tell when it is asked never started. */
  closed(): void {
    for (const launch of this.#open) if (launch.state !== "storing") this.#settle(launch, "earlier");
  }

  /** True when the agent must know the task, if it ever will. */
  isExpected(task: string): boolean {
    const state = this.#ofTask.get(task)?.state;
    return state === "answered" || state === "earlier";
  }

  /** True when nothing was sent yet, and nothing will be. */
  cancel(at: Instant, task: string): boolean {
    if (this.#ofTask.get(task)?.state !== "storing") return false;
    this.#options.tasks.change(at, task, { phase: "killed", message: "killed before it was launched" });
    return true;
  }

  /** An agent runs tasks that we know nothing of because our bucket was lost. */
  adopt(at: Instant, agent: string, host: string, specs: readonly TaskSpec[]): void {
    const key = this.#options.ids.nextLaunch();
    const launch = newLaunch({ key, agent, host, offer: "adopted", at, state: "earlier" }, specs);
    this.#options.send({ type: "storeLaunch", launch: key, record: recordOf(launch) });
    this.#add(at, launch);
  }

  /** `unsure`: it was given up without a word of its agent: should it turn up, it is to be killed. */
  letGo(task: FrameworkTask, unsure: boolean): void {
    const { id } = task.spec;
    const launch = this.#ofTask.get(id);
    if (launch === undefined) return;
    launch.left.delete(id);
    if (unsure) this.#delete(launch, id);
    else this.#ofTask.delete(id);
    this.#tidy(launch);
  }

  /** Of a given-up task is known now that it does not run. */
  forget(task: string): void {
    const launch = this.#ofTask.get(task);
    if (launch === undefined || !launch.deleted.delete(task)) return;
    this.#ofTask.delete(task);
    const there = this.#deletedOn.get(launch.agent);
    there?.delete(task);
    if (there?.size === 0) this.#deletedOn.delete(launch.agent);
    this.#tidy(launch);
  }

  #delete(launch: Stored, task: string): void {
    launch.deleted.add(task);
    const there = this.#deletedOn.get(launch.agent);
    if (there === undefined) this.#deletedOn.set(launch.agent, new Set([task]));
    else there.add(task);
  }

  #tidy(launch: Stored): void {
    if (launch.left.size > 0) return;
    const { send } = this.#options;
    if (launch.deleted.size > 0) {
      send({ type: "storeLaunch", launch: launch.key, record: recordOf(launch) });
      return;
    }
    if (launch.state === "storing") this.#options.decline([launch.offer], 0);
    this.#all.delete(launch.key);
    this.#open.delete(launch);
    this.#retries.delete(launch);
    send({ type: "removeLaunch", launch: launch.key });
  }

  #launch(at: Instant, held: HeldOffer, specs: readonly TaskSpec[], session: Session): void {
    const { ids, settings, tasks, send } = this.#options;
    const { agent, host } = held.offer;
    for (const { id } of specs)
      assert(ids.isOurs(id) && !tasks.all.has(id), `place() used task id ${id}: take each from ids.next()`);
    const marked = specs.map((spec) => ({ ...spec, bucket: settings.bucket }));
    const fitting = firstThatFit(marked, held.sealed.body.length);
    if (fitting.length > 0) {
      const key = ids.nextLaunch();
      const launch = newLaunch(
        { key, agent, host, offer: offerId(held.offer), at, state: "storing", held, session },
        fitting,
      );
      this.#open.add(launch);
      send({ type: "storeLaunch", launch: key, record: recordOf(launch) });
      this.#add(at, launch);
    }
    for (const spec of marked.slice(fitting.length)) {
      const message = "one accept takes 256 tasks and 190 KB at most: place it with another offer";
      tasks.come(at, { spec, agent, host, launchedAt: at, phase: "refused", message });
    }
  }

  #add(at: Instant, launch: Stored): void {
    this.#all.set(launch.key, launch);
    for (const id of launch.specs.keys()) this.#ofTask.set(id, launch);
    for (const id of launch.deleted) this.#delete(launch, id);
    const { agent, host, at: launchedAt } = launch;
    for (const [id, spec] of launch.specs)
      if (launch.left.has(id))
        this.#options.tasks.come(at, { spec, agent, host, launchedAt, phase: "launching" });
  }

  #ask(at: Instant, launch: Stored): void {
    const { send, isUnreachable, wantsMore } = this.#options;
    if (launch.state === "storing") launch.firstAskedAt = at.mono;
    if (isUnreachable(launch.agent) && launch.isUnsure) {
      launch.state = "waiting";
      return;
    }
    launch.state = "asking";
    this.#retries.delete(launch);
    const tasks = this.#unanswered(launch).map((id) => launch.specs.get(id)!);
    if (tasks.length === 0) return this.#settle(launch, "answered");
    const filterMs = (launch.filterMs ??= wantsMore() ? 0 : this.#options.filterMs);
    const message = { session: launch.session!, offer: launch.held!.sealed, tasks, filterMs };
    send({ type: "accept", launch: launch.key, agent: launch.agent, message, timeoutMs: answerWithinMs });
  }

  #heard(at: Instant, launch: Stored, { answers }: AcceptReply): void {
    for (const answer of answers) {
      if (this.#ofTask.get(answer.task) !== launch) continue;
      const phase = this.#options.tasks.all.get(answer.task)?.phase;
      if (!answer.ok) this.#refuse(at, answer.task, answer.error.message);
      else if (phase === "launching") this.#options.tasks.change(at, answer.task, { phase: "staging" });
    }
    if (launch.state !== "asking" && launch.state !== "waiting") return;
    if (this.#unanswered(launch).length === 0) this.#settle(launch, "answered");
    else this.#unknown(at, launch, "unknown");
  }

  #unknown(at: Instant, launch: Stored, why: NoAnswer): void {
    if (launch.state !== "asking") return;
    if (why === "unknown") launch.isUnsure = true;
    launch.state = "waiting";
    this.#retries.set(launch, at.mono + backoffMs(retry, ++launch.failures));
    this.#options.doubt(launch.agent);
    if (launch.isDeclined || at.mono < launch.firstAskedAt + declinedAfterMs) return;
    launch.isDeclined = true;
    this.#options.decline([launch.offer], 0);
  }

  #refuseAll(at: Instant, launch: Stored, message: string): void {
    const unanswered = this.#unanswered(launch);
    this.#settle(launch, "answered");
    for (const id of unanswered) this.#refuse(at, id, message);
  }

  #refuse(at: Instant, task: string, message: string): void {
    if (this.#options.tasks.all.get(task)?.phase === "launching")
      this.#options.tasks.change(at, task, { phase: "refused", message });
  }

  #settle(launch: Stored, state: "answered" | "earlier"): void {
    launch.state = state;
    this.#open.delete(launch);
    this.#retries.delete(launch);
  }

  #unanswered(launch: Stored): string[] {
    return [...launch.left].filter((id) => this.#options.tasks.all.get(id)?.phase === "launching");
  }
}

const nothing: ReadonlySet<string> = new Set();
