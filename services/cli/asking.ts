import { systemClock } from "./clock.js";
import { Failure } from "./failure.js";
import type { Output } from "./output.js";
import { takenBy } from "./progress.js";

export interface Waiting {
  readonly wait: boolean;
  /** seconds */
  readonly timeout: number;
}

/** How a command asks for what changes something. */
export interface Asking {
  /** What comes to the same when it is done twice; `goal`: for people, `deploying /demo/web`. */
  readonly ask: <T extends object>(goal: string, call: () => Promise<T>) => Promise<T>;
  /** What is to be gone. */
  readonly askAway: (goal: string, call: () => Promise<unknown>) => Promise<void>;
  /** What is waited for afterwards has the rest of the time. */
  readonly left: () => Waiting;
}

/** What is asked for waits until somebody leads, and says why; without `wait` it is asked for once. */
export function asksUntilTaken({ isJson }: Pick<Output, "isJson">, waiting: Waiting): Asking {
  const begunAt = systemClock.now().mono;
  const left = (): Waiting => {
    const passed = (systemClock.now().mono - begunAt) / 1000;
    return { ...waiting, timeout: Math.max(0, Math.ceil(waiting.timeout - passed)) };
  };
  const ask = <T extends object>(goal: string, call: () => Promise<T>): Promise<T> =>
    waiting.wait ? takenBy(call, { goal, timeoutMs: left().timeout * 1000, quiet: isJson }) : call();
  const askAway = async (goal: string, call: () => Promise<unknown>) =>
    void (await ask(goal, removing(call)));
  return { ask, askAway, left };
}

/** Asked again after an answer that was lost, what was to be gone may be gone already: then it is done. */
export function removing(call: () => Promise<unknown>): () => Promise<object> {
  let mayBeDone = false;
  return async () => {
    try {
      await call();
    } catch (cause) {
      if (!(cause instanceof Failure)) throw cause;
      if (!mayBeDone || cause.code !== "not-found") {
        mayBeDone ||= cause.leavesOpen;
        throw cause;
      }
    }
    return {};
  };
}
