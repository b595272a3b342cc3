import type { WhoIsReply } from "#protocol/agent.js";
import { never, type Instant } from "#libs/core/time.js";
import type { AgentEffect, Reply } from "./events.js";

export interface IdentityOptions {
  readonly agent: string;
  readonly bootId: string;
  readonly emit: (effect: AgentEffect) => void;
  /** Nobody else runs under our id. */
  readonly settled: (at: Instant) => void;
}

/** Two that start in the same moment do not find each other at once. */
const lookAgainMs = 2000;

/**
 * Keeps two processes from being one agent: a work directory that was copied has the same id in it. Who starts and finds
 * somebody stops; when two meet that both were alone (the network was parted), the later one does. Tasks go on running.
 */
export class Identity {
  readonly #options: IdentityOptions;
  #startedAt = 0;
  #isSettled = false;
  #lookAt = never;

  constructor(options: IdentityOptions) {
    this.#options = options;
  }

  begin(at: Instant): void {
    this.#startedAt = at.wall;
  }

  connected(): void {
    this.#options.emit({ type: "findOthers" });
  }

  found(at: Instant, others: readonly WhoIsReply[]): void {
    const { bootId, emit, settled } = this.#options;
    const stronger = others.find((other) => other.bootId !== bootId && this.#yieldsTo(other));
    if (stronger !== undefined) {
      emit({
        type: "stop",
        fault:
          `another process (boot ${stronger.bootId}) runs as agent ${this.#options.agent}: ` +
          "stop it, or give this one a work directory and an id of its own",
      });
      return;
    }
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#lookAt = at.mono + lookAgainMs;
    emit({ type: "beFound" });
    settled(at);
  }

  asked(reply: Reply): void {
    const { agent, bootId, emit } = this.#options;
    const answer = { agent, bootId, startedAt: this.#startedAt, settled: this.#isSettled };
    emit({ type: "answer", reply, answer });
  }

  tick(at: Instant): void {
    if (at.mono < this.#lookAt) return;
    this.#lookAt = never;
    this.#options.emit({ type: "findOthers" });
  }

  nextDeadline(): number {
    return this.#lookAt;
  }

  #yieldsTo(other: WhoIsReply): boolean {
    if (other.settled !== this.#isSettled) return other.settled;
    if (other.startedAt !== this.#startedAt) return other.startedAt < this.#startedAt;
    return other.bootId < this.#options.bootId;
  }
}
