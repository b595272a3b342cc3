// What an engine that was killed leaves on the machine: processes, control groups, mounts.
import { readFile, readdir, readlink, rmdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { signal, until } from "./daemon.mjs";
import { run } from "./run.mjs";

const LIMIT_MS = 5000;
const ENGINE_PROGRAMS = /^(dockerd|docker-proxy|containerd|containerd-shim\S*|runc)$/;

/** Ends the engine's own programs that name one of the directories among their arguments. */
export async function endLeftovers(dirs) {
  const find = async () => {
    const all = await engineProcesses();
    return all.filter(({ args }) => args.some((arg) => dirs.some((dir) => arg.includes(dir))));
  };
  for (const { pid } of await find()) signal(pid, "SIGKILL");
  await until(async () => (await find()).length === 0, LIMIT_MS);
}

/** Every process that is part of some Docker engine. */
export async function engineProcesses() {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const all = await Promise.all(
    pids.map(async (pid) => {
      const program = basename(await readlink(`/proc/${pid}/exe`).catch(() => ""));
      if (!ENGINE_PROGRAMS.test(program)) return undefined;
      const args = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).split("\0");
      return { pid: Number(pid), program, args };
    }),
  );
  return all.filter((found) => found !== undefined);
}

/** Ends whatever runs in the control groups of that name, and removes them from every hierarchy. */
export async function removeCgroups(name) {
  const roots = (await mounts())
    .filter(({ type }) => type === "cgroup" || type === "cgroup2")
    .map(({ path }) => join(path, name));
  const isGone = async () => {
    for (const root of roots) await removeCgroup(root);
    const left = await Promise.all(
      roots.map((root) =>
        readdir(root).then(
          () => true,
          () => false,
        ),
      ),
    );
    return !left.includes(true);
  };
  await until(isGone, LIMIT_MS);
}

async function removeCgroup(dir) {
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) if (entry.isDirectory()) await removeCgroup(join(dir, entry.name));
  const pids = (await readFile(join(dir, "cgroup.procs"), "utf8").catch(() => ""))
    .split("\n")
    .filter((line) => line !== "");
  for (const pid of pids) signal(Number(pid), "SIGKILL");
  await rmdir(dir).catch(() => {});
}

/** Unmounts everything below the directories, innermost first. */
export async function unmountBelow(dirs) {
  const below = async () =>
    (await mounts()).map(({ path }) => path).filter((path) => dirs.some((dir) => path.startsWith(`${dir}/`)));
  for (const path of (await below()).toReversed()) {
    const { code } = await run("umount", [path]);
    if (code !== 0) await run("umount", ["-l", path]);
  }
  return (await below()).length === 0;
}

async function mounts() {
  const text = await readFile("/proc/self/mountinfo", "utf8");
  // id parent dev root MOUNT-POINT options … - TYPE source options
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => ({
      path: unescaped(line.split(" ")[4]),
      type: line.slice(line.indexOf(" - ") + 3).split(" ")[0],
    }));
}

/** The kernel writes blanks and the like as \040. */
function unescaped(path) {
  return path.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)));
}
