/** R7: how many agents may be declared unreachable now, so that a mistake of ours cannot empty the cluster. */
export class LossBudget {
  readonly #share: number;
  #times: number[] = [];

  /** @param share of the known agents that may go within a minute; one always may */
  constructor(share: number) {
    this.#share = share;
  }

  mostPerMinute(known: number): number {
    return Math.max(1, Math.floor(known * this.#share));
  }

  /** How many more may go now. */
  left(now: number, known: number): number {
    this.#times = this.#times.filter((time) => now - time < minuteMs);
    return Math.max(0, this.mostPerMinute(known) - this.#times.length);
  }

  spend(now: number): void {
    this.#times.push(now);
  }
}

const minuteMs = 60_000;
