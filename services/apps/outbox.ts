import type { ClusterEvent } from "#protocol/event.js";
import type { Refusal } from "#protocol/errors.js";
import type { Result } from "#protocol/result.js";
import type { Instant } from "#libs/core/time.js";
import type { AppsEffect } from "./events.js";

type Then = (at: Instant) => void;

/** The effects of one event, in order, and what follows once a write is in the bucket. */
export class Outbox {
  #effects: AppsEffect[] = [];
  readonly #then = new Map<number, Then>();
  #writes = 0;

  push(effect: AppsEffect): void {
    this.#effects.push(effect);
  }

  store(key: string, value: unknown, then?: Then): void {
    this.push({ type: "store", write: this.#numbered(then), key, value });
  }

  remove(key: string, then?: Then): void {
    this.push({ type: "remove", write: this.#numbered(then), key });
  }

  answer(ticket: number, reply: Result<unknown, Refusal>): void {
    this.push({ type: "answer", ticket, reply });
  }

  announce(
    at: Instant,
    said: Pick<ClusterEvent, "type" | "about" | "message"> & Partial<Pick<ClusterEvent, "details">>,
  ): void {
    this.push({ type: "announce", event: { kind: "app", at: at.wall, by: "apps", ...said } });
  }

  stored(at: Instant, write: number): void {
    const then = this.#then.get(write);
    this.#then.delete(write);
    then?.(at);
  }

  take(): readonly AppsEffect[] {
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
