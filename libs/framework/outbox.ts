import type { ClusterEvent } from "#protocol/event.js";
import type { Refusal } from "#protocol/errors.js";
import type { Result } from "#protocol/result.js";
import type { Instant } from "#libs/core/time.js";
import type { FrameworkEffect } from "./effects.js";
import type { ServiceEffect } from "./own.js";

type Then = (at: Instant) => void;
type Said = Pick<ClusterEvent, "type" | "about" | "message"> & Partial<Pick<ClusterEvent, "details">>;

/** The effects of one event of a service, in order, and what follows once a write is in the bucket. */
export class Outbox {
  readonly #kind: ClusterEvent["kind"];
  readonly #by: string;
  readonly #then = new Map<number, Then>();
  #effects: ServiceEffect[] = [];
  #writes = 0;

  /** @param kind of what the service announces; @param by who says it */
  constructor({ kind, by }: Pick<ClusterEvent, "kind" | "by">) {
    this.#kind = kind;
    this.#by = by;
  }

  /** `then` is called with the time of the event that says that it is stored. */
  store(key: string, value: unknown, then?: Then): void {
    this.#effects.push({ type: "store", write: this.#numbered(then), key, value });
  }

  remove(key: string, then?: Then): void {
    this.#effects.push({ type: "remove", write: this.#numbered(then), key });
  }

  answer(ticket: number, reply: Result<unknown, Refusal>): void {
    this.#effects.push({ type: "answer", ticket, reply });
  }

  announce(at: Instant, said: Said): void {
    this.#effects.push({
      type: "announce",
      event: { kind: this.#kind, by: this.#by, at: at.wall, ...said },
    });
  }

  say(message: string, fields: object): void {
    this.#effects.push({ type: "say", message, fields });
  }

  framework(effects: readonly FrameworkEffect[]): void {
    for (const effect of effects) this.#effects.push({ type: "framework", effect });
  }

  /** The `stored` event came. */
  stored(at: Instant, write: number): void {
    const then = this.#then.get(write);
    this.#then.delete(write);
    then?.(at);
  }

  take(): readonly ServiceEffect[] {
    const taken = this.#effects;
    this.#effects = [];
    return taken;
  }

  #numbered(then: Then | undefined): number {
    const write = ++this.#writes;
    if (then !== undefined) this.#then.set(write, then);
    return write;
  }
}
