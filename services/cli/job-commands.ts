import { existsSync } from "node:fs";
import type { Client } from "./client.js";
import { Failure } from "./failure.js";
import { hindrance, mainReason } from "./explain-command.js";
import { submitted } from "./job-files.js";
import type { Output } from "./output.js";
import { waitFor } from "./progress.js";
import { isEnded, newestOf, type RunInfo, runText } from "./runs.js";
import type { Waiting } from "./app-commands.js";

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
  const id = isFile ? await submitted(client, what, waiting.replace) : what;
  const begun = client.post<RunInfo>(`/v1/jobs/${encodeURIComponent(id)}/runs`);
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
      timeoutMs: waiting.timeout * 1000,
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

export async function remove(client: Client, output: Output, id: string, stop: boolean): Promise<void> {
  await client
    .delete(`/v1/jobs/${encodeURIComponent(id)}?stopCurrentJobRuns=${stop}`)
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
  runId: string | undefined,
): Promise<void> {
  const job = `/v1/jobs/${encodeURIComponent(id)}`;
  const run = runId ?? (await onlyActive(client, id));
  const stopped = await client.post<RunInfo>(`${job}/runs/${encodeURIComponent(run)}/actions/stop`);
  if (output.isJson) output.json(stopped);
  else output.line(`${id}: run ${run} is being stopped`);
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
