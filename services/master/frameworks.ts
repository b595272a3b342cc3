import type { Need } from "#protocol/framework.js";
import type { Session } from "#protocol/offer.js";
import type { OpenOffer } from "./agents.js";
import type { FrameworkRecord } from "./registry.js";

/** One kind of demand. Equal needs of different frameworks have the same key: the count is not part of it. */
export interface Want {
  readonly key: string;
  /** Undefined: anything, the whole of what is free. */
  readonly need: Need | undefined;
  /** How many are wanted; infinite unless the need says. */
  readonly count: number;
}

/** A framework as the leader knows it. */
export class Framework {
  readonly id: string;
  role: string;
  name: string;
  failoverTimeoutMs: number | undefined;
  /** Its tasks are to end, wherever they are. */
  removed: boolean;
  /** The present one, or the last one of this term. */
  session: Session | undefined;
  connected = false;
  suppressed = true;
  needs: readonly Need[] = [];
  wants: readonly Want[] = [];
  /** How many changes of agents its session was to be told of: told again, with the number, whenever it renews. */
  changes = 0;
  /** Monotonic ms of the last word of its session. */
  renewedAt = 0;
  /** It did not take offers: none before this time, or its next word. */
  deafUntil = 0;
  /** Connected time of the leader when it was last seen to have a session. */
  lastSeenMs = 0;
  /** Open ones, of all its sessions. */
  readonly offers = new Set<OpenOffer>();
  /** Units that its open offers hold, by the key of the want. */
  readonly outstanding = new Map<string, number>();

  constructor(record: FrameworkRecord) {
    this.id = record.id;
    this.role = record.role;
    this.name = record.name;
    this.failoverTimeoutMs = record.failoverTimeoutMs;
    this.removed = record.removed;
  }

  want(needs: readonly Need[]): void {
    this.needs = needs;
    this.wants = wantsOf(needs);
  }

  get wantsOffers(): boolean {
    return this.connected && !this.suppressed && !this.removed;
  }

  record(): FrameworkRecord {
    const { id, role, name, failoverTimeoutMs, removed } = this;
    return { id, role, name, removed, ...(failoverTimeoutMs === undefined ? {} : { failoverTimeoutMs }) };
  }
}

export function wantsOf(needs: readonly Need[]): Want[] {
  if (needs.length === 0) return [{ key: "", need: undefined, count: Number.POSITIVE_INFINITY }];
  const wants = new Map<string, Want>();
  for (const { count = Number.POSITIVE_INFINITY, ...need } of needs) {
    const key = JSON.stringify(need);
    wants.set(key, { key, need, count: (wants.get(key)?.count ?? 0) + count });
  }
  return [...wants.values()];
}

/** All that is known, who wants offers, and who was silent longest. */
export class Frameworks {
  readonly #byId = new Map<string, Framework>();
  /** By role, the roles of which somebody wants offers. */
  readonly #wanting = new Map<string, Set<Framework>>();
  /** The role under which it stands there. */
  readonly #wantingIn = new Map<Framework, string>();
  readonly #awayWithTimeout = new Set<Framework>();
  /** Connected ones, in the order of their last word. */
  readonly #listening = new Map<string, Framework>();

  get(id: string): Framework | undefined {
    return this.#byId.get(id);
  }

  sorted(): Framework[] {
    return [...this.#byId.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Who wants offers, by role. */
  get wanting(): ReadonlyMap<string, ReadonlySet<Framework>> {
    return this.#wanting;
  }

  /** Without a session, and to be given up after their failover time-out. */
  get awayWithTimeout(): Iterable<Framework> {
    return this.#awayWithTimeout;
  }

  put(framework: Framework): void {
    this.#byId.set(framework.id, framework);
    this.changed(framework);
  }

  forget(framework: Framework): void {
    framework.connected = false;
    framework.removed = true;
    this.changed(framework);
    this.#byId.delete(framework.id);
  }

  /** To be called when it connects, disconnects, is suppressed, revived or removed, or has another role. */
  changed(framework: Framework): void {
    this.#file(framework);
    const { connected, removed, failoverTimeoutMs } = framework;
    if (!connected && !removed && failoverTimeoutMs !== undefined) this.#awayWithTimeout.add(framework);
    else this.#awayWithTimeout.delete(framework);
    if (!framework.connected) this.#listening.delete(framework.id);
  }

  spoke(framework: Framework, now: number): void {
    framework.renewedAt = now;
    framework.deafUntil = 0;
    this.#listening.delete(framework.id);
    if (framework.connected) this.#listening.set(framework.id, framework);
  }

  *silentSince(time: number): Iterable<Framework> {
    for (const framework of this.#listening.values()) {
      if (framework.renewedAt > time) return;
      yield framework;
    }
  }

  #file(framework: Framework): void {
    const before = this.#wantingIn.get(framework);
    const now = framework.wantsOffers ? framework.role : undefined;
    if (before === now) return;
    if (before !== undefined) {
      const others = this.#wanting.get(before)!;
      others.delete(framework);
      if (others.size === 0) this.#wanting.delete(before);
      this.#wantingIn.delete(framework);
    }
    if (now === undefined) return;
    const others = this.#wanting.get(now);
    if (others === undefined) this.#wanting.set(now, new Set([framework]));
    else others.add(framework);
    this.#wantingIn.set(framework, now);
  }
}
