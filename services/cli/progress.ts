import type { Writable } from "node:stream";
import yoctoSpinner from "yocto-spinner";
import { systemClock } from "./clock.js";
import { delay } from "#libs/ports/clock.js";
import { exitCodes, Failure } from "./failure.js";

export interface Step<T> {
  /** What is said while waiting; empty: nothing, as when the command itself prints how it ended. */
  readonly text: string;
  /** Said after it on a terminal only, where the line changes: a countdown. */
  readonly live?: string;
  /** Set when it is over. */
  readonly done?: T;
}

export interface WaitOptions {
  readonly timeoutMs: number;
  readonly quiet: boolean;
  /** What is waited for, for the line that says it took too long. */
  readonly goal: string;
  /** What becomes of it after that; it goes on unless given. */
  readonly afterwards?: string;
  /** What more is to be said then, a line each. */
  readonly late?: () => Promise<readonly string[]>;
  /** What hinders it, a line each: asked for when it takes more than a few seconds, and said whenever it is another. */
  readonly hindered?: () => Promise<readonly string[]>;
  /** Where all this is said: standard error unless given. */
  readonly screen?: Writable & { readonly isTTY?: boolean };
}

const everyMs = 200;
const hinderedEveryMs = 3000;

const nothing = async (): Promise<readonly string[]> => [];

/**
 * Looks again and again until it is done, and says where it stands; also while the cluster cannot be reached, for what was asked goes
 * on without us. On a terminal in one line that changes, else a line a change.
 */
export async function waitFor<T>(
  look: () => Promise<Step<T>>,
  {
    timeoutMs,
    quiet,
    goal,
    afterwards = "it goes on",
    late = nothing,
    hindered = nothing,
    screen = process.stderr,
  }: WaitOptions,
): Promise<T> {
  const clock = systemClock;
  const spinner = screen.isTTY && !quiet ? yoctoSpinner({ text: goal, stream: screen }).start() : undefined;
  const giveUpAt = clock.now().mono + timeoutMs;
  const say = (text: string) => {
    spinner?.clear();
    screen.write(`${text}\n`);
  };
  let said = "";
  let hindrance = "";
  let askAt = clock.now().mono + hinderedEveryMs;
  try {
    for (;;) {
      const step = await look().catch(awayStep);
      if (spinner !== undefined) spinner.text = `${step.text}${step.live ?? ""}`;
      else if (!quiet && step.text !== said && step.text !== "") say(step.text);
      said = step.text;
      if (step.done !== undefined) return step.done;
      if (clock.now().mono >= giveUpAt)
        throw new Failure(
          "timeout",
          `${goal}: not done after ${timeoutMs / 1000} s; ${afterwards}. Last: ${said}`,
          await late().catch(() => []),
        );
      if (!quiet && clock.now().mono >= askAt) {
        askAt = clock.now().mono + hinderedEveryMs;
        const lines = (await hindered().catch(() => [])).join("\n");
        // Seconds and counts that run down are no news.
        const gist = lines.replaceAll(/\d+/g, "");
        if (gist !== hindrance && gist !== "") say(lines);
        hindrance = gist;
      }
      await delay(clock, everyMs);
    }
  } finally {
    spinner?.stop();
  }
}

/**
 * Asks, and asks again while the gateway answers that nobody leads there now, or does not answer: what is asked must come to the same
 * when it is done twice. Where no gateway answers there is nothing to wait for.
 */
export async function takenBy<T extends object>(ask: () => Promise<T>, options: WaitOptions): Promise<T> {
  let refusal: unknown;
  const taken = await ask().catch((cause: unknown) => {
    if (!isAway(cause) || cause.code === undefined) throw cause;
    refusal = cause;
  });
  if (taken !== undefined) return taken;
  const look = async (): Promise<Step<T>> => {
    const cause = refusal;
    refusal = undefined;
    if (cause !== undefined) throw cause;
    return { text: `${options.goal}: taken`, done: await ask() };
  };
  return waitFor(look, { afterwards: "the cluster has not said that it took it", ...options });
}

const isAway = (cause: unknown): cause is Failure =>
  cause instanceof Failure && cause.exitCode === exitCodes.unreachable;

function awayStep(cause: unknown): Step<never> {
  if (!isAway(cause)) throw cause;
  // Whoever waits looks again by himself: he need not be told to.
  const why = cause.code === "timeout" ? "the cluster has not answered in time" : cause.message;
  return { text: `${why}; looking again` };
}
