// A Docker engine of our own, beside the system's and without touching it: its socket, data, exec root, containerd, bridge,
// control group and configuration are its own. Containers outlive it (live-restore), and stop() leaves nothing behind.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm, rmdir, stat, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join, resolve } from "node:path";
import { ensureBridge, removeBridge } from "./bridge.mjs";
import { daemonPid, endProcess, ensureDaemon } from "./daemon.mjs";
import { callDocker } from "./docker-api.mjs";
import { engineEnv } from "./docker.mjs";
import { giveBackRules, noteFirewall, restoreFirewall, saveRules } from "./firewall.mjs";
import { withLock } from "./lock.mjs";
import { probeDocker } from "./probe.mjs";
import { which } from "./run.mjs";
import { endLeftovers, engineProcesses, removeCgroups, unmountBelow } from "./sweep.mjs";
import { atLeast } from "./versions.mjs";

const START_LIMIT_MS = 30_000;
const STOP_LIMIT_MS = 20_000;
const MAX_LOG_BYTES = 20 * 1024 * 1024;
/** A unix socket's path has 107 bytes; the longest below the exec root is libnetwork/<12 digits>.sock. */
const MAX_EXEC_ROOT = 107 - "/libnetwork/0123456789ab.sock".length;

/**
 * Starts the engine in `dir`, or finds the one that runs there, alive or killed before. Declared in engine.d.mts.
 */
export async function startDockerEngine({
  tools,
  dir,
  log = () => {},
  liveRestore = true,
  limitMs = START_LIMIT_MS,
}) {
  const docker = "docker" in tools ? tools.docker : tools;
  if (docker.kind === "missing") throw new Error(`there is no Docker engine: ${docker.reason}`);
  if (docker.kind === "running")
    return { socket: docker.socket, pid: undefined, isOurs: false, stop: async () => {} };
  const engine = layOut(docker, resolve(dir));
  await mkdir(engine.dir, { recursive: true });
  const pid = await withLock(
    join(engine.dir, "lock"),
    () => ensureEngine(engine, { log, liveRestore, limitMs }),
    log,
  );
  return { socket: engine.socket, pid, isOurs: true, stop: () => stopDockerEngine({ tools, dir, log }) };
}

/** Ends the engine in `dir` with its containers, and cleans up also after one that was killed. Images and stopped containers stay. */
export async function stopDockerEngine({ tools, dir, log = () => {} }) {
  const docker = "docker" in tools ? tools.docker : tools;
  if (docker.kind !== "binaries" || !existsSync(dir)) return;
  const engine = layOut(docker, resolve(dir));
  await withLock(join(engine.dir, "lock"), () => endEngine(engine, log), log);
}

function layOut(docker, dir) {
  const id = createHash("sha256").update(dir).digest("hex").slice(0, 10);
  const short = join("/run", `emporion-${id}`);
  const exec = Buffer.byteLength(join(dir, "exec")) <= MAX_EXEC_ROOT ? join(dir, "exec") : short;
  return {
    docker,
    dir,
    exec,
    env: engineEnv(docker),
    seed: Number.parseInt(id.slice(0, 8), 16),
    bridge: `em-${id}`,
    cgroup: `emporion-${id}`,
    data: join(dir, "data"),
    socket: exec === short ? join(short, "docker.sock") : join(dir, "docker.sock"),
    notes: join(dir, "engine.json"),
  };
}

async function ensureEngine(engine, { log, liveRestore, limitMs }) {
  await mkdir(engine.exec, { recursive: true, mode: 0o711 });
  await mkdir(engine.data, { recursive: true, mode: 0o711 });
  const containerd = await ensureDaemon({ ...(await containerdOf(engine)), limitMs });
  const dockerd = dockerdOf(engine, liveRestore);
  const isNew = (await daemonPid(dockerd)) === undefined;
  const { pid } = isNew
    ? await startDockerd(engine, { ...dockerd, limitMs })
    : await ensureDaemon({ ...dockerd, limitMs });
  log(
    `docker engine ${engine.docker.version} ${isNew ? "started" : "found"}, process ${pid}, containerd ${containerd.pid}, ${engine.socket}`,
  );
  return pid;
}

async function startDockerd(engine, dockerd) {
  const { env, bridge } = engine;
  const before = (await inheritedNotes(engine)) ?? (await noteFirewall(env));
  await rotate(dockerd.logFile);
  await rm(engine.socket, { force: true });
  const subnet = await ensureBridge({ name: bridge, seed: engine.seed, env });
  await writeNotes(engine, { bridge, cgroup: engine.cgroup, subnet, before });
  await writeFile(join(engine.dir, "daemon.json"), `${JSON.stringify(settings(engine))}\n`);
  const saved = await saveRules(env);
  const started = await ensureDaemon(dockerd);
  await giveBackRules({ env, saved, bridge, subnet });
  return started;
}

/** Our own containerd, also where the system has one: dockerd would take that, and two engines would share their containers. */
async function containerdOf(engine) {
  const config = join(engine.dir, "containerd.toml");
  const address = join(engine.exec, "containerd.sock");
  await writeFile(config, containerdConfig(engine, address));
  return {
    name: "containerd",
    command: await which("containerd", engine.env.PATH.split(":")),
    args: ["--config", config],
    env: engine.env,
    pidFile: join(engine.dir, "containerd.pid"),
    logFile: join(engine.dir, "containerd.log"),
    writesPid: false,
    isReady: () => accepts(address),
  };
}

function containerdConfig(engine, address) {
  const quoted = JSON.stringify;
  return `version = 2
root = ${quoted(join(engine.data, "containerd"))}
state = ${quoted(join(engine.exec, "containerd"))}
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = ${quoted(address)}
[plugins."io.containerd.internal.v1.opt"]
path = ${quoted(join(engine.data, "containerd-opt"))}
`;
}

