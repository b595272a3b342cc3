import assert from "node:assert/strict";
import { masterApi } from "#protocol/api.js";
import type { FrameworkEvent, SubscribeReply } from "#protocol/framework.js";
import type { AcceptReply } from "#protocol/launch.js";
import { type Offer, offerId, type SealedOffer, type Session } from "#protocol/offer.js";
import type { StatusBatch } from "#protocol/status.js";
import type { Subjects } from "#protocol/subjects.js";
import type { TaskUpdate } from "#protocol/task.js";
import { eventually } from "#test/support/eventually.js";
import type { Connected } from "#test/support/link.js";

/** An offer, and when it was here by the wall clock, ms with fractions. */
export interface Arrived {
  readonly offer: Offer;
  readonly sealed: SealedOffer;
  readonly at: number;
}

/** By the wall clock as other processes of this machine read it. */
export const wallNow = (): number => performance.timeOrigin + performance.now();

/**
 * A framework that speaks on the bus by itself: between an offer and the note of its coming nothing is done. It does what the test
 * says, and nothing else but renew its session.
 */
export class WatchingFramework {
  readonly arrived: Arrived[] = [];
  readonly updates: TaskUpdate[] = [];
  readonly #link: Connected;
  readonly #subjects: Subjects;
  readonly #id = "watcher";
  #session: Session | undefined;
  #renewing: NodeJS.Timeout | undefined;

  constructor(link: Connected, subjects: Subjects) {
    this.#link = link;
    this.#subjects = subjects;
  }

  /** Waits until somebody leads. */
  async subscribe(): Promise<void> {
    const { bus } = this.#link;
    bus.messages(this.#subjects.frameworkEventAll(this.#id)).subscribe((message) => {
      const at = wallNow();
      message.respond(bytes({}));
      const event = read<FrameworkEvent>(message.bytes);
      if (event.type !== "offers") return;
      for (const sealed of event.offers)
        this.arrived.push({ at, sealed, offer: JSON.parse(sealed.body) as Offer });
    });
    // What a stream keeps is heard by plain subscribers too, on a server that lets everybody.
    bus
      .messages(this.#subjects.statusOf(this.#id))
      .subscribe((message) => void this.updates.push(...read<StatusBatch>(message.bytes).updates));
    const asked = { framework: this.#id, role: "watching", needs: [], suppressed: false };
    const reply = await eventually(
      "a session",
      async () => {
        const answer = await bus.request(this.#subjects.master(this.#id, "subscribe"), bytes(asked), 2000);
        const said = answer.ok ? read<SubscribeReply>(answer.value) : undefined;
        return said?.ok === true && said;
      },
      20_000,
    );
    this.#session = reply.session;
    // While nobody leads there is nobody to tell.
    this.#renewing = setInterval(() => void this.#tell("renew", {}).catch(() => {}), reply.renewMs);
  }

  close(): void {
    clearInterval(this.#renewing);
  }

  /** The next offer of the agent after so many in all. */
  offerAfter(count: number, agent?: string): Promise<Arrived> {
    const isIt = ({ offer }: Arrived) => agent === undefined || offer.agent === agent;
    return eventually("an offer", () => this.arrived.slice(count).find(isIt), 10_000);
  }

  /** Wants no more offers, and has none. */
  async quiet(): Promise<void> {
    await this.#tell("suppress", {});
    await this.decline(this.arrived.splice(0), 0);
    const request = this.#subjects.api("master", masterApi.offers.name);
    await eventually("no offer to be out", async () => {
      const answer = await this.#link.bus.request(request, bytes({}), 2000);
      return answer.ok && read<{ value: { items: unknown[] } }>(answer.value).value.items.length === 0;
    });
  }

  revive = (): Promise<void> => this.#tell("revive", { needs: [] });

  decline = (what: readonly Arrived[], filterMs: number): Promise<void> =>
    this.#tell("decline", { offers: what.map(({ offer }) => offerId(offer)), filterMs });

  /** One task that takes all of the offer. */
  async launch({ offer, sealed }: Arrived, task: string): Promise<void> {
    const workload = { kind: "process", argv: ["/bin/sleep", "600"] };
    const tasks = [{ id: task, name: "watched", workload, resources: offer.resources }];
    const message = { session: this.#session, offer: sealed, tasks, filterMs: 0 };
    const subject = this.#subjects.launch(offer.agent, this.#id, "accept");
    const answer = await this.#link.bus.request(subject, bytes(message), 5000);
    assert(answer.ok);
    const [said] = read<AcceptReply>(answer.value).answers;
    assert(said?.ok === true, JSON.stringify(said));
    await this.until(task, "running");
  }

  async kill(agent: string, task: string): Promise<void> {
    const message = { session: this.#session, task };
    await this.#link.bus.request(this.#subjects.launch(agent, this.#id, "kill"), bytes(message), 5000);
  }

  until(task: string, state: TaskUpdate["state"]): Promise<TaskUpdate> {
    const isIt = (update: TaskUpdate) => update.task === task && update.state === state;
    return eventually(`${task} to be ${state}`, () => this.updates.find(isIt), 10_000);
  }

  async #tell(verb: "renew" | "suppress" | "revive" | "decline", more: object): Promise<void> {
    const message = bytes({ session: this.#session, ...more });
    const answer = await this.#link.bus.request(this.#subjects.master(this.#id, verb), message, 5000);
    assert(answer.ok && read<{ ok: boolean }>(answer.value).ok, `${verb}: ${JSON.stringify(answer)}`);
  }
}

export const bytes = (message: object): Uint8Array => new TextEncoder().encode(JSON.stringify(message));
export const read = <T>(encoded: Uint8Array): T => JSON.parse(new TextDecoder().decode(encoded)) as T;
