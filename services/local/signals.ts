import type { Clock } from "#libs/ports/clock.js";

/** Where signals come from: the process. */
export interface SignalSource {
  on(signal: NodeJS.Signals, listener: () => void): unknown;
}

const stopSignals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * One Ctrl-C comes twice under `npm start`: from the terminal, which signals everybody in front of it, and from npm, which passes
 * its own on. Nobody presses again as fast as that.
 */
const sameWithinMs = 1000;

/**
 * Kept at the first signal. `insisted` is called at each later one that is meant: not the same signal again from somebody else,
 * and no SIGHUP, for a terminal that closes says so as often as it likes.
 */
export function stopAsked(
  source: SignalSource,
  clock: Clock,
  insisted: (signal: NodeJS.Signals) => void,
): Promise<NodeJS.Signals> {
  return new Promise((done) => {
    let firstAt: number | undefined;
    for (const signal of stopSignals)
      source.on(signal, () => {
        const at = clock.now().mono;
        firstAt ??= at;
        if (at - firstAt > sameWithinMs && signal !== "SIGHUP") insisted(signal);
        done(signal);
      });
  });
}
