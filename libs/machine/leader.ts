import type { Subscription } from "rxjs";
import type { Lease } from "#libs/ports/lease.js";
import type { Log } from "#libs/ports/log.js";

/** One term of leadership. All that is made for it is thrown away with it. */
export interface Term {
  readonly epoch: number;
  /** Asked before every event and every effect: on the monotonic clock, may we still act? */
  readonly mayAct: () => boolean;
  readonly isOver: () => boolean;
  /** Called when the term ends, last one first; at once when it has ended. */
  onEnd(undo: () => void): void;
  /** We ought not to lead (somebody else wrote, a higher epoch was heard): ends the term and stands again. */
  resign(reason: string): void;
}

/**
 * Stands for the lease and runs one term after the other. `begin` may take its time to load; it looks at `isOver` when it
 * comes back from waiting. Returns how to stop: ends the present term and gives the lease up.
 */
export function standFor(
  lease: Lease,
  log: Log,
  begin: (term: Term) => void | Promise<void>,
  crashed: (cause: unknown) => void,
): () => Promise<void> {
  let present: RunningTerm | undefined;
  let subscription: Subscription | undefined;
  let isStopping = false;

  /** What `begin` throws at once is told like what it throws later. */
  const beginning = async (term: Term) => begin(term);
  const follow = () => {
    subscription = lease.states.subscribe((state) => {
      if (state.state === "held") {
        present?.end();
        const term: RunningTerm = new RunningTerm(state.epoch, lease, (reason) => {
          log.warn("giving up the lead", { epoch: state.epoch, reason });
          term.end();
          void lease.release();
        });
        present = term;
        log.info("leading", { epoch: state.epoch });
        void beginning(term).catch(crashed);
      } else if (state.state === "lost") {
        const { epoch, reason } = state;
        if (isStopping) log.info("gave up the lead, to stop", { epoch });
        else log.warn("not leading any more", { epoch, reason });
        present?.end();
        present = undefined;
      } else log.info("standing by", { leader: state.leader });
    });
  };

  follow();
  return async () => {
    isStopping = true;
    present?.end();
    await lease.release();
    subscription?.unsubscribe();
  };
}

class RunningTerm implements Term {
  readonly epoch: number;
  readonly #lease: Lease;
  readonly #resigned: (reason: string) => void;
  readonly #undos: (() => void)[] = [];
  #over = false;

  constructor(epoch: number, lease: Lease, resigned: (reason: string) => void) {
    this.epoch = epoch;
    this.#lease = lease;
    this.#resigned = resigned;
  }

  readonly mayAct = (): boolean => !this.#over && this.#lease.isHeld();
  readonly isOver = (): boolean => this.#over;

  onEnd(undo: () => void): void {
    if (this.#over) undo();
    else this.#undos.push(undo);
  }

  resign(reason: string): void {
    if (!this.#over) this.#resigned(reason);
  }

  end(): void {
    if (this.#over) return;
    this.#over = true;
    for (const undo of this.#undos.toReversed()) undo();
  }
}
