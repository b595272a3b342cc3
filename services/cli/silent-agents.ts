import type { AgentView } from "#protocol/api.js";
import { countText } from "#libs/core/words.js";
import type { Client } from "./client.js";
import { ageText } from "./output.js";

/** What of an app is looked at. */
export interface Spread {
  readonly id: string;
  readonly tasks?: readonly { readonly slaveId: string }[];
}

/** Agents report every 5 s: who missed one and a half is not well, long before he counts as unreachable. */
const silentMs = 7500;

/** What nobody else says of an app that gets no further: that its tasks are where nobody answers. A line an agent; none while nobody knows. */
export async function silenceOf(client: Client, apps: readonly Spread[]): Promise<string[]> {
  if (apps.every(({ tasks = [] }) => tasks.length === 0)) return [];
  const agents = await client.get<AgentView[]>("/cluster/agents").catch(() => []);
  return agents.flatMap((agent) => silenceText(agent, apps) ?? []);
}

/** `agent-a has not been heard for 9s: 2 tasks of /demo/web are there`. */
export function silenceText(
  { info: { id }, state, heardMsAgo }: Pick<AgentView, "info" | "state" | "heardMsAgo">,
  apps: readonly Spread[],
): string | undefined {
  const has = apps.flatMap((app) => {
    const tasks = (app.tasks ?? []).filter(({ slaveId }) => slaveId === id).length;
    return tasks > 0 ? `${countText(tasks, "task")} of ${app.id} ${tasks === 1 ? "is" : "are"} there` : [];
  });
  const isSilent = state === "unreachable" || heardMsAgo < 0 || heardMsAgo >= silentMs;
  return has.length === 0 || !isSilent ? undefined : `${whyText(id, state, heardMsAgo)}: ${has.join(", ")}`;
}

function whyText(id: string, state: AgentView["state"], heardMsAgo: number): string {
  const silence = heardMsAgo < 0 ? "by the present leader yet" : `for ${ageText(heardMsAgo)}`;
  return `${id} ${state === "unreachable" ? "is unreachable and " : ""}has not been heard ${silence}`;
}
