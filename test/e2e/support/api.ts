import { eventually } from "#test/support/eventually.js";

export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Headers;
}

/** What of a task the tests look at. */
export interface Task {
  readonly agent: string;
  readonly host: string;
  readonly framework: string;
  readonly startedAt?: number;
  readonly spec: {
    readonly id: string;
    readonly name: string;
    readonly workload: { readonly kind: string };
    readonly resources: { readonly ports: readonly (readonly [number, number])[] };
  };
  readonly latest: {
    readonly state: string;
    readonly exitCode?: number;
    readonly signal?: string;
    readonly reason?: string;
    readonly message?: string;
    readonly healthy?: boolean;
  };
}

interface AppAnswer {
  readonly app: {
    readonly settled: boolean;
    readonly tasksRunning: number;
    readonly tasksHealthy: number;
    readonly lastTaskFailure?: { readonly message: string };
    readonly tasks: readonly {
      readonly id: string;
      readonly host: string;
      readonly ports: readonly number[];
      readonly state: string;
      readonly slaveId: string;
    }[];
  };
}

export interface Run {
  readonly id: string;
  readonly status: string;
  readonly reason?: string;
  readonly completedAt: string | null;
  readonly tasks: readonly {
    readonly id: string;
    readonly status: string;
    readonly host: string;
    readonly exitCode?: number;
    readonly startedAt?: string;
  }[];
}

/** The cluster's HTTP API, as curl would use it. */
export class Api {
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  async send(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const sent = body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) };
    const type: Record<string, string> = body === undefined ? {} : { "content-type": "application/json" };
    const response = await fetch(`${this.url}${path}`, { method, ...sent, headers: { ...type, ...headers } });
    const text = await response.text();
    const isJson = response.headers.get("content-type")?.includes("json") === true;
    return { status: response.status, body: isJson ? JSON.parse(text) : text, headers: response.headers };
  }

  async get<T>(path: string): Promise<T> {
    const { status, body } = await this.send("GET", path);
    if (status !== 200) throw new Error(`GET ${path}: ${status} ${JSON.stringify(body)}`);
    return body as T;
  }

  /** Puts the app and waits until all of its instances run (and are healthy, where checked). */
  async deploy(definition: { readonly id: string }, limitMs = 60_000): Promise<AppAnswer["app"]> {
    const { status, body } = await this.send("PUT", `/v2/apps${definition.id}`, definition);
    if (status !== 200 && status !== 201)
      throw new Error(`PUT ${definition.id}: ${status} ${JSON.stringify(body)}`);
    return this.settled(definition.id, limitMs);
  }

  async settled(id: string, limitMs = 60_000): Promise<AppAnswer["app"]> {
    let last: AppAnswer["app"] | undefined;
    try {
      return await eventually(
        `${id} to settle`,
        async () => {
          last = (await this.get<AppAnswer>(`/v2/apps${id}`)).app;
          return last.settled ? last : undefined;
        },
        limitMs,
      );
    } catch (cause) {
      throw new Error(`${id} does not settle: ${JSON.stringify(last)}`, { cause });
    }
  }

  app = async (id: string): Promise<AppAnswer["app"]> => (await this.get<AppAnswer>(`/v2/apps${id}`)).app;

  /** Deletes the app and waits until it is gone. */
  async remove(id: string): Promise<void> {
    await this.send("DELETE", `/v2/apps${id}`);
    await eventually(
      `${id} to be gone`,
      async () => (await this.send("GET", `/v2/apps${id}`)).status === 404,
      30_000,
    );
  }

  async tasks(name?: string): Promise<readonly Task[]> {
    return (
      await this.get<{ tasks: Task[] }>(
        `/cluster/tasks${name === undefined ? "" : `?name=${encodeURIComponent(name)}`}`,
      )
    ).tasks;
  }

  task = (id: string): Promise<Task> => this.get<Task>(`/cluster/tasks/${id}`);

  /** Submits the job, starts a run and waits until it has ended. */
  async run(definition: { readonly id: string }): Promise<Run> {
    const created = await this.send("POST", "/v1/jobs", definition);
    if (created.status !== 201)
      throw new Error(`POST ${definition.id}: ${created.status} ${JSON.stringify(created.body)}`);
    const started = (await this.send("POST", `/v1/jobs/${definition.id}/runs`)).body as Run;
    return eventually(
      `the run of ${definition.id} to end`,
      async () => {
        const run = await this.get<Run>(`/v1/jobs/${definition.id}/runs/${started.id}`);
        return run.status === "SUCCESS" || run.status === "FAILED" ? run : undefined;
      },
      60_000,
    );
  }
}
