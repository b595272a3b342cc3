import type { Demand } from "#protocol/api.js";
import type { AppTask, AppView } from "#protocol/app.js";
import type { Attributes } from "#protocol/resources.js";
import { tallyText } from "#libs/core/tally.js";
import type { Instant } from "#libs/core/time.js";
import { countingOf } from "./counting.js";
import { type Instance, isStarting, isUnreachable } from "./instance.js";
import type { ManagedApp } from "./managed-app.js";
import { countText, secondsText } from "#libs/core/words.js";

/** `tasksMost`: so many of its tasks are shown, the eldest. */
export function appView(managed: ManagedApp, at: Instant, tasksMost: number): AppView {
  const { app, deployment, lastFailure, backingOff } = managed;
  const instances = [...managed.instances.values()].toSorted(byStaging);
  const reached = instances.filter((instance) => !isUnreachable(instance));
  const count = (counts: (instance: Instance) => boolean) => reached.filter(counts).length;
  const leftOut = instances.length - tasksMost;
  return {
    app,
    tasks: instances.slice(0, tasksMost).map(taskView),
    ...(leftOut > 0 && { tasksLeftOut: leftOut }),
    staged: count(isStarting),
    running: count(({ phase }) => phase === "running"),
    healthy: count(({ healthy }) => healthy === true),
    unhealthy: count(({ healthy }) => healthy === false),
    settled: managed.isSettled && deployment === undefined,
    backoffMs: Math.ceil(Math.max(0, backingOff.until - at.mono)),
    failures: backingOff.failures,
    refusals: backingOff.refusals,
    ...(deployment !== undefined && { deployment: deployment.id }),
    ...(lastFailure !== undefined && { lastFailure }),
  };
}

const byStaging = (a: Instance, b: Instance): number => a.stagedAt - b.stagedAt || (a.id < b.id ? -1 : 1);

const taskView = (instance: Instance): AppTask => ({
  id: instance.id,
  agent: instance.agent,
  host: instance.host,
  ports: [...instance.ports],
  state: isUnreachable(instance) ? "unreachable" : instance.phase,
  version: instance.version,
  stagedAt: instance.stagedAt,
  ...(instance.healthy !== undefined && { healthy: instance.healthy }),
  ...(instance.startedAt !== undefined && { startedAt: instance.startedAt }),
  ...(instance.message !== undefined && { message: instance.message }),
});

/** What the app asks of agents, and why it waits for other reasons than agents. `framework`: why nothing can be launched at all. */
export function demandOf(
  managed: ManagedApp,
  facts: {
    readonly at: Instant;
    readonly framework: string;
    readonly hindered: readonly string[];
    /** Agents that could be had lately. */
    readonly seen: readonly Attributes[];
  },
): Demand {
  const { counting, leftOut } = countingOf(managed.shape.counting, managed.counted(facts.seen));
  const running = [...managed.instances.values()].filter(
    (instance) => instance.phase === "running" && !isUnreachable(instance),
  ).length;
  const leaving = managed.plan?.leaving ?? 0;
  return {
    about: managed.id,
    framework: facts.framework,
    need: managed.shape.need,
    waiting:
      managed.isSettled && leaving === 0
        ? []
        : [...waitingReasons(managed, facts.at), ...facts.hindered, ...leftOut],
    wanted: managed.wanted,
    running,
    ...(leaving > 0 && { leaving }),
    ...(counting.length > 0 && { counting }),
  };
}

