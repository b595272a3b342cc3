import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Home } from "./spawn.js";

export const socketName = "shim.sock";
export const logName = "shim.log";

/** It has little to remember; a small young generation keeps it at some 45 MB. */
const nodeFlags = ["--max-semi-space-size=1", "--max-old-space-size=64"];

export interface StartedShim {
  /** How it ended, when it has. */
  ended?: string;
}

/** Starts a shim that works in `dir`. It does not end with us. */
export function startShim(dir: string, { entry, dirs }: Home): StartedShim {
  const log = openSync(join(dir, logName), "a", 0o600);
  const shim = spawn(
    process.execPath,
    [...nodeFlags, ...shimProgram(), socketName, "records.log", entry, ...dirs],
    {
      cwd: dir,
      // Nothing of the agent's environment: there may be secrets in it.
      env: { PATH: process.env["PATH"] },
      detached: true,
      stdio: ["ignore", "ignore", log],
    },
  );
  closeSync(log);
  shim.unref();
  const started: StartedShim = {};
  shim.once("error", ({ message }) => (started.ended = message));
  shim.once("exit", (code, signal) => (started.ended = signal ?? `exit code ${code}`));
  return started;
}

/** Beside this file: compiled in a build, or as a source that its loader must be told for. */
function shimProgram(): string[] {
  const here = fileURLToPath(import.meta.url);
  if (here.endsWith(".js")) return [fileURLToPath(new URL("./shim.js", import.meta.url))];
  const loader = pathToFileURL(createRequire(import.meta.url).resolve("tsx"));
  return [
    "--conditions=source",
    `--import=${loader.href}`,
    fileURLToPath(new URL("./shim.ts", import.meta.url)),
  ];
}
