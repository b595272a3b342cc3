import { never } from "#libs/core/time.js";
import { givenUpAt, type Instance, isStarting, isUnreachable, serves } from "./instance.js";
import { firstToEnd } from "./kill-order.js";

/** What is wanted of one app, and the instances that there are. */
export interface Situation {
  /** 0 when it is being deleted. */
  readonly wanted: number;
  readonly isDeleted: boolean;
  readonly configVersion: string;
  readonly replaceAfterMs: number;
  /** Attributes over which the rest stays spread when some end: those of GROUP_BY. */
  readonly groups: readonly string[];
  readonly instances: readonly Instance[];
}

export interface Plan {
  /** How many to launch of the present configuration, as soon as nothing else hinders it. */
  readonly launch: number;
  /** Which shall end. What is asked to end once is never taken back. */
  readonly kill: readonly Instance[];
  /** As many as wanted serve, and nothing else is there; some of them may be on draining agents, and wait for another place. */
  readonly settled: boolean;
  /** Instances of an older configuration that wait for a successor to serve. */
  readonly waitingForSuccessor: number;
  /** Present ones of this configuration on draining agents, which wait for the same. */
  readonly leaving: number;
  /** Monotonic ms at which the plan may change without an event. */
  readonly nextAt: number;
}

/**
 * Brings an app to what is wanted of it, with Marathon's default upgrade strategy (minimumHealthCapacity 1,
 * maximumOverCapacity 1). With `wanted` = n:
 *
 * ```
 *  present = not ending, not given up        current = present of this configuration, not on a draining agent
 *                                            old = the other present ones
 *
 *  launch  = min(n − current, 2n − present − ending)      never more than 2n take room
 *  keepOld = n − serving current                          one old goes for each new one that serves
 *  kill    = current beyond n  +  old that do not run yet  +  old beyond keepOld, those that serve least first
 * ```
 *
 * So while a change goes on, as many serve as before up to n. An instance on an unreachable agent is given up after
 * `replaceAfterMs`: it counts no more, so another one is launched; when its agent returns it counts again, and one of them
 * is surplus. One on a draining agent is treated as old: it serves until its successor does.
 */
export function planFor(situation: Situation, now: number): Plan {
  const { wanted, isDeleted, configVersion, replaceAfterMs, groups, instances } = situation;
  const givenUp = (each: Instance) => givenUpAt(each, replaceAfterMs);
  if (isDeleted)
    return {
      ...nothing,
      kill: instances.filter(({ isEnding }) => !isEnding),
      nextAt: Math.min(never, ...instances.map(givenUp).filter((at) => at > now)),
    };

  const counted = instances.filter((instance) => givenUp(instance) > now);
  const present = counted.filter(({ isEnding }) => !isEnding);
  const isOfNow = (instance: Instance) => instance.configVersion === configVersion;
  const current = present.filter((instance) => isOfNow(instance) && !instance.isLeaving);
  const leaving = present.filter((instance) => isOfNow(instance) && instance.isLeaving);
  const old = present.filter((instance) => !isOfNow(instance) || instance.isLeaving);
  const serving = current.filter(serves).length;

  const keepOld = Math.max(0, wanted - serving);
  const neverServed = old.filter((instance) => isKnownToStart(instance));
  const served = old.filter((instance) => !isKnownToStart(instance));
  const kill = [...surplus(current, wanted, groups), ...neverServed, ...surplus(served, keepOld, groups)];
  return {
    launch: Math.max(0, Math.min(wanted - current.length, 2 * wanted - counted.length)),
    kill,
    settled: serving + leaving.filter(serves).length === wanted && counted.length === wanted,
    waitingForSuccessor: Math.min(served.filter((instance) => !isOfNow(instance)).length, keepOld),
    leaving: Math.min(leaving.length, keepOld),
    nextAt: Math.min(never, ...counted.map(givenUp)),
  };
}

/**
 * Beyond `keep`. Of what is launching (or was, when we took over) nothing is known yet, it may long have ended: for its sake
 * none ends that runs, and it goes itself once enough others are known.
 */
function surplus(
  instances: readonly Instance[],
  keep: number,
  groups: readonly string[],
): readonly Instance[] {
  const known = instances.filter(({ phase }) => phase !== "launching");
  if (known.length < keep) return [];
  const launching = instances.filter(({ phase }) => phase === "launching");
  return [...launching, ...firstToEnd(known, known.length - keep, groups)];
}

/** Its agent says so: of what is launching (or was, when we took over) nothing is known yet. */
const isKnownToStart = (instance: Instance): boolean =>
  isStarting(instance) && instance.phase !== "launching" && !isUnreachable(instance);

const nothing: Plan = {
  launch: 0,
  kill: [],
  settled: false,
  waitingForSuccessor: 0,
  leaving: 0,
  nextAt: never,
};
