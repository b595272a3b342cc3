// Docker Compose, for the test that brings up docker-compose.yml: on PATH, in .tools, or of the machine's packages.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { lastLines, run, which } from "./run.mjs";
import { atLeast, versionIn } from "./versions.mjs";

/** The first that waits for what has "completed successfully". */
const NEEDED = "1.29";
/** Debian's, Ubuntu's, and the first version's, which its maintainers have given up. */
const SOURCES = [
  { name: "docker-compose", options: { newer: true } },
  { name: "docker-compose-v2", options: {} },
  { name: "docker-compose", options: { closure: true } },
];
/** As a program, or as what the command `docker compose` runs. */
const PLACES = ["usr/libexec/docker/cli-plugins/docker-compose", "usr/bin/docker-compose"];
const PLUGINS = [
  "/usr/libexec/docker/cli-plugins",
  "/usr/lib/docker/cli-plugins",
  "/usr/local/lib/docker/cli-plugins",
];

/**
 * @typedef {{command: string[], env: Record<string, string>, from: string, version: string} | {reason: string}} Compose
 * @returns {Promise<Compose>}
 */
export async function findCompose({ shelf, packages }) {
  const onPath = (await which("docker-compose")) ?? (await which("docker-compose", PLUGINS));
  if (onPath !== undefined) {
    const found = await checked({ command: [onPath], env: {}, from: "PATH" });
    if (found.reason === undefined) return found;
  }
  const kept = await shelf.get("compose");
  if (kept !== undefined) {
    const found = await unpacked(kept.home, ".tools");
    if (found.reason === undefined) return found;
  }
  const reasons = [];
  for (const source of SOURCES) {
    try {
      const put = await shelf.put("compose", async (draft) => {
        await (await packages()).download([source.name], draft, source.options);
        const found = await unpacked(draft, "packages");
        if (found.reason !== undefined) throw new Error(found.reason);
        return { version: found.version };
      });
      return await unpacked(put.home, "packages");
    } catch (error) {
      reasons.push(error.message);
    }
  }
  return { reason: `the machine's packages gave no docker-compose: ${reasons.join("; ")}` };
}

/** Version 1 is a program in Python, whose modules are unpacked beside it; version 2 stands for itself. */
async function unpacked(home, from) {
  const program = PLACES.map((place) => join(home, place)).find((path) => existsSync(path));
  if (program === undefined) return { reason: "the package has no docker-compose" };
  const modules = join(home, "usr/lib/python3/dist-packages");
  const python = existsSync(modules)
    ? await which("python3", ["/usr/bin", join(home, "usr/bin")])
    : undefined;
  return python === undefined
    ? checked({ command: [program], env: {}, from })
    : checked({ command: [python, program], env: { PYTHONPATH: modules }, from });
}

async function checked({ command, env, from }) {
  const [program, ...args] = command;
  const said = await run(program, [...args, "version"], { env: { ...process.env, ...env }, limitMs: 60_000 });
  const version = versionIn(said.stdout);
  if (said.code !== 0 || version === undefined)
    return { reason: `${command.join(" ")} does not run: ${lastLines(said.stderr, 3)}` };
  return atLeast(version, NEEDED)
    ? { command, env, from, version }
    : { reason: `${command.join(" ")} is ${version}, ${NEEDED} is needed` };
}
