import { once } from "node:events";
import { rmdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Docker from "dockerode";
import pLimit from "p-limit";
import { startDockerEngine } from "#setup/engine.mjs";
import { BUSYBOX_IMAGE, buildBusyboxImage } from "#setup/image.mjs";
import { readTools } from "#setup/tools.mjs";
import { type Cgroups, findCgroups } from "#libs/adapters/process/cgroups.js";
import { enter, removeGroup } from "#libs/adapters/process/group.js";
import { HomeDoors, spawnInside } from "#libs/adapters/process/spawn.js";
import { eventually } from "#test/support/eventually.js";

/** What the machine itself can do, without a cluster: measured in turn with the cluster. */

const command = "exec sleep 1000";
const memoryBytes = 32 << 20;
const program = {
  argv: ["/bin/sh", "-c", command],
  env: {},
  directory: tmpdir(),
  stdout: "/dev/null",
  stderr: "/dev/null",
};

/**
 * Spawns from this process, each child in control groups of its own with limits, by the same means as the process executor: the
 * fastest that we know (a child that is moved into its groups from outside waits 5 to 10 ms for each).
 */
export class BareSpawns {
  readonly #cgroups: Cgroups;
  readonly #home: HomeDoors;

  /** Throws where there are no control groups to write to: then there is no floor to compare with. */
  constructor() {
    const found = findCgroups(`bench-${process.pid}`);
    if (typeof found === "string") throw new Error(`no control groups for the floor: ${found}`);
    this.#cgroups = found;
    enter(found.home.dirs, "cgroup.procs");
    this.#home = new HomeDoors(found.home);
  }

  /** ms until `count` sleeping processes run. */
  async all(count: number): Promise<number> {
    const startedAt = performance.now();
    const children = await Promise.all(Array.from({ length: count }, (_, index) => this.#spawn(`${index}`)));
    const tookMs = performance.now() - startedAt;
    await Promise.all(children.map((child) => child.end()));
    return tookMs;
  }

  /** Leaves the groups and takes them away. */
  close(): void {
    for (const dir of this.#cgroups.home.dirs) {
      enter([join(dir, "../../..")], "cgroup.procs");
      for (const each of [dir, join(dir, "..")]) rmdirSync(each);
    }
  }

  async #spawn(name: string): Promise<{ end(): Promise<void> }> {
    const { group, settings, limits } = this.#cgroups.prepare(name, { cpus: 0.02, memMax: memoryBytes });
    for (const [file, value] of settings) writeFileSync(file, value);
    const child = spawnInside(program, group, this.#home);
    for (const [file, value] of limits) writeFileSync(file, value);
    await once(child, "spawn");
    return {
      async end() {
        const ended = once(child, "exit");
        child.kill("SIGKILL");
        await ended;
        removeGroup(group);
      },
    };
  }
}

/** ms until `count` containers run, created and started with so many calls at a time; the containers are removed. */
export async function bareContainers(
  docker: Docker,
  image: string,
  count: number,
  concurrency: number,
): Promise<number> {
  const limit = pLimit(concurrency);
  const startedAt = performance.now();
  const containers = await Promise.all(
    Array.from({ length: count }, (_, index) =>
      limit(async () => {
        const container = await docker.createContainer({
          name: `emporion-floor-${process.pid}-${index}`,
          Image: image,
          Cmd: ["/bin/sh", "-c", command],
          HostConfig: { NetworkMode: "bridge", Memory: memoryBytes, CpuShares: 20 },
        });
        await container.start();
        return container;
      }),
    ),
  );
  const tookMs = performance.now() - startedAt;
  await Promise.all(containers.map((container) => limit(() => container.remove({ force: true }))));
  return tookMs;
}

/** A swarm of one node on an engine of its own, since Swarm and live-restore exclude each other. */
export class Swarm {
  readonly #docker: Docker;
  readonly #image: string;
  readonly #stop: () => Promise<void>;

  private constructor(docker: Docker, image: string, stop: () => Promise<void>) {
    this.#docker = docker;
    this.#image = image;
    this.#stop = stop;
  }

  /** The engine's files are in `directory`; the swarm listens on a free `port`. */
  static async start(directory: string, port: number): Promise<Swarm> {
    const tools = readTools();
    const engine = await startDockerEngine({ tools, dir: directory, liveRestore: false });
    try {
      const docker = new Docker({ socketPath: engine.socket });
      await buildBusyboxImage({ socket: engine.socket, busybox: tools.busybox.path ?? "" });
      const { Id } = await docker.getImage(BUSYBOX_IMAGE).inspect();
      await docker.swarmInit({ ListenAddr: `127.0.0.1:${port}`, AdvertiseAddr: "127.0.0.1" });
      return new Swarm(docker, Id, () => engine.stop());
    } catch (cause) {
      await engine.stop();
      throw cause;
    }
  }

  /** ms until a service has so many running replicas, by the swarm's own clock; the service is removed, its containers too. */
  async service(replicas: number): Promise<number> {
    const startedAt = Date.now();
    const { id } = await this.#docker.createService({
      Name: "floor",
      TaskTemplate: {
        ContainerSpec: { Image: this.#image, Command: ["/bin/sh", "-c", command], StopGracePeriod: 1 },
        Resources: { Limits: { MemoryBytes: memoryBytes } },
        RestartPolicy: { Condition: "none" },
      },
      Mode: { Replicated: { Replicas: replicas } },
    });
    const times = await eventually(
      "the replicas to run",
      async () => {
        const running = await this.#runningSince();
        return running.length === replicas ? running : undefined;
      },
      120_000,
    );
    await this.#docker.getService(id).remove();
    const containersGone = async () => (await this.#docker.listContainers({ all: true })).length === 0;
    await eventually("the replicas to be gone", containersGone, 120_000);
    return Math.max(...times) - startedAt;
  }

  stop = (): Promise<void> => this.#stop();

  async #runningSince(): Promise<number[]> {
    const tasks = (await this.#docker.listTasks()) as {
      readonly Status: { readonly State: string; readonly Timestamp: string };
    }[];
    return tasks
      .filter(({ Status }) => Status.State === "running")
      .map(({ Status }) => Date.parse(Status.Timestamp));
  }
}
