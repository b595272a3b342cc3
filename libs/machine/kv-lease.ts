import { Observable, type Subscriber } from "rxjs";
import { delay, type Clock } from "#libs/ports/clock.js";
import type { Lease, LeaseState } from "#libs/ports/lease.js";
import type { Log } from "#libs/ports/log.js";
import type { Entry, Store } from "#libs/ports/store.js";

/*
 * A lease is one key of a bucket whose entries run out after `leaseMs`: taken by creating it, kept by compare-and-set, given
 * up by removing it.
 *
 * L1 Nobody holds it on his own clock when the store may have let it run out: we count from when a renewal was sent, the store
 *    from when it was stored, which is later; a fifth of the time is kept back for clocks that run unevenly.
 * L2 The epoch is one more than the highest of the revision at which the key was created and of every epoch heard; it is
 *    written into the value before the lease counts as held.
 * L3 A term that has ended never comes back: the next one has a higher epoch.
 */
export interface KvLeaseOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  /** The bucket for all leases of a cluster: made if need be, with `leaseMs` as its time-to-live. */
  readonly bucket: string;
  readonly replicas: number;
  /** What is competed for: the key. */
  readonly name: string;
  /** Who we are, for people. */
  readonly holder: string;
  /** How long after the last renewal another may take it. 5000 unless given, at least 1000. */
  readonly leaseMs?: number;
}

/** The whole lease is shorter for its holder than for the store (L1). */
const heldShare = 0.8;
const renewShare = 0.25;
/** How often a standby looks whether the lease is free: bounds the time of a takeover after a release. */
const lookMs = 150;
/** Who has given it up lets others go first. */
const restMs = 4 * lookMs;
const retryMs = 200;

/** What stands under the key. `term` tells our own writes from others', and from those of a former process, when an answer was lost. */
interface Claim {
  readonly holder: string;
  readonly term: string;
  readonly epoch: number;
}

/** A lease over any store with compare-and-set and a time-to-live. */
export class KvLease implements Lease {
  readonly states: Observable<LeaseState>;
  readonly #options: KvLeaseOptions;
  readonly #leaseMs: number;
  #heard = 0;
  #terms = 0;
  #held: HeldTerm | undefined;
  /** Set while somebody listens to `states`. */
  #receiver: Subscriber<LeaseState> | undefined;
  /** Monotonic ms before which we do not stand again. */
  #restUntil = 0;

  constructor(options: KvLeaseOptions) {
    this.#options = options;
    this.#leaseMs = Math.max(1000, options.leaseMs ?? 5000);
    this.states = new Observable((receiver) => {
      this.#receiver = receiver;
      void this.#stand(receiver);
      return () => {
        this.#receiver = undefined;
        void this.#lose("it is not wanted any more");
      };
    });
  }

  isHeld(): boolean {
    return this.#held !== undefined && this.#now() < this.#held.until;
  }

  heard(epoch: number): void {
    this.#heard = Math.max(this.#heard, epoch);
    if (this.#held !== undefined && this.#held.epoch < epoch) void this.#lose(`epoch ${epoch} was heard`);
  }

  release(): Promise<void> {
    this.#restUntil = this.#now() + restMs;
    return this.#lose("it was given up");
  }

  /** Candidate, holder, candidate, … until `states` has no subscriber. */
  async #stand(receiver: Subscriber<LeaseState>): Promise<void> {
    const wanted = () => this.#receiver === receiver && !receiver.closed;
    await this.#ensure(wanted);
    while (wanted()) {
      const term = await this.#candidate(receiver, wanted);
      if (term === undefined) return;
      this.#held = term;
      receiver.next({ state: "held", epoch: term.epoch });
      await this.#keep(term);
    }
  }

