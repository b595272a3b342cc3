import type Docker from "dockerode";
import pLimit from "p-limit";
import type { LaunchOrder } from "#libs/core/launch.js";
import { statusOf, wordsOf } from "./failure.js";

export interface OwnOptions {
  readonly docker: Docker;
  readonly dockerHost: string;
  readonly cluster: string;
  readonly agent: string;
  readonly owner: string;
}

export const taskLabel = "emporion.task";

/** Removing takes the engine as long as starting; more at a time would hold up starts. */
const removalsMost = 2;

/** The containers of one agent among all others of an engine: their names and labels. */
export class Own {
  /** What all of them bear, as the engine's filters want it: `name=value`. */
  readonly filter: readonly string[];
  readonly #options: OwnOptions;
  readonly #labels: Readonly<Record<string, string>>;
  readonly #removals = pLimit(removalsMost);
  /** Tasks whose containers must not be, though the engine was away when they were to be removed. */
  readonly #doomed = new Set<string>();

  constructor(options: OwnOptions) {
    const { cluster, agent, owner } = options;
    this.#options = options;
    this.#labels = { "emporion.cluster": cluster, "emporion.agent": agent, "emporion.owner": owner };
    this.filter = Object.entries(this.#labels).map(([name, value]) => `${name}=${value}`);
  }

  nameOf(task: string): string {
    return `em-${this.#options.cluster}-${task}`;
  }

  labelsOf({ spec, framework }: LaunchOrder): Record<string, string> {
    return { ...this.#labels, [taskLabel]: spec.id, "emporion.framework": framework };
  }

  /** By its name: it need not exist. */
  named(task: string): Docker.Container {
    return this.#options.docker.getContainer(this.nameOf(task));
  }

  async list(): Promise<Docker.ContainerInfo[]> {
    const filters = JSON.stringify({ label: this.filter });
    return this.#options.docker.listContainers({ all: true, filters });
  }

  /** One of ours; the name alone may be somebody else's. Throws in words when the engine does not answer. */
  async find(task: string): Promise<Docker.Container | undefined> {
    try {
      const { Id, Config } = await this.named(task).inspect();
      const isOurs = Object.entries(this.#labels).every(([name, value]) => Config.Labels[name] === value);
      return isOurs ? this.#options.docker.getContainer(Id) : undefined;
    } catch (cause) {
      if (statusOf(cause) === 404) return undefined;
      const { dockerHost } = this.#options;
      throw new Error(`the Docker engine at ${dockerHost} does not answer: ${wordsOf(cause)}`, { cause });
    }
  }

  /** With its anonymous volumes. Safe for one that is not there or is being removed; throws in words when it cannot be. */
  async remove(container: Docker.Container, { force }: { readonly force: boolean }): Promise<void> {
    try {
      await this.#removals(() => container.remove({ force, v: true }));
    } catch (cause) {
      const isGoing = statusOf(cause) === 409 && /already in progress/.test(wordsOf(cause));
      if (statusOf(cause) === 404 || isGoing) return;
      throw new Error(`the container could not be removed: ${wordsOf(cause)}`, { cause });
    }
  }

  /** Removes it, running or not, now or as soon as the engine answers again. */
  async doom(task: string): Promise<void> {
    this.#doomed.add(task);
    try {
      const container = await this.find(task);
      if (container !== undefined) await this.remove(container, { force: true });
      this.#doomed.delete(task);
    } catch {
      // Tried again by `sweep`.
    }
  }

  get hasDoomed(): boolean {
    return this.#doomed.size > 0;
  }

  /** The engine answers again. */
  sweep(): void {
    for (const task of this.#doomed) void this.doom(task);
  }
}
