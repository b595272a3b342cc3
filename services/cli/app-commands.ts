import type { Client } from "./client.js";
import { countText } from "#libs/core/words.js";
import { systemClock } from "./clock.js";
import { asksUntilTaken, type Waiting } from "./asking.js";
import { hindrance, mainReason } from "./explain-command.js";
import { Failure } from "./failure.js";
import { definitionsOf, naming, type Placed } from "./files.js";
import { absolute, appPath } from "./named.js";
import type { Output } from "./output.js";
import { type Step, waitFor } from "./progress.js";
import { silenceOf } from "./silent-agents.js";

/** What of Marathon's app the CLI reads. */
export interface AppInfo {
  readonly id: string;
  readonly instances: number;
  readonly version: string;
  readonly tasksStaged: number;
  readonly tasksRunning: number;
  readonly tasksHealthy: number;
  readonly tasksUnhealthy: number;
  readonly settled: boolean;
  readonly backoffMs?: number;
  /** Instances that ended too soon, in a row. */
  readonly failures?: number;
  /** Launches that agents refused, in a row. */
  readonly refusals?: number;
  readonly healthChecks: readonly unknown[];
  readonly tasks?: readonly {
    readonly id: string;
    readonly slaveId: string;
    readonly host: string;
    readonly ports: readonly number[];
    readonly state: string;
    readonly startedAt?: string;
  }[];
  readonly lastTaskFailure?: {
    readonly taskId: string;
    readonly message: string;
    readonly host: string;
    readonly timestamp: string;
  };
}

export async function deploy(client: Client, output: Output, path: string, waiting: Waiting): Promise<void> {
  const apps = await definitionsOf(path, "app");
  const asking = asksUntilTaken(output, waiting);
  const put = ({ id, definition, place }: Placed, query = "") =>
    asking.ask(`deploying ${id}`, () =>
      naming(place, client.put<object>(`${appPath(id)}?partialUpdate=false${query}`, definition)),
    );
  if (apps.length > 1) await allOf(apps.map((app) => put(app, "&dryRun=true")));
  for (const app of apps) {
    await put(app);
    if (!output.isJson) output.line(`${app.id} accepted`);
  }
  await settle(
    client,
    output,
    apps.map(({ id }) => id),
    asking.left(),
  );
}

/** What all of them give; every refusal when there is one. */
export async function allOf<T>(checks: readonly Promise<T>[]): Promise<T[]> {
  const settled = await Promise.allSettled(checks);
  const failures = settled.flatMap((each) => (each.status === "rejected" ? [each.reason as unknown] : []));
  const [first, ...more] = failures;
  if (first === undefined)
    return settled.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
  if (!(first instanceof Failure)) throw first;
  const others = more.filter((each) => each instanceof Failure);
  throw first.with(
    others.flatMap(({ message, details }) => [message, ...details.map((line) => `  ${line}`)]),
  );
}

export async function list(client: Client, output: Output): Promise<void> {
  const { apps } = await client.get<{ apps: AppInfo[] }>("/v2/apps");
  const rows = apps.map((app) => [
    app.id,
    `${app.tasksRunning}/${app.instances}`,
    app.healthChecks.length === 0 || app.instances === 0 ? undefined : `${app.tasksHealthy}/${app.instances}`,
    stateText(app),
    app.version,
  ]);
  output.list(["APP", "RUNNING", "HEALTHY", "STATE", "VERSION"], rows, apps);
}

function stateText({ settled, backoffMs, failures, refusals }: AppInfo): string {
  if (settled) return "settled";
  if (backoffMs !== undefined) return `backing off for ${Math.ceil(backoffMs / 1000)}s`;
  const ends = endsText({ failures, refusals });
  return ends === "" ? "deploying" : `${ends} in a row`;
}

export async function scale(
  client: Client,
  output: Output,
  id: string,
  instances: string,
  waiting: Waiting,
): Promise<void> {
  const count = Number(instances);
  if (!Number.isInteger(count) || count < 0)
    throw new Failure("usage", `instances: expected a whole number from 0, found ${instances}`);
  const asking = asksUntilTaken(output, waiting);
  await asking.ask(`scaling ${id}`, () => existing(client, id));
  await asking.ask(`scaling ${id}`, () => client.put<object>(appPath(id), { instances: count }));
  await settle(client, output, [absolute(id)], asking.left());
}

export async function remove(client: Client, output: Output, id: string, waiting: Waiting): Promise<void> {
  const asking = asksUntilTaken(output, waiting);
  const goal = `removing ${id}`;
  await asking.askAway(goal, () => client.delete(appPath(id)));
  if (waiting.wait)
    await waitFor(() => gone(client, absolute(id)), {
      timeoutMs: asking.left().timeout * 1000,
      quiet: output.isJson,
      goal,
      hindered: async () => silenceOf(client, [await existing(client, id)]),
    });
  if (output.isJson) output.json({ id: absolute(id), removed: true });
  else output.line(`${absolute(id)} removed`);
}