function dockerdOf(engine, liveRestore) {
  const { docker, dir, env, data, exec, socket } = engine;
  const pidFile = join(dir, "docker.pid");
  return {
    name: "dockerd",
    command: docker.dockerd,
    args: [
      `--host=unix://${socket}`,
      `--config-file=${join(dir, "daemon.json")}`,
      `--data-root=${data}`,
      `--exec-root=${exec}`,
      `--pidfile=${pidFile}`,
      `--containerd=${join(exec, "containerd.sock")}`,
      `--bridge=${engine.bridge}`,
      ...cgroupFlags(engine),
      ...(liveRestore ? ["--live-restore"] : []),
    ],
    env,
    pidFile,
    logFile: join(dir, "docker.log"),
    writesPid: true,
    isReady: async () => (await probeDocker(socket)).ok,
  };
}

/** Older engines put a key into the system's /etc/docker if not told otherwise; newer ones know neither it nor the setting. */
function settings({ docker, dir }) {
  return atLeast(docker.version, "23") ? {} : { "deprecated-key-path": join(dir, "key.json") };
}

/** With systemd the groups are its to make; elsewhere we make them, in one of our own that can be removed. */
function cgroupFlags(engine) {
  if (existsSync("/run/systemd/system")) return [];
  return ["--exec-opt=native.cgroupdriver=cgroupfs", `--cgroup-parent=/${engine.cgroup}`];
}

/** How the machine was before any engine of ours: an earlier note of this engine, or that of another one which runs. */
async function inheritedNotes(engine) {
  const own = await readNotes(engine.notes);
  if (own !== undefined) return own.before;
  for (const { program, args } of await engineProcesses()) {
    const pidFile = args.find((arg) => arg.startsWith("--pidfile="))?.slice("--pidfile=".length);
    if (program !== "dockerd" || pidFile === undefined) continue;
    const other = await readNotes(join(pidFile, "..", "engine.json"));
    if (other !== undefined) return other.before;
  }
  return undefined;
}

async function readNotes(path) {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch {
    return undefined;
  }
}

async function writeNotes(engine, notes) {
  await writeFile(`${engine.notes}.new`, `${JSON.stringify(notes)}\n`);
  await rename(`${engine.notes}.new`, engine.notes);
}

async function endEngine(engine, log) {
  const dockerd = dockerdOf(engine, true);
  const pid = await daemonPid({ ...dockerd, args: [`--pidfile=${dockerd.pidFile}`] });
  if (pid !== undefined) {
    // With live-restore they would go on without it.
    await endContainers(engine.socket).catch((error) => log(`docker engine: ${error.message}`));
    await endProcess(pid, STOP_LIMIT_MS);
  }
  const containerd = await daemonPid(await containerdOf(engine));
  if (containerd !== undefined) await endProcess(containerd, STOP_LIMIT_MS);
  await endLeftovers([engine.exec, engine.data]);
  await removeCgroups(engine.cgroup);
  const isLast = (await engineProcesses()).every(({ program }) => program !== "dockerd");
  await cleanNetwork(engine, isLast);
  await cleanFiles(engine, isLast);
  log("docker engine stopped");
}

async function endContainers(socket) {
  const info = JSON.parse((await callDocker({ socket, path: "/info" })).body);
  // A swarm would start its containers again, and holds on to networks of its own.
  if ((info.Swarm?.LocalNodeState ?? "inactive") !== "inactive") {
    await callDocker({ socket, method: "POST", path: "/swarm/leave?force=true" });
  }
  const running = JSON.parse((await callDocker({ socket, path: "/containers/json" })).body);
  await Promise.all(
    running.map(({ Id }) => callDocker({ socket, method: "POST", path: `/containers/${Id}/kill` })),
  );
  await Promise.all(
    running.map(({ Id }) => callDocker({ socket, method: "POST", path: `/containers/${Id}/wait` })),
  );
  const networks = JSON.parse((await callDocker({ socket, path: "/networks" })).body);
  const made = networks.filter(({ Name }) => !["bridge", "host", "none"].includes(Name));
  await Promise.all(made.map(({ Id }) => callDocker({ socket, method: "DELETE", path: `/networks/${Id}` })));
}

async function cleanNetwork(engine, isLast) {
  await removeBridge({ name: engine.bridge, env: engine.env });
  const notes = await readNotes(engine.notes);
  if (notes === undefined) return;
  await restoreFirewall({
    env: engine.env,
    bridge: engine.bridge,
    subnet: notes.subnet,
    before: notes.before,
    isLast,
  });
}

async function cleanFiles(engine, isLast) {
  const isClear = await unmountBelow([engine.dir, engine.exec]);
  const names = ["docker.pid", "containerd.pid", "containerd.toml", "daemon.json", "engine.json"];
  await Promise.all(
    [engine.socket, ...names.map((name) => join(engine.dir, name))].map((path) => rm(path, { force: true })),
  );
  // Never delete through a mount that could not be taken away.
  if (isClear) await rm(engine.exec, { recursive: true, force: true });
  // containerd keeps the sockets of its shims there whatever it is told.
  if (isLast) for (const dir of ["/run/containerd/s", "/run/containerd"]) await rmdir(dir).catch(() => {});
}

/** One old log is kept. */
async function rotate(path) {
  const size = await stat(path).then(
    (info) => info.size,
    () => 0,
  );
  if (size > MAX_LOG_BYTES) await rename(path, `${path}.1`);
}

function accepts(path) {
  return new Promise((resolveAnswer) => {
    const socket = connect(path);
    const end = (answer) => {
      socket.destroy();
      resolveAnswer(answer);
    };
    socket.on("connect", () => end(true));
    socket.on("error", () => end(false));
  });
}
