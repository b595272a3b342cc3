import { kinds } from "./mixture.js";
import { type Outcome, run as runSeed, type RunOptions } from "./run.js";

/**
 * The least of a seed that still fails: kinds are left out one after the other, then single steps, as long as the failure stays (whatever
 * its words). Stops after `mostMs` of real time by `now`. `run`: how a seed is run.
 */
export async function shrink(
  outcome: Pick<Outcome, "seed" | "mixture">,
  mostMs: number,
  now: () => number,
  run: (options: RunOptions) => Promise<Pick<Outcome, "failure" | "steps">> = runSeed,
): Promise<RunOptions> {
  const { seed } = outcome;
  const until = now() + mostMs;
  const fails = async (options: RunOptions) => (await run(options)).failure !== undefined;

  const without = new Set<string>();
  for (const kind of ["away", ...kinds]) {
    if (now() > until) break;
    const more = new Set([...without, kind]);
    if (outcome.mixture.includes(kind) && (await fails({ seed, without: more }))) without.add(kind);
  }
  let only = (await run({ seed, without })).steps.map(({ id }) => id);
  for (let size = Math.ceil(only.length / 2); size >= 1 && now() <= until; size = Math.floor(size / 2))
    for (let from = 0; from < only.length && now() <= until;) {
      const fewer = [...only.slice(0, from), ...only.slice(from + size)];
      if (await fails({ seed, without, only: new Set(fewer) })) only = fewer;
      else from += size;
    }
  return { seed, without, only: new Set(only) };
}

/** What to type to see it. */
export function commandOf({ seed, without = new Set(), only }: RunOptions): string {
  const parts = [`npm run sim -- --seed ${seed}`];
  if (without.size > 0) parts.push(`--without ${[...without].join(",")}`);
  if (only !== undefined) parts.push(`--only ${only.size === 0 ? "none" : [...only].join(",")}`);
  return parts.join(" ");
}