async function settle(
  client: Client,
  output: Output,
  ids: readonly string[],
  waiting: Waiting,
): Promise<void> {
  const apps = waiting.wait ? await settled(client, output, ids, waiting) : await allExisting(client, ids);
  if (output.isJson) return output.json(apps);
  for (const app of apps) {
    output.line(`${app.id}: ${app.tasksRunning} of ${app.instances} running`);
    for (const task of app.tasks ?? [])
      output.line(`  ${task.id}  ${task.ports.map((port) => `${task.host}:${port}`).join(" ") || task.host}`);
  }
}

/** As they were when all were settled. */
function settled(
  client: Client,
  output: Output,
  ids: readonly string[],
  { timeout }: Waiting,
): Promise<readonly AppInfo[]> {
  const settling = stepsToSettled();
  /** As they were at the last look; none when it failed. */
  let apps: readonly AppInfo[] = [];
  const look = async () => {
    apps = [];
    apps = await allExisting(client, ids);
    return settling(apps);
  };
  const linesOf = async (isMeant: (app: AppInfo) => boolean, lines: typeof hindrance) => {
    const explained = await Promise.all(apps.filter(isMeant).map(({ id }) => lines(client, id)));
    return [...explained.flat(), ...(await silenceOf(client, apps.filter(isOpen)))];
  };
  return waitFor(look, {
    timeoutMs: timeout * 1000,
    quiet: output.isJson,
    goal: `deploying ${ids.join(", ")}`,
    hindered: () => linesOf(lacksInstances, hindrance),
    late: () => linesOf(isOpen, mainReason),
  });
}

const isOpen = ({ settled: is }: AppInfo): boolean => !is;

/** Without a check nothing but time tells a start from a program that fails at once. */
const runsMs = 1000;

/** A step for each look. Done when all are settled, and what is not checked has run for a moment. */
function stepsToSettled(): (apps: readonly AppInfo[]) => Step<readonly AppInfo[]> {
  let since: number | undefined;
  return (apps) => {
    const open = apps.filter(isOpen);
    const { mono, wall } = systemClock.now();
    since = open.length > 0 ? undefined : (since ?? mono);
    const text = (open.length === 0 ? apps : open).map(progressText).join("; ");
    if (since === undefined) return { text, live: open.map(backingText).join("") };
    return mono - since >= runsMs || apps.every((app) => hasRun(app, wall)) ? { text, done: apps } : { text };
  };
}

const hasRun = ({ healthChecks, tasks = [] }: AppInfo, wall: number): boolean =>
  healthChecks.length > 0 ||
  tasks.every(({ startedAt }) => startedAt !== undefined && wall - Date.parse(startedAt) >= runsMs);

/** And not only because they have yet to start. */
const lacksInstances = ({ tasksStaged, tasksRunning, instances }: AppInfo): boolean =>
  tasksStaged + tasksRunning < instances;

const backingText = ({ id, backoffMs }: AppInfo): string =>
  backoffMs === undefined ? "" : `; next try of ${id} in ${Math.ceil(backoffMs / 1000)} s`;

/** `/shop/web: 1/3 running, 1 starting, 1 healthy; 4 failures in a row, the last: exited with code 1; backing off`. */
export function progressText({
  id,
  instances,
  tasksRunning,
  tasksStaged,
  tasksHealthy,
  healthChecks,
  backoffMs,
  failures,
  refusals,
  lastTaskFailure,
}: AppInfo): string {
  const starting = tasksStaged > 0 ? `, ${tasksStaged} starting` : "";
  const healthy = healthChecks.length > 0 && instances > 0 ? `, ${tasksHealthy} healthy` : "";
  const last = lastTaskFailure === undefined ? "" : `, the last: ${lastTaskFailure.message}`;
  const ends = endsText({ failures, refusals });
  const failed = ends === "" ? "" : `; ${ends} in a row${last}`;
  const backing = backoffMs === undefined ? "" : "; backing off";
  return `${id}: ${runningText({ tasksRunning, instances })}${starting}${healthy}${failed}${backing}`;
}

/** `4 failures`, `2 refusals`, `4 failures and 2 refusals`; nothing when all goes well. */
const endsText = ({
  failures = 0,
  refusals = 0,
}: {
  failures?: number | undefined;
  refusals?: number | undefined;
}) =>
  [failures > 0 ? countText(failures, "failure") : [], refusals > 0 ? countText(refusals, "refusal") : []]
    .flat()
    .join(" and ");

/** `2/3 running`; of what shall not run any more how many still do. */
const runningText = ({ tasksRunning, instances }: Pick<AppInfo, "tasksRunning" | "instances">): string =>
  instances === 0 && tasksRunning > 0
    ? `${tasksRunning} still running, 0 wanted`
    : `${tasksRunning}/${instances} running`;

async function gone(client: Client, id: string): Promise<Step<true>> {
  const { apps } = await client.get<{ apps: AppInfo[] }>("/v2/apps");
  const app = apps.find((each) => each.id === id);
  return app === undefined
    ? { text: `${id}: gone`, done: true }
    : { text: `${id}: ${app.tasksRunning} still running` };
}

const existing = async (client: Client, id: string): Promise<AppInfo> =>
  (await client.get<{ app: AppInfo }>(appPath(id))).app;

const allExisting = (client: Client, ids: readonly string[]): Promise<AppInfo[]> =>
  Promise.all(ids.map((id) => existing(client, id)));
