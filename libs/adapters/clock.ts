import { performance } from "node:perf_hooks";
import type { Instant } from "#libs/core/time.js";
import type { Cancel, Clock } from "#libs/ports/clock.js";

/** Longest time that a Node timer takes; a longer one fires at once. */
const timerMostMs = 2 ** 31 - 1;

/** The machine's clocks. A timer keeps the process alive. */
export class SystemClock implements Clock {
  now(): Instant {
    return { mono: performance.now(), wall: Date.now() };
  }

  /** Without a wait: at the end of the present turn of the event loop, not a millisecond later as Node's timers. */
  after(ms: number, call: () => void): Cancel {
    if (ms <= 0) {
      const immediate = setImmediate(call);
      return () => clearImmediate(immediate);
    }
    const due = performance.now() + ms;
    let timer: NodeJS.Timeout | undefined;
    const arm = () => {
      const left = due - performance.now();
      timer = setTimeout(fire, Math.min(timerMostMs, Math.max(0, Math.ceil(left))));
    };
    // Node counts in whole milliseconds of its loop and may fire up to one too early.
    const fire = () => (performance.now() >= due ? call() : arm());
    arm();
    return () => clearTimeout(timer);
  }
}
