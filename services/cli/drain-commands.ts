import type { AgentView, FrameworkView } from "#protocol/api.js";
import type { TaskStatus } from "#protocol/task.js";
import { countText } from "#libs/core/words.js";
import { systemClock } from "./clock.js";
import { asksUntilTaken, type Waiting } from "./asking.js";
import type { Client } from "./client.js";
import { mainReason } from "./explain-command.js";
import { Failure } from "./failure.js";
import { ageText, type Output } from "./output.js";
import { type Step, waitFor } from "./progress.js";
import { standingText } from "./standing.js";

export interface DrainOptions {
  /** seconds */
  readonly deadline?: number;
  readonly wait: boolean;
  /** seconds */
  readonly timeout?: number;
}

const pathOf = (id: string): string => `/cluster/agents/${encodeURIComponent(id)}`;

/** Drains, and waits until nothing runs there any more. */
export async function drain(
  client: Client,
  output: Output,
  id: string,
  { deadline, wait, timeout }: DrainOptions,
): Promise<void> {
  const asked = deadline === undefined ? {} : { deadlineSeconds: deadline };
  const seconds = timeout ?? (deadline === undefined ? 300 : deadline + 60);
  const asking = asksUntilTaken(output, { wait, timeout: seconds });
  const goal = `draining ${id}`;
  const begun = await asking.ask(goal, () => client.post<AgentView>(`${pathOf(id)}/drain`, asked));
  const view = wait
    ? await waitFor(() => drained(client, id), {
        timeoutMs: asking.left().timeout * 1000,
        quiet: output.isJson,
        goal,
        hindered: () => stayingReasons(client, id),
        late: () => stayingReasons(client, id),
      })
    : begun;
  if (output.isJson) output.json(view);
  else output.line(progressText(view));
}

export async function activate(client: Client, output: Output, id: string, waiting: Waiting): Promise<void> {
  const view = await asksUntilTaken(output, waiting).ask(`activating ${id}`, () =>
    client.post<AgentView>(`${pathOf(id)}/activate`, {}),
  );
  if (output.isJson) output.json(view);
  else output.line(`${id}: ${view.state}, takes tasks`);
}

async function drained(client: Client, id: string): Promise<Step<AgentView>> {
  const view = await client.get<AgentView>(pathOf(id));
  if (view.state === "gone") throw new Failure("failed", `${id}: it was removed`);
  if (view.drain === undefined) throw new Failure("failed", `${id}: its drain was ended`);
  // That it is drained is what the command prints.
  if (view.drain.state === "drained") return { text: "", done: view };
  const text = progressText(view) + hindranceText(view, await client.get("/cluster/frameworks"));
  return { text, live: deadlineText(view) };
}

/** Why the apps that still have something there do not move it: of the first few. */
async function stayingReasons(client: Client, agent: string): Promise<string[]> {
  const { tasks } = await client.get<{ tasks: TaskStatus[] }>(
    `/cluster/tasks?agent=${encodeURIComponent(agent)}`,
  );
  const there = tasks.filter(({ framework, endedAt }) => framework === "apps" && endedAt === undefined);
  const apps = [...new Set(there.map(({ spec: { name } }) => name))].slice(0, appsExplained);
  return (await Promise.all(apps.map((app) => mainReason(client, app)))).flat();
}

const appsExplained = 3;

/** Why it may take for ever, and what to do about it. */
export function hindranceText(
  { info: { id }, state, use, drain }: AgentView,
  frameworks: readonly Pick<FrameworkView, "id" | "state" | "awayMs">[],
): string {
  if (state === "unreachable")
    return `; it cannot be reached: it drains when it is back; gone for good it is removed with emporion agents rm ${id}`;
  if (drain?.deadlineAt !== undefined) return "";
  const away = frameworks
    .filter((each) => isAway(each) && use.some(({ framework, tasks }) => framework === each.id && tasks > 0))
    .map((each) => each.id);
  if (away.length === 0) return "";
  return `; ${away.join(", ")} ${away.length === 1 ? "is" : "are"} not connected and will move nothing: --deadline ends what is left`;
}

/** Whom a new leader has not heard yet may be on his way: so long it waits for him. */
const awaitedMs = 15_000;

const isAway = ({ state, awayMs = 0 }: Pick<FrameworkView, "state" | "awayMs">): boolean =>
  state === "disconnected" || (state === "awaited" && awayMs >= awaitedMs);

/** `agent-1: draining, 3 tasks left (2 of apps, 1 of jobs)` */
function progressText(view: AgentView): string {
  const left = new Map<string, number>();
  for (const { framework, tasks } of view.use)
    if (tasks > 0) left.set(framework, (left.get(framework) ?? 0) + tasks);
  const whose = [...left].map(([framework, tasks]) => `${tasks} of ${framework}`).join(", ");
  const start = `${view.info.id}: ${standingText(view.state, view.drain)}`;
  if (view.drain?.state === "drained") return `${start}, nothing runs there any more`;
  return `${start}, ${countText(view.tasks, "task")} left${whose === "" ? "" : ` (${whose})`}`;
}

function deadlineText({ drain: { deadlineAt } = { state: "draining", since: 0 } }: AgentView): string {
  if (deadlineAt === undefined) return "";
  const leftMs = deadlineAt - systemClock.now().wall;
  return leftMs > 0 ? `; what is left in ${ageText(leftMs)} is ended` : "; the deadline has passed";
}
