// The set-up behind `npm start` and `npm test`: packages, build, servers. Plain JavaScript without dependencies, for it
// runs before there are any. Nothing outside the project's directory is written. See README.md.
import { join } from "node:path";
import { ensureBuild } from "./build.mjs";
import { findCompose } from "./compose.mjs";
import { findBusybox, findDocker } from "./docker.mjs";
import { ensurePackages } from "./install.mjs";
import { findJdks } from "./jdks.mjs";
import { withLock } from "./lock.mjs";
import { openPackages } from "./packages.mjs";
import { SetupError } from "./run.mjs";
import { findConsul, findNats, withoutSecret } from "./servers.mjs";
import { openShelf } from "./shelf.mjs";
import { ROOT, writeTools } from "./tools.mjs";
import { atLeast } from "./versions.mjs";

const NODE_NEEDED = "20.19";

/** Makes all ready for `mode`: start, test or sim. What fails is said, and ends the process. */
export async function setUp(mode) {
  // A reader of our words that has gone away, as in `npm start | head`, is no reason to stop half-way.
  process.stdout.on("error", () => {});
  if (!atLeast(process.versions.node, NODE_NEEDED)) {
    console.error(
      `Emporion needs Node ${NODE_NEEDED} or newer, found ${process.versions.node} (${process.execPath})`,
    );
    process.exit(1);
  }
  try {
    await locked(mode);
  } catch (error) {
    console.error(`\nset-up failed: ${describeFault(error)}`);
    process.exit(1);
  }
}

async function locked(mode) {
  if (!["start", "test", "sim"].includes(mode))
    throw new SetupError(`usage: node prepare.mjs start|test|sim, found ${mode ?? "nothing"}`);
  const tools = join(ROOT, ".tools");
  await withLock(
    join(tools, ".lock"),
    // The simulated cluster needs no servers.
    () => (mode === "sim" ? preparePrograms() : prepare(mode, openShelf(tools))),
    (line) => say("set-up", line),
  );
}

async function prepare(mode, shelf) {
  await shelf.sweep();
  // Servers download while npm and the compiler work. Both are waited for, whatever becomes of the other: nothing goes on
  // in the background once the lock is given back.
  const [programs, servers] = await Promise.allSettled([preparePrograms(), findTools(mode, shelf)]);
  await shelf.sweep();
  const found = resultOf(servers);
  await writeTools(found);
  resultOf(programs);
  if (found.nats.kind === "missing") {
    throw new SetupError(
      `no nats-server ≥ 2.9 could be had; install the package nats-server, or name one with NATS_URL:\n${found.nats.reason}`,
    );
  }
}

function resultOf(settled) {
  if (settled.status === "rejected") throw settled.reason;
  return settled.value;
}

async function preparePrograms() {
  say("packages", await ensurePackages(ROOT));
  say("build", await ensureBuild(ROOT));
}

async function findTools(mode, shelf) {
  let session;
  const packages = () => (session ??= openPackages(join(shelf.draftsDir, "apt")));
  const context = { mode, shelf, packages };
  const telling = (name, describe, promise) =>
    promise.then((found) => {
      say(name, describe(found));
      return found;
    });
  const [nats, consul, docker, busybox, jdks, compose] = await Promise.all([
    telling("nats", describeServer("nats-server"), findNats(context)),
    telling("consul", describeConsul, findConsul(context)),
    telling("docker", describeDocker, findDocker(context)),
    findBusybox(context),
    telling("jdk", describeJdks, findJdks()),
    // Only a test wants it.
    mode === "test" ? telling("compose", describeCompose, findCompose(context)) : undefined,
  ]);
  if (busybox.path === undefined)
    say("busybox", `none, so the container demo has no image: ${busybox.reason}`);
  return { nats, consul, docker, busybox, jdks, ...(compose !== undefined && { compose }) };
}

function describeServer(program) {
  return (server) => {
    if (server.kind === "running") return `${server.version}, running at ${withoutSecret(server.url)}`;
    if (server.kind === "binary") return `${server.version}, ${server.path} (${origin(server.from)})`;
    return `no ${program}`;
  };
}

function describeConsul(server) {
  if (server.kind !== "missing") return describeServer("consul")(server);
  return `none: the cluster runs without it, services are listed by the cluster only. Install the package consul, or name one with CONSUL_HTTP_ADDR:\n${server.reason}`;
}

function describeDocker(docker) {
  if (docker.kind === "running") return `${docker.version}, running at ${docker.socket}`;
  if (docker.kind === "binaries") return `${docker.version}, ${docker.dockerd} (${origin(docker.from)})`;
  return `none, agents will not offer containers: ${docker.reason}`;
}

function describeCompose(compose) {
  if (compose.reason !== undefined) return `none: ${compose.reason}`;
  return `${compose.version}, ${compose.command.at(-1)} (${origin(compose.from)})`;
}

function describeJdks(jdks) {
  if (jdks.length === 0) return "none, agents will not offer JVM tasks (install a JDK, or set JAVA_HOME)";
  return jdks.map((jdk) => `${jdk.version} ${jdk.home}`).join(", ");
}

function origin(from) {
  const words = {
    PATH: "on PATH",
    ".tools": "fetched earlier",
    packages: "fetched from the machine's packages",
    release: "fetched from its release",
  };
  return words[from];
}

function say(name, line) {
  console.log(`${name.padEnd(9)} ${line}`);
}

/** What the user or the machine can mend is told in a sentence; only a fault of ours comes with its stack. */
function describeFault(error) {
  if (error instanceof SetupError) return error.message;
  if (error.code === "EACCES" || error.code === "EPERM") {
    return `${error.message}. Does it belong to another user, from a run as root? Remove .tools, .build and node_modules as that user`;
  }
  return error.code === undefined ? (error.stack ?? String(error)) : error.message;
}
