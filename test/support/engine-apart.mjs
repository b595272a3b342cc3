// Run by engine-apart.ts in a network namespace of its own: `node engine-apart.mjs start|stop DIRECTORY`.
import { startDockerEngine, stopDockerEngine } from "#setup/engine.mjs";
import { engineEnv } from "#setup/docker.mjs";
import { runOrThrow } from "#setup/run.mjs";
import { readTools } from "#setup/tools.mjs";

const [, , what, dir] = process.argv;
const tools = readTools();
if (what === "start") {
  await runOrThrow("ip", ["link", "set", "lo", "up"], { env: engineEnv(tools.docker) });
  const { socket, pid } = await startDockerEngine({ tools, dir });
  console.log(JSON.stringify({ socket, pid }));
} else await stopDockerEngine({ tools, dir });
