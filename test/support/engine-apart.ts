import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import Docker from "dockerode";

/**
 * A Docker engine in a network of its own: every port of it is free, the machine's servers are not there, and neither is the
 * internet. Files and processes are the machine's.
 */
export interface EngineApart {
  readonly socket: string;
  readonly docker: Docker;
  /** Runs a program in that network, to its end. Rejects with what it wrote when it fails. */
  run(
    program: string,
    args: readonly string[],
    options?: { readonly env?: NodeJS.ProcessEnv; readonly input?: string; readonly limitMs?: number },
  ): Promise<string>;
  /** Ends it with its containers and leaves nothing behind. */
  stop(): Promise<void>;
}

/** Images, layers and volumes are thousands of files, and an engine waits for the disk with each: in memory, where there is room. */
export function quickDirectory(): string {
  const memory = "/dev/shm";
  if (!existsSync(memory)) return tmpdir();
  const { bavail, bsize } = statfsSync(memory);
  return bavail * bsize > 4 * 1024 ** 3 ? memory : tmpdir();
}

const script = fileURLToPath(new URL("./engine-apart.mjs", import.meta.url));
const start = promisify(execFile);

/** Needs root, and an engine of our own. */
export async function startEngineApart(): Promise<EngineApart> {
  const dir = mkdtempSync(join(quickDirectory(), "emporion-apart-"));
  // The namespace lives as long as the engine does.
  const aside = (what: string) => start("unshare", ["--net", process.execPath, script, what, dir]);
  const { stdout } = await aside("start");
  const { socket, pid } = JSON.parse(stdout) as { socket: string; pid: number };
  return {
    socket,
    docker: new Docker({ socketPath: socket }),
    async run(program, args, { env = process.env, input = "", limitMs = 60_000 } = {}) {
      const ended = start("nsenter", ["--net", "--target", String(pid), program, ...args], {
        env,
        timeout: limitMs,
        maxBuffer: 64 * 1024 * 1024,
      });
      ended.child.stdin?.end(input);
      return (await ended).stdout;
    },
    async stop() {
      await aside("stop");
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
