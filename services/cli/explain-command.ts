import type { Explanation, FrameworkView } from "#protocol/api.js";
import type { TaskStatus } from "#protocol/task.js";
import { countText } from "#libs/core/words.js";
import type { Client } from "./client.js";
import { systemClock } from "./clock.js";
import { Failure } from "./failure.js";
import { inPath, isUnknown, type Named, namedBy, taskOf, unknownFailure } from "./named.js";
import { ageText, type Output } from "./output.js";
import { lastRunText, type RunInfo } from "./runs.js";
import { presenceText } from "./standing.js";

/** Why it is not placed: `/demo/web` or `app:/demo/web`, `demo.pi` or `job:demo.pi`, `framework:apps`; of a task how it stands, and its app or job. */
export async function explain(
  client: Client,
  output: Output,
  what: string,
  { agent }: { readonly agent?: string } = {},
): Promise<void> {
  const { task, named, explanations } = await explained(client, namedBy(what), agent);
  if (output.isJson) return output.json(task === undefined ? explanations : { task, explanations });
  if (task !== undefined) output.line(taskText(task, systemClock.now().wall));
  if (explanations.length === 0 && named !== undefined)
    output.line(
      named.kind === "framework"
        ? await standsText(client, named.id)
        : `${named.id}: nothing is waiting to be placed`,
    );
  const idle = named?.kind === "job" ? await idleText(client, named.id) : undefined;
  if (idle !== undefined) output.line(idle);
  for (const explanation of explanations)
    for (const line of shownLines(explanation, { isIdle: idle !== undefined, isOfOne: agent !== undefined }))
      output.line(line);
}

/** Of what is idle there is only what one agent says of it, and what to beware of. */
function shownLines(explanation: Explanation, { isIdle, isOfOne }: { isIdle: boolean; isOfOne: boolean }) {
  if (isOfOne) return linesOfOne(explanation);
  return isIdle ? warningLines(explanation) : linesOf(explanation);
}

/** Of a job that wants nothing, as no run is active: how the last one ended. */
async function idleText(client: Client, id: string): Promise<string | undefined> {
  const runs = await client
    .get<RunInfo[]>(`/v1/jobs/${encodeURIComponent(id)}/runs?all=true`)
    .catch(unlessGone);
  return lastRunText(id, runs);
}

interface Explained {
  readonly task?: TaskStatus;
  /** What the explanations are of. */
  readonly named?: Named;
  readonly explanations: readonly Explanation[];
}

async function explained(client: Client, named: Named, agent: string | undefined): Promise<Explained> {
  const { kind, id } = named;
  if (kind !== undefined && kind !== "task")
    return { named, explanations: await explanationsOf(client, named, agent) };
  const task = await taskOf(client, id);
  if (task === undefined) {
    if (kind === "task") throw new Failure("refused", `no agent that answers has a task ${id}`);
    return await explainedJob(client, id, agent);
  }
  const owner = ownerOf(task);
  return {
    task,
    named: owner,
    explanations: await explanationsOf(client, owner, agent).catch(unlessGone),
  };
}

/** Without a slash and a word before it, and no task. */
async function explainedJob(client: Client, id: string, agent: string | undefined): Promise<Explained> {
  const named = { kind: "job", id } as const;
  try {
    return { named, explanations: await explanationsOf(client, named, agent) };
  } catch (cause) {
    throw isUnknown(cause) ? unknownFailure(id) : cause;
  }
}

/** A task may outlive the record of its app or job. */
function unlessGone(cause: unknown): readonly [] {
  if (cause instanceof Failure && cause.code === "not-found") return [];
  throw cause;
}

const explanationsOf = (
  client: Client,
  named: Named,
  agent: string | undefined,
): Promise<readonly Explanation[]> =>
  client.get<Explanation[]>(
    `${pathOf(named)}${agent === undefined ? "" : `?agent=${encodeURIComponent(agent)}`}`,
  );

/** Tasks of apps bear their app's id, with its slash; of what is neither an app nor a job the framework knows. */
const ownerOf = ({ spec: { name }, framework }: TaskStatus): Named => {
  if (name.startsWith("/")) return { kind: "app", id: name };
  return framework === "jobs" ? { kind: "job", id: name } : { kind: "framework", id: framework };
};

export const pathOf = ({ kind = "job", id }: Named): string =>
  `/cluster/explain/${kind}s/${inPath(id.replace(/^\/+/, ""))}`;

/** `demo.pi.1-4 of demo.pi on agent-a: failed (exit code 7), after 3s`. */
export function taskText({ spec, agent, latest, startedAt, endedAt }: TaskStatus, now: number): string {
  const health = latest.healthy === undefined ? "" : latest.healthy ? ", healthy" : ", unhealthy";
  const why = latest.message === undefined ? "" : ` (${latest.message})`;
  const age =
    startedAt === undefined
      ? ""
      : endedAt === undefined
        ? `, for ${ageText(now - startedAt)}`
        : `, after ${ageText(endedAt - startedAt)}`;
  return `${spec.id} of ${spec.name} on ${agent}: ${latest.state}${health}${why}${age}`;
}

