import type { PortRange } from "#protocol/resources.js";
import { type Backoff, backoffMs } from "#libs/core/backoff.js";
import { joinPorts, portCount, portsWithin, subtractPorts } from "#libs/core/resources.js";
import { never, type Instant } from "#libs/core/time.js";
import type { AgentEffect } from "./events.js";
import type { Ledger } from "./ledger.js";

export interface ForeignPortsOptions {
  readonly emit: (effect: AgentEffect) => void;
  /** Of the host's ports, those for tasks. */
  readonly configured: readonly PortRange[];
  readonly ledger: Pick<Ledger, "used" | "withhold">;
  /** The totals are not what they were. */
  readonly changed: (at: Instant) => void;
}

/** While some are taken, so that one that is given back soon is soon offered again. */
const lookAgain: Backoff = { firstMs: 1000, factor: 2, mostMs: 60_000 };
/** While none are. */
const lookMs = 60_000;
const namedMax = 10;

/**
 * Ports of the agent's ranges on which others listen: they are no part of its totals, so nobody is offered what a launch would
 * then be refused. Looked at before the start, when a launch has met one, and once a minute.
 *
 * - F1 A port that a task of ours holds is no foreign port, whoever listens; nor is one that a task held when the look began.
 * - F2 The totals change, and a generation with them, only when the set does.
 */
export class ForeignPorts {
  readonly #options: ForeignPortsOptions;
  #ports: readonly PortRange[] = [];
  /** Looks since the set changed. */
  #looks = 0;
  #lookAt = never;

  constructor(options: ForeignPortsOptions) {
    this.#options = options;
  }

  /** What runs before anybody is offered anything: `taken` as it was found before the start, tasks of before in the ledger. */
  begin(at: Instant, taken: readonly number[]): void {
    this.#take(taken);
    this.#plan(at);
  }

  /** A launch has met a port that was taken. */
  met(at: Instant): void {
    this.#look(at);
  }

  seen(at: Instant, taken: readonly number[]): void {
    this.#looks++;
    if (this.#take(taken)) {
      this.#looks = 0;
      this.#options.changed(at);
    }
    this.#plan(at);
  }

  tick(at: Instant): void {
    if (at.mono >= this.#lookAt) this.#look(at);
  }

  nextDeadline(): number {
    return this.#lookAt;
  }

  /** In words for people; none while there are none. */
  warnings(): string[] {
    const count = portCount(this.#ports);
    if (count === 0) return [];
    const named = this.#ports.slice(0, namedMax).map(rangeText);
    if (this.#ports.length > namedMax) named.push("…");
    const [ports, are] = count === 1 ? ["port", "is"] : ["ports", "are"];
    const whole = this.#options.configured.map(rangeText).join(", ");
    return [`${count} ${ports} of ${whole} ${are} taken by others and not offered: ${named.join(", ")}`];
  }

  #look(at: Instant): void {
    const { emit, configured, ledger } = this.#options;
    // Until it is answered: no answer, no other look before its time.
    this.#lookAt = at.mono + lookMs;
    emit({ type: "lookAtPorts", ports: subtractPorts(configured, ledger.used.ports) });
  }

  #plan(at: Instant): void {
    if (this.#options.configured.length === 0) return;
    const pauseMs = this.#ports.length === 0 ? lookMs : backoffMs(lookAgain, this.#looks + 1);
    this.#lookAt = at.mono + pauseMs;
  }

  /** Whether the set is another one now. */
  #take(taken: readonly number[]): boolean {
    const { configured, ledger, emit } = this.#options;
    const ranges = joinPorts(portsWithin(taken, configured).map((port): PortRange => [port, port]));
    const ports = subtractPorts(ranges, ledger.used.ports);
    if (JSON.stringify(ports) === JSON.stringify(this.#ports)) return false;
    this.#ports = ports;
    ledger.withhold(ports);
    const [words] = this.warnings();
    if (words === undefined)
      emit({ type: "note", level: "info", message: "all ports for tasks are free of others", fields: {} });
    else emit({ type: "note", level: "warn", message: words, fields: {} });
    return true;
  }
}

const rangeText = ([first, last]: PortRange): string => (first === last ? `${first}` : `${first}-${last}`);
