// A Docker engine: one that runs, else the programs to run one of our own (root and Linux only).
import { existsSync } from "node:fs";
import { readFile, readdir, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { probeDocker } from "./probe.mjs";
import { lastLines, run, searchPath, SetupError, which } from "./run.mjs";
import { withoutSecret } from "./servers.mjs";
import { versionIn } from "./versions.mjs";

/** Everything that an engine calls by name. */
const PROGRAMS = [
  "dockerd",
  "docker-proxy",
  "containerd",
  "containerd-shim-runc-v2",
  "runc",
  "iptables",
  "ip",
];
const PACKAGES = ["docker.io", "iptables", "iproute2"];
const IPTABLES_LINKS = [
  "iptables",
  "iptables-save",
  "iptables-restore",
  "ip6tables",
  "ip6tables-save",
  "ip6tables-restore",
];

/**
 * @typedef {{kind: "running", socket: string, version: string}
 *   | {kind: "binaries", dockerd: string, path: string[], env: Record<string, string>, from: string, version: string}
 *   | {kind: "missing", reason: string}} Docker
 * @returns {Promise<Docker>}
 */
export async function findDocker({ mode, shelf, packages }) {
  const running = await findRunning();
  // What the user has named but does not answer is an error, as with the servers: another engine has other images.
  if (running.isNamed && running.kind !== "running" && mode === "start") {
    throw new SetupError(
      `DOCKER_HOST: ${running.reason}. Start or correct it, or unset DOCKER_HOST to let the set-up find one`,
    );
  }
  const cannot = whyNoEngineOfOurOwn();
  // Tests kill their engine, so one that runs for somebody else is their last resort.
  if (running.kind === "running" && (mode === "start" || cannot !== undefined)) return running;
  if (cannot !== undefined) return { kind: "missing", reason: `${running.reason}; ${cannot}` };
  const own = (await onPath()) ?? (await onShelf(shelf)) ?? (await fromPackages(shelf, packages));
  return own.kind === "missing" && running.kind === "running" ? running : own;
}

/** Only a socket of this machine serves: agents share out this host, and a remote engine would run its tasks elsewhere. */
async function findRunning() {
  const named = process.env.DOCKER_HOST ?? "";
  if (named !== "") return { ...(await findNamed(named)), isNamed: true };
  const usual = ["/var/run/docker.sock", join(process.env.XDG_RUNTIME_DIR ?? "/run/user", "docker.sock")];
  const reasons = [];
  for (const socket of usual) {
    const found = await engineAt(socket);
    if (found.kind === "running") return found;
    reasons.push(found.reason);
  }
  return { kind: "none", reason: `no engine runs (${reasons.join(", ")})` };
}

async function findNamed(named) {
  if (!named.startsWith("unix://"))
    return {
      kind: "none",
      reason: `${withoutSecret(named)} is not a unix socket of this machine (unix:///…)`,
    };
  return await engineAt(named.slice("unix://".length));
}

async function engineAt(socket) {
  if (!existsSync(socket)) return { kind: "none", reason: `${socket} is not there` };
  const answer = await probeDocker(socket);
  return answer.ok
    ? { kind: "running", socket, version: answer.version }
    : { kind: "none", reason: `${socket}: ${answer.reason}` };
}

function whyNoEngineOfOurOwn() {
  if (process.platform !== "linux") return "an engine of our own needs Linux";
  if (process.getuid?.() !== 0) return "an engine of our own needs root";
  return undefined;
}

async function onPath() {
  const dirs = searchPath();
  const found = await Promise.all(PROGRAMS.map((program) => which(program, dirs)));
  if (found.includes(undefined)) return undefined;
  const path = [...new Set(found.map((program) => dirname(program)))];
  const answer = await checked({ dockerd: found[0], path, env: {}, from: "PATH" });
  return answer.kind === "missing" ? undefined : answer;
}

async function onShelf(shelf) {
  const kept = await shelf.get("docker");
  if (kept === undefined) return undefined;
  const answer = await checked(await describe(kept.home, ".tools"));
  return answer.kind === "missing" ? undefined : answer;
}

async function fromPackages(shelf, packages) {
  try {
    const kept = await shelf.put("docker", async (draft) => {
      await (await packages()).download(PACKAGES, draft, { closure: true });
      await linkIptables(draft);
      const answer = await checked(await describe(draft, "packages"));
      if (answer.kind === "missing") throw new Error(answer.reason);
      return { version: answer.version, from: "packages" };
    });
    return await checked(await describe(kept.home, "packages"));
  } catch (error) {
    return {
      kind: "missing",
      reason: `the machine's packages gave no engine (install docker.io or docker-ce): ${error.message}`,
    };
  }
}

async function describe(home, from) {
  const path = ["usr/sbin", "usr/bin", "sbin", "bin"]
    .map((dir) => join(home, dir))
    .filter((dir) => existsSync(dir));
  const libraries = await libraryDirs(home);
  const extensions = libraries.map((dir) => join(dir, "xtables")).find((dir) => existsSync(dir));
  return {
    dockerd: (await which("dockerd", path)) ?? (await which("dockerd")),
    path,
    env: {
      ...(libraries.length > 0 ? { LD_LIBRARY_PATH: libraries.join(":") } : {}),
      ...(extensions === undefined ? {} : { XTABLES_LIBDIR: extensions }),
    },
    from,
  };
}

/** lib/x86_64-linux-gnu and the like. */
async function libraryDirs(home) {
  const parents = [join(home, "usr/lib"), join(home, "lib")];
  const children = parents.map(async (parent) =>
    (await readdir(parent).catch(() => [])).map((name) => join(parent, name)),
  );
  return (await Promise.all(children)).flat().filter((dir) => /-linux-\w+$/.test(dir));
}

async function checked({ dockerd, path, env, from }) {
  const dirs = [...path, ...searchPath()];
  const found = await Promise.all(PROGRAMS.map(async (program) => [program, await which(program, dirs)]));
  const lacking = found.filter(([, at]) => at === undefined).map(([program]) => program);
  if (lacking.length > 0) return { kind: "missing", reason: `${from}: no ${lacking.join(", ")}` };
  const said = await run(dockerd, ["--version"], { env: engineEnv({ path, env }), limitMs: 20_000 });
  const version = versionIn(said.stdout);
  if (said.code !== 0 || version === undefined) {
    return { kind: "missing", reason: `${from}: ${dockerd} does not run: ${lastLines(said.stderr, 3)}` };
  }
  return { kind: "binaries", dockerd, path, env, from, version };
}

/** The environment in which the engine and its helpers find each other. */
export function engineEnv({ path, env }) {
  return { ...process.env, ...env, PATH: [...path, ...searchPath()].join(":") };
}

/**
 * Unpacking runs no post-install script, which would make these links. nf_tables where the kernel has it, as the
 * distributions do; the older interface where it has not.
 */
async function linkIptables(home) {
  const sbin = join(home, "usr/sbin");
  const kinds = ["xtables-nft-multi", "xtables-legacy-multi"].filter((name) => existsSync(join(sbin, name)));
  if (kinds.length === 0) return;
  const { path, env } = await describe(home, "packages");
  const works = await Promise.all(
    kinds.map(async (kind) => {
      const said = await run(join(sbin, kind), ["iptables", "-t", "nat", "-S"], {
        env: engineEnv({ path, env }),
      });
      return said.code === 0;
    }),
  );
  const target = kinds[Math.max(0, works.indexOf(true))];
  for (const link of IPTABLES_LINKS) {
    if (!existsSync(join(sbin, link))) await symlink(target, join(sbin, link));
  }
}

/** A statically linked busybox, of which the demo's image is made. @returns its path, or undefined. */
export async function findBusybox({ shelf, packages }) {
  const onPathToo = await which("busybox");
  if (onPathToo !== undefined && (await isStatic(onPathToo))) return { path: onPathToo, from: "PATH" };
  const kept = await shelf.get("busybox");
  if (kept?.program !== undefined) return { path: join(kept.home, kept.program), from: ".tools" };
  try {
    const put = await shelf.put("busybox", async (draft) => {
      await (await packages()).download(["busybox-static"], draft);
      const program = ["bin/busybox", "usr/bin/busybox"].find((path) => existsSync(join(draft, path)));
      if (program === undefined) throw new Error("the package has no busybox");
      return { program, from: "packages" };
    });
    return { path: join(put.home, put.program), from: "packages" };
  } catch (error) {
    return { reason: error.message };
  }
}

const PT_INTERP = 3;

/** Whether an ELF program asks for no loader (64-bit, little-endian). */
async function isStatic(path) {
  const bytes = await readFile(path);
  if (bytes.readUInt32BE(0) !== 0x7f454c46 || bytes[4] !== 2) return false;
  const [start, size, count] = [
    Number(bytes.readBigUInt64LE(32)),
    bytes.readUInt16LE(54),
    bytes.readUInt16LE(56),
  ];
  return Array.from({ length: count }, (_, i) => bytes.readUInt32LE(start + i * size)).every(
    (type) => type !== PT_INTERP,
  );
}
