import type { Report } from "#protocol/agent.js";
import type { Instant } from "#libs/core/time.js";
import type { Connectivity } from "./connectivity.js";
import type { Out } from "./events.js";
import { type Registry, registryKey, type RegistryRecord } from "./registry.js";

/**
 * Keeps the registry's record of itself: when it was made, and whether instead of one that was lost.
 *
 * The registry was lost: this term, or one just before it, had to make it anew, and agents register that are older than it. Who
 * is yet to come is not known. Until everybody has had one whole agent time-out in which we could hear him (R7), nothing is
 * offered: what runs on agents that are still on their way would be started a second time elsewhere.
 */
export class Recovery {
  /** Wall ms. */
  readonly registryMadeAt: number;
  readonly #connectivity: Connectivity;
  readonly #agentTimeoutMs: number;
  readonly #isNew: boolean;
  #phase: "unaware" | "waiting" | "over" = "unaware";

  constructor(began: Instant, connectivity: Connectivity, registry: Registry, agentTimeoutMs: number) {
    const { madeAt, replacesLost = false } = registry;
    this.#connectivity = connectivity;
    this.#agentTimeoutMs = agentTimeoutMs;
    this.#isNew = madeAt === undefined;
    this.registryMadeAt = madeAt ?? began.wall;
    if (replacesLost && began.wall - this.registryMadeAt < agentTimeoutMs) this.#phase = "waiting";
  }

  /** A registry that this term makes is told its age: by it, who was forgotten is told from who was in a registry that was lost. */
  begin(out: Out): void {
    if (this.#isNew) this.#store(out);
  }

  /**
   * An agent registers that the registry did not have. True when it is the first that tells us of a lost one; the next leader is to
   * know that too.
   */
  met({ generation, use }: Report, out: Out): boolean {
    const isOlder = generation > 1 || use.length > 0;
    if (!this.#isNew || !isOlder || this.#phase !== "unaware") return false;
    this.#phase = "waiting";
    this.#store(out);
    return true;
  }

  /** With every event: nobody may be offered anything yet. */
  isOn(at: Instant): boolean {
    const haveHeardAll = this.#connectivity.heardBy(at, this.#agentTimeoutMs) !== Number.NEGATIVE_INFINITY;
    if (haveHeardAll) this.#phase = "over";
    return this.isWaiting;
  }

  get isWaiting(): boolean {
    return this.#phase === "waiting";
  }

  #store(out: Out): void {
    const value: RegistryRecord = {
      madeAt: this.registryMadeAt,
      ...(this.isWaiting && { replacesLost: true }),
    };
    out({ type: "store", key: registryKey, value });
  }
}