function waitingReasons(managed: ManagedApp, at: Instant): string[] {
  const { app, plan, refusals } = managed;
  const instances = [...managed.instances.values()];
  const reasons: string[] = [];
  const ending = instances.filter(({ isEnding }) => isEnding).length;
  if (managed.isDeleted) return [`it is being deleted: ${countText(ending, "task")} still end`];
  if (plan === undefined) return ["it has not been planned yet"];
  const backingOff = plan.launch > 0 ? backingOffText(managed, at) : undefined;
  if (backingOff !== undefined) reasons.push(backingOff);
  if (plan.waitingForSuccessor > 0)
    reasons.push(
      `${countText(plan.waitingForSuccessor, "instance")} of an older version wait for their successors to ` +
        (app.definition.healthChecks.length > 0 ? "become healthy" : "run"),
    );
  if (plan.leaving > 0) reasons.push(leavingText(plan.leaving, instances));
  const current = instances.filter(
    (each) => each.configVersion === app.configVersion && !each.isEnding && !each.isLeaving,
  );
  const heldBack = managed.wanted - current.length - plan.launch;
  if (heldBack > 0)
    reasons.push(
      `${countText(heldBack, "instance")} wait until others have ended (${ending} are ending): ` +
        `no more than ${2 * managed.wanted} may take room at once`,
    );
  const starting = current.filter(isStarting).length;
  if (starting > 0)
    reasons.push(`${countText(starting, "instance")} ${starting === 1 ? "is" : "are"} starting`);
  const unhealthy = current.filter(({ healthy }) => healthy === false).length;
  if (unhealthy > 0)
    reasons.push(`${countText(unhealthy, "instance")} ${unhealthy === 1 ? "is" : "are"} unhealthy`);
  const unchecked = current.filter(
    ({ phase, isChecked, healthy }) => phase === "running" && isChecked && healthy === undefined,
  ).length;
  if (unchecked > 0) reasons.push(`the health of ${countText(unchecked, "instance")} is not known yet`);
  const unreachable = current.filter(isUnreachable).length;
  if (unreachable > 0)
    reasons.push(
      `${countText(unreachable, "instance")} on unreachable agents: replaced after ${secondsText(managed.replaceAfterMs)}`,
    );
  if (plan.settled && managed.provenAt !== undefined) reasons.push(trialText(managed, at));
  if (refusals.length > 0) reasons.push(refusalsText(refusals));
  return reasons;
}

/** What has no other place stays until the deadline of its agent: that is said too. */
function leavingText(count: number, instances: readonly Instance[]): string {
  const agents = new Set(instances.filter(({ isLeaving }) => isLeaving).map(({ agent }) => agent));
  const where = `${countText(agents.size, "draining agent")} (${[...agents].slice(0, 5).join(", ")})`;
  return `${countText(count, "instance")} on ${where} ${count === 1 ? "stays" : "stay"} until others serve elsewhere`;
}

/** `backing off for 12 s after 3 failures: last demo_web.1-4 on 10.0.0.5: exited with code 1`. */
function backingOffText({ backingOff, lastFailure }: ManagedApp, at: Instant): string | undefined {
  const leftMs = backingOff.until - at.mono;
  if (leftMs <= 0) return undefined;
  const { failures, refusals } = backingOff;
  const after = [
    failures > 0 ? countText(failures, "failure") : [],
    refusals > 0 ? countText(refusals, "refusal") : [],
  ].flat();
  return `backing off for ${secondsText(leftMs)} after ${after.join(" and ")}${lastText(": ", lastFailure)}`;
}

/** `2 failures in a row: it is settled when it has run for 7 s more; last demo_web.1-4 on 10.0.0.5: exited with code 1`. */
const trialText = ({ backingOff, lastFailure, provenAt = 0 }: ManagedApp, { mono }: Instant): string =>
  `${countText(backingOff.failures, "failure")} in a row: it is settled when it has run for ${secondsText(provenAt - mono)} more${lastText("; ", lastFailure)}`;

const lastText = (before: string, last: ManagedApp["lastFailure"]): string =>
  last === undefined ? "" : `${before}last ${last.task} on ${last.host}: ${last.message}`;

const refusalsMost = 5;

const refusalsText = (refusals: readonly string[]): string =>
  `the last offers were of no use (${countText(refusals.length, "offer")}): ${tallyText(refusals, refusalsMost)}`;
