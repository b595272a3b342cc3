import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { BUSYBOX_IMAGE, buildBusyboxImage } from "#setup/image.mjs";
import { stage } from "#setup/stage.mjs";
import { readTools, ROOT, type Server, type Tools } from "#setup/tools.mjs";
import { makeBaseImage } from "#test/support/base-images.js";
import { type EngineApart, quickDirectory, startEngineApart } from "#test/support/engine-apart.js";
import { eventually } from "#test/support/eventually.js";

/** What docker-compose.yml makes, through the real Docker Compose. */
export interface Composed {
  readonly engine: EngineApart;
  /** An image for tasks. */
  readonly image: string;
  /** The CLI of this machine, at the first gateway's published port; its words. */
  cli(args: readonly string[], input?: object): Promise<string>;
  /** The same, with an answer in JSON. */
  ask<T>(...args: readonly string[]): Promise<T>;
  /** Runs in a service's container; its words. */
  inside(service: string, ...command: readonly string[]): Promise<string>;
  state(service: string): Promise<ContainerState>;
  /** Docker Compose itself, with docker-compose.yml and others beside it; its words. */
  compose(args: readonly string[], others?: ComposeOthers): Promise<string>;
  /** kill -9 of the service's process, as when it dies: Docker is not told that it was meant. */
  crash(service: string): Promise<void>;
  remove(): Promise<void>;
}

export interface ComposeOthers {
  /** Paths of more files. */
  readonly files?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface ContainerState {
  readonly isRunning: boolean;
  /** Undefined where nothing is checked. */
  readonly health: string | undefined;
  readonly exitCode: number;
  readonly restarts: number;
  readonly pid: number;
}

const project = "composed";
const limitMs = 240_000;
const start = promisify(execFile);

/** @param told how long each step took */
export async function compose(told: (line: string) => void): Promise<Composed> {
  const tools = readTools();
  const dir = mkdtempSync(join(quickDirectory(), "emporion-composed-"));
  const engine = await timed("engine", startEngineApart());
  async function timed<T>(what: string, work: Promise<T>): Promise<T> {
    const from = performance.now();
    const done = await work;
    told(`${what} ${((performance.now() - from) / 1000).toFixed(1)} s`);
    return done;
  }
  const remove = async () => {
    await engine.stop();
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    await timed("base images", makeImages(engine, tools));
    await timed("context", stage(join(dir, "context")));
    const run = composeWith(tools, engine.socket, dir);
    await timed("up", run(["up", "-d", "--build"]));
    return { ...(await reached(engine, tools)), compose: run, remove };
  } catch (cause) {
    await remove();
    throw cause;
  }
}

/** Under the names that the Dockerfile and the Compose file have, so that nothing is pulled; it could not be. */
async function makeImages({ docker, socket }: EngineApart, tools: Tools): Promise<void> {
  const busybox = tools.busybox.path!;
  const path = "ENV PATH=/usr/local/bin:/usr/bin:/bin";
  const images = [
    { name: "node:20-bookworm-slim", programs: { "/usr/local/bin/node": process.execPath }, changes: [path] },
    {
      name: "nats:2.10-alpine",
      programs: { "/usr/local/bin/nats-server": pathOf(tools.nats) },
      changes: [path, 'ENTRYPOINT ["nats-server"]'],
    },
    {
      name: "hashicorp/consul:1.16",
      programs: { "/usr/local/bin/consul": pathOf(tools.consul) },
      changes: [path, 'ENTRYPOINT ["consul"]'],
    },
  ];
  for (const image of images) await makeBaseImage(docker, busybox, image);
  await buildBusyboxImage({ socket, busybox });
}

function pathOf(server: Server): string {
  if (server.kind !== "binary") throw new Error("an image needs the server's program, not one that runs");
  return server.path;
}

function composeWith({ compose }: Tools, socket: string, dir: string) {
  if (compose?.command === undefined)
    throw new Error(`no Docker Compose: ${compose?.reason ?? "run npm test"}`);
  const [program, ...first] = compose.command;
  const common = {
    ...process.env,
    ...compose.env,
    DOCKER_HOST: `unix://${socket}`,
    // Of version 1: it would call another program.
    COMPOSE_DOCKER_CLI_BUILD: "0",
    DOCKER_SOCKET: socket,
    EMPORION_DIR: join(dir, "emporion"),
    EMPORION_CONTEXT: join(dir, "context"),
  };
  return async (args: readonly string[], { files = [], env = {} }: ComposeOthers = {}): Promise<string> => {
    const named = [join(ROOT, "docker-compose.yml"), ...files].flatMap((file) => ["-f", file]);
    const { stdout } = await start(program, [...first, "-p", project, ...named, ...args], {
      env: { ...common, ...env },
      timeout: limitMs,
      maxBuffer: 64 * 1024 * 1024,
    });
    return stdout;
  };
}

async function reached(
  engine: EngineApart,
  { docker }: Tools,
): Promise<Omit<Composed, "compose" | "remove">> {
  const container = async (service: string) => {
    const label = [`com.docker.compose.project=${project}`, `com.docker.compose.service=${service}`];
    const [found] = await engine.docker.listContainers({ all: true, filters: { label } });
    if (found === undefined) throw new Error(`there is no container of ${service}`);
    return engine.docker.getContainer(found.Id);
  };
  const state = async (service: string): Promise<ContainerState> => {
    const { State, RestartCount } = await (await container(service)).inspect();
    const { Running: isRunning, ExitCode: exitCode, Pid: pid } = State;
    return { isRunning, exitCode, pid, health: State.Health?.Status, restarts: RestartCount };
  };
  const inside = async (service: string, ...command: readonly string[]) => {
    const path = docker.kind === "binaries" ? `${docker.path.join(":")}:${process.env["PATH"]}` : undefined;
    const args = ["-H", `unix://${engine.socket}`, "exec", (await container(service)).id, ...command];
    return (await start("docker", args, { env: { ...process.env, PATH: path } })).stdout;
  };
  const token = await inside("gateway-1", "cat", "/run/emporion/token");
  const cli = (args: readonly string[], input?: object) =>
    engine.run(process.execPath, [join(ROOT, ".build/services/cli/main.js"), ...args], {
      env: { ...process.env, EMPORION_URL: "http://127.0.0.1:8080", EMPORION_TOKEN: token },
      limitMs: 120_000,
      ...(input !== undefined && { input: JSON.stringify(input) }),
    });
  return {
    engine,
    image: BUSYBOX_IMAGE,
    state,
    inside,
    cli,
    ask: async <T>(...args: readonly string[]) => JSON.parse(await cli(["-o", "json", ...args])) as T,
    async crash(service) {
      const before = await state(service);
      process.kill(before.pid, "SIGKILL");
      await eventually(`${service} to be gone`, async () => (await state(service)).pid !== before.pid);
    },
  };
}