/** Of a framework that nothing is said of because it asks for nothing in particular. */
async function standsText(client: Client, id: string): Promise<string> {
  const view = await client.get<FrameworkView>(`/cluster/frameworks/${encodeURIComponent(id)}`);
  const { state, suppressed, tasks } = view;
  const has = `it has ${countText(tasks, "task")}`;
  if (state !== "connected") return `${id}: it is not connected (${presenceText(view)}); ${has}`;
  return suppressed ? `${id}: it wants no offers at present; ${has}` : `${id}: it takes any offer; ${has}`;
}

const namedMost = 5;

/** How it stands; what holds it back; where it fits; where not and why. */
export function linesOf(explanation: Explanation): string[] {
  const { fitting, agents, reasons, perAgent, leftOut } = explanation;
  if (!explanation.isMissing) return [...headOf(explanation), ...warningLines(explanation)];
  const fits = perAgent.filter(({ reason }) => reason === "").map((each) => each.agent);
  const named = fitting > 0 && fits.length === fitting && fitting <= namedMost ? `: ${fits.join(", ")}` : "";
  return [
    ...headOf(explanation),
    `  one more fits now on ${fitting} of ${countText(agents, "agent")}${named}`,
    ...reasons.map(({ reason, agents: lacking }) => `  ${lacking} of ${reasonText(agents, reason)}`),
    ...sameTogether(perAgent),
    ...(leftOut === undefined ? [] : [`    and ${leftOut} other agents: --agent ID tells of one`]),
    ...warningLines(explanation),
  ];
}

/** With only one agent in it. */
export const linesOfOne = (explanation: Explanation): string[] => [
  ...headOf(explanation),
  ...explanation.perAgent.map(
    ({ agent, reason }) => `  ${agent}: ${reason === "" ? "one more fits now" : reason}`,
  ),
  ...warningLines(explanation),
];

const warningLines = ({ warnings = [] }: Explanation): string[] =>
  warnings.map((each) => `  warning: ${each}`);

const headOf = ({ stands, isMissing, waiting }: Explanation): string[] => [
  isMissing || waiting.length > 0 ? stands : `${stands}; nothing is missing`,
  ...waiting.map((each) => `  ${each}`),
];

/** `3 agents never: cpus` for what they have not even when idle. */
function reasonText(agents: number, reason: string): string {
  const [, lasting] = /^(.*): never$/.exec(reason) ?? [];
  return `${countText(agents, "agent")}${lasting === undefined ? `: ${reason}` : ` never: ${lasting}`}`;
}

/** Agents with the same reason on one line. */
function sameTogether(perAgent: Explanation["perAgent"]): string[] {
  const byReason = new Map<string, string[]>();
  for (const { agent, reason } of perAgent)
    if (reason !== "") byReason.set(reason, [...(byReason.get(reason) ?? []), agent]);
  return Array.from(byReason, ([reason, names]) => {
    const shown = names.length > namedMost ? `${names.slice(0, namedMost).join(", ")}, …` : names.join(", ");
    return `    ${shown}: ${reason}`;
  });
}

/** The main reason in a line or two, and how to see all of them; for what is not done in time. */
export async function mainReason(client: Client, id: string): Promise<string[]> {
  const explanations = await explanationsOf(client, namedBy(id), undefined).catch(() => []);
  const open = explanations.filter(({ isMissing, waiting }) => isMissing || waiting.length > 0);
  return [
    ...open.flatMap((each) => [each.stands, ...mostOf(each).map((line) => `  ${line}`)]),
    `\`emporion explain ${id}\` tells more`,
  ];
}

/** Why no agent takes one more, while instances or runs are missing; nothing while some agent would. */
export async function hindrance(client: Client, id: string): Promise<string[]> {
  const explanations = await explanationsOf(client, namedBy(id), undefined).catch(() => []);
  return explanations
    .filter(({ isMissing, fitting }) => isMissing && fitting === 0)
    .flatMap((each) => [each.stands, ...mostOf(each).map((line) => `  ${line}`)]);
}

const mostOf = ({ waiting, reasons, agents, fitting, perAgent }: Explanation): string[] => {
  if (waiting.length > 0) return waiting.slice(0, 2);
  if (fitting > 0) return [`one more fits now on ${fitting} of ${countText(agents, "agent")}`];
  const example = perAgent.find(({ reason }) => reason !== "");
  return [
    ...reasons
      .slice(0, 2)
      .map(({ reason, agents: lacking }) => `${lacking} of ${reasonText(agents, reason)}`),
    ...(example === undefined ? [] : [`${example.agent}: ${example.reason}`]),
  ];
};
