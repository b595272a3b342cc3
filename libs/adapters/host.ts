import { readFileSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { createServer } from "node:net";
import { availableParallelism, hostname, totalmem } from "node:os";
import { join } from "node:path";
import { amounts, portsWithin } from "#libs/core/resources.js";
import type { Host } from "#libs/ports/host.js";
import type { PortRange, Resources } from "#protocol/resources.js";
import { listeningPorts } from "./listening-ports.js";
import { bootId } from "./process/proc.js";

export interface SystemHostOptions {
  /** Its file system is the disk that there is. */
  readonly workDir: string;
  /** Under which others know it; the system's name unless given. */
  readonly name?: string;
  /** Root of the file system with /proc and /sys. */
  readonly root?: string;
}

const MiB = 1024 * 1024;

/** The host, or the container that the agent runs in where that has less. */
export class SystemHost implements Host {
  readonly name: string;
  readonly bootId = bootId();
  readonly isRoot = process.getuid?.() === 0;
  readonly #root: string;
  readonly #options: SystemHostOptions;

  constructor(options: SystemHostOptions) {
    this.#options = options;
    this.name = options.name ?? hostname();
    this.#root = options.root ?? "/";
  }

  async detect(): Promise<Resources> {
    const { blocks, bsize } = await statfs(this.#options.workDir);
    return amounts({
      cpus: Math.min(availableParallelism(), this.#cpuLimit()),
      mem: Math.floor(Math.min(totalmem(), this.#memLimit()) / MiB),
      disk: Math.floor((blocks * bsize) / MiB),
    });
  }

  async diskFree(): Promise<number> {
    const { blocks, bavail } = await statfs(this.#options.workDir);
    return blocks === 0 ? 1 : bavail / blocks;
  }

  /** Listens for an instant, on all addresses: that is what a task will want to do. */
  portTaken(port: number): Promise<boolean> {
    return new Promise((done) => {
      const server = createServer();
      server.once("error", ({ code }: NodeJS.ErrnoException) => done(code === "EADDRINUSE"));
      server.listen({ port, exclusive: true }, () => server.close(() => done(false)));
    });
  }

  async takenPorts(ranges: readonly PortRange[]): Promise<number[]> {
    return portsWithin(await listeningPorts(this.#root), ranges);
  }

  /** Bytes; the tightest of our own group and those above it. */
  #memLimit(): number {
    return Math.min(
      ...this.#groups("memory").map((dir) =>
        Math.min(
          number(this.#read(join(dir, "memory.max"))),
          number(this.#read(join(dir, "memory.limit_in_bytes"))),
        ),
      ),
    );
  }

  /** Cores. */
  #cpuLimit(): number {
    return Math.min(
      ...this.#groups("cpu").map((dir) => {
        const [quota, period] = this.#read(join(dir, "cpu.max")).split(" ");
        const v2 = number(quota) / number(period);
        const v1 =
          number(this.#read(join(dir, "cpu.cfs_quota_us"))) /
          number(this.#read(join(dir, "cpu.cfs_period_us")));
        return Math.min(v2 > 0 ? v2 : Infinity, v1 > 0 ? v1 : Infinity);
      }),
    );
  }

  /** Our group's directories from the leaf to the root, in the places where v1 and v2 are mounted. */
  #groups(controller: string): string[] {
    const line = this.#read("proc/self/cgroup")
      .split("\n")
      .map((each) => each.split(":"))
      .find(([, controllers]) => controllers === "" || controllers?.split(",").includes(controller));
    const parts = (line?.[2] ?? "/").split("/").filter(Boolean);
    const paths = parts.map((_, end) => parts.slice(0, parts.length - end).join("/"));
    return [...paths, ""].flatMap((path) => [
      join("sys/fs/cgroup", path),
      join("sys/fs/cgroup", controller, path),
    ]);
  }

  #read(path: string): string {
    try {
      return readFileSync(join(this.#root, path), "utf8").trim();
    } catch {
      return "";
    }
  }
}

/** `max`, an absent file and v1's -1 are no limit. */
function number(text: string | undefined): number {
  const value = Number(text);
  return text === undefined || text === "" || Number.isNaN(value) || value < 0 ? Infinity : value;
}
