import { existsSync } from "node:fs";
import type { Client } from "./client.js";
import { Failure } from "./failure.js";
import { readDefinitions } from "./files.js";
import type { Output } from "./output.js";
import { waitFor } from "./progress.js";
import type { Waiting } from "./app-commands.js";

/** What of Metronome's run the CLI reads. */
interface RunInfo {
  readonly id: string;
  readonly jobId: string;
  readonly status: "INITIAL" | "STARTING" | "ACTIVE" | "SUCCESS" | "FAILED";
  readonly createdAt: string;
  readonly completedAt: string | null;
  readonly reason?: string;
  readonly tasks: readonly {
    readonly id: string;
    readonly status: string;
    readonly host: string;
    readonly startedAt?: string;
    readonly completedAt: string | null;
    readonly exitCode?: number;
    readonly signal?: string;
    readonly message?: string;
  }[];
}

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

/** `what`: the id of a job that is there, or a file with a definition, which is submitted first unless it is there. */
export async function run(client: Client, output: Output, what: string, waiting: Waiting): Promise<void> {
  const id = existsSync(what) || what === "-" ? await submitted(client, what) : what;
  const started = await client.post<RunInfo>(`/v1/jobs/${id}/runs`);
  if (!waiting.wait) return output.isJson ? output.json(started) : output.line(started.id);
  if (!output.isJson) process.stderr.write(`${id}: run ${started.id}\n`);
  const ended = await waitFor(
    async () => {
      const present = await client.get<RunInfo>(`/v1/jobs/${id}/runs/${started.id}`);
      const text = `${id}: ${present.status}, attempt ${present.tasks.length}`;
      return isEnded(present) ? { text, done: present } : { text };
    },
    { timeoutMs: waiting.timeout * 1000, quiet: output.isJson, goal: `running ${id}` },
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
  const runs = await client.get<RunInfo[]>(`/v1/jobs/${id}/runs?all=true`);
  const found =
    runId === undefined
      ? runs.toSorted((a, b) => (a.createdAt < b.createdAt ? 1 : -1))[0]
      : runs.find((each) => each.id === runId);
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
  await client.delete(`/v1/jobs/${id}?stopCurrentJobRuns=${stop}`);
  if (output.isJson) output.json({ id, removed: true });
  else output.line(`${id} removed`);
}

async function submitted(client: Client, path: string): Promise<string> {
  const [definition, ...more] = await readDefinitions(path);
  if (definition === undefined || more.length > 0)
    throw new Failure("usage", `${path}: expected one job, found ${more.length + 1}`);
  const id = definition["id"];
  if (typeof id !== "string") throw new Failure("usage", `${path}: the job has no \`id\``);
  const jobs = await client.get<JobInfo[]>("/v1/jobs");
  if (!jobs.some((job) => job.id === id)) await client.post("/v1/jobs", definition);
  return id;
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

const isEnded = ({ status }: RunInfo): boolean => status === "SUCCESS" || status === "FAILED";
