import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import Docker from "dockerode";
import pLimit from "p-limit";
import { startDockerEngine } from "#setup/engine.mjs";
import { BUSYBOX_IMAGE, buildBusyboxImage } from "#setup/image.mjs";
import { readTools } from "#setup/tools.mjs";
import { eventually } from "#test/support/eventually.js";

/** What the machine itself can do, without a cluster: measured in the same run as the cluster. */

const groups = ["cpu", "memory"].map((controller) => `/sys/fs/cgroup/${controller}`);

/** ms until `count` sleeping processes run, each in control groups of its own with limits. */
export async function bareSpawns(count: number): Promise<number> {
  const startedAt = performance.now();
  const children = await Promise.all(
    Array.from({ length: count }, (_, index) => spawnInGroup(`emporion-floor-${process.pid}-${index}`)),
  );
  const tookMs = performance.now() - startedAt;
  await Promise.all(children.map((child) => child.end()));
  return tookMs;
}

/** ms of each of `count` launches, one after the other. */
export async function bareSpawnLatencies(count: number): Promise<number[]> {
  const latencies: number[] = [];
  for (let index = 0; index < count; index++) {
    const startedAt = performance.now();
    const child = await spawnInGroup(`emporion-floor-${process.pid}-${index}`);
    latencies.push(performance.now() - startedAt);
    await child.end();
  }
  return latencies;
}

async function spawnInGroup(name: string): Promise<{ end(): Promise<void> }> {
  const directories = groups.map((group) => `${group}/${name}`);
  for (const directory of directories) mkdirSync(directory);
  writeFileSync(`/sys/fs/cgroup/cpu/${name}/cpu.shares`, "20");
  writeFileSync(`/sys/fs/cgroup/memory/${name}/memory.limit_in_bytes`, String(32 << 20));
  const child: ChildProcess = spawn("/bin/sleep", ["1000"], { detached: true, stdio: "ignore" });
  await once(child, "spawn");
  for (const directory of directories) writeFileSync(`${directory}/cgroup.procs`, String(child.pid));
  return {
    async end() {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
      for (const directory of directories) rmdirSync(directory);
    },
  };
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
          Cmd: ["/bin/sh", "-c", "exec sleep 1000"],
          HostConfig: { NetworkMode: "bridge", Memory: 32 << 20, CpuShares: 20 },
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

/** ms until a Swarm service has so many running replicas, on an engine of its own, since Swarm and live-restore exclude each other. */
export async function swarmReplicas(directory: string, port: number, count: number): Promise<number> {
  const tools = readTools();
  const engine = await startDockerEngine({ tools, dir: directory, liveRestore: false });
  try {
    const docker = new Docker({ socketPath: engine.socket });
    await buildBusyboxImage({ socket: engine.socket, busybox: tools.busybox.path ?? "" });
    const { Id: image } = await docker.getImage(BUSYBOX_IMAGE).inspect();
    await docker.swarmInit({ ListenAddr: `127.0.0.1:${port}`, AdvertiseAddr: "127.0.0.1" });
    const startedAt = performance.now();
    await docker.createService({
      Name: "floor",
      TaskTemplate: {
        ContainerSpec: { Image: image, Command: ["/bin/sh", "-c", "exec sleep 1000"] },
        Resources: { Limits: { MemoryBytes: 32 << 20 } },
        RestartPolicy: { Condition: "none" },
      },
      Mode: { Replicated: { Replicas: count } },
    });
    await eventually("the replicas to run", async () => (await runningReplicas(docker)) === count, 120_000);
    const tookMs = performance.now() - startedAt;
    await docker.getService("floor").remove();
    return tookMs;
  } finally {
    await engine.stop();
  }
}

async function runningReplicas(docker: Docker): Promise<number> {
  const tasks = (await docker.listTasks()) as { readonly Status: { readonly State: string } }[];
  return tasks.filter(({ Status }) => Status.State === "running").length;
}
