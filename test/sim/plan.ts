import { SeededRandom } from "#libs/sim/random.js";
import type { Mixture } from "./mixture.js";
import type { TroubleName } from "./troubles.js";
import type { WorkName } from "./work.js";

export type Step =
  | {
      readonly id: string;
      readonly at: number;
      readonly what: "trouble";
      readonly kind: TroubleName;
      readonly lastsMs: number;
    }
  | { readonly id: string; readonly at: number; readonly what: "work"; readonly kind: WorkName };

/**
 * What happens in a seed, and when, in the order of time. Each kind has a chance of its own, and so has each step, so that one that is
 * left out changes nothing about the others.
 */
export function planOf(seed: string | number, mixture: Mixture): Step[] {
  const { troubles, works, troubleEveryMs, workEveryMs, troubleMostMs } = mixture;
  const steps: Step[] = [];
  for (const kind of troubles)
    for (const { id, at, chance } of times(seed, kind, troubleEveryMs * 4, mixture.forMs))
      steps.push({ id, at, what: "trouble", kind, lastsMs: chance.between(10, troubleMostMs) });
  for (const kind of works)
    for (const { id, at } of times(seed, kind, workEveryMs * 3, mixture.forMs))
      steps.push({ id, at, what: "work", kind });
  return steps.toSorted((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1));
}

/** Chance of its own for what a step chooses. */
export const chanceOf = (seed: string | number, { id }: Step): SeededRandom =>
  new SeededRandom(`step/${seed}/${id}`);

/** As they come by themselves, each independent of those before: exponentially distributed gaps. */
function* times(seed: string | number, kind: string, meanMs: number, untilMs: number) {
  const chance = new SeededRandom(`plan/${seed}/${kind}`);
  let at = 0;
  for (let count = 1; ; count++) {
    at += -Math.log(1 - chance.fraction()) * meanMs;
    if (at >= untilMs) return;
    yield { id: `${kind}.${count}`, at, chance: chance.fork(String(count)) };
  }
}
