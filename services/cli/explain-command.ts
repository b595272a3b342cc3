import type { Explanation } from "#protocol/api.js";
import { countText } from "#libs/core/words.js";
import type { Client } from "./client.js";
import { Failure } from "./failure.js";
import type { Output } from "./output.js";

/** Why it is not placed: `/demo/web` or `app:/demo/web`, `demo.pi` or `job:demo.pi`, `framework:apps`. */
export async function explain(
  client: Client,
  output: Output,
  what: string,
  { agent }: { readonly agent?: string } = {},
): Promise<void> {
  const chosen = agent === undefined ? "" : `?agent=${encodeURIComponent(agent)}`;
  const explanations = await client.get<Explanation[]>(`${pathOf(what)}${chosen}`);
  if (output.isJson) return output.json(explanations);
  if (explanations.length === 0) return output.line(`${what}: nothing is waiting to be placed`);
  for (const explanation of explanations)
    for (const line of (agent === undefined ? linesOf : linesOfOne)(explanation)) output.line(line);
}

export function pathOf(what: string): string {
  const [, kind, id = what] = /^(app|job|framework):(.+)$/.exec(what) ?? [];
  // Only ids of apps have slashes.
  const named = kind ?? (what.includes("/") ? "app" : "job");
  if (id === "" || /^\w+:/.test(id))
    throw new Failure("usage", `expected an app (/demo/web), a job (demo.pi) or framework:ID, found ${what}`);
  return `/cluster/explain/${named}s/${id.replace(/^\/+/, "").split("/").map(encodeURIComponent).join("/")}`;
}

const namedMost = 5;

/** How it stands; what holds it back; where it fits; where not and why. */
export function linesOf(explanation: Explanation): string[] {
  const { fitting, agents, reasons, perAgent, leftOut } = explanation;
  if (!explanation.isMissing) return headOf(explanation);
  const fits = perAgent.filter(({ reason }) => reason === "").map((each) => each.agent);
  const named = fitting > 0 && fits.length === fitting && fitting <= namedMost ? `: ${fits.join(", ")}` : "";
  return [
    ...headOf(explanation),
    `  one more fits now on ${fitting} of ${countText(agents, "agent")}${named}`,
    ...reasons.map(({ reason, agents: lacking }) => `  ${lacking} of ${reasonText(agents, reason)}`),
    ...sameTogether(perAgent),
    ...(leftOut === undefined ? [] : [`    and ${leftOut} other agents: --agent ID tells of one`]),
  ];
}

/** With only one agent in it. */
export const linesOfOne = (explanation: Explanation): string[] => [
  ...headOf(explanation),
  ...explanation.perAgent.map(
    ({ agent, reason }) => `  ${agent}: ${reason === "" ? "one more fits now" : reason}`,
  ),
];

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
  const explanations = await client.get<Explanation[]>(pathOf(id)).catch(() => []);
  const open = explanations.filter(({ isMissing, waiting }) => isMissing || waiting.length > 0);
  return [
    ...open.flatMap((each) => [each.stands, ...mostOf(each).map((line) => `  ${line}`)]),
    `\`emporion explain ${id}\` tells more`,
  ];
}

/** Why no agent takes one more, while instances or runs are missing; nothing while some agent would. */
export async function hindrance(client: Client, id: string): Promise<string[]> {
  const explanations = await client.get<Explanation[]>(pathOf(id)).catch(() => []);
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
