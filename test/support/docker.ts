import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Docker from "dockerode";
import { startDockerEngine } from "#setup/engine.mjs";
import { buildBusyboxImage } from "#setup/image.mjs";
import { readTools } from "#setup/tools.mjs";
import { eventually } from "./eventually.js";

/** A Docker engine of our own whose containers outlive it. */
export interface TestEngine {
  /** As in DOCKER_HOST. */
  readonly dockerHost: string;
  readonly docker: Docker;
  /** Has a shell and its tools; made here. */
  readonly image: string;
  /** Ends dockerd without warning. */
  kill(): Promise<void>;
  restart(): Promise<void>;
  /** Ends it with its containers and leaves nothing behind. Safe to repeat. */
  stop(): Promise<void>;
}

/** Takes 3 s or so. Throws when the set-up has found no engine, or one that is not ours to kill. */
export async function startDocker(): Promise<TestEngine> {
  const tools = readTools();
  if (tools.docker.kind === "running")
    throw new Error("the tests kill their engine: they do not take the one that runs here");
  if (tools.busybox.path === undefined) throw new Error(`no busybox: ${tools.busybox.reason}`);
  const dir = mkdtempSync(join(tmpdir(), "emporion-docker-"));
  const first = await startDockerEngine({ tools, dir });
  const { socket } = first;
  let { pid } = first;
  const { image } = await buildBusyboxImage({ socket, busybox: tools.busybox.path });
  return {
    dockerHost: `unix://${socket}`,
    docker: new Docker({ socketPath: socket }),
    image,
    async kill() {
      process.kill(pid!, "SIGKILL");
      await eventually("dockerd to be gone", () => !isAlive(pid!));
    },
    async restart() {
      ({ pid } = await startDockerEngine({ tools, dir }));
    },
    async stop() {
      await first.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
