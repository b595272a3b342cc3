import { existsSync } from "node:fs";
import { SystemRandom } from "#libs/adapters/random.js";
import { asksUntilTaken, type Waiting } from "./asking.js";
import type { Client } from "./client.js";
import { Failure } from "./failure.js";
import { hindrance, mainReason } from "./explain-command.js";
import { submitted } from "./job-files.js";
import type { Output } from "./output.js";
import { waitFor } from "./progress.js";
import { isEnded, newestOf, type RunInfo, runText } from "./runs.js";

interface JobInfo {
  readonly id: string;
  readonly description?: string;
  readonly activeRuns: readonly RunInfo[];
  readonly historySummary: {
    readonly successCount: number;
    readonly failureCount: number;
    readonly lastSuccessAt: string | null;
    readonly lastFailureAt: string | null;
  };
}

export interface RunOptions extends Waiting {
  /** The file's definition takes the place of another one that is there. */
  readonly replace: boolean;
}

/** `what`: the id of a job that is there, or a file with a definition, which is submitted first. */
export async function run(client: Client, output: Output, what: string, waiting: RunOptions): Promise<void> {
  const isFile = what === "-" || what.includes("/") || existsSync(what);
  const asking = asksUntilTaken(output, waiting);
  const id = isFile ? await submitted(client, asking, { path: what, replace: waiting.replace }) : what;
  // One key, one run: asked again after an answer that was lost, it is the same.
  const key = { "idempotency-key": new SystemRandom().token(20) };
  const begun = asking.ask(`running ${id}`, () =>
    client.post<RunInfo>(`/v1/jobs/${encodeURIComponent(id)}/runs`, undefined, key),
  );
  const started = await (isFile ? begun : unlessMissingFile(what, begun));
  if (!waiting.wait) return output.isJson ? output.json(started) : output.line(started.id);
  if (!output.isJson) process.stderr.write(`${id}: run ${started.id}\n`);
  const ended = await waitFor(
    async () => {
      const present = await client.get<RunInfo>(`/v1/jobs/${encodeURIComponent(id)}/runs/${started.id}`);
      const text = runText(present);
      return isEnded(present) ? { text, done: present } : { text };
    },
    {
      timeoutMs: asking.left().timeout * 1000,
      quiet: output.isJson,
      goal: `running ${id}`,
      hindered: () => hindrance(client, id),
      late: () => mainReason(client, id),
    },
  );
  show(output, ended);
  if (ended.status !== "SUCCESS")
    throw new Failure("failed", `${id}: run ${ended.id} failed: ${ended.reason ?? "no reason given"}`);
}

export async function list(client: Client, output: Output): Promise<void> {
  const jobs = await client.get<JobInfo[]>("/v1/jobs?embed=activeRuns,historySummary");
  const rows = jobs.map(({ id, activeRuns, historySummary, description }) => [
    id,
    activeRuns.length,
    historySummary.successCount,
    historySummary.failureCount,
    historySummary.lastSuccessAt ?? undefined,
    description,
  ]);
  output.list(["JOB", "ACTIVE", "SUCCEEDED", "FAILED", "LAST SUCCESS", "DESCRIPTION"], rows, jobs);
}

/** The last run unless one is named. */
export async function result(
  client: Client,
  output: Output,
  id: string,
  runId: string | undefined,
): Promise<void> {
  const runs = await client.get<RunInfo[]>(`/v1/jobs/${encodeURIComponent(id)}/runs?all=true`);
  const found = runId === undefined ? newestOf(runs) : runs.find((each) => each.id === runId);
  if (found === undefined)
    throw new Failure(
      "refused",
      runId === undefined
        ? `${id} has not been run yet`
        : `${id} has no run ${runId} (the oldest ones are forgotten)`,
    );
  show(output, found);
  if (found.status === "FAILED")
    throw new Failure("failed", `${id}: run ${found.id} failed: ${found.reason ?? "no reason given"}`);
}

export async function remove(
  client: Client,
  output: Output,
  id: string,
  { stop, ...waiting }: Waiting & { readonly stop: boolean },
): Promise<void> {
  const path = `/v1/jobs/${encodeURIComponent(id)}?stopCurrentJobRuns=${stop}`;
  await asksUntilTaken(output, waiting)
    .askAway(`removing ${id}`, () => client.delete(path))
    .catch((cause: unknown) => {
      const hasRuns = cause instanceof Failure && cause.code === "conflict" && !stop;
      throw hasRuns ? cause.with(["--stop stops them first"]) : cause;
    });
  if (output.isJson) output.json({ id, removed: true });
  else output.line(`${id} removed`);
}

/** Stops a run: the only active one unless one is named. */
export async function stop(
  client: Client,
  output: Output,
  id: string,
  { run, ...waiting }: Waiting & { readonly run: string | undefined },
): Promise<void> {
  // Found once: when it is asked again there may be none any more.
  let named = run;
  const stopped = await asksUntilTaken(output, waiting).ask(`stopping ${id}`, async () => {
    named ??= await onlyActive(client, id);
    const path = `/v1/jobs/${encodeURIComponent(id)}/runs/${encodeURIComponent(named)}/actions/stop`;
    return client.post<RunInfo>(path);
  });
  if (output.isJson) output.json(stopped);
  else output.line(`${id}: run ${named} is being stopped`);
}

async function onlyActive(client: Client, id: string): Promise<string> {
  const [first, ...more] = await client.get<RunInfo[]>(`/v1/jobs/${encodeURIComponent(id)}/runs`);
  if (first === undefined) throw new Failure("refused", `${id} has no active run`);
  if (more.length > 0)
    throw new Failure(
      "usage",
      `${id} has ${more.length + 1} active runs; name one`,
      [first, ...more].map((run) => `${run.id}  ${run.status}, since ${run.createdAt}`),
    );
  return first.id;
}

/** What looks like a file and is none, nor a job, was meant to be a file. */
async function unlessMissingFile<T>(what: string, started: Promise<T>): Promise<T> {
  try {
    return await started;
  } catch (cause) {
    if (cause instanceof Failure && cause.code === "not-found" && /\.(ya?ml|json)$/i.test(what))
      throw new Failure("usage", `cannot read ${what}: there is no such file, and no job of this name`);
    throw cause;
  }
}

function show(output: Output, ended: RunInfo): void {
  if (output.isJson) return output.json(ended);
  output.line(
    `${ended.jobId} run ${ended.id}: ${ended.status}${ended.reason === undefined ? "" : ` (${ended.reason})`}`,
  );
  const rows = ended.tasks.map((task) => [
    task.id,
    task.status,
    task.host,
    task.exitCode ?? task.signal,
    task.startedAt,
    task.completedAt ?? undefined,
    task.message,
  ]);
  output.list(["TASK", "STATE", "HOST", "EXIT", "STARTED", "ENDED", "MESSAGE"], rows, ended);
}
