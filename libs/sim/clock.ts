import type { Instant } from "#libs/core/time.js";
import type { Cancel, Clock } from "#libs/ports/clock.js";
import type { Schedule } from "./schedule.js";

export interface SimClockOptions {
  /** What the monotonic clock showed when the world began: nothing may compare it between nodes. */
  readonly monoAtStart: number;
  /** What the wall clock showed then. */
  readonly wallAtStart: number;
  /** How long the present turn of the event loop still lasts, ms: what is to happen after it waits for so long. 0 unless given. */
  readonly turnMs?: () => number;
  /** Called when a timer fires. */
  readonly fired: () => void;
  /** Called when somebody sets the wall clock. */
  readonly wallSet?: () => void;
}

/** The clocks of one node. Its timers die with it. */
export class SimClock implements Clock {
  readonly #schedule: Schedule;
  readonly #options: SimClockOptions;
  readonly #timers = new Set<Cancel>();
  #stopped = false;
  /** Timers that are due while the process stands still. */
  #late: (() => void)[] | undefined;
  #wallJump = 0;

  constructor(schedule: Schedule, options: SimClockOptions) {
    this.#schedule = schedule;
    this.#options = options;
  }

  now(): Instant {
    const { monoAtStart, wallAtStart } = this.#options;
    const since = this.#schedule.now;
    return { mono: monoAtStart + since, wall: wallAtStart + this.#wallJump + since };
  }

  after(ms: number, call: () => void): Cancel {
    if (this.#stopped) return () => undefined;
    let isCancelled = false;
    const fire = () => {
      if (isCancelled) return;
      if (this.#late !== undefined) return void this.#late.push(fire);
      this.#timers.delete(stop);
      this.#options.fired();
      call();
    };
    const { turnMs } = this.#options;
    const cancel = this.#schedule.after(ms <= 0 && turnMs !== undefined ? turnMs() : ms, fire);
    const stop = () => {
      isCancelled = true;
      cancel();
      this.#timers.delete(stop);
    };
    this.#timers.add(stop);
    return stop;
  }

  /** The process stands still (SIGSTOP): time goes on, and no timer fires before `resume`. */
  pause(): void {
    this.#late ??= [];
  }

  resume(): void {
    const late = this.#late ?? [];
    this.#late = undefined;
    for (const fire of late) this.#schedule.after(0, fire);
  }

  /** Somebody sets the wall clock; the monotonic one goes on. */
  jumpWall(ms: number): void {
    this.#wallJump += ms;
    this.#options.wallSet?.();
  }

  stop(): void {
    this.#stopped = true;
    for (const cancel of this.#timers) cancel();
  }
}
