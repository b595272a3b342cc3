// nats-server and Consul: looked for where they run, on PATH, in .tools, in the machine's packages, in their releases.
import { join, relative } from "node:path";
import { probeConsul, probeNats } from "./probe.mjs";
import { fetchRelease, releaseFor } from "./releases.mjs";
import { run, SetupError, which } from "./run.mjs";
import { atLeast, versionIn } from "./versions.mjs";

const PROGRAM_DIRS = ["usr/sbin", "usr/bin", "sbin", "bin"];

const NATS = {
  name: "nats",
  program: "nats-server",
  versionArgs: ["--version"],
  needs: "2.9",
  olderSuite: false,
  variable: "NATS_URL",
  async probe(address) {
    const reasons = [];
    for (const url of address.split(",").map((part) => part.trim())) {
      const answer = await probeNats(url);
      if (answer.ok && !answer.jetstream)
        reasons.push(`${withoutSecret(url)} runs without JetStream (start it with -js)`);
      else if (answer.ok) return { ok: true, version: answer.version, url: address };
      else reasons.push(`${withoutSecret(url)} ${answer.reason}`);
    }
    return { ok: false, reason: reasons.join("; ") };
  },
};

const CONSUL = {
  name: "consul",
  program: "consul",
  versionArgs: ["version"],
  needs: "1.8",
  olderSuite: true,
  variable: "CONSUL_HTTP_ADDR",
  async probe(address) {
    const answer = await probeConsul(address, process.env.CONSUL_HTTP_TOKEN);
    return answer.ok ? answer : { ok: false, reason: `${withoutSecret(address)} ${answer.reason}` };
  },
};

/**
 * @typedef {{kind: "running", url: string, version: string} | {kind: "binary", path: string, from: string, version: string}
 *   | {kind: "missing", reason: string}} Server
 * @param {{shelf: object, packages: () => Promise<object>, mode: "start" | "test", release?: (tool: string) => object | undefined}} context
 *   release: which one to fetch; by default the one pinned for this machine
 * @returns {Promise<Server>}
 */
export const findNats = (context) => findServer(NATS, context);
/** @returns {Promise<Server>} */
export const findConsul = (context) => findServer(CONSUL, context);

async function findServer(spec, context) {
  const programs = [fromPath, fromShelf, fromPackages, fromRelease];
  // Tests stop and kill servers, so one that already runs for somebody else is their last resort.
  const order = context.mode === "test" ? [...programs, fromRunning] : [fromRunning, ...programs];
  const reasons = [];
  for (const look of order) {
    const found = await look(spec, context).catch((error) => {
      if (error instanceof SetupError) throw error;
      return { reason: error.message };
    });
    if (found?.kind !== undefined) return found;
    if (found !== undefined) reasons.push(found.reason);
  }
  return {
    kind: "missing",
    reason: reasons.map((reason) => `  - ${reason.replaceAll("\n", "\n    ")}`).join("\n"),
  };
}

/** What the user has named but does not answer is an error: quietly using another server would hide the data. */
async function fromRunning(spec, { mode }) {
  const address = process.env[spec.variable];
  if (address === undefined || address === "") return undefined;
  const answer = await spec.probe(address);
  const fault = answer.ok ? tooOld(spec, answer.version) : answer.reason;
  if (fault === undefined) return { kind: "running", url: answer.url, version: answer.version };
  if (mode === "test") return { reason: `${spec.variable}: ${fault}` };
  throw new SetupError(
    `${spec.variable}: ${fault}. Start or correct it, or unset ${spec.variable} to let the set-up find one`,
  );
}

async function fromPath(spec) {
  const path = await which(spec.program);
  if (path === undefined) return { reason: `PATH: no ${spec.program}` };
  return await checked(spec, path, "PATH");
}

async function fromShelf(spec, { shelf }) {
  const kept = await shelf.get(spec.name);
  if (kept?.program === undefined) return undefined;
  const path = join(kept.home, kept.program);
  const found = await checked(spec, path, ".tools");
  return found.kind === undefined ? undefined : found;
}

async function fromPackages(spec, { shelf, packages }) {
  const suites = spec.olderSuite ? [false, true] : [false];
  const reasons = [];
  for (const older of suites) {
    try {
      return await fetched(spec, shelf, "packages", async (draft) => {
        await (await packages()).download([spec.program], draft, { older });
        return await which(
          spec.program,
          PROGRAM_DIRS.map((dir) => join(draft, dir)),
        );
      });
    } catch (error) {
      reasons.push(`packages${older ? " of an older suite" : ""}: ${error.message}`);
    }
  }
  return { reason: reasons.join("\n") };
}

async function fromRelease(spec, { shelf, release: pinned = releaseFor }) {
  const release = pinned(spec.name);
  if (release === undefined)
    return { reason: `release: none is pinned for ${process.platform} on ${process.arch}` };
  return await fetched(spec, shelf, "release", (draft) => fetchRelease(release, draft)).catch((error) => ({
    reason: `release: ${error.message}`,
  }));
}

async function fetched(spec, shelf, from, fill) {
  const kept = await shelf.put(spec.name, async (draft) => {
    const path = await fill(draft);
    if (path === undefined) throw new Error(`what was fetched has no ${spec.program}`);
    const found = await checked(spec, path, from);
    if (found.kind === undefined) throw new Error(found.reason);
    return { program: relative(draft, path), version: found.version, from };
  });
  return { kind: "binary", path: join(kept.home, kept.program), from, version: kept.version };
}

async function checked(spec, path, from) {
  const said = await run(path, spec.versionArgs, { limitMs: 20_000 });
  const version = versionIn(said.stdout + said.stderr);
  if (said.code !== 0 || version === undefined)
    return { reason: `${from}: ${path} does not run: ${said.stderr.trim()}` };
  const fault = tooOld(spec, version);
  return fault === undefined
    ? { kind: "binary", path, from, version }
    : { reason: `${from}: ${path}: ${fault}` };
}

function tooOld(spec, version) {
  return atLeast(version, spec.needs)
    ? undefined
    : `version ${spec.needs} or newer is needed, found ${version}`;
}

export function withoutSecret(address) {
  return address.replace(/\/\/[^/@]*@/g, "//");
}
