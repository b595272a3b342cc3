import type { Need } from "#protocol/framework.js";
import type { ExecutorInfo } from "#protocol/offer.js";
import type { Attributes, PortRange, Resources } from "#protocol/resources.js";
import { constraintBroken, constraintHolds, seenAttribute, seenAttributes } from "./constraint.js";
import { amountText, portCount, subtractPorts } from "./resources.js";

/** What can be had on one agent: an offer, or what an agent has free. */
export interface Place {
  readonly id: string;
  readonly host: string;
  readonly attributes: Attributes;
  readonly executors: readonly ExecutorInfo[];
  readonly resources: Resources;
}

/** Why a need does not fit a place. `kind` is what is counted over agents, `text` says it in numbers. */
export interface Misfit {
  readonly kind: string;
  readonly text: string;
}

/**
 * The one answer to "does it fit there?", for allocation, placement and explanation alike. Undefined when it does; else the
 * first reason, in this order: executor, JDK, constraints, cpus, mem, disk, the other scalars by name, ports.
 */
export function misfit(need: Need, place: Place): Misfit | undefined {
  return (
    executorMisfit(need, place) ?? constraintMisfit(need, place) ?? resourcesMisfit(need, place.resources)
  );
}

/** The same answer without words: what fails most often is looked at first, and nothing is written down. */
export const fits = (need: Need, place: Place): boolean =>
  resourcesFit(need, place.resources) && hostFits(need, place);

/** Whether the agent has the executor and the JDK. */
export const executorFits = (need: Need, place: Place): boolean =>
  need.executor === undefined || executorMisfit(need, place) === undefined;

/** The part of the answer that stays the same while the agent is not configured anew: executor, JDK, constraints. */
export const hostFits = (need: Need, place: Place): boolean =>
  need.constraints.every((constraint) =>
    constraintHolds(constraint, seenAttribute(place, constraint.attribute)),
  ) && executorFits(need, place);

function executorMisfit({ executor, jdk }: Need, place: Place): Misfit | undefined {
  if (executor === undefined) return undefined;
  const found = place.executors.find(({ kind }) => kind === executor);
  if (found === undefined) {
    const have = place.executors.map(({ kind }) => kind).join(", ") || "none";
    return { kind: `executor ${executor}`, text: `no executor ${executor}; it has ${have}` };
  }
  if (jdk === undefined || (found.jdks ?? []).some(({ release }) => jdkMatches(jdk, release)))
    return undefined;
  const have = (found.jdks ?? []).map(({ release }) => release).join(", ") || "none";
  return { kind: `JDK ${jdk}`, text: `no JDK ${jdk}; it has ${have}` };
}

/** `17` is that release, `>=17` it or a later one. */
export const jdkMatches = (asked: string, release: number): boolean =>
  asked.startsWith(">=") ? release >= Number(asked.slice(2)) : release === Number(asked);

function constraintMisfit({ constraints }: Need, place: Place): Misfit | undefined {
  if (constraints.length === 0) return undefined;
  const attributes = seenAttributes(place);
  for (const constraint of constraints) {
    const text = constraintBroken(constraint, attributes);
    if (text !== undefined) return { kind: `constraint on ${constraint.attribute}`, text };
  }
  return undefined;
}

/** The part that changes with what is free: scalars and ports. */
export function resourcesFit(
  { resources: asked, portCount: portsAsked = 0 }: Need,
  free: Resources,
): boolean {
  for (const name in asked.scalars) if (asked.scalars[name]! > (free.scalars[name] ?? 0)) return false;
  return (
    (portsAsked === 0 || portsAsked <= portCount(free.ports)) &&
    (asked.ports.length === 0 || subtractPorts(asked.ports, free.ports).length === 0)
  );
}

const leading = ["cpus", "mem", "disk"];

/** Undefined exactly when `resourcesFit`; else the first reason in words. */
function resourcesMisfit(need: Need, free: Resources): Misfit | undefined {
  if (resourcesFit(need, free)) return undefined;
  const { scalars, ports } = need.resources;
  const others = Object.keys(scalars)
    .filter((name) => !leading.includes(name))
    .toSorted();
  for (const name of [...leading, ...others]) {
    const wanted = scalars[name] ?? 0;
    const have = free.scalars[name] ?? 0;
    if (wanted > have)
      return {
        kind: name,
        text: `${name}: ${amountText(name, wanted)} asked, ${amountText(name, have)} free`,
      };
  }
  const missing = subtractPorts(ports, free.ports);
  if (missing.length > 0) return { kind: "ports", text: `ports: ${rangesText(missing)} asked, not free` };
  return { kind: "ports", text: `ports: ${need.portCount ?? 0} asked, ${portCount(free.ports)} free` };
}

const rangesText = (ports: readonly PortRange[]): string =>
  ports.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(" ");
