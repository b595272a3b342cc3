import type { GatewayClient } from "../gateway-client.js";
import { type DemoOptions, demoApps, piJob, piRuns } from "./definitions.js";

/** One line of the live table. */
export interface DemoRow {
  readonly name: string;
  readonly what: string;
  readonly progress: string;
  readonly where: string;
  readonly done: boolean;
}

interface AppInfo {
  readonly id: string;
  readonly instances: number;
  readonly settled: boolean;
  readonly tasksRunning: number;
  readonly tasks?: readonly {
    readonly host: string;
    readonly ports: readonly number[];
    readonly state: string;
  }[];
  readonly lastTaskFailure?: { readonly message: string };
  readonly container?: unknown;
  readonly jvm?: unknown;
}

interface RunInfo {
  readonly id: string;
  readonly status: string;
  readonly reason?: string;
  readonly tasks: readonly { readonly id: string }[];
}

/** Puts the demo into the cluster, once, and says how far it is. Apps that are there already stay as they are. */
export class Demo {
  readonly #client: GatewayClient;
  readonly #options: DemoOptions;
  readonly #runs: string[] = [];
  readonly #results = new Map<string, string>();

  constructor(client: GatewayClient, options: DemoOptions) {
    this.#client = client;
    this.#options = options;
  }

  /** False while the cluster does not take it yet. */
  async deploy(): Promise<boolean> {
    for (const definition of demoApps(this.#options)) {
      const { status } = await this.#client.send("POST", "/v2/apps", definition);
      if (!taken(status)) return false;
    }
    if (!taken((await this.#client.send("POST", "/v1/jobs", piJob)).status)) return false;
    while (this.#runs.length < piRuns) {
      const { status, body } = await this.#client.send("POST", `/v1/jobs/${piJob.id}/runs`);
      if (!taken(status)) return false;
      this.#runs.push((body as RunInfo).id);
    }
    return true;
  }

  async rows(): Promise<readonly DemoRow[]> {
    const { apps = [] } = (await this.#client.get<{ apps: AppInfo[] }>("/v2/apps?embed=apps.tasks")) ?? {};
    const own = new Set(demoApps(this.#options).map(({ id }) => id));
    return [...apps.filter(({ id }) => own.has(id)).map(appRow), await this.#piRow()];
  }

  async #piRow(): Promise<DemoRow> {
    const runs = (await this.#client.get<RunInfo[]>(`/v1/jobs/${piJob.id}/runs?all=true`)) ?? [];
    const ours = runs.filter(({ id }) => this.#runs.includes(id));
    for (const { id, status, tasks } of ours) {
      const task = tasks.at(-1);
      if (status !== "SUCCESS" || task === undefined || this.#results.has(id)) continue;
      const text = await this.#client.text(`/cluster/tasks/${task.id}/stdout`);
      if (text !== undefined && text !== "") this.#results.set(id, text.trim());
    }
    const failed = ours.filter(({ status }) => status === "FAILED");
    return {
      name: piJob.id,
      what: "batch job",
      progress: `${this.#results.size}/${piRuns} runs`,
      where:
        failed.length > 0
          ? `failed: ${failed[0]?.reason ?? "no reason given"}`
          : [...this.#results.values()].join(" "),
      done: this.#results.size === piRuns,
    };
  }
}

const appRow = ({
  id,
  instances,
  settled,
  tasksRunning,
  tasks = [],
  lastTaskFailure,
  container,
  jvm,
}: AppInfo): DemoRow => {
  const addresses = tasks
    .filter(({ state }) => state === "TASK_RUNNING")
    .map(({ host, ports }) => `${host}:${ports[0] ?? "-"}`);
  return {
    name: id,
    what: container !== undefined ? "container" : jvm !== undefined ? "jvm" : "process",
    progress: `${tasksRunning}/${instances} running`,
    where:
      addresses.length === 0 && lastTaskFailure !== undefined
        ? `last failure: ${lastTaskFailure.message}`
        : addresses.join(" "),
    done: settled,
  };
};

const taken = (status: number): boolean => (status >= 200 && status < 300) || status === 409;