  async #ensure(wanted: () => boolean): Promise<void> {
    const { store, bucket, replicas, clock, log } = this.#options;
    let said: string | undefined;
    while (wanted()) {
      try {
        return void (await store.ensure({ name: bucket, replicas, ttlMs: this.#leaseMs }));
      } catch (cause) {
        const why = String(cause);
        // Once for each reason, not with each attempt.
        if (why !== said) log.warn("no bucket for leases yet, trying again", { bucket, cause: why });
        said = why;
        await delay(clock, retryMs);
      }
    }
  }

  /** Looks and tries until the lease is ours; undefined when it is not wanted any more. */
  async #candidate(receiver: Subscriber<LeaseState>, wanted: () => boolean): Promise<HeldTerm | undefined> {
    const { holder, clock } = this.#options;
    const term = `${holder}.${clock.now().wall}.${++this.#terms}`;
    let told: string | undefined | null = null;
    while (wanted()) {
      const taken = this.#now() < this.#restUntil ? "resting" : await this.#take(term);
      if (taken instanceof HeldTerm) {
        if (wanted() && this.#now() < taken.until && this.#now() >= this.#restUntil) return taken;
        await this.#remove(taken);
        continue;
      }
      if (taken !== "resting" && told !== taken.leader) {
        told = taken.leader;
        receiver.next({ state: "standby", leader: taken.leader });
      }
      await delay(clock, lookMs);
    }
    return undefined;
  }

  async #take(term: string): Promise<HeldTerm | { readonly leader: string | undefined }> {
    const found = await this.#look();
    if (found === "unavailable") return { leader: undefined };
    const claim = found === undefined ? undefined : claimOf(found);
    this.#heard = Math.max(this.#heard, claim?.epoch ?? 0);
    if (found !== undefined && claim?.term !== term) return { leader: claim?.holder };
    const created = found?.revision ?? (await this.#write({ term, epoch: 0 }, 0));
    if (created === undefined) return { leader: undefined };
    const epoch = 1 + Math.max(created, this.#heard);
    const sentAt = this.#now();
    const revision = await this.#write({ term, epoch }, created);
    if (revision === undefined) return { leader: undefined };
    // Ours too: revisions begin anew when the bucket is emptied, and a second term of one epoch would be taken for the first.
    this.heard(epoch);
    return new HeldTerm(term, epoch, revision, sentAt + this.#leaseMs * heldShare);
  }

  /** Renews until the term is over, then removes the key. */
  async #keep(term: HeldTerm): Promise<void> {
    const { clock } = this.#options;
    const watch = () => {
      const left = term.until - this.#now();
      if (left > 0) term.cancelWatch = clock.after(left, watch);
      else void this.#lose(`it could not be renewed for ${Math.round(this.#leaseMs * heldShare)} ms`);
    };
    watch();
    let pauseMs = this.#leaseMs * renewShare;
    while (!term.isOver) {
      await term.pause(clock, pauseMs);
      if (!term.isOver) pauseMs = (await this.#renew(term)) ? this.#leaseMs * renewShare : retryMs;
    }
    await this.#remove(term);
    term.removed();
  }

  async #renew(term: HeldTerm): Promise<boolean> {
    const sentAt = this.#now();
    const revision = await this.#write({ term: term.name, epoch: term.epoch }, term.revision);
    if (revision !== undefined) {
      term.revision = revision;
      term.until = sentAt + this.#leaseMs * heldShare;
      return true;
    }
    const found = await this.#look();
    if (found === "unavailable") return false;
    const claim = found === undefined ? undefined : claimOf(found);
    // Ours, from a write whose answer was lost: when it was sent is not known any more, so it does not lengthen the term.
    if (found !== undefined && claim?.term === term.name) term.revision = found.revision;
    else void this.#lose(claim === undefined ? "it ran out" : `${claim.holder} has it`);
    return false;
  }

  /** Ends the term now; settles when the key is gone or could not be removed. */
  #lose(reason: string): Promise<void> {
    const term = this.#held;
    if (term === undefined) return Promise.resolve();
    this.#held = undefined;
    term.end();
    this.#receiver?.next({ state: "lost", epoch: term.epoch, reason });
    return term.whenRemoved;
  }

  async #remove(term: HeldTerm): Promise<void> {
    const { store, bucket, name } = this.#options;
    await store.remove(bucket, name, term.revision);
  }

  async #look(): Promise<Entry | undefined | "unavailable"> {
    const { store, bucket, name, replicas } = this.#options;
    const found = await store.get(bucket, name);
    if (found.ok) return found.value;
    // The bucket may be gone with all of the server's data.
    await store.ensure({ name: bucket, replicas, ttlMs: this.#leaseMs }).catch(() => undefined);
    return "unavailable";
  }

  /** The new revision; undefined when it was refused or nobody knows. */
  async #write(claim: Omit<Claim, "holder">, expected: number): Promise<number | undefined> {
    const { store, bucket, name, holder } = this.#options;
    const bytes = new TextEncoder().encode(JSON.stringify({ holder, ...claim } satisfies Claim));
    const put = await store.put(bucket, name, bytes, expected);
    return put.ok ? put.value : undefined;
  }

  #now(): number {
    return this.#options.clock.now().mono;
  }
}

/** The time from taking the lease to losing it. */
class HeldTerm {
  readonly name: string;
  readonly epoch: number;
  revision: number;
  /** Monotonic ms up to which it is held. */
  until: number;
  isOver = false;
  cancelWatch: (() => void) | undefined;
  readonly whenRemoved: Promise<void>;
  removed!: () => void;
  #wake: (() => void) | undefined;

  constructor(name: string, epoch: number, revision: number, until: number) {
    this.name = name;
    this.epoch = epoch;
    this.revision = revision;
    this.until = until;
    this.whenRemoved = new Promise((done) => (this.removed = done));
  }

  end(): void {
    this.isOver = true;
    this.cancelWatch?.();
    this.#wake?.();
  }

  /** So long, or until the term ends. */
  pause(clock: Clock, ms: number): Promise<void> {
    return new Promise((done) => {
      const cancel = clock.after(ms, done);
      this.#wake = () => {
        cancel();
        done();
      };
    });
  }
}

function claimOf({ bytes }: Entry): Claim | undefined {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as Claim;
  } catch {
    return undefined;
  }
}
